"""What the operations of one order stand for in the reference: looks and writes, also those that may have been."""

from dataclasses import dataclass, field, replace
from math import inf

from loadtest.events import REJECTED_AFTER_RESEND, Kind, Operation, OrderEnded, Outcome, Reason
from tests.unit.checker.exhaustive_search import Look, Write

MAY_HAVE_WON = (Outcome.ACCEPTED, Outcome.UNKNOWN)
RECORDED = "record of "  # the group of an order's transactions


@dataclass
class Placed:
    """An order, and what is known of it."""

    round: int
    units: int
    since: float  # it makes its next request no earlier
    began: float
    ops: list[Operation] = field(default_factory=list)
    end: OrderEnded | None = None
    fenced: bool = False  # whatever transactions of it were lost, they are never applied

    @property
    def accepted(self) -> list[Operation]:
        """Its writes that were accepted."""
        return [op for op in self.ops if op.kind is not Kind.READ and op.outcome is Outcome.ACCEPTED]

    @property
    def resent(self) -> bool:
        """Whether the client sent its last lost write twice, and the second was refused: that is to be told it lost."""
        return bool(self.lost) and self.lost[-1].reason == REJECTED_AFTER_RESEND

    @property
    def lost(self) -> list[Operation]:
        """Its writes whose answer was lost."""
        return [op for op in self.ops if op.kind is not Kind.READ and op.outcome is Outcome.UNKNOWN]


def looks_of(op: Operation, began_with: int) -> list[Look]:
    """What the answer shows, in a run that began with that version."""
    if op.outcome in (Outcome.THROTTLED, Outcome.FAILED):
        return []
    shown = (op.version, op.quantity, op.last_order if op.version is not None else None)
    look = Look(op.sent_ns - op.clock_uncertainty_ns, op.received_ns + op.clock_uncertainty_ns, shown)
    if op.kind is Kind.READ:
        before_the_run = not op.consistent and op.version is not None and op.version < began_with
        look = look if op.consistent else replace(look, sent=-inf)
        return [] if before_the_run else [look]
    if op.outcome is Outcome.ACCEPTED or (op.outcome is Outcome.UNKNOWN and op.version is None):
        return []
    if op.read_version is not None:
        return [replace(look, not_version=op.read_version)]
    sold_out = op.outcome is Outcome.UNKNOWN or op.reason == Reason.SOLD_OUT  # otherwise it met a transaction
    return [replace(look, short_of=op.units) if sold_out else look]


def writes_of(order_id: str, placed: Placed, *, told: bool, cut: bool) -> list[Write]:
    """What the order did or may have done; if it was `told` the truth, at most one of it, and what fits that.

    If its round was `cut` and it has no result, one more request may have been in flight, of any kind.
    """
    found = [_accepted(op, order_id if told else f"{order_id}#{n}") for n, op in enumerate(placed.accepted)]
    if not told or _may_have_won(placed):
        for n, op in enumerate(placed.lost):
            if placed.fenced and op.kind is Kind.TRANSACTION:
                continue
            found.append(_lost(op, order_id if told else f"{order_id}?{n}"))
    if cut and placed.end is None:
        once = order_id if told else f"{order_id} in flight"
        groups = (order_id, RECORDED + order_id)
        found.append(Write(placed.since, inf, order_id, once, placed.units, must=False, groups=groups))
    return found


def _may_have_won(placed: Placed) -> bool:
    """Whether the order was not told that it lost, as far as its lost writes go."""
    if placed.end is None or placed.end.outcome is Outcome.ACCEPTED:
        return True
    return placed.end.outcome is Outcome.UNKNOWN and not placed.resent


def _accepted(op: Operation, once: str) -> Write:
    shown = (op.version, op.quantity, op.last_order if op.version is not None else None)
    sent, received = op.sent_ns - op.clock_uncertainty_ns, op.received_ns + op.clock_uncertainty_ns
    return Write(sent, received, op.order_id, once, op.units, rests_on=op.read_version, shown=shown, groups=_groups(op))


def _lost(op: Operation, once: str) -> Write:
    sent = op.sent_ns - op.clock_uncertainty_ns
    return Write(
        sent, inf, op.order_id, once, op.units, rests_on=op.read_version, must=False, groups=_groups(op)
    )  # fmt: skip


def _groups(op: Operation) -> tuple[str, ...]:
    return (op.order_id, RECORDED + op.order_id) if op.kind is Kind.TRANSACTION else (op.order_id,)
