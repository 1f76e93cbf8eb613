"""Who is named first: the orders that something specific is wrong with, also where only sums are wrong."""

from collections.abc import Sequence
from dataclasses import replace

from loadtest.checker.bitsets import SHOWN
from loadtest.checker.results import OF_ORDERS
from loadtest.checker.verdict import Violation
from loadtest.events import is_own

UNTOLD = "; whose write it was the history does not tell"
OF_SUMS = {"oversold", "stock_lost", "version_miscounted"}  # kinds that any of the accepted writes may be the cause of
# Kinds whose orders are those that saw it, and need not have written anything.
_OF_WITNESSES = {"external_write", "stale_read", "version_from_nowhere", "version_reused"}


def culprits_first(violations: Sequence[Violation]) -> list[Violation]:
    """One round's violations: those of sums name first whom the others name."""
    specific = [one for one in violations if one.orders and one.kind not in OF_SUMS | _OF_WITNESSES]
    specific.sort(key=lambda one: one.kind not in OF_ORDERS)  # what an order was told says most of whose write it was
    return [_naming(one, specific) if one.kind in OF_SUMS else one for one in violations]


def _naming(found: Violation, specific: Sequence[Violation]) -> Violation:
    if not specific:
        return found
    named = (order_id for one in specific for order_id in one.orders)
    orders = [*(order_id for order_id in named if not is_own(order_id)), *found.orders]
    operations = [*(op for one in specific for op in one.operations), *found.operations]
    return replace(
        found,
        message=found.message.removesuffix(UNTOLD),
        orders=tuple(dict.fromkeys(orders))[:SHOWN],
        orders_count=max(found.orders_count, len(set(orders))),
        operations=tuple(op for n, op in enumerate(operations) if op not in operations[:n])[:SHOWN],
    )
