"""Sustained load on a correct server in miniature: several products, orders one by one, restocks, lost answers."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from loadtest.events import (
    ACCEPTED,
    SOLD_OUT,
    Event,
    MeasuringStarted,
    OrderDropped,
    OrderPlaced,
    Outcome,
    Product,
    Restocked,
    RoundEnded,
    RoundStarted,
)
from tests.helpers.shop_events import UNKNOWN, operation, order_ended

TICK_NS = 1000


class Market:
    """Products that are sold by conditional writes, and the events that this leaves. Its clock goes on by itself."""

    def __init__(self, stock: int = 10, product_ids: Sequence[str] = ("load#1",), item_bytes: int = 60) -> None:
        self.products = {one: Product(one, one, stock, 1) for one in product_ids}
        self.now_ns = TICK_NS
        self.events: list[Event] = [
            RoundStarted(1, product, 0, self.now_ns, item_bytes) for product in self.products.values()
        ]
        self._orders = 0
        self.lost_and_applied = 0  # orders whose write was applied and whose answer was lost

    def measure(self) -> None:
        """What was due before now was warm-up, as was said at the start."""
        self.now_ns += TICK_NS
        self.events.insert(len(self.products), MeasuringStarted(1, self.now_ns))

    def drop(self, product_id: str = "load#1") -> None:
        """An order that was due and did not begin."""
        self.now_ns += TICK_NS
        self._orders += 1
        self.events.append(OrderDropped(1, f"a-1-{self._orders}", product_id, 1, self.now_ns))

    def place(self, product_id: str = "load#1", units: int = 1) -> str:
        """An order begins."""
        self.now_ns += TICK_NS
        self._orders += 1
        order_id = f"a-1-{self._orders}"
        self.events.append(OrderPlaced(1, order_id, product_id, units, self.now_ns, self.now_ns))
        return order_id

    def order(
        self,
        product_id: str = "load#1",
        *,
        units: int = 1,
        answered: bool = True,
        applied: bool = True,
        conflicts: int = 0,
        took_ns: int = 0,
        capacity: float | None = None,
    ) -> str:
        """An order from its beginning to its end; its write may be lost with its answer, or only its answer."""
        order_id = self.place(product_id, units)
        due_ns = self.now_ns
        self.now_ns += took_ns
        common: dict[str, Any] = {"order_id": order_id, "product_id": product_id, "units": units}
        for attempt in range(1, conflicts + 1):
            conflict: dict[str, Any] = {"outcome": Outcome.REJECTED, "reason": "conflict", "attempt": attempt}
            self.events.append(operation(**common, **conflict, **self._stamps(due_ns)))
        old = self.products[product_id]
        sold = applied and old.quantity >= units
        if sold:
            self.products[product_id] = replace(old, quantity=old.quantity - units, version=old.version + 1)
        self.lost_and_applied += sold and not answered
        result = UNKNOWN if not answered else ACCEPTED if sold else SOLD_OUT
        seen = self.products[product_id] if answered else None
        told: dict[str, Any] = {"outcome": result.outcome, "reason": result.reason, "message": result.message}
        self.events.append(
            operation(
                **common,
                **told,
                **self._stamps(due_ns),
                attempt=conflicts + 1,
                version=seen.version if seen else None,
                quantity=seen.quantity if seen else None,
                capacity=capacity,
            )
        )
        ends = {"attempts": conflicts + 1, "scheduled_ns": due_ns, "ended_ns": self.now_ns}
        self.events.append(order_ended(**common, **told, **ends))
        return order_id

    def restock(self, units: int, product_id: str = "load#1", *, answered: bool = True, applied: bool = True) -> None:
        """The tool adds units."""
        self.now_ns += TICK_NS
        if applied:
            old = self.products[product_id]
            self.products[product_id] = replace(old, quantity=old.quantity + units, version=old.version + 1)
        outcome = Outcome.ACCEPTED if answered else Outcome.UNKNOWN
        self.events.append(Restocked(1, product_id, units, outcome, self.now_ns))

    def end(self) -> list[Event]:
        """The final reads, and all events."""
        self.now_ns += TICK_NS
        for product in self.products.values():
            self.events.append(RoundEnded(1, product.id, product, self.now_ns))
        return self.events

    def _stamps(self, due_ns: int) -> dict[str, int]:
        self.now_ns += TICK_NS
        return {"scheduled_ns": due_ns, "sent_ns": due_ns, "received_ns": self.now_ns, "ended_ns": self.now_ns}
