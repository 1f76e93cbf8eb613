"""A race: rounds of orders for one product, all at once."""

import time
from collections.abc import Callable
from itertools import count

from loadtest.engine.context import RunContext
from loadtest.errors import LoadTestError
from loadtest.events import Order, RoundStarted
from loadtest.workload.estimate import ahead, require_affordable, round_costs_usd
from loadtest.workload.spec import Race
from loadtest.workload.target import TargetKind
from loadtest.workload.until import Until


async def race(plan: Race, context: RunContext, until: Until, spent_usd: Callable[[], float]) -> None:
    """Round after round until it is over: set the stock, place all orders at once, read what is left.

    `spent_usd` is what the orders have cost so far. LoadTestError before a round that could pass the plan's limit.
    """
    for number in count(1):
        if until.over:
            break
        stocked = await context.own.set_stock(number, plan.product, plan.stock)
        _afford(plan, number, stocked.item_bytes, spent_usd(), context.announce)
        await context.dispatcher.ready()
        prefix = f"{context.prefix}-{number}"
        orders = [
            Order(f"{prefix}-{n}", plan.product, plan.units, number) for n in range(1, plan.number_of_requests + 1)
        ]
        now_ns = time.perf_counter_ns()
        context.emit(RoundStarted(number, stocked.product, len(orders), now_ns, stocked.item_bytes, prefix, plan.units))
        async with context.round(number, [plan.product]):
            await context.dispatcher.round(orders)


def _afford(plan: Race, number: int, item_bytes: int, spent_usd: float, announce: Callable[[str], None]) -> None:
    """Say before the first round what all may cost, and before each whether it could pass the limit.

    UsageError if the first could, LoadTestError if a later one could.
    """
    limit_usd = plan.max_spend_usd
    if number == 1:
        require_affordable(plan, item_bytes)
        if plan.target.kind is TargetKind.AWS or limit_usd is not None:
            announce(f"estimate: {ahead(plan, item_bytes).said(plan.prices.source)}")
    elif limit_usd is not None and spent_usd + (round_usd := round_costs_usd(plan, item_bytes)) > limit_usd:
        raise LoadTestError(
            f"stopped at ${spent_usd:,.6f}: a further round may cost ${round_usd:,.6f}, which would pass --max-spend "
            f"(${limit_usd:,.6f} for this run)"
        )
