"""Load over time: orders for one or more products, by a schedule or as fast as a number of buyers gets them through."""

import time
from collections.abc import Sequence

import anyio

from loadtest.dynamodb.admin import Stocked
from loadtest.engine.budget import LoadBudget, estimated
from loadtest.engine.context import SETTING, RunContext, for_each
from loadtest.engine.dispatch import ROUND
from loadtest.engine.restock import Restocker
from loadtest.engine.watchdog import TICK_S
from loadtest.errors import LoadTestError
from loadtest.events import Listener, MeasuringStarted, RoundStarted
from loadtest.workload.spec import Load


class LoadRound:
    """The one round of a load."""

    def __init__(self, plan: Load) -> None:
        self._plan = plan
        self._restocker = Restocker(plan) if plan.restock else None

    @property
    def listeners(self) -> Sequence[Listener]:
        """Who has to hear of all events for it to go on."""
        return () if self._restocker is None else (self._restocker,)

    async def run(self, context: RunContext) -> None:
        """Set the stock, let orders arrive until the time is over, read what is left."""
        plan, stocked = self._plan, await self._stocked(context)
        item_bytes = max(each.item_bytes for each in stocked.values())
        estimated(plan, item_bytes, context.watcher.announce)
        now_ns = time.perf_counter_ns()
        for product_id in plan.product_ids:
            context.emit(RoundStarted(ROUND, stocked[product_id].product, 0, now_ns, stocked[product_id].item_bytes))
        async with context.round(ROUND, plan.product_ids), anyio.create_task_group() as tasks:
            tasks.start_soon(_watch_spending, LoadBudget(plan, item_bytes), context)
            if self._restocker is not None:
                tasks.start_soon(self._restocker.work, context.own, context.stop.fail)
            started_ns = await context.dispatcher.ready()
            context.emit(MeasuringStarted(ROUND, started_ns + int(plan.warm_up_s * 1e9)))
            await context.dispatcher.arrive(f"{context.prefix}-{ROUND}", started_ns)
            tasks.cancel_scope.cancel()

    async def _stocked(self, context: RunContext) -> dict[str, Stocked]:
        """The products, set to the stock."""
        stocked: dict[str, Stocked] = {}

        async def stock(product_id: str) -> None:
            stocked[product_id] = await context.own.set_stock(ROUND, product_id, self._plan.stock)

        await for_each(self._plan.product_ids, stock, context.chore(SETTING))
        return stocked


async def _watch_spending(budget: LoadBudget, context: RunContext) -> None:
    """Let no further order begin when those under way could pass the limit; one cut short would be unknown."""
    spent_usd = 0.0
    while not budget.passed(spent_usd, context.dispatcher.in_flight):
        await anyio.sleep(TICK_S)
        spent_usd = context.spent_usd()
    context.dispatcher.stop()
    left = f"${budget.limit_usd:,.6f} for this run"
    context.stop.note(LoadTestError(f"stopped at ${spent_usd:,.6f}: going on would pass --max-spend ({left})"))
