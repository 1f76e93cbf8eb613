"""Load over time: orders for one or more products, by a schedule or as fast as a number of buyers gets them through."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import anyio

from loadtest.engine.context import SETTING, RunContext, for_each
from loadtest.engine.dispatch import ROUND
from loadtest.errors import TargetError
from loadtest.events import Event, Kind, MeasuringStarted, Operation, Outcome, RoundStarted
from loadtest.workload.estimate import ahead, require_affordable
from loadtest.workload.spec import Load
from loadtest.workload.target import TargetKind

if TYPE_CHECKING:
    from loadtest.dynamodb.admin import Stocked

_RESTOCK_EVERY_S = 0.02


async def load(plan: Load, context: RunContext, restocker: "Restocker", budget: "Budget") -> None:
    """Set the stock, let orders arrive until the time is over, read what is left."""
    stocked: dict[str, Stocked] = {}

    async def stock(product_id: str) -> None:
        stocked[product_id] = await context.own.set_stock(ROUND, product_id, plan.stock)

    await for_each(plan.product_ids, stock, context.chore(SETTING))
    budget.plan_for(max(one.item_bytes for one in stocked.values()), context.announce)
    now_ns = time.perf_counter_ns()
    for product_id in plan.product_ids:
        context.emit(RoundStarted(ROUND, stocked[product_id].product, 0, now_ns, stocked[product_id].item_bytes))
    async with context.round(ROUND, plan.product_ids), anyio.create_task_group() as tasks:
        if plan.restock:
            tasks.start_soon(restocker.work, context)
        started_ns = await context.dispatcher.ready()
        context.emit(MeasuringStarted(ROUND, started_ns + int(plan.warm_up_s * 1e9)))
        await context.dispatcher.arrive(f"{context.prefix}-{ROUND}", started_ns)
        tasks.cancel_scope.cancel()


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

    async def work(self, context: RunContext) -> None:
        """Bring what runs low back to the full stock, for ever."""
        while True:
            await anyio.sleep(_RESTOCK_EVERY_S)
            low, self._low = sorted(self._low), set()
            for product_id in low:
                with anyio.CancelScope(shield=True):  # or nobody would know whether it was done
                    try:
                        await self._restock(context, product_id)
                    except TargetError as error:
                        context.fail(error)

    async def _restock(self, context: RunContext, product_id: str) -> None:
        stocked = await context.own.read(product_id)
        left = stocked.product.quantity
        units = self._plan.stock - left
        if left < self._enough and units > 0:
            await context.own.restock(ROUND, stocked, units)


class Budget:
    """Tells when a load has spent so much that what is under way could pass `--max-spend`."""

    def __init__(self, plan: Load) -> None:
        self._plan = plan
        self._order_usd = 0.0
        self._spent_usd = 0.0

    def plan_for(self, item_bytes: int, announce: Callable[[str], None]) -> None:
        """Say what the run may cost. UsageError if even the least is above the limit."""
        plan, wanted = self._plan, ahead(self._plan, item_bytes)
        self._order_usd = wanted.cost.most_usd / max(1, wanted.orders)
        require_affordable(plan, item_bytes)
        if plan.target.kind is TargetKind.AWS or plan.max_spend_usd is not None:
            announce(f"estimate: {wanted.said(plan.prices.source)}")

    def passed(self, spent_usd: float, in_flight: int) -> bool:
        """Whether what is under way, and as much again as since the last time, would pass the limit."""
        limit, lately_usd = self._plan.max_spend_usd, spent_usd - self._spent_usd
        self._spent_usd = spent_usd
        return limit is not None and spent_usd + lately_usd + in_flight * self._order_usd > limit
