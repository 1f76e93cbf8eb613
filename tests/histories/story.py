"""How the stored histories are told: a short story in the words of `Story` is a list of events."""

from typing import Any

from loadtest.checker.unresolved import RECONCILE_NS
from loadtest.events import (
    RESTOCK,
    Event,
    Kind,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Product,
    Reason,
    Record,
    RecordsRead,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
)

MS = 1_000_000
ACCEPTED, REJECTED, UNKNOWN, FAILED = Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN, Outcome.FAILED
SOLD_OUT, CONFLICT = Reason.SOLD_OUT, Reason.CONFLICT


class Story:
    """One product `p#4`; orders `1-1`, `1-2` … of round 1. Times are milliseconds; an operation takes two of them."""

    def __init__(self, stock: int = 1, version: int = 1, *, orders: int = 2, name: str | None = RESTOCK) -> None:
        self.events: list[Event] = []
        self.number = 0
        self.now = 0
        self.product_id = "p#4"
        if orders:
            self.start(stock, version, orders=orders, name=name)

    def start(
        self,
        stock: int,
        version: int,
        *,
        orders: int = 2,
        name: str | None = RESTOCK,
        product_id: str = "p#4",
        number: int | None = None,
    ) -> "Story":
        """A round begins."""
        self.number = number or self.number + 1
        self.now += 1
        product = Product(product_id, "Last samovar", stock, version, name)
        prefix = str(self.number) if orders else ""
        self._add(RoundStarted(self.number, product, orders, self.now * MS, 60, prefix, 1 if orders else 0))
        return self

    def place(self, n: int, product_id: str = "p#4", units: int = 1) -> "Story":
        """An order of a load begins."""
        at = self._tick() * MS
        return self._add(OrderPlaced(self.number, self._id(n), product_id, units, at, at))

    def op(self, n: int, kind: Kind, outcome: Outcome = ACCEPTED, **rest: Any) -> "Story":
        """One request: `at` is when it was sent, `took` how long."""
        sent = rest.pop("at", None)
        if sent is None:
            sent = self._tick()
        took = rest.pop("took", 2)
        self.now = max(self.now, sent + took)
        state = rest.pop("shows", (None, None, None))
        known: dict[str, Any] = dict(
            zip(("version", "quantity", "last_order"), state or (None, None, None), strict=True)
        )
        stamps = {"scheduled_ns": sent * MS, "sent_ns": sent * MS}
        ends = {"received_ns": (sent + took) * MS, "ended_ns": (sent + took) * MS}
        base: dict[str, Any] = {
            "round": self.number,
            "order_id": self._id(n),
            "product_id": rest.pop("product_id", "p#4"),
            "units": rest.pop("units", 1),
            "kind": kind,
            "attempt": rest.pop("attempt", 1),
            "outcome": outcome,
            "reason": rest.pop("reason", ""),
            "message": "",
            "read_version": rest.pop("rests_on", None),
            "capacity": None,
        }
        return self._add(Operation(**{**base, **known, **stamps, **ends, **rest}))

    def read(self, n: int, version: int, quantity: int, name: str | None = RESTOCK, **rest: Any) -> "Story":
        """The order reads this."""
        return self.op(n, Kind.READ, shows=(version, quantity, name), **rest)

    def wins(self, n: int, version: int, quantity: int, *, rests_on: int | None = None, **rest: Any) -> "Story":
        """The order's write is accepted: it made this version and left so many."""
        self.op(n, Kind.WRITE, shows=(version, quantity, self._id(n)), rests_on=rests_on, **rest)
        return self.ends(n, ACCEPTED, units=rest.get("units", 1), product_id=rest.get("product_id", "p#4"))

    def loses(self, n: int, shows: tuple[Any, ...], *, rests_on: int | None = None, **rest: Any) -> "Story":
        """The order's write is refused by what it shows."""
        reason = SOLD_OUT if rests_on is None else CONFLICT
        self.op(n, Kind.WRITE, REJECTED, reason=reason, shows=shows, rests_on=rests_on, **rest)
        return self.ends(n, REJECTED, reason, product_id=rest.get("product_id", "p#4"))

    def takes(self, n: int, **rest: Any) -> "Story":
        """The order's transaction is accepted."""
        self.op(n, Kind.TRANSACTION, **rest)
        return self.ends(n, ACCEPTED, units=rest.get("units", 1), product_id=rest.get("product_id", "p#4"))

    def is_lost(self, n: int, kind: Kind = Kind.WRITE, reason: str = "ReadTimeoutError", **rest: Any) -> "Story":
        """The answer to the order's write is lost."""
        self.op(n, kind, UNKNOWN, reason=reason, **rest)
        return self.ends(n, UNKNOWN, reason, rest.get("units", 1), rest.get("product_id", "p#4"))

    def ends(self, n: int, outcome: Outcome, reason: str = "", units: int = 1, product_id: str = "p#4") -> "Story":
        """The order has its result."""
        at = self.now * MS
        return self._add(OrderEnded(self.number, self._id(n), product_id, units, outcome, reason, "", 1, at, at))

    def restock(self, units: int, outcome: Outcome = ACCEPTED, product_id: str = "p#4") -> "Story":
        """The tool adds units."""
        return self._add(Restocked(self.number, product_id, units, outcome, self._tick() * MS))

    def adds(
        self,
        name: str,
        units: int,
        shows: tuple[int, int] | None = None,
        outcome: Outcome = ACCEPTED,
        *,
        at: int | None = None,
    ) -> "Story":
        """The tool adds units under this name, in a request sent `at` and answered now; it `shows` what it left."""
        sent = self._tick() if at is None else at
        self.now += 2
        version, quantity = shows or (None, None)
        stamps = self.now * MS, sent * MS
        return self._add(Restocked(self.number, "p#4", units, outcome, *stamps, name, version, quantity))

    def sets(
        self, quantity: int, before: tuple[int, int, str | None], name: str, outcome: Outcome = ACCEPTED
    ) -> "Story":
        """The tool reads `before`, and sets the quantity for the next round."""
        read, sent = self._tick(), self._tick()
        self.now += 2
        product = Product("p#4", "Last samovar", before[1], before[0], before[2])
        stamps = read * MS, sent * MS, self.now * MS
        return self._add(StockSet(self.number + 1, product, quantity, name, outcome, *stamps))

    def records(
        self, *found: int, missing: tuple[int, ...] = (), fenced: tuple[int, ...] = (), at: int | None = None
    ) -> "Story":
        """The records of orders are read."""
        records = [Record(self._id(n), "p#4", 1) for n in found]
        names = [self._id(n) for n in missing], [self._id(n) for n in fenced]
        at = at or self._tick()
        return self._add(RecordsRead(self.number, records, names[0], at * MS, names[1]))

    def record(self, n: int, *, units: int = 1, product_id: str = "p#4") -> "Story":
        """One record is read."""
        records = [Record(self._id(n), product_id, units)]
        return self._add(RecordsRead(self.number, records, [], self._tick() * MS))

    def left(
        self,
        version: int,
        quantity: int,
        name: str | None = RESTOCK,
        *,
        waited: bool = False,
        product_id: str = "p#4",
        at: int | None = None,
    ) -> "Story":
        """The round is over, and this is left."""
        at = self._tick() if at is None else at
        read = at + 1 + (2 * RECONCILE_NS // MS if waited else 0)
        self.now = read
        product = Product(product_id, "Last samovar", quantity, version, name)
        return self._add(RoundEnded(self.number, product_id, product, at * MS, read * MS))

    def unread(self) -> "Story":
        """The round is over, and nobody knows what is left."""
        at = self._tick() * MS
        return self._add(RoundEnded(self.number, "p#4", None, at, at + MS))

    def _id(self, n: int) -> str:
        return f"{self.number}-{n}"

    def _tick(self) -> int:
        self.now += 1
        return self.now

    def _add(self, event: Event) -> "Story":
        self.events.append(event)
        return self
