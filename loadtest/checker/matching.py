"""Which writes can have made the versions that nobody is known to have made.

Each such version was made by one write, and each write that was surely applied made one. A write fits a version if it
was sent before somebody saw that version or a later one, if something older was not sent after its answer, if it rests
on the version before or on none, and if it takes as many units as went. So it is a question of matching in a bipartite
graph. One that has all the versions and one that has all the writes are enough: then there is one that has both
(Mendelsohn and Dulmage, "Some generalizations of the problem of distinct representatives", 1958). That the writes of a
matching can also be put in order of time follows from the windows: where two of the same units are in the wrong order,
they can be exchanged.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from loadtest.events import Operation

_EDGES = 4_096  # beyond so many pairs only windows in time are looked at, which takes no search

_FEW = 1_024  # pairs, among which each write is looked for at each version


class Gap(Struct, frozen=True, gc=False):
    """A version that nobody is known to have made: not before `after_ns`, and by `by_ns`.

    `took` is how many units went with it, None if that is not known. `name` is the one of the tool's own writes that it
    carries, if it was seen; `own`: no other write leaves it.
    """

    version: int
    after_ns: float
    by_ns: float
    took: int | None = None
    name: str | None = None
    own: bool = False

    @property
    def of_any_units(self) -> "Gap":
        """The same, whatever went with it."""
        return replace(self, took=None)


class Write(Struct, frozen=True, eq=False, gc=False):
    """A write that may have made one. `units` None: any number. `must`: it surely was applied.

    `own`: it is the tool's own, and leaves its `name`; None: any.
    """

    sent_ns: float
    received_ns: float = inf
    rests_on: int | None = None
    units: int | None = None
    own: bool = False
    name: str | None = None
    must: bool = False
    op: Operation | None = None


def fits(write: Write, gap: Gap) -> bool:
    """Whether the write can have made this version."""
    return (
        write.sent_ns <= gap.by_ns
        and gap.after_ns <= write.received_ns
        and write.rests_on in (None, gap.version - 1)
        and (gap.took is None or write.units in (None, gap.took))
        and (write.name is None or gap.name in (None, write.name) if write.own else not gap.own)
    )


class Matching:
    """Gaps in rising order against writes; both may be many."""

    def __init__(self, gaps: Sequence[Gap], writes: Sequence[Write]) -> None:
        self.gaps, self.writes = gaps, writes
        self.small = len(gaps) * len(writes) <= _EDGES
        self._fitting = (
            [[n for n, gap in enumerate(gaps) if fits(write, gap)] for write in writes] if self.small else []
        )

    def uncovered(self, without: Write | None = None) -> Gap | None:
        """The first gap that cannot be filled together with those before it, `without` that one; None if all can."""
        if not self.small:
            return self._first_uncovered()
        by_gap: list[list[int]] = [[] for _ in self.gaps]
        for n, write in enumerate(self.writes):
            for gap in self._fitting[n] if write is not without else ():
                by_gap[gap].append(n)
        partner: dict[int, int] = {}
        return next((self.gaps[n] for n in range(len(by_gap)) if not _augment(n, by_gap, partner)), None)

    def unplaced(self, musts: Iterable[Write], seen_ns: float = inf) -> Write | None:
        """One of the writes that cannot all have made a gap each; None if they can.

        One that was answered after `seen_ns` may have made a version that nobody has seen.
        """
        bound = [write for write in musts if write.received_ns < seen_ns or seen_ns == inf]
        if not self.small:
            return self._first_unplaced(bound)
        number = {id(write): n for n, write in enumerate(self.writes)}
        fitting = [self._fitting[number[id(write)]] for write in bound]
        partner: dict[int, int] = {}
        return next((bound[n] for n in range(len(bound)) if not _augment(n, fitting, partner)), None)

    def made(self, write: Write) -> tuple[int, int]:
        """The first and the last version that a write which was applied can have made, as far as that is looked for."""
        if len(self.gaps) * len(self.writes) > _FEW:
            return self.gaps[0].version, self.gaps[-1].version
        fitting = self._fitting[self.writes.index(write)]
        possible = [n for n in fitting if self._can_make(write, n)] or fitting
        return self.gaps[possible[0]].version, self.gaps[possible[-1]].version

    def _can_make(self, write: Write, gap: int) -> bool:
        gaps = [*self.gaps[:gap], *self.gaps[gap + 1 :]]
        return Matching(gaps, [other for other in self.writes if other is not write]).uncovered() is None

    def _first_uncovered(self) -> Gap | None:
        """Of windows alone: the write that ends first is always the best one to take."""
        waiting = sorted(self.writes, key=lambda write: write.sent_ns, reverse=True)
        resting = {write.rests_on: write for write in waiting if write.rests_on is not None}
        waiting = [write for write in waiting if write.rests_on is None]
        open_: list[tuple[float, int]] = []
        for gap in self.gaps:
            while waiting and waiting[-1].sent_ns <= gap.by_ns:
                heappush(open_, (waiting[-1].received_ns, len(waiting)))
                waiting.pop()
            write = resting.get(gap.version - 1)
            if write is not None and fits(write, gap):
                continue
            while open_ and open_[0][0] < gap.after_ns:
                heappop(open_)
            if not open_:
                return gap
            heappop(open_)
        return None

    def _first_unplaced(self, bound: Sequence[Write]) -> Write | None:
        """The same the other way round."""
        waiting = sorted(bound, key=lambda write: write.sent_ns, reverse=True)
        open_: list[tuple[float, int, Write]] = []
        for gap in self.gaps:
            while waiting and waiting[-1].sent_ns <= gap.by_ns:
                heappush(open_, (waiting[-1].received_ns, len(waiting), waiting.pop()))
            if open_ and open_[0][0] < gap.after_ns:
                return open_[0][2]
            if open_:
                heappop(open_)
        return open_[0][2] if open_ else waiting[0] if waiting else None


def _augment(start: int, edges: Sequence[Sequence[int]], partner: dict[int, int]) -> bool:
    """Find a partner for one more, moving others where that helps (Kuhn's algorithm)."""
    seen: set[int] = set()
    path: list[tuple[int, int]] = []  # who asks, and how far it has come in its list

    def tried(node: int, at: int) -> tuple[int, int] | None:
        return next(((n, edges[node][n]) for n in range(at, len(edges[node])) if edges[node][n] not in seen), None)

    node, at = start, 0
    while True:
        edge = tried(node, at)
        if edge is None:
            if not path:
                return False
            node, at = path.pop()
            continue
        at, other = edge
        seen.add(other)
        path.append((node, at + 1))
        if other not in partner:
            for asker, after in path:
                partner[edges[asker][after - 1]] = asker
            return True
        node, at = partner[other], 0
