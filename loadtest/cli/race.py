"""`loadtest race`: many orders for one product at the same moment."""

import math
from typing import Annotated, Any

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.cli.panels import Panel
from loadtest.errors import UsageError
from loadtest.workload.arrivals import parse_number

_LEAST_SHARE = 1e-6


@grouped
def race(
    *,
    number_of_requests: Annotated[
        int,
        typer.Option(
            "--number-of-requests",
            "-n",
            min=1,
            max=1_000_000,
            metavar="N",
            help="Orders placed in each round.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = 100,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="N",
            help="How often the race is run; with --exclude at most.",
            show_default="1; with --exclude no limit",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None,
    strategy: options.StrategyOption = options.DEFAULT_STRATEGY,
    stock: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Quantity of the product, set before each round.", rich_help_panel=Panel.MAIN
        ),
    ] = 1,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            "-c",
            min=1,
            metavar="N",
            help="Most requests in flight at once.",
            show_default="all orders",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None,
    exclude: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="Run rounds until a higher rate of double wins is excluded with 95 % certainty: 1% or 0.01.",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="With --exclude: begin no round later than so long after the first.",
            show_default="60s, without --rounds",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None,
    product: options.ProductId = "p#4",
    gate: Annotated[
        bool,
        typer.Option(
            "--gate/--no-gate", help="Hold every write until all orders have read.", rich_help_panel=Panel.ORDERS
        ),
    ] = True,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    pricing: groups.Pricing,
    output: groups.Output,
    max_spend: options.MaxSpend = None,
) -> int:
    """Place many orders for one product at the same moment and show who won.

    Each order is a coroutine that reads the product, waits at the gate until all have read, then writes.
    """
    from loadtest.cli.execute import execute, in_flight_that_fits
    from loadtest.workload.spec import Race

    plan = Race(
        number_of_requests=number_of_requests,
        stock=stock,
        units=orders.units,
        product=product,
        **_until(rounds, exclude, within),
        strategy=strategy,
        attempts=orders.attempts,
        backoff=orders.backoff,
        consistent_reads=orders.consistent_reads,
        spread=orders.spread(),
        concurrency=in_flight_that_fits(min(concurrency or number_of_requests, number_of_requests), "--concurrency"),
        gate=gate,
        max_spend_usd=max_spend,
        prices=pricing.prices(run_target.priced_region),
        seed=orders.chosen_seed(),
        target=run_target.chosen(),
        faults=run_target.fault,
    )
    return execute(plan, run_target, output)


def _until(rounds: int | None, exclude: str | None, within: str | None) -> dict[str, Any]:
    """The fields of a Race that say how many rounds it has. Raises UsageError if the options contradict one another."""
    if exclude is None:
        if within is not None:
            raise UsageError("--within goes with --exclude; --rounds says how often a race is run")
        return {"rounds": 1 if rounds is None else rounds}
    if within is None and rounds is None:
        within = "60s"
    within_s = None if within is None else groups.seconds("--within", within)
    return {"rounds": rounds, "exclude": _share(exclude), "within_s": within_s}


def _share(text: str) -> float:
    """A share that is written as 1%, 1 % or 0.01."""
    number, percent, rest = text.partition("%")
    try:
        share = parse_number(number) / (100 if percent else 1)
    except ValueError:
        share = math.nan
    if rest.strip() or not _LEAST_SHARE <= share < 1:
        raise UsageError(f"--exclude {text!r} is no share above 0 and below 1, such as 1% or 0.01")
    return share
