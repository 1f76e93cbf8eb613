"""A race: rounds of orders for one product, all at once."""

import time
from collections.abc import Sequence
from itertools import count

from loadtest.engine.budget import estimated, require_another_round
from loadtest.engine.context import RunContext
from loadtest.events import Listener, Order, RoundStarted
from loadtest.workload.spec import Race
from loadtest.workload.until import Until


class RaceRounds:
    """The rounds of a race, until it is over."""

    def __init__(self, plan: Race) -> None:
        self._plan = plan
        self._until = Until(plan.rounds, plan.exclude, plan.within_s)

    @property
    def listeners(self) -> Sequence[Listener]:
        """Who has to hear of all events for it to go on."""
        return (self._until,)

    async def run(self, context: RunContext) -> None:
        """Round after round: set the stock, place all orders at once, read what is left.

        LoadTestError before a round that could pass the plan's limit of spending.
        """
        plan = self._plan
        for number in count(1):
            if self._until.over:
                break
            stocked = await context.own.set_stock(number, plan.product, plan.stock)
            if number == 1:
                estimated(plan, stocked.item_bytes, context.watcher.announce)
            else:
                require_another_round(plan, stocked.item_bytes, context.spent_usd())
            await context.dispatcher.ready()
            prefix = f"{context.prefix}-{number}"
            orders = [
                Order(f"{prefix}-{n}", plan.product, plan.units, number) for n in range(1, plan.number_of_requests + 1)
            ]
            now_ns = time.perf_counter_ns()
            context.emit(
                RoundStarted(number, stocked.product, len(orders), now_ns, stocked.item_bytes, prefix, plan.units)
            )
            async with context.round(number, [plan.product]):
                await context.dispatcher.round(orders)
