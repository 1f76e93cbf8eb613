"""`loadtest race`: many orders for one product at the same moment."""

from typing import Annotated

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped


@grouped
def race(
    orders: groups.Orders,
    run_target: groups.RunTarget,
    pricing: groups.Pricing,
    output: groups.Output,
    number_of_requests: Annotated[
        int, typer.Option("--number-of-requests", "-n", min=1, max=1_000_000, help="Orders placed in each round.")
    ] = 100,
    stock: Annotated[int, typer.Option(min=0, help="Quantity of the product, set before each round.")] = 1,
    product: options.ProductId = "p#4",
    rounds: Annotated[int, typer.Option(min=1, max=1_000_000, help="How often the race is run.")] = 1,
    strategy: options.StrategyOption = options.StrategyName.VERSION,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Most requests in flight at once.", show_default="all orders"),
    ] = None,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Hold every write until all orders have read.")] = True,
) -> int:
    """Place many orders for one product at the same moment and show who won.

    Each order is a coroutine that reads the product, waits at the gate until all have read, then writes.
    """
    from loadtest.cli.execute import execute, in_flight_that_fits
    from loadtest.plan import Race

    plan = Race(
        number_of_requests=number_of_requests,
        stock=stock,
        units=orders.units,
        product=product,
        rounds=rounds,
        strategy=strategy.value,
        attempts=orders.attempts,
        backoff=orders.backoff,
        consistent_reads=orders.consistent_reads,
        spread=orders.spread(),
        concurrency=in_flight_that_fits(min(concurrency or number_of_requests, number_of_requests), "--concurrency"),
        gate=gate,
        prices=pricing.prices(),
        seed=orders.chosen_seed(),
        target=run_target.chosen(),
    )
    return execute(plan, run_target, output)
