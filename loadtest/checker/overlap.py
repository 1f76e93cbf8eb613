"""How many writes of one product were really on the way together: what a run in which none won twice could have shown.

Two writes are rivals if the times from sent to received overlap, by more than a touch, and they rest on the same
version, or one of them on none. Counted in one sweep in the order of the answers, with O(1) work for each write: what
rivals a write among those answered before it shows by the latest of them, and each of them stops waiting for a rival
as soon as it has met one.
"""

import math
from bisect import bisect_right, insort
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from operator import itemgetter

from loadtest.checker.verdict import Power
from loadtest.order import Kind, Operation, Outcome

REACH = 4_096
_AT_ONCE = 64  # counted together: a run must not stand still for thousands
_CONFIDENCE = 0.95

_Write = tuple[int, int, int | None, bool]  # received, sent, the version it rests on, whether it was accepted


@dataclass(frozen=True, slots=True)
class Counts:
    """Write attempts, and those of them that `Power` tells of."""

    writes: int = 0
    overlapping: int = 0
    accepted: int = 0
    contested: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.writes + other.writes,
            self.overlapping + other.overlapping,
            self.accepted + other.accepted,
            self.contested + other.contested,
        )


def power(counts: Counts) -> Power:
    """What 0 double wins in `contested` chances show: their rate is below `excluded_rate` with 95 % confidence.

    That is the exact upper bound of a binomial share after 0 in n, 1 - 0.05^(1/n). The rule of three, 3/n, is its
    approximation: a little above it (at n = 30 0.100, not 0.095) and of no use below three. Without a chance nothing is
    excluded: 1.
    """
    chances = counts.contested
    excluded = -math.expm1(math.log1p(-_CONFIDENCE) / chances) if chances else 1.0
    return Power(counts.writes, counts.overlapping, counts.accepted, chances, excluded)


class Overlap:
    """Counts the rivals of one product in one round, as its operations come.

    Exact as long as no write is on its way, or waits to be added, while more than `REACH` others of the product are
    answered. Beyond that the counts of rivals may be too low, never too high. A write whose answer came no later than
    it was sent has no rival. Memory is bounded by `REACH`, whatever the number of writes.
    """

    def __init__(self) -> None:
        self._writes = 0
        self._accepted = 0
        self._waiting: list[_Write] = []  # in the order of their answers
        self._sweep = _Sweep()

    def add(self, op: Operation) -> None:
        """Take the product's next operation, nearly in the order of `received_ns`; what was no attempt is left out.

        Reads are none, nor is a write that was throttled or failed: no condition was put to it.
        """
        outcome = op.outcome
        if op.kind is Kind.READ or outcome is Outcome.THROTTLED or outcome is Outcome.FAILED:
            return
        accepted = outcome is Outcome.ACCEPTED
        self._writes += 1
        self._accepted += accepted
        waiting, write = self._waiting, (op.received_ns, op.sent_ns, op.read_version, accepted)
        if waiting and write[0] < waiting[-1][0]:
            insort(waiting, write, key=_received)
        else:
            waiting.append(write)
        if len(waiting) >= REACH + _AT_ONCE:
            self._sweep.take(waiting[:_AT_ONCE])
            del waiting[:_AT_ONCE]

    def counts(self) -> Counts:
        """What the operations so far show; more may be added after."""
        sweep = deepcopy(self._sweep)
        sweep.take(self._waiting)
        return Counts(self._writes, sweep.overlapping, self._accepted, sweep.contested)


_received = itemgetter(0)
_Lone = list[int]  # a write that waits for a rival: when it was answered, and 1 until it has met one


class _Group:
    """Writes that meet the same others: when the latest were answered, and who waits, in the order of the answers."""

    __slots__ = ("latest", "latest_accepted", "unmatched", "unrivalled")

    def __init__(self) -> None:
        self.latest = self.latest_accepted = -math.inf
        self.unrivalled: list[_Lone] = []  # accepted writes without any rival
        self.unmatched: list[_Lone] = []  # writes without an accepted rival

    def forget(self, horizon: float) -> None:
        """Give up those that were answered by then."""
        for waiting in (self.unrivalled, self.unmatched):
            del waiting[: bisect_right(waiting, horizon, key=_received)]


class _Sweep:
    """The same counts of writes that come strictly in the order of their answers; one that does not is left out."""

    def __init__(self) -> None:
        self.overlapping = 0
        self.contested = 0
        self._unversioned = _Group()
        self._versioned = _Group()
        self._recent: dict[int, _Group] = {}  # the versioned once more, by version
        self._older: dict[int, _Group] = {}  # those of which none came since the last forgetting
        self._newest = self._horizon = self._next_horizon = -math.inf
        self._until_forgetting = REACH

    def take(self, writes: Iterable[_Write]) -> None:
        """Count writes that follow those taken before."""
        unversioned, versioned = self._unversioned, self._versioned
        for received, sent, version, accepted in writes:
            if received < self._newest or sent >= received:
                continue
            self._newest = received
            if version is None:
                self._meet((unversioned, versioned), (unversioned,), received, sent, accepted)
            else:
                own = self._recent.get(version) or self._group(version)
                self._meet((own, unversioned), (own, versioned), received, sent, accepted)
            self._until_forgetting -= 1
            if not self._until_forgetting:
                self._forget()

    def _meet(
        self, rivals: tuple[_Group, ...], own: tuple[_Group, ...], received: int, sent: int, accepted: bool
    ) -> None:
        """Its rivals are those of `rivals` that were answered after it was sent: all were sent before its answer."""
        met = met_accepted = False
        for group in rivals:
            if group.latest > sent:
                met = True
                met_accepted |= group.latest_accepted > sent
                self.contested += _met(group.unrivalled, sent)
                if accepted:
                    self.overlapping += _met(group.unmatched, sent)
        self.contested += met and accepted
        self.overlapping += met_accepted
        for group in own:
            group.latest = received
            if accepted:
                group.latest_accepted = received
        if not met_accepted:
            lone = [received, 1]
            for group in own:
                group.unmatched.append(lone)
        if accepted and not met:
            lone = [received, 1]
            for group in own:
                group.unrivalled.append(lone)

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
        self._older, self._recent = self._recent, {}
        self._until_forgetting = REACH


def _met(waiting: list[_Lone], sent: int) -> int:
    """Let go those that were answered after that; how many of them had not met a rival in another group."""
    count = 0
    while waiting and waiting[-1][0] > sent:
        lone = waiting.pop()
        count += lone[1]
        lone[1] = 0
    return count
