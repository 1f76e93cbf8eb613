"""`loadtest load`: orders over time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.cli.panels import Panel
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.workload.spec import Load

_BUYERS = 10
_STOCK = 1_000_000
_FASTEST_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class Arrivals:
    """When orders arrive."""

    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            "-r",
            metavar="RATE",
            help="Open loop: orders a second, whether or not earlier ones have ended: 100, 100/s or 6000/m.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration",
            "-d",
            metavar="TIME",
            help="How long orders arrive: 30s, 500ms, 1m30s, or seconds.",
            rich_help_panel=Panel.MAIN,
            show_default="10s",
        ),
    ] = None
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency",
            "-c",
            min=1,
            max=1_000_000,
            metavar="N",
            help="Closed loop: that many buyers, each ordering again when the last order has ended.",
            show_default=f"{_BUYERS}, without --rate and --stages",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    warmup: Annotated[
        str,
        typer.Option(metavar="TIME", help="Order for so long before the measuring begins.", rich_help_panel=Panel.MAIN),
    ] = "0s"
    stages: Annotated[
        str | None,
        typer.Option(
            metavar="TIME:RATE,…",
            help="Open loop: from 0, in each stage's time evenly to its rate: 10s:100,30s:500,10s:0.",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None
    poisson: Annotated[
        bool,
        typer.Option(
            "--poisson",
            help="Let orders come at random, as a Poisson process, instead of evenly.",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = False
    max_in_flight: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="N",
            help="Open loop: most orders under way; one that is due beyond it is dropped, not delayed.",
            show_default="two seconds of the highest rate, 1,000 to 10,000",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None


@grouped
def load(
    *,
    arriving: Arrivals,
    strategy: options.StrategyOption = options.DEFAULT_STRATEGY,
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    max_spend: options.MaxSpend = None,
    pricing: groups.Pricing,
    output: groups.Output,
) -> int:
    """Place orders over time and show what they cost: goodput, latency by outcome, wasted writes, second by second.

    Response time counts from the moment an order was due, so that a slow server is not spared the orders it delayed.
    """
    from loadtest.cli.execute import execute

    plan = load_plan(
        contention,
        orders,
        run_target,
        pricing,
        **arrivals(arriving),
        strategy=strategy,
        max_spend_usd=max_spend,
    )
    return execute(plan, run_target, output)


def load_plan(
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    pricing: groups.Pricing,
    **fields: Any,
) -> "Load":
    """The load that these options and `fields` describe."""
    from loadtest.workload.spec import Load

    return Load(
        products=contention.products,
        skew=contention.skew,
        product=contention.product,
        stock=_STOCK if contention.stock is None else contention.stock,
        restock=contention.restock,
        units=orders.units,
        attempts=orders.attempts,
        backoff=orders.backoff,
        consistent_reads=orders.consistent_reads,
        spread=orders.spread(),
        prices=pricing.prices(run_target.priced_region),
        seed=orders.chosen_seed(),
        target=run_target.chosen(),
        faults=run_target.fault,
        **fields,
    )


def rate(option: str, text: str) -> float:
    """The orders a second that an option gives. Raises UsageError if it gives none, or too many."""
    from loadtest.workload.arrivals import parse_rate

    try:
        per_s = parse_rate(text)
    except UsageError as error:
        raise UsageError(f"{option} {error}") from error
    if not 0 < per_s <= _FASTEST_PER_S:
        raise UsageError(f"{option} must be above 0 and at most {_FASTEST_PER_S:,} orders a second")
    return per_s


def arrivals(arriving: Arrivals, *, exactly: bool = False) -> dict[str, Any]:
    """The fields of a Load that say when orders arrive. Raises UsageError if the options contradict one another.

    With `exactly`, also if the limit of open files does not let as many orders be in flight.
    """
    from loadtest.cli.execute import in_flight_that_fits

    ways = (("--concurrency", arriving.concurrency), ("--rate", arriving.rate), ("--stages", arriving.stages))
    given = [name for name, value in ways if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} contradict one another: orders arrive in one way")
    if arriving.stages is not None and arriving.duration is not None:
        raise UsageError("--duration does not go with --stages, which say how long they take")
    warm_up_s = groups.seconds("--warmup", arriving.warmup)
    duration_s = groups.seconds("--duration", "10s" if arriving.duration is None else arriving.duration)
    if not duration_s:
        raise UsageError("--duration must be longer than 0")
    if arriving.rate is not None or arriving.stages is not None:
        return {"warm_up_s": warm_up_s, **_open_loop(arriving, duration_s)}
    if arriving.poisson or arriving.max_in_flight is not None:
        raise UsageError("--poisson and --max-in-flight go with --rate or --stages")
    buyers = _BUYERS if arriving.concurrency is None else arriving.concurrency
    fits = in_flight_that_fits(buyers, "--concurrency", exactly=exactly)
    return {"warm_up_s": warm_up_s, "duration_s": duration_s, "concurrency": fits}


def _open_loop(arriving: Arrivals, duration_s: float) -> dict[str, Any]:
    from loadtest.cli.execute import in_flight_that_fits
    from loadtest.workload.arrivals import Rate, parse_stages
    from loadtest.workload.spec import in_flight_for

    if arriving.rate is not None:
        highest_per_s = rate("--rate", arriving.rate)
        fields: dict[str, Any] = {"duration_s": duration_s, "rate_per_s": highest_per_s}
    else:
        steps = parse_stages(arriving.stages or "")
        schedule = Rate(steps)
        if schedule.highest_per_s > _FASTEST_PER_S:
            raise UsageError(f"--stages must stay at or below {_FASTEST_PER_S:,} orders a second")
        fields = {"duration_s": schedule.duration_s, "stages": steps}
        highest_per_s = schedule.highest_per_s
    fits = in_flight_that_fits(arriving.max_in_flight or in_flight_for(highest_per_s), "--max-in-flight")
    return {**fields, "poisson": arriving.poisson, "concurrency": fits}
