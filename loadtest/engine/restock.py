"""Restocking during a load: products that run low are brought back to the full stock."""

from collections.abc import Callable

import anyio

from loadtest.dynamodb.own_writes import OwnWrites
from loadtest.engine.dispatch import ROUND
from loadtest.errors import LoadTestError, TargetError
from loadtest.events import Event, Kind, Operation, Outcome
from loadtest.workload.spec import Load

_RESTOCK_EVERY_S = 0.02


class Restocker:
    """A listener that keeps every product's quantity near the stock, from what answers show of it."""

    def __init__(self, plan: Load) -> None:
        self._plan = plan
        self._enough = max(plan.units, plan.stock / 2)
        self._quantity: dict[str, int] = dict.fromkeys(plan.product_ids, plan.stock)
        self._low: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Note the quantity that an operation shows, or leaves."""
        if not isinstance(event, Operation):
            return
        if event.quantity is not None:
            left = event.quantity
        elif event.outcome is Outcome.ACCEPTED and event.kind is not Kind.READ:
            left = self._quantity[event.product_id] - event.units
        else:
            return
        self._quantity[event.product_id] = left
        if left < self._enough:
            self._low.add(event.product_id)

    async def work(self, own: OwnWrites, fail: Callable[[LoadTestError], None]) -> None:
        """Bring what runs low back to the full stock, for ever; `fail` hears why one could not be."""
        while True:
            await anyio.sleep(_RESTOCK_EVERY_S)
            low, self._low = sorted(self._low), set()
            for product_id in low:
                with anyio.CancelScope(shield=True):  # or nobody would know whether it was done
                    try:
                        await self._restock(own, product_id)
                    except TargetError as error:
                        fail(error)

    async def _restock(self, own: OwnWrites, product_id: str) -> None:
        stocked = await own.read(product_id)
        left = stocked.product.quantity
        units = self._plan.stock - left
        if left < self._enough and units > 0:
            await own.restock(ROUND, stocked, units)
