"""Orders on a correct server: what they ask, what becomes of it, and the events that they leave."""

from typing import Any

from loadtest.events import REJECTED_AFTER_RESEND, Kind, Operation, OrderPlaced, Outcome, Product, Reason
from tests.helpers.shop_events import operation, order_ended
from tests.unit.checker.small_world import Buyer, Process, World


class Buyers:
    """All orders of a run."""

    def __init__(self, world: World) -> None:
        self._world = world

    def order(self, order: Buyer) -> Process:
        """From when it is placed to its result."""
        began = int(self._world.now)
        if self._world.load:
            self._world.log.append(OrderPlaced(order.round, order.order_id, "p#4", order.units, began, began))
        yield began + self._world.random.randint(0, 3)
        outcome, reason = Outcome.REJECTED, str(Reason.CONFLICT)
        for attempt in range(1, self._world.random.choice([1, 1, 1, 2]) + 1):
            outcome, reason = yield from self._attempt(order, attempt)
            if reason != Reason.CONFLICT and outcome is not Outcome.THROTTLED:
                break
            yield int(self._world.now) + 1
        yield int(self._world.now) + self._world.random.randint(0, 1)
        base = _base(order)
        self._world.log.append(
            order_ended(**base, outcome=outcome, reason=reason, scheduled_ns=began, ended_ns=int(self._world.now))
        )
        self._world.open -= 1

    def _attempt(self, order: Buyer, attempt: int) -> Process:
        read_version = None
        if order.kind == "version":
            seen = yield from self._read(order, attempt, consistent=not self._world.stale)
            if seen.quantity < order.units:
                return Outcome.REJECTED, str(Reason.SOLD_OUT)
            read_version = seen.version
        yield int(self._world.now) + self._world.random.randint(0, 2)
        op = yield from self._write(order, attempt, read_version)
        if op.reason == Reason.SOLD_OUT and op.version is None:
            yield from self._read(order, attempt, consistent=True)
        if op.outcome is Outcome.UNKNOWN and op.reason != REJECTED_AFTER_RESEND and self._world.chance(0.2):
            seen = yield from self._read(order, attempt, consistent=True)
            if seen.last_order == order.order_id:
                return Outcome.ACCEPTED, ""
        return op.outcome, op.reason

    def _read(self, order: Buyer, attempt: int, *, consistent: bool) -> Process:
        sent, until = int(self._world.now), self._world.answer_at()
        yield self._world.within(until)
        seen = self._world.product if consistent else self._world.random.choice(self._world.states)
        yield until
        self._log_op(order, attempt, sent, kind=Kind.READ, consistent=consistent, **_shown(seen))
        return seen

    def _write(self, order: Buyer, attempt: int, read_version: int | None) -> Process:
        kind = Kind.TRANSACTION if order.kind == "transaction" else Kind.WRITE
        fate = self._world.random.choice(self._world.range.fates)
        sent, until = int(self._world.now), self._world.answer_at()
        if fate in _NOT_APPLIED:
            yield until
            rests_on = None if fate == "met" else read_version
            return self._log_op(order, attempt, sent, kind=kind, read_version=rests_on, **_NOT_APPLIED[fate])
        if fate == "lost":
            self._world.some_time(until, lambda: self._world.take(order, read_version))
            yield until
            return self._log_op(order, attempt, sent, kind=kind, read_version=read_version, **_LOST)
        yield self._world.within(until)
        if fate == "resent":
            told = yield from self._resent(order, kind, read_version, until)
        else:
            told = self._told(order, kind, read_version, blind=fate == "blind")
        yield until
        return self._log_op(order, attempt, sent, kind=kind, read_version=read_version, **told)

    def _told(self, order: Buyer, kind: Kind, read_version: int | None, *, blind: bool) -> dict[str, Any]:
        taken = self._world.take(order, read_version)
        reason = Reason.SOLD_OUT if read_version is None else Reason.CONFLICT
        told = {"outcome": Outcome.ACCEPTED} if taken else {"outcome": Outcome.REJECTED, "reason": str(reason)}
        silent = blind or (taken and kind is Kind.TRANSACTION)
        return told if silent else {**told, **_shown(self._world.product)}

    def _resent(self, order: Buyer, kind: Kind, read_version: int | None, until: int) -> Process:
        """The client sends it twice: the second is refused, perhaps by what the first did; else the first was lost."""
        first = self._world.chance(0.6) and self._world.take(order, read_version)
        yield self._world.within(until)
        if not self._world.would_take(order, read_version):
            shown = {} if self._world.chance(0.3) else _shown(self._world.product)
            return {"outcome": Outcome.UNKNOWN, "reason": REJECTED_AFTER_RESEND, **shown}
        return _LOST if first else self._told(order, kind, read_version, blind=False)

    def _log_op(self, order: Buyer, attempt: int, sent: int, **rest: Any) -> Operation:
        now = int(self._world.now)
        stamps = {"scheduled_ns": sent, "sent_ns": sent, "received_ns": now, "ended_ns": now}
        op = operation(**_base(order), attempt=attempt, **stamps, **rest)
        self._world.log.append(op)
        return op


_NOT_APPLIED: dict[str, dict[str, Any]] = {
    "met": {"outcome": Outcome.REJECTED, "reason": str(Reason.CONFLICT)},
    "failed": {"outcome": Outcome.FAILED, "reason": "AccessDeniedException"},
    "throttled": {"outcome": Outcome.THROTTLED, "reason": "ThrottlingException"},
}
_LOST: dict[str, Any] = {"outcome": Outcome.UNKNOWN, "reason": "ReadTimeoutError"}


def _base(order: Buyer) -> dict[str, Any]:
    return {"order_id": order.order_id, "units": order.units, "round": order.round}


def _shown(product: Product) -> dict[str, Any]:
    return {"version": product.version, "quantity": product.quantity, "last_order": product.last_order}
