"""What is remembered of the latest versions of a product: who made each, and how many units were left."""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import TypeVar

from loadtest.checker.bitsets import Evidence, Room
from loadtest.checker.verdict import Violation, plural
from loadtest.events import Operation, Product

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
CHAIN = 64  # versions that are gone through to find the quantity of one that nobody saw


class Version:
    """Whose write made it, how many units it left, and whose answer showed that.

    `name` is who was seen to have made it, where no answer of its own said so; `named_by` is who saw that.
    """

    __slots__ = ("maker", "name", "named_by", "quantity", "shown_by")

    def __init__(self) -> None:
        self.maker: Operation | None = None
        self.name: str | None = None
        self.named_by: Operation | None = None
        self.quantity: int | None = None
        self.shown_by: Operation | None = None


class Versions:
    """The latest versions, and what their quantities contradict."""

    def __init__(self, initial: Product, room: Room) -> None:
        """`initial` is the product as the run began."""
        self._room = room
        self._first, self._product_id = initial.version, initial.id
        self._latest: OrderedDict[int, Version] = OrderedDict()
        self._unlike = Evidence()
        self._unlikely = Evidence()

    def known(self, version: int) -> Version | None:
        """What is remembered of a version, if anything is."""
        return self._latest.get(version)

    def maker(self, version: int) -> Operation | None:
        """The write that made it, None if that is not known any more."""
        known = self._latest.get(version)
        return known.maker if known is not None else None

    def at(self, version: int) -> Version:
        """A place to remember something of a version."""
        known = self._latest.get(version)
        if known is None:
            known = Version()
            remember(self._latest, version, known, self._room.each)
        return known

    def made(self, version: int, maker: Operation) -> None:
        """This write made it."""
        known = self.at(version)
        known.maker = maker
        if known.quantity is not None:
            self._hold_step(version, known)

    def count(self, version: int, quantity: int, op: Operation) -> None:
        """The operation showed so many units left at this version."""
        known = self.at(version)
        if known.shown_by is None:
            known.quantity, known.shown_by = quantity, op
            self._hold_step(version, known)
        elif known.quantity != quantity:
            self.unlike(known.shown_by, op)

    def unlike(self, *operations: Operation) -> None:
        """They showed the same version in different states."""
        if self._unlike.count < 2:
            for op in operations:
                self._unlike.add(op.order_id, op)

    def took(self, version: int) -> int | None:
        """By how many units the write that made this version left fewer, None if that was not seen."""
        before = self.left(version - 1)
        after = self.left(version) if before is not None else None
        return None if before is None or after is None else before - after

    def left(self, version: int) -> int | None:
        """How many units there were at this version, from who saw it, or from what the writes beside it took."""
        latest = self._latest
        there = latest.get(version)
        if there is not None and there.quantity is not None:
            return there.quantity
        taken = 0
        for later in range(version + 1, version + CHAIN):
            known = latest.get(later)
            if known is None or known.maker is None:
                break
            taken += known.maker.units
            if known.quantity is not None:
                return known.quantity + taken
        taken, known = 0, there
        for earlier in range(version - 1, version - CHAIN, -1):
            if known is None or known.maker is None:
                break
            taken += known.maker.units
            known = latest.get(earlier)
            if known is not None and known.quantity is not None:
                return known.quantity - taken
        return None

    def at_least(self, version: int, most: float, *, fewest: int | None) -> float:
        """How many units there were at least, if a write takes `most` at most and `fewest` at least.

        `fewest` None: units may have been added.
        """
        exact = self.left(version)
        if exact is not None:
            return exact
        bounds = [-inf]
        for steps in range(1, CHAIN):
            before, after = self._latest.get(version - steps), self._latest.get(version + steps)
            if before is not None and before.quantity is not None:
                bounds.append(before.quantity - steps * most)
            if fewest is not None and after is not None and after.quantity is not None:
                bounds.append(after.quantity + steps * fewest)
            if len(bounds) > 1:
                break
        return max(bounds)

    def _hold_step(self, version: int, known: Version) -> None:
        """The write that makes a version leaves its units fewer than there were before."""
        if known.maker is not None and (before := self._latest.get(version - 1)) is not None:
            self._compare(before, known)
        if (after := self._latest.get(version + 1)) is not None:
            self._compare(known, after)

    def _compare(self, before: Version, after: Version) -> None:
        maker = after.maker
        if maker is None or before.quantity is None or after.quantity is None or self._unlikely.count:
            return
        if before.quantity - maker.units != after.quantity:
            self._unlikely.add(maker.order_id, maker, before.shown_by, after.shown_by)

    def hold_quantities(self, units: set[int], first: int, round_: int, *, restocked: bool) -> Iterator[Violation]:
        """Between any two versions from `first` on as much was taken as writes of so many units can have.

        Only where nothing was added but by writes whose versions are known, if it was `restocked`.
        """
        if not units:
            return
        fewest, most = min(units), max(units)
        forgotten = restocked and len(self._latest) >= self._room.each
        seen = sorted(
            (version, known.quantity, known.shown_by)
            for version, known in self._latest.items()
            if known.quantity is not None and known.shown_by is not None and version >= first
        )
        for (older, before, first_op), (newer, after, last_op) in pairwise(seen):
            taken, writes = before - after, newer - older
            if forgotten and any(self.maker(version) is None for version in range(older + 1, newer + 1)):
                continue  # which of them added units is forgotten
            for version in self._remembered(older, newer):
                if (maker := self.maker(version)) is not None:
                    taken, writes = taken - maker.units, writes - 1
            if not fewest * writes <= taken <= most * writes:
                message = f"{plural(newer - older, 'write')} took {before - after:,} units, which no such orders wanted"
                culprit = self.maker(newer)
                orders = [op.order_id for op in (culprit, last_op) if op is not None and op.order_id]
                evidence = Evidence(1, orders[:1], [first_op, last_op])
                yield evidence.violation("wrong_quantity", message, round_, self._product_id)
                return

    def _remembered(self, older: int, newer: int) -> Iterator[int]:
        """The versions after one and up to another of which something is remembered."""
        if newer - older <= len(self._latest):
            return (version for version in range(older + 1, newer + 1) if version in self._latest)
        return (version for version in self._latest if older < version <= newer)

    def drain(self, round_: int) -> Iterator[Violation]:
        """What is wrong with single versions and steps; it is told once."""
        unlike, self._unlike = self._unlike, Evidence()
        unlikely, self._unlikely = self._unlikely, Evidence()
        if unlike.count:
            message = "the same version was seen in two different states"
            yield unlike.violation("version_reused", message, round_, self._product_id, 2)
        if unlikely.count:
            message = "a write took another number of units than its order wanted"
            yield unlikely.violation("wrong_quantity", message, round_, self._product_id)


def remember(memory: OrderedDict[_Key, _Value], key: _Key, value: _Value, room: int) -> None:
    """Keep at most so many, the latest."""
    memory[key] = value
    if len(memory) > room:
        memory.popitem(last=False)
