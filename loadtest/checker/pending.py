"""Lost writes on their way from one run to the next on the same table: as operations, which a file can hold."""

from collections.abc import Iterable, Mapping

from loadtest.checker.unresolved import Doubt
from loadtest.events import Operation


def pending(operations: Iterable[Operation]) -> dict[str, dict[str, Doubt]]:
    """Writes of an earlier run that may yet be applied, by product and order, as the checker takes them."""
    found: dict[str, dict[str, Doubt]] = {}
    for op in operations:
        doubts = found.setdefault(op.product_id, {})
        if op.order_id in doubts:
            doubts[op.order_id].lose(op)
        else:
            doubts[op.order_id] = Doubt(op)
    return found


def still_open(lost: Mapping[str, Mapping[str, Doubt]]) -> list[Operation]:
    """The same back again: what the checker leaves to the next run."""
    return [op for doubts in lost.values() for doubt in doubts.values() for op in doubt.open]
