"""Lost writes that one run on a table leaves pending for the next: as operations, which a file can hold."""

from collections.abc import Iterable, Mapping

from loadtest.checker.unresolved import UnresolvedWrites
from loadtest.events import Operation


def pending(operations: Iterable[Operation]) -> dict[str, dict[str, UnresolvedWrites]]:
    """Writes of an earlier run that may yet be applied, by product and order, as the checker takes them."""
    by_product: dict[str, dict[str, UnresolvedWrites]] = {}
    for op in operations:
        by_order = by_product.setdefault(op.product_id, {})
        if op.order_id in by_order:
            by_order[op.order_id].lose(op)
        else:
            by_order[op.order_id] = UnresolvedWrites(op)
    return by_product


def still_open(lost: Mapping[str, Mapping[str, UnresolvedWrites]]) -> list[Operation]:
    """The same back again: what the checker leaves to the next run."""
    return [op for unresolved in lost.values() for writes in unresolved.values() for op in writes.open]
