"""Lost writes that one run on a table leaves pending for the next: as operations, which a file can hold."""

from collections.abc import Iterable, Mapping

from loadtest.checker.unresolved import UnresolvedWrites
from loadtest.events import Operation


def pending(operations: Iterable[Operation]) -> dict[str, dict[str, UnresolvedWrites]]:
    """Writes of an earlier run that may yet be applied, by product and order, as the checker takes them."""
    found: dict[str, dict[str, UnresolvedWrites]] = {}
    for op in operations:
        unresolved = found.setdefault(op.product_id, {})
        if op.order_id in unresolved:
            unresolved[op.order_id].lose(op)
        else:
            unresolved[op.order_id] = UnresolvedWrites(op)
    return found


def still_open(lost: Mapping[str, Mapping[str, UnresolvedWrites]]) -> list[Operation]:
    """The same back again: what the checker leaves to the next run."""
    return [op for unresolved in lost.values() for writes in unresolved.values() for op in writes.open]
