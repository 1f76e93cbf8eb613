"""The order in real time: a product as a versioned register must be linearizable.

Each accepted write makes the next version, so the versions say in which order operations took effect: the write of
version v, then whatever saw v, then the write of v + 1. That is their `rank`. Operations can be placed in that order,
at single moments between their sending and their receiving, if, and only if, none was sent after one of a higher rank
had been received (Herlihy and Wing, "Linearizability", 1990: real time must be kept). So one pair is the
whole evidence, and looking for it takes O(log n) an operation.
"""

from bisect import bisect_left, bisect_right
from math import inf

from loadtest.checker.bitsets import Room
from loadtest.checker.enum_members import UNKNOWN
from loadtest.events import Operation


def written(version: int) -> int:
    """The rank of the write that makes a version."""
    return 2 * version


def seen(version: int) -> int:
    """The rank of an operation that shows a version."""
    return 2 * version + 1


class _Steps:
    """Moments in rising order, each with a rank that rises too and the operation that set it."""

    __slots__ = ("_room", "operations", "ranks", "times")

    def __init__(self, room: Room) -> None:
        self.times: list[int] = []
        self.ranks: list[int] = []
        self.operations: list[Operation] = []
        self._room = room

    def put(self, first: int, end: int, time_ns: int, rank: int, op: Operation) -> None:
        """Replace the steps from `first` to below `end` by one."""
        self.times[first:end] = [time_ns]
        self.ranks[first:end] = [rank]
        self.operations[first:end] = [op]
        if len(self.times) > self._room.each:
            self._thin_out()

    def append(self, time_ns: int, rank: int, op: Operation) -> None:
        """Put one after all the others."""
        self.times.append(time_ns)
        self.ranks.append(rank)
        self.operations.append(op)
        if len(self.times) > self._room.each:
            self._thin_out()

    def _thin_out(self) -> None:
        """Forget every other one of the older half: what lies far apart in time is found all the same."""
        old = len(self.times) // 2
        for steps in (self.times, self.ranks, self.operations):
            del steps[0:old:2]


class Register:
    """One product: what was seen of it by when, and what was not yet seen since when."""

    __slots__ = ("_received", "_sent")

    def __init__(self, room: Room) -> None:
        self._received = _Steps(room)  # the highest rank received by a moment
        self._sent = _Steps(room)  # the lowest rank sent from a moment on

    def append(self, rank: int, op: Operation) -> bool:
        """Place an operation that is the newest in every way, and perhaps shows the same as the one before it.

        False if it is not. Most are, and contradict nothing: this is `newer_before`, `older_after`, `received` and
        `sent` of those, at a fraction of the work.
        """
        received, sent = self._received, self._sent
        if not received.times or not sent.times or op.outcome is UNKNOWN:
            return False
        newest, last_sent, sent_ns, received_ns = received.ranks[-1], sent.ranks[-1], op.sent_ns, op.received_ns
        if rank < newest or rank < last_sent or sent_ns <= sent.times[-1]:
            return False
        if received_ns < received.times[-1] or received_ns < sent.times[-1]:
            return False
        if rank > newest:
            received.append(received_ns, rank, op)
        if op.consistent and rank > last_sent:
            sent.append(sent_ns, rank, op)
        elif op.consistent:
            sent.times[-1], sent.operations[-1] = sent_ns, op
        return True

    def newer_before(self, rank: int, op: Operation) -> Operation | None:
        """What was received before the operation was sent, and yet has a higher rank."""
        steps = self._received
        n = bisect_left(steps.times, op.sent_ns) - 1
        return steps.operations[n] if n >= 0 and steps.ranks[n] > rank else None

    def older_after(self, rank: int, op: Operation) -> Operation | None:
        """What was sent after the operation was received, and yet has a lower rank."""
        steps = self._sent
        n = bisect_right(steps.times, op.received_ns)
        return steps.operations[n] if n < len(steps.times) and steps.ranks[n] < rank else None

    def received(self, rank: int, op: Operation) -> None:
        """When the operation was received, something of that rank had been."""
        steps, received_ns = self._received, op.received_ns
        n = bisect_right(steps.times, received_ns)
        if n and steps.ranks[n - 1] >= rank:
            return
        end = n
        while end < len(steps.ranks) and steps.ranks[end] <= rank:
            end += 1
        steps.put(n, end, received_ns, rank, op)

    def sent(self, rank: int, op: Operation) -> None:
        """When the operation was sent, nothing above that rank had been."""
        steps, sent_ns = self._sent, op.sent_ns
        n = bisect_left(steps.times, sent_ns)
        if n < len(steps.ranks) and steps.ranks[n] <= rank:
            return
        first = n
        while first and steps.ranks[first - 1] >= rank:
            first -= 1
        steps.put(first, n, sent_ns, rank, op)

    def rank_before(self, sent_ns: int) -> int:
        """The highest rank that had been received before that moment; -1 if nothing had."""
        n = bisect_left(self._received.times, sent_ns) - 1
        return self._received.ranks[n] if n >= 0 else -1

    def rank_after(self, received_ns: int) -> float:
        """The lowest rank that was sent after that moment; infinite if nothing was."""
        n = bisect_right(self._sent.times, received_ns)
        return self._sent.ranks[n] if n < len(self._sent.ranks) else inf

    def made_by(self, version: int) -> tuple[float, Operation | None]:
        """The moment by which a version had been made, because somebody saw it or a later one, and who did."""
        steps = self._received
        n = bisect_left(steps.ranks, written(version))
        return (steps.times[n], steps.operations[n]) if n < len(steps.times) else (inf, None)

    def not_before(self, version: int) -> float:
        """The moment before which a version was not made yet: something older was sent then."""
        n = bisect_left(self._sent.ranks, written(version)) - 1
        return self._sent.times[n] if n >= 0 else -inf
