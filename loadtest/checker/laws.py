"""The laws of one round. Each takes what the round showed and yields the violations it finds.

During a round stock is only ever taken, never added, and nobody else writes: so quantity only falls, and
version rises by one with every accepted write. Writes whose answer was lost may or may not have been applied;
every law holds for both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from loadtest.checker.verdict import Violation, plural
from loadtest.order import Kind, Operation, OrderEnded, Outcome, Product, Reason

_SHOWN = 10


@dataclass(slots=True)
class Round:
    """What one round showed, in the order in which it was seen."""

    round: int
    initial: Product
    placed: int
    final: Product | None = None
    complete: bool = False  # its end was seen; the history of a run that was cut has an open round
    writes: list[Operation] = field(default_factory=list)  # accepted writes and transactions
    refusals: list[Operation] = field(default_factory=list)  # writes that a condition refused
    lost: list[Operation] = field(default_factory=list)  # writes whose answer was lost
    lowest: Operation | None = None  # the operation that saw the lowest quantity
    results: dict[str, OrderEnded] = field(default_factory=dict)
    repeated: list[OrderEnded] = field(default_factory=list)  # second results of an order

    def violation(self, kind: str, message: str, orders: Iterable[str] = ()) -> Violation:
        """A violation of this round; only the first orders are named."""
        named = list(orders)
        return Violation(kind, message, self.round, self.initial.id, tuple(named[:_SHOWN]), len(named))


def every_order_once(seen: Round) -> Iterator[Violation]:
    """Each order that was placed has exactly one result."""
    if seen.repeated:
        orders = sorted({ended.order_id for ended in seen.repeated})
        yield seen.violation("order_answered_twice", f"{plural(len(orders), 'order')} ended more than once", orders)
    missing = seen.placed - len(seen.results)
    if missing > 0 and seen.complete:
        named = {op.order_id for op in (*seen.writes, *seen.refusals, *seen.lost)} - seen.results.keys()
        yield seen.violation("order_vanished", f"{plural(missing, 'order')} never got a result", sorted(named))
    elif missing < 0:
        yield seen.violation("order_invented", f"{plural(-missing, 'result')} more than orders were placed")


def results_follow_writes(seen: Round) -> Iterator[Violation]:
    """An order is accepted if, and only if, exactly one write of its own was."""
    writes: dict[str, int] = defaultdict(int)
    for op in seen.writes:
        writes[op.order_id] += 1
    accepted = {order for order, ended in seen.results.items() if ended.outcome is Outcome.ACCEPTED}
    if unbacked := sorted(accepted - writes.keys()):
        message = f"{plural(len(unbacked), 'order')} counted as accepted without an accepted write"
        yield seen.violation("accepted_without_write", message, unbacked)
    told_lost = sorted(order for order in writes if order in seen.results and order not in accepted)
    if told_lost:
        message = f"{plural(len(told_lost), 'order')} won but {'was' if len(told_lost) == 1 else 'were'} told otherwise"
        yield seen.violation("winner_told_otherwise", message, told_lost)
    if twice := sorted(order for order, count in writes.items() if count > 1):
        yield seen.violation("order_applied_twice", f"{plural(len(twice), 'order')} took stock more than once", twice)


def stock_is_conserved(seen: Round) -> Iterator[Violation]:
    """The stock fell by the units accepted, plus at most the units of writes whose answer was lost."""
    if seen.final is None:
        return
    accepted = sum(op.units for op in seen.writes)
    lost = sum(op.units for op in seen.lost)
    fell = seen.initial.quantity - seen.final.quantity
    orders = [op.order_id for op in seen.writes]
    if accepted > fell:
        message = f"{plural(accepted, 'unit')} {_were(accepted)} accepted, but the stock fell by {fell:,}"
        yield seen.violation("oversold", message, orders)
    elif fell > accepted + lost:
        message = f"the stock fell by {fell:,}, but only {plural(accepted, 'unit')} {_were(accepted)} accepted"
        yield seen.violation("stock_lost", message, orders)


def never_below_zero(seen: Round) -> Iterator[Violation]:
    """No answer and no final read shows a negative quantity."""
    lowest = seen.lowest
    if seen.final is not None and seen.final.quantity < 0:
        message = f"the stock ended at {seen.final.quantity:,}"
        yield seen.violation("negative_quantity", message, [op.order_id for op in seen.writes])
    elif lowest is not None and lowest.quantity is not None and lowest.quantity < 0:
        yield seen.violation("negative_quantity", f"the stock went down to {lowest.quantity:,}", [lowest.order_id])


def version_counts_writes(seen: Round) -> Iterator[Violation]:
    """The version rose by one for every accepted write, plus at most once for each whose answer was lost."""
    if seen.final is None:
        return
    rose = seen.final.version - seen.initial.version
    if not len(seen.writes) <= rose <= len(seen.writes) + len(seen.lost):
        message = f"the version rose by {rose:,} for {plural(len(seen.writes), 'accepted write')}"
        yield seen.violation("version_miscounted", message, [op.order_id for op in seen.writes])


def no_version_won_twice(seen: Round) -> Iterator[Violation]:
    """Each version is made by one write: two orders that both won from version 1 cannot both have won."""
    winners: dict[int, list[str]] = defaultdict(list)
    for op in seen.writes:
        if op.read_version is not None:
            winners[op.read_version].append(op.order_id)
        elif op.version is not None:
            winners[op.version - 1].append(op.order_id)
    for version, orders in winners.items():
        if len(orders) > 1:
            message = f"{len(orders):,} orders won from version {version:,}"
            yield seen.violation("version_won_twice", message, orders)


def no_refusal_without_cause(seen: Round) -> Iterator[Violation]:
    """A version that never moved refuses nobody, and a product that could still serve an order is not sold out."""
    final = seen.final
    if final is None:
        return
    stale = [op.order_id for op in seen.refusals if op.read_version is not None and op.read_version == final.version]
    if stale:
        message = f"{plural(len(stale), 'write')} refused though version {final.version:,} was still the one read"
        yield seen.violation("refused_without_cause", message, stale)
    sold_out = [
        ended.order_id
        for ended in seen.results.values()
        if ended.outcome is Outcome.REJECTED and ended.reason == Reason.SOLD_OUT and ended.units <= final.quantity
    ]
    if sold_out:
        message = f"{plural(len(sold_out), 'order')} told sold out with {final.quantity:,} left"
        yield seen.violation("refused_without_cause", message, sold_out)


LAWS: Sequence[Callable[[Round], Iterator[Violation]]] = (
    stock_is_conserved,
    never_below_zero,
    no_version_won_twice,
    version_counts_writes,
    results_follow_writes,
    no_refusal_without_cause,
    every_order_once,
)


def observe(seen: Round, op: Operation) -> None:
    """Add one operation to what the round showed."""
    if op.quantity is not None and (
        seen.lowest is None or seen.lowest.quantity is None or op.quantity < seen.lowest.quantity
    ):
        seen.lowest = op
    if op.kind is Kind.READ:
        return
    if op.outcome is Outcome.ACCEPTED:
        seen.writes.append(op)
    elif op.outcome is Outcome.REJECTED:
        seen.refusals.append(op)
    elif op.outcome is Outcome.UNKNOWN:
        seen.lost.append(op)


def settle(seen: Round) -> None:
    """An order that was told it won claims its own lost write as applied: from here on it has to be."""
    accepted = {order for order, ended in seen.results.items() if ended.outcome is Outcome.ACCEPTED}
    claimed = accepted - {op.order_id for op in seen.writes}
    still_lost = []
    for op in seen.lost:
        if op.order_id in claimed:
            claimed.remove(op.order_id)
            seen.writes.append(op)
        else:
            still_lost.append(op)
    seen.lost = still_lost


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
