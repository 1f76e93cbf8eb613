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
_OF_WITNESSES = {"external_write", "stale_read", "phantom_version", "version_reused"}


def culprits_first(violations: Sequence[Violation]) -> list[Violation]:
    """One round's violations: those of sums name first whom the others name."""
    unspecific = OF_SUMS | _OF_WITNESSES
    specific = [violation for violation in violations if violation.orders and violation.kind not in unspecific]
    # What an order was told says most of whose write it was.
    specific.sort(key=lambda violation: violation.kind not in OF_ORDERS)
    return [_naming(violation, specific) if violation.kind in OF_SUMS else violation for violation in violations]


def _naming(violation: Violation, specific: Sequence[Violation]) -> Violation:
    if not specific:
        return violation
    named = (order_id for other in specific for order_id in other.orders)
    orders = [*(order_id for order_id in named if not is_own(order_id)), *violation.orders]
    operations = [*(op for other in specific for op in other.operations), *violation.operations]
    return replace(
        violation,
        message=violation.message.removesuffix(UNTOLD),
        orders=tuple(dict.fromkeys(orders))[:SHOWN],
        orders_count=max(violation.orders_count, len(set(orders))),
        operations=tuple(op for n, op in enumerate(operations) if op not in operations[:n])[:SHOWN],
    )
