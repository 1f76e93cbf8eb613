"""`loadtest find`: the highest concurrency or rate that still holds a threshold."""

from enum import StrEnum
from typing import Annotated

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.errors import UsageError

_SEARCH = "Search"


class Of(StrEnum):
    """What is raised."""

    CONCURRENCY = "concurrency"
    RATE = "rate"


@grouped
def find(
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    pricing: groups.Pricing,
    output: groups.Output,
    p99_under: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="What must hold: 99 of 100 accepted orders take less, from due to end. --threshold adds more.",
            rich_help_panel=_SEARCH,
        ),
    ] = None,
    of: Annotated[
        Of, typer.Option(help="What is raised: buyers in a closed loop, or orders a second.", rich_help_panel=_SEARCH)
    ] = Of.CONCURRENCY,
    lowest: Annotated[
        float | None,
        typer.Option("--from", help="Where to begin.", show_default="1; a rate 10", rich_help_panel=_SEARCH),
    ] = None,
    highest: Annotated[
        float | None,
        typer.Option(
            "--to", help="Where to stop at the latest.", show_default="1,000; a rate 10,000", rich_help_panel=_SEARCH
        ),
    ] = None,
    precision: Annotated[
        float, typer.Option(min=0.001, max=1, help="How exact, as a share of the level.", rich_help_panel=_SEARCH)
    ] = 0.05,
    strategy: options.StrategyOption = options.StrategyName.VERSION,
    max_spend: options.MaxSpend = None,
    duration: Annotated[str, typer.Option(help="How long each level is measured.", rich_help_panel=_SEARCH)] = "5s",
    warmup: Annotated[str, typer.Option(help="Before each measuring.", rich_help_panel=_SEARCH)] = "1s",
) -> int:
    """Find the highest concurrency or rate at which the thresholds still hold.

    Doubles the level until one of them is crossed, then halves the gap; the level found has held in most of three
    runs. A rate also has to be reached: an order dropped, or one in a hundred not begun in its time, is a crossing.
    """
    from loadtest.cli.finding import Search, run_search
    from loadtest.cli.load import arrivals, load_plan, seconds
    from loadtest.plan import Load

    texts = [*([f"p99(order.accepted) < {p99_under}"] if p99_under is not None else []), *(output.threshold or ())]
    if not texts:
        raise UsageError("nothing to hold: give --p99-under 50ms, or --threshold")
    rate = of is Of.RATE
    first = (10.0 if rate else 1.0) if lowest is None else lowest
    last = (10_000.0 if rate else 1_000.0) if highest is None else highest
    if not 0 < first <= last <= 1_000_000 or (not rate and not (first.is_integer() and last.is_integer())):
        raise UsageError(f"no {of.value} lies from --from {first:g} to --to {last:g}")

    def plan(level: float) -> Load:
        closed, opened = (None, level) if rate else (int(level), None)
        return load_plan(
            contention,
            orders,
            run_target,
            pricing,
            **arrivals(duration, closed, opened, None, None, poisson=False, exactly=True),
            warm_up_s=seconds("--warmup", warmup),
            strategy=strategy.value,
        )

    plan(last)  # a usage error must come before the first run
    return run_search(Search(of.value, plan, first, last, precision, texts, max_spend), run_target, output)
