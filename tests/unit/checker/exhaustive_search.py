"""The checker's model in its plainest form: is there any order of the operations that explains all answers?

An exhaustive search after Wing and Gong ("Testing and verifying concurrent objects", 1993), for a handful of
operations of one product in a whole run. The state is the item. What an answer shows is a `Look`, what changes the
item a `Write`; each takes effect at one moment between its sending and its receiving. `history_steps` beside it
says which of them the events of a run stand for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

State = tuple[int, int, str | None]  # version, quantity, last_order
Shown = tuple[int | None, int | None, str | None]  # None: not said
NOTHING: Shown = (None, None, None)


@dataclass(frozen=True, slots=True)
class Look:
    """What changes nothing and must have happened: it met a state like the one `shown`.

    If it is a refusal, that state had another version than `not_version`, or fewer units than `short_of`. Of the
    writes in the group `applied` one had been applied by then, of those in `missing` none. By its `name` a write says
    that it came before or after.
    """

    sent: float
    received: float
    shown: Shown = NOTHING
    not_version: int | None = None
    short_of: int | None = None
    applied: str = ""
    missing: str = ""
    name: str = ""

    def fits(self, state: State) -> bool:
        """Whether it can have met this state."""
        if self.not_version is not None and state[0] == self.not_version:
            return False
        if self.short_of is not None and state[1] >= self.short_of:
            return False
        return matches(self.shown, state)


@dataclass(frozen=True, slots=True)
class Write:
    """What makes the next version, if it `must` or if it may.

    It needs the version `rests_on`, takes units (or adds them, if fewer than none) or sets the quantity, and leaves a
    `name`. Of the writes that are `once` the same at most one is applied. `groups` are what a `Look` may ask for. It is
    applied `after` one look and `before` another, by their names, if at all.
    """

    sent: float
    received: float
    name: str
    once: str
    takes: int = 0
    sets: int | None = None
    rests_on: int | None = None
    shown: Shown = NOTHING
    must: bool = True
    own: bool = False  # the tool's: it leaves its name also where orders leave none
    groups: tuple[str, ...] = ()
    after: str = ""
    before: str = ""

    def left(self, state: State, *, named: bool) -> State | None:
        """The state it leaves, None if it cannot have been applied to this one."""
        if self.rests_on is not None and state[0] != self.rests_on:
            return None
        quantity = state[1] - self.takes if self.sets is None else self.sets
        after = (state[0] + 1, quantity, self.name if named or self.own else state[2])
        return after if quantity >= 0 and matches(self.shown, after) else None

    def is_late(self, version: int) -> bool:
        """Whether it can no longer be applied to this version, nor to any later one."""
        if self.rests_on is not None and self.rests_on < version:
            return True
        return self.shown[0] is not None and self.shown[0] <= version


def matches(shown: Shown, state: State) -> bool:
    """Whether an answer can have been given of this state."""
    version, quantity, name = shown
    return (
        (version is None or version == state[0])
        and (quantity is None or quantity == state[1])
        and (name is None or name == state[2])
    )


class Search:
    """Looks for an order in which all that must happen happens, as it was answered."""

    def __init__(self, looks: Sequence[Look], writes: Sequence[Write], *, named: bool) -> None:
        self._looks = [
            (1 << n, look, self._mask(writes, look.applied), self._mask(writes, look.missing))
            for n, look in enumerate(looks)
        ]
        self._writes = [
            (1 << n, write, sum(1 << k for k, one in enumerate(writes) if one.once == write.once))
            for n, write in enumerate(writes)
        ]
        self._names = {look.name: 1 << n for n, look in enumerate(looks) if look.name}
        self._all = (1 << len(writes)) - 1
        self._musts = sum(bit for bit, write, *_ in self._writes if write.must)
        self._named = named
        self._dead: set[tuple[State, int, int]] = set()

    @staticmethod
    def _mask(writes: Sequence[Write], group: str) -> int:
        return sum(1 << n for n, write in enumerate(writes) if group and group in write.groups)

    def explains(self, first: State) -> bool:
        """Whether there is one from this state on."""
        return first[1] >= 0 and self._go(first, (1 << len(self._looks)) - 1, self._all)

    def _go(self, state: State, looks: int, writes: int) -> bool:
        """Whether the rest can follow: `looks` and `writes` are what has not happened."""
        looks, by, possible = self._look(state, looks, writes)
        if not looks and not writes & self._musts:
            return True
        if not possible or (state, looks, writes) in self._dead:
            return False
        applied = self._all & ~writes
        for bit, write, same in self._writes:
            if bit & writes and write.sent <= by and not same & applied and self._in_turn(write, looks):
                after = write.left(state, named=self._named)
                if after is not None and self._go(after, looks, writes & ~bit):
                    return True
        self._dead.add((state, looks, writes))
        return False

    def _in_turn(self, write: Write, looks: int) -> bool:
        if write.before and not self._names[write.before] & looks:
            return False
        return not self._names.get(write.after, 0) & looks

    def _look(self, state: State, looks: int, writes: int) -> tuple[int, float, bool]:
        """Looks that fit now need not wait. Returns those left, by when something must happen, and if all still can."""
        applied, going = self._all & ~writes, True
        while going:
            going, by = False, self._deadline(looks, writes)
            for bit, look, some, none in self._looks:
                if not bit & looks or look.sent > by:
                    continue
                had = (not look.applied or some & applied) and not none & applied
                if had and look.fits(state):
                    looks, going = looks & ~bit, True
                elif look.shown[0] is not None and look.shown[0] < state[0]:
                    return looks, by, False
        late = any(write.must and bit & writes and write.is_late(state[0]) for bit, write, *_ in self._writes)
        return looks, by, not late

    def _deadline(self, looks: int, writes: int) -> float:
        """The first moment by which something that is left must have happened."""
        by = [look.received for bit, look, *_ in self._looks if bit & looks]
        by += [write.received for bit, write, *_ in self._writes if bit & writes & self._musts]
        return min(by, default=inf)


def explainable(first: State, looks: Sequence[Look], writes: Sequence[Write]) -> bool:
    """Whether some order explains all answers: orders leave their names, or none of them does."""
    if Search(looks, writes, named=True).explains(first):
        return True
    names = {write.name for write in writes if not write.own} - {first[2]}
    if names & ({look.shown[2] for look in looks} | {write.shown[2] for write in writes}):
        return False
    return Search(looks, writes, named=False).explains(first)
