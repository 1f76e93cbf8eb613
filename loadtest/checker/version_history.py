"""Who made which version of a product."""

from collections import OrderedDict
from collections.abc import Iterator

from loadtest.checker.bitsets import SHOWN, Bitmap, Bitsets, Evidence, Room
from loadtest.checker.verdict import Violation, plural
from loadtest.checker.versions import CHAIN, Versions, remember
from loadtest.events import RESTOCK, Operation, Product, is_own

_CONTESTED = 100  # versions told apart that were made twice: without a condition, all are
# Of an order: a first and a second accepted write that did not say which version they made, and as many that were seen.
_UNNUMBERED, _SEEN = (1, 4), (2, 8)
_EARLIER = "an earlier one"  # the maker of a version, long forgotten


class _Standing:
    """A version that was seen under a name which a write leaves standing that leaves none itself."""

    __slots__ = ("held", "op")

    def __init__(self, op: Operation) -> None:
        self.op = op
        self.held = False  # against who made it


class VersionHistory:
    """Each version is made by one write. An accepted write is added with the one it made; anybody may see whose it was.

    The latest makers are remembered by name, so that a second one of the same version can be named with the first.
    """

    def __init__(self, initial: Product, room: Room) -> None:
        """`initial` is the product as the run began."""
        self.versions = Versions(initial, room)
        self.names_left = False  # whether orders leave their names
        self._room = room
        self._initial, self._first = initial, initial.version
        self._made = Bitmap()
        self._sighted: dict[
            int, tuple[str, Operation]
        ] = {}  # seen, with no accepted write of it so far and not yet looked at
        self._versions: dict[str, int] = {}  # the same by order
        self._standing: OrderedDict[int, _Standing] = OrderedDict()
        self._bitsets = Bitsets()
        self._unplaced: OrderedDict[str, Operation] = OrderedDict()  # the latest of them, not seen so far
        self._forgotten = 0  # those before
        self._contested: dict[int, Evidence] = {}
        self._contested_more = Evidence()  # second makers of the versions after those
        self._nameless = Evidence()  # versions under names that nobody left

    @property
    def contested(self) -> bool:
        """Whether a version was made twice."""
        return bool(self._contested)

    def add(self, version: int, op: Operation) -> bool:
        """A write made this version; False if it had been made before, or the run began with a later one."""
        sighted = self._sighted.get(version)
        if sighted is not None and sighted[0] == op.order_id:
            self._forget(version)
        elif sighted is not None:
            self._contest(version, *sighted, op.order_id, op)
        if not self.names_left:
            self.names_left = op.last_order == op.order_id and not is_own(op.order_id)
        if not self._made.add(version - self._first):
            known = self.versions.known(version)
            maker = known.maker if known is not None else None
            name = maker.order_id if maker else (known.name if known else None) or _EARLIER
            self._contest(version, name, maker or (known.named_by if known else None), op.order_id, op)
            return False
        self.versions.made(version, op)
        return version > self._first

    def add_unnumbered(self, order_id: str, op: Operation | None) -> int | None:
        """An order's write made a version, and its answer does not say which. Returns it if it was seen."""
        version = self._versions.get(order_id)
        if not self._flag(order_id, _UNNUMBERED) and version is None:  # two writes, both seen before
            version = next((seen for seen, (name, _) in self._sighted.items() if name == order_id), None)
        if version is not None:
            self._flag(order_id, _SEEN)
            self._forget(version)
            self.attribute(version, op)
            return version
        known = order_id in self._unplaced
        self._forgotten += known or op is None or len(self._unplaced) >= self._room.each
        if op is not None and not known:
            remember(self._unplaced, order_id, op, self._room.each)
        return None

    def see(self, version: int, order_id: str, op: Operation) -> Operation | None:
        """The operation showed this name at this version.

        Returns the accepted write of which this says that it made the version, if nobody knew which one it had.
        """
        if version <= self._first:
            if version == self._first and self._initial.last_order != order_id:
                self.versions.unlike(op)
            return None
        known = self.versions.known(version)
        maker = known.maker if known is not None else None
        if self.names_left and maker is not None and maker.order_id == order_id:
            return None  # as most are
        own = is_own(order_id) or order_id == self._initial.last_order
        self.names_left |= not own
        if maker is not None and maker.order_id == order_id:
            return None
        if own:
            self._stand(version, op)
            return None
        if maker is not None:
            self._contest(version, maker.order_id, maker, order_id, op, seen=True)
        elif known is not None and known.name is not None:
            if known.name != order_id:
                self._contest(version, known.name, known.named_by, order_id, op, seen=True)
        elif version - self._first not in self._made:
            return self._sight(version, order_id, op)
        return None

    def _stand(self, version: int, op: Operation) -> None:
        standing = self._standing.get(version)
        if standing is None:
            remember(self._standing, version, _Standing(op), self._room.each)
        elif standing.op.last_order != op.last_order:
            self.versions.unlike(standing.op, op)

    def _sight(self, version: int, order_id: str, op: Operation) -> Operation | None:
        known = self.versions.at(version)
        known.name, known.named_by = order_id, op
        for unnumbered, seen in zip(_UNNUMBERED, _SEEN, strict=True):
            if self._bitsets.has(order_id, unnumbered) and self._bitsets.add(order_id, seen):
                made = self._unplaced.pop(order_id, None)
                self.attribute(version, made)
                return made
        self._sighted[version] = order_id, op
        self._versions[order_id] = version
        return None

    def _flag(self, order_id: str, flags: tuple[int, int]) -> bool:
        """One more of these; whether it is the first."""
        first, second = flags
        new = self._bitsets.add(order_id, first)
        if not new:
            self._bitsets.add(order_id, second)
        return new

    def hold_names(self, decided: int, *, anonymous: bool, plain: bool, complete: bool) -> None:
        """Where orders leave their names, no version has another one than that of its maker.

        `plain`: the tool has written under the name that all its writes left once, and `anonymous`: nobody knows which
        versions. Up to `decided` nothing is left to find out. Of a round that is not `complete` not all of the own
        writes are known.
        """
        for version, standing in self._standing.items():
            op, restock = standing.op, standing.op.last_order == RESTOCK
            nowhere = restock and not plain and self._initial.last_order != RESTOCK
            maker = self._left_by(version)
            left = maker is not None and is_own(maker.order_id)  # what the tool writes has its name always
            if standing.held or not (self.names_left or left or nowhere):
                continue
            if maker is not None and maker.order_id == op.last_order:
                continue
            standing.held = True
            if self.made(version):
                if maker is not None:  # else it is forgotten whose it was
                    self._contest(version, maker.order_id, maker, "", op)
            elif not (restock and anonymous) and complete and version > decided and not self._nameless.count:
                self._nameless.add(op.order_id, op)

    def _left_by(self, version: int) -> Operation | None:
        """Whose name a version has: its maker's or, where orders leave none, that of the tool's own write before it."""
        maker = self.versions.maker(version)
        if self.names_left:
            return maker
        for before in range(version - 1, version - CHAIN, -1):
            if maker is None or is_own(maker.order_id):
                break
            maker = self.versions.maker(before)
        return maker

    def own_name(self, version: int) -> str | None:
        """The name of the tool's own writes that it carries, if it was seen under one."""
        standing = self._standing.get(version)
        name = standing.op.last_order if standing is not None else None
        return name if name is not None and is_own(name) else None

    def standing(self) -> Iterator[tuple[int, str, Operation]]:
        """Versions that were seen under a name of the tool's own writes, or under the one that was there first."""
        return (
            (version, standing.op.last_order or "", standing.op)
            for version, standing in self._standing.items()
            if not standing.held
        )

    def sightings(self) -> list[tuple[int, str, Operation]]:
        """Versions that were seen to be an order's, and that no accepted write made; each is told once."""
        sightings = [(version, *sighting) for version, sighting in self._sighted.items()]
        self._sighted.clear()
        self._versions.clear()
        return sightings

    def unplaced(self) -> tuple[list[Operation], int]:
        """The latest accepted writes of which nobody knows which version they made, and how many more there may be."""
        return list(self._unplaced.values()), self._forgotten

    def decide(self) -> None:
        """Each of those made one of the versions so far."""
        self._unplaced.clear()
        self._forgotten = 0
        for standing in self._standing.values():
            standing.held = True

    def attribute(self, version: int, op: Operation | None) -> None:
        """A write whose answer did not say so turned out to have made this version."""
        self._made.add(version - self._first)
        if op is not None:
            self.versions.made(version, op)

    def made(self, version: int) -> bool:
        """Whether it was made in this run, and it is known by whom."""
        return version > self._first and version - self._first in self._made

    def gaps(self, after: int, last: int) -> Iterator[int]:
        """The versions after one and up to the `last` that nobody is known to have made."""
        return (self._first + n for n in self._made.missing(after - self._first + 1, last - self._first + 1))

    def _forget(self, version: int) -> None:
        sighted = self._sighted.pop(version, None)
        if sighted is not None and self._versions.get(sighted[0]) == version:
            del self._versions[sighted[0]]

    def _contest(
        self,
        version: int,
        first_id: str,
        first: Operation | None,
        second_id: str,
        second: Operation,
        *,
        seen: bool = False,
    ) -> None:
        contested = self._contested.get(version)
        if seen and contested is None and len(self._contested) >= _CONTESTED:
            return
        if contested is None and len(self._contested) < _CONTESTED:
            contested = self._contested[version] = Evidence()
            contested.add(first_id, first)
        if contested is None:
            self._contested_more.add(second_id, second)
        elif not second_id or (seen and (second_id in contested.orders or contested.count >= SHOWN)):
            if len(contested.operations) < 2:
                contested.operations.append(second)
        else:
            contested.add(second_id, second)

    def drain(self, round_: int) -> Iterator[Violation]:
        """Two orders that both won from version 1 cannot both have won. What was found is told once."""
        product_id = self._initial.id
        contested, self._contested = self._contested, {}
        more, self._contested_more = self._contested_more, Evidence()
        nameless, self._nameless = self._nameless, Evidence()
        for version, orders in contested.items():
            message = f"{plural(orders.count, 'order')} won from version {version - 1:,}"
            if orders.count == 1:
                message = f"version {version:,}, which an order won, was seen under another name"
            elif len(set(orders.orders)) < len(orders.orders):  # one order more than once
                message = f"{orders.count:,} writes won from version {version - 1:,}"
            yield orders.violation("lost_update", message, round_, product_id, 2)
        if more.count:
            message = f"{plural(more.count, 'write')} more won from a version that had been won"
            yield more.violation("lost_update", message, round_, product_id, 1)
        if nameless.count:
            message = "a version was seen under a name that no write of this run left"
            yield nameless.violation("external_write", message, round_, product_id)
        yield from self.versions.drain(round_)
