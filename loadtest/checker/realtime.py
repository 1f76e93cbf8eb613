"""Real time: nothing is older than what had been seen before it was asked for.

What shows its version has its place in the register. Of answers that show none only their number is known: whatever
was accepted before an operation was sent had made a version each.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from operator import attrgetter

from loadtest.checker.bitsets import SHOWN, Evidence, Room
from loadtest.checker.enum_members import READ, REJECTED, UNKNOWN
from loadtest.checker.register import Register
from loadtest.checker.verdict import plural
from loadtest.events import Operation

_RECEIVED = attrgetter("received_ns")


class RealTime:
    """One product, which began with the version `first`."""

    def __init__(self, first: int, room: Room) -> None:
        self.register = Register(room)
        self.stale_reads = 0
        self._first, self._started_ns = first, 0
        self._room = room
        self._unnumbered: list[Operation] = []  # the latest accepted writes without a version, as they were received
        self._unnumbered_before = 0  # those before them, and when the last was received
        self._unnumbered_before_ns = -1
        self._stale = Evidence()
        self._out_of_order = Evidence()

    def begin(self, version: int, started_ns: int) -> None:
        """A round begins with this version: what came before is behind it."""
        self._first, self._started_ns, self.stale_reads = version, started_ns, 0
        self._unnumbered, self._unnumbered_before, self._unnumbered_before_ns = [], 0, -1

    def at_least(self, sent_ns: int) -> int:
        """The version that there was at least when this was sent."""
        rank = self.register.rank_before(sent_ns)
        if sent_ns < self._started_ns:
            return rank >> 1
        ended = bisect_left(self._unnumbered, sent_ns, key=_RECEIVED)
        before = self._unnumbered_before if sent_ns > self._unnumbered_before_ns else 0
        return max(rank >> 1, self._first + (ended + before if ended else 0))

    def at_most(self, received_ns: int) -> float:
        """The version that there was at most when this was received, from what was sent later."""
        return (self.register.rank_after(received_ns) - 1) / 2 // 1

    def count_unnumbered(self, op: Operation) -> None:
        """An accepted write whose answer does not say which version it made."""
        insort(self._unnumbered, op, key=_RECEIVED)
        if len(self._unnumbered) > self._room.each:
            half = len(self._unnumbered) // 2
            self._unnumbered_before += half
            self._unnumbered_before_ns = max(self._unnumbered_before_ns, self._unnumbered[half - 1].received_ns)
            del self._unnumbered[:half]

    def place(self, rank: int, op: Operation) -> bool:
        """Real time allows an operation no earlier than what ended before it, and no later than what began after.

        Returns whether something newer had been received before it was sent.
        """
        register = self.register
        if not self._unnumbered and register.append(rank, op):
            return False
        late = op.outcome is UNKNOWN and not rank & 1  # a lost write may be applied after it was given up
        newer = register.newer_before(rank, op)
        if newer is not None and not op.consistent:
            self.stale_reads += 1
        elif newer is not None:
            self.contradict(op, newer)
        elif not late and (older := register.older_after(rank, op)) is not None:
            self.contradict(older, op)
        elif op.consistent and op.order_id and self._unnumbered:
            self._hold_count(rank, op)
        if not late:
            register.received(rank, op)
        if op.consistent:
            register.sent(rank, op)
        return newer is not None

    def _hold_count(self, rank: int, op: Operation) -> None:
        ended = bisect_left(self._unnumbered, op.sent_ns, key=_RECEIVED)
        at_least = self._first + ended + self._unnumbered_before
        if ended and op.sent_ns > self._unnumbered_before_ns and rank >> 1 < at_least + (not rank & 1):
            self.contradict(op, *self._unnumbered[:ended][: SHOWN - 1])

    def contradict(self, older: Operation, *newer: Operation) -> None:
        """`older` was sent after the others had been received."""
        wrote = older.kind is not READ and older.outcome is not REJECTED
        evidence = self._out_of_order if wrote else self._stale
        evidence.add(older.order_id, older)
        if evidence.count == 1:
            evidence.operations.extend(newer)
            evidence.fewest = len(evidence.operations)

    def drain(self) -> Iterator[tuple[str, str, Evidence]]:
        """Kind, message and evidence of what came too late; it is told once."""
        stale, self._stale = self._stale, Evidence()
        out_of_order, self._out_of_order = self._out_of_order, Evidence()
        if stale.count:
            message = "showed a version older than one that had been seen before it was asked"
            yield "stale_read", f"{plural(stale.count, 'answer')} {message}", stale
        if out_of_order.count:
            message = "made a version older than one that had been seen before it was sent"
            yield "write_out_of_order", f"{plural(out_of_order.count, 'write')} {message}", out_of_order
