"""A race: rounds of orders for one product, all at once."""

import time
from itertools import count

from loadtest.order import Order, RoundStarted
from loadtest.plan import Race
from loadtest.scene import Scene
from loadtest.until import Until


async def race(plan: Race, scene: Scene, until: Until) -> None:
    """Round after round until it is over: set the stock, place all orders at once, read what is left."""
    for number in count(1):
        if until.over:
            break
        stocked = await scene.own.set_stock(number, plan.product, plan.stock)
        await scene.placer.ready()
        prefix = f"{scene.prefix}-{number}"
        orders = [
            Order(f"{prefix}-{n}", plan.product, plan.units, number) for n in range(1, plan.number_of_requests + 1)
        ]
        now_ns = time.perf_counter_ns()
        scene.emit(RoundStarted(number, stocked.product, len(orders), now_ns, stocked.item_bytes, prefix, plan.units))
        async with scene.round(number, [plan.product]):
            await scene.placer.round(orders)
