"""The write units that throttles leave to each item."""

import time
from collections.abc import Sequence
from math import ceil

from loadtest.faults.proxy.requests import Asked, Item, shown_bytes
from loadtest.faults.token_bucket import Partitions
from loadtest.workload.faults import AnyFault, Throttle

_UNIT_BYTES = 1024


class Limits:
    """Sizes are learned from what passes by: an item counts as 1 KB until it was seen larger."""

    def __init__(self, faults: Sequence[AnyFault]) -> None:
        self._partitions = {
            place: Partitions(fault.write_units, fault.burst)
            for place, fault in enumerate(faults, 1)
            if isinstance(fault, Throttle)
        }
        self._large: dict[Item, int] = {}

    @property
    def any(self) -> bool:
        """Whether there is a throttle at all."""
        return bool(self._partitions)

    def lacking(self, place: int, operation: str, asked: Asked) -> list[bool]:
        """For each item of the request, whether the throttle at this place has too few units left for it."""
        for_each_kb = 2.0 if operation == "TransactWriteItems" else 1.0
        wanted = [(item, for_each_kb * self._units(item, new_bytes)) for item, new_bytes in asked.items]
        return self._partitions[place].take(wanted, time.perf_counter())

    def learn(self, operation: str, asked: Asked, answer: bytes) -> None:
        """Note the size of the item that an answer shows."""
        if operation == "TransactWriteItems" or not asked.items or not (seen := shown_bytes(answer)):
            return
        if seen > _UNIT_BYTES:
            self._large[asked.items[0][0]] = seen
        else:
            self._large.pop(asked.items[0][0], None)

    def _units(self, item: Item, new_bytes: int) -> int:
        return ceil(max(1, new_bytes, self._large.get(item, 0)) / _UNIT_BYTES)
