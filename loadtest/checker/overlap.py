"""How many writes of one product were really in flight together: what a run in which none won twice could have shown.

Two writes overlap if the times from sent to received do, by more than a touch. A win is contested if a condition was
put to the test by it. If it rests on a version, that is so if an overlapping write rests on the same; else the module
`unversioned` tells. Counted in one sweep in the order of the answers, with O(1) work for each write: which of those
answered before it a write overlaps shows by the latest of them, and each stops waiting once one overlaps it.
"""

import math
from bisect import bisect_right, insort
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from operator import itemgetter

from loadtest.checker.enum_members import ACCEPTED, FAILED, READ, REJECTED, THROTTLED
from loadtest.checker.unversioned import ContestedWins, Unversioned, UnversionedWins
from loadtest.events import WORKER_LOST, Operation, Outcome

REACH = 4_096
_AT_ONCE = 64  # counted together: a run must not stand still for thousands

_Versioned = tuple[int, Outcome]
_Write = tuple[int, int, _Versioned | Unversioned]  # received, sent


@dataclass(frozen=True, slots=True)
class Counts:
    """Write attempts of one round, and those of them that `Power` tells of.

    `perhaps` are writes without an answer that were contested if they were applied. `seconds` has a bit for each second
    since the start of the round in which a contested win was answered.
    """

    writes: int = 0
    overlapping: int = 0
    accepted: int = 0
    contested: int = 0
    perhaps: int = 0
    seconds: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Of both, if they are of one round."""
        return Counts(
            self.writes + other.writes,
            self.overlapping + other.overlapping,
            self.accepted + other.accepted,
            self.contested + other.contested,
            self.perhaps + other.perhaps,
            self.seconds | other.seconds,
        )


class Overlap:
    """Counts the contested wins of one product in one round, as its operations come.

    Exact as long as no write is in flight, or waits to be added, while more than `REACH` others of the product are
    answered. Beyond that the counts may be too low, never too high. A write was in flight from the last moment at which
    it may have been sent to the first at which it may have been answered; without time between, it overlaps none.
    Memory is bounded by `REACH`, whatever the number of writes.
    """

    def __init__(self, stock: int | None = None, start_ns: int = 0) -> None:
        """`stock` is what was there when the round started at `start_ns`; without it, less is known of some wins."""
        self._writes = 0
        self._accepted = 0
        self._restocked = False
        self._waiting: list[_Write] = []  # in the order of their answers
        self._sweep = _Sweep(stock, start_ns)

    def add(self, op: Operation) -> None:
        """Take the product's next operation, nearly in the order of `received_ns`; what was no attempt is left out.

        Reads are none, nor is a write that was throttled or failed: no condition was put to it. Of one whose process
        was lost nobody knows when it was in flight.
        """
        outcome = op.outcome
        if op.kind is READ or outcome is THROTTLED or outcome is FAILED:
            return
        if op.reason == WORKER_LOST:
            return
        self._writes += 1
        self._accepted += outcome is ACCEPTED
        off_ns = op.clock_uncertainty_ns
        version = op.read_version
        rests_on = Unversioned.of(op) if version is None else (version, outcome)
        waiting, write = self._waiting, (op.received_ns - off_ns, op.sent_ns + off_ns, rests_on)
        if waiting and write[0] < waiting[-1][0]:
            insort(waiting, write, key=_received)
        else:
            waiting.append(write)
        if len(waiting) >= REACH + _AT_ONCE:
            self._sweep.take(waiting[:_AT_ONCE])
            del waiting[:_AT_ONCE]

    def restock(self) -> None:
        """Units were added, or perhaps were: the stock at the start says no more what can have been left."""
        self._restocked = True

    def counts(self, *, final: bool = False) -> Counts:
        """What the operations so far show; more may be added after, unless this is `final`."""
        sweep = self._sweep if final else deepcopy(self._sweep)
        sweep.take(self._waiting)
        tallies = (sweep.sure,) if self._restocked else (sweep.sure, sweep.bounded)
        counts = Counts(self._writes, sweep.overlapping, self._accepted)
        for tally in tallies:
            counts += Counts(contested=tally.contested, perhaps=tally.perhaps, seconds=tally.seconds)
        return counts


_received = itemgetter(0)
_Lone = list[int]  # a write that waits for another: when it was answered, and 1 until one overlaps it


class _Group:
    """Writes with the same rivals: when the latest were answered, and who waits, in the order of the answers."""

    __slots__ = ("latest", "latest_accepted", "uncontested", "unmatched")

    def __init__(self) -> None:
        self.latest = self.latest_accepted = -math.inf
        self.uncontested: list[tuple[int, bool]] = []  # wins (True), and lost writes, without a rival so far
        self.unmatched: list[_Lone] = []  # writes that overlap no accepted one so far

    def forget(self, horizon: float) -> None:
        """Give up those that were answered by then."""
        del self.uncontested[: bisect_right(self.uncontested, horizon, key=_received)]
        del self.unmatched[: bisect_right(self.unmatched, horizon, key=_received)]


class _Sweep:
    """The same counts of writes that come strictly in the order of their answers; one that does not is left out."""

    def __init__(self, stock: int | None, start_ns: int) -> None:
        self.overlapping = 0
        self.sure, self.bounded = ContestedWins(start_ns), ContestedWins(start_ns)
        self._unversioned_wins = UnversionedWins(stock, self.sure, self.bounded, REACH)
        self._unversioned = _Group()
        self._versioned = _Group()
        self._recent: dict[int, _Group] = {}  # the versioned once more, by version
        self._older: dict[int, _Group] = {}  # those of which none came since the last forgetting
        self._newest = self._horizon = self._next_horizon = -math.inf
        self._until_forgetting = REACH

    def take(self, writes: Iterable[_Write]) -> None:
        """Count writes that follow those taken before."""
        unversioned, versioned = self._unversioned, self._versioned
        for received, sent, write in writes:
            if received < self._newest or sent >= received:
                continue
            self._newest = received
            if isinstance(write, Unversioned):
                accepted = write.outcome is ACCEPTED
                self._unversioned_wins.take(received, sent, write)
                self._overlap((unversioned, versioned), (unversioned,), received, sent, accepted)
            else:
                version, outcome = write
                accepted = outcome is ACCEPTED
                own = self._recent.get(version) or self._group(version)
                self._contest(own, received, sent, outcome)
                self._overlap((own, unversioned), (own, versioned), received, sent, accepted)
            self._until_forgetting -= 1
            if not self._until_forgetting:
                self._forget()

    def _contest(self, own: _Group, received: int, sent: int, outcome: Outcome) -> None:
        """Its rivals are those of its version that were answered after it was sent: all were sent before its answer."""
        waiting = own.uncontested
        while waiting and waiting[-1][0] > sent:
            answered, accepted = waiting.pop()
            self.sure.add(answered, accepted=accepted)
        if outcome is REJECTED:
            return
        if own.latest > sent:
            self.sure.add(received, accepted=outcome is ACCEPTED)
        else:
            waiting.append((received, outcome is ACCEPTED))

    def _overlap(
        self, others: tuple[_Group, ...], own: tuple[_Group, ...], received: int, sent: int, accepted: bool
    ) -> None:
        """Of `others` it overlaps those that were answered after it was sent."""
        overlaps_accepted = False
        for group in others:
            if group.latest > sent:
                overlaps_accepted |= group.latest_accepted > sent
                if accepted:
                    self.overlapping += _let_go(group.unmatched, sent)
        self.overlapping += overlaps_accepted
        for group in own:
            group.latest = received
            if accepted:
                group.latest_accepted = received
        if not overlaps_accepted:
            lone = [received, 1]
            for group in own:
                group.unmatched.append(lone)

    def _group(self, version: int) -> _Group:
        group = self._older.pop(version, None)
        if group is None:
            group = _Group()
        else:
            group.forget(self._horizon)
        self._recent[version] = group
        return group

    def _forget(self) -> None:
        """Once in `REACH` writes: give up what was answered more than so many ago."""
        self._horizon, self._next_horizon = self._next_horizon, self._newest
        self._unversioned.forget(self._horizon)
        self._versioned.forget(self._horizon)
        self._unversioned_wins.forget(self._horizon)
        self._older, self._recent = self._recent, {}
        self._until_forgetting = REACH


def _let_go(waiting: list[_Lone], sent: int) -> int:
    """Let go those that were answered after that; how many of them had not overlapped one in another group."""
    count = 0
    while waiting and waiting[-1][0] > sent:
        lone = waiting.pop()
        count += lone[1]
        lone[1] = 0
    return count
