"""`loadtest compare`: levels and strategies side by side, measured now or stored."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.cli.hints import typed_options
from loadtest.cli.panels import Panel, panel_of
from loadtest.errors import UsageError
from loadtest.system.extras import require

if TYPE_CHECKING:
    from loadtest.workload.spec import Load, Race

_NOT_OF_A_RUN = (Panel.OUTPUT, Panel.GENERAL)
_MAIN_BUT_NOT_OF_A_RUN = ("baseline", "threshold", "json")
_ROUNDS = 10
_REPEATS = 5


class Workload(StrEnum):
    """What each cell of the matrix runs."""

    LOAD = "load"
    RACE = "race"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The cells, and what is run in each."""

    concurrency: Annotated[
        str | None,
        typer.Option(
            "--concurrency",
            "-c",
            metavar="N,…",
            help="Levels: buyers in a closed loop, or orders of a race.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            "-r",
            metavar="RATE,…",
            help="Levels of an open loop: orders a second, as 100,200 or 100/s,6000/m.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,…",
            help="Strategies to compare.",
            show_default=options.DEFAULT_STRATEGY,
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration",
            "-d",
            metavar="TIME",
            help="Load: how long each run measures.",
            show_default="5s",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="N",
            help="How often each cell is run.",
            show_default=str(_REPEATS),
            rich_help_panel=Panel.MAIN,
        ),
    ] = None
    workload: Annotated[
        Workload,
        typer.Option(help="What a cell runs: load over time, or races.", rich_help_panel=Panel.ORDERS),
    ] = Workload.LOAD
    warmup: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Load: before each run's measuring.",
            show_default="1s",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None
    number_of_requests: Annotated[
        int | None,
        typer.Option(
            "--number-of-requests",
            "-n",
            min=1,
            max=1_000_000,
            metavar="N",
            help="Race: orders of a round.",
            show_default="the level",
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="N",
            help="Race: rounds of each run.",
            show_default=str(_ROUNDS),
            rich_help_panel=Panel.ORDERS,
        ),
    ] = None

    def cells(self) -> list[dict[str, Any]]:
        """The settings of each cell. Raises UsageError if there is none."""
        return [{"strategy": name, **level} for name in self._strategies() for level in self._levels()]

    def _strategies(self) -> list[str]:
        names = options.DEFAULT_STRATEGY if self.strategy is None else self.strategy
        return [options.strategy(name.strip()) for name in names.split(",")]

    def _levels(self) -> list[dict[str, Any]]:
        from loadtest.workload.arrivals import parse_rate

        if self.concurrency is not None and self.rate is not None:
            raise UsageError("--concurrency and --rate contradict one another: orders arrive in one way")
        if self.rate is not None:
            return [{"rate": level} for level in _numbers("--rate", self.rate, parse_rate)]
        if self.concurrency is None:
            raise UsageError("nothing to compare: give --concurrency 1,10,100, or --rate 100,200, or stored runs")
        return [{"concurrency": level} for level in _numbers("--concurrency", self.concurrency, int)]


@grouped
def compare(
    *,
    context: typer.Context,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN]...", help=f"Nothing is run, these are compared. {options.WHAT_RUNS_ARE}"),
    ] = None,
    matrix: Matrix,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="Compare with these stored runs or comparisons instead of cell with cell; what the matrix does not "
            "say (level, strategy, duration) is as theirs. Repeatable.",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None,
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    max_spend: options.MaxSpend = None,
    pricing: groups.Pricing,
    output: groups.Output,
) -> int:
    """Run a matrix of levels and strategies, interleaved and repeated, and say which differences are real.

    With stored runs as arguments nothing is run. Differences are tested, with a correction for the number of tests:
    docs/explanation/statistics.md says how.
    """
    require("compare", "compare")
    from loadtest.cli.baseline import Baseline, baseline_of, completed
    from loadtest.cli.comparing import compare_stored, run_matrix
    from loadtest.cli.stored import stored
    from loadtest.studies.sweep import Setting

    before = baseline_of(stored(baseline, quiet=output.quiet)) if baseline else Baseline()
    if runs:
        _require_none_of_a_run(context)
        return compare_stored(runs, before, output)
    matrix = completed(matrix, before)
    make = _race if matrix.workload is Workload.RACE else _load
    cells = [
        Setting(settings, make(settings, matrix, contention, orders, run_target, pricing))
        for settings in matrix.cells()
    ]
    return run_matrix(cells, matrix.repeats or _REPEATS, orders.chosen_seed(), before, run_target, output, max_spend)


def _require_none_of_a_run(context: typer.Context) -> None:
    """UsageError for options that say how something is run, as nothing is."""
    for option in typed_options(context):
        if panel_of(option) not in _NOT_OF_A_RUN and option.name not in _MAIN_BUT_NOT_OF_A_RUN:
            raise UsageError(f"{option.opts[0]} does not go with stored runs, which are compared as they are")


def _numbers(option: str, text: str, read: Callable[[str], float]) -> list[float]:
    try:
        found = [read(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} {text!r} is no list like 1,10,100") from None
    except UsageError as error:
        raise UsageError(f"{option} {error}") from error
    if not all(0 < level <= 1_000_000 for level in found):
        raise UsageError(f"{option} {text!r}: each must be above 0 and at most 1,000,000")
    return found


def _race(
    settings: dict[str, Any],
    matrix: Matrix,
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    pricing: groups.Pricing,
) -> "Race":
    from loadtest.cli.execute import in_flight_that_fits
    from loadtest.workload.spec import Race

    if "rate" in settings:
        raise UsageError("--rate goes with --workload load: the orders of a race come all at once")
    if contention.products > 1 or contention.restock:
        raise UsageError("--products and --restock go with --workload load")
    if matrix.duration is not None or matrix.warmup is not None:
        raise UsageError("--duration and --warmup go with --workload load: a race is over when its orders are")
    placed = matrix.number_of_requests or settings["concurrency"]
    return Race(
        number_of_requests=placed,
        stock=1 if contention.stock is None else contention.stock,
        product=contention.product,
        rounds=matrix.rounds or _ROUNDS,
        strategy=settings["strategy"],
        units=orders.units,
        attempts=orders.attempts,
        backoff=orders.backoff,
        consistent_reads=orders.consistent_reads,
        spread=orders.spread(),
        concurrency=in_flight_that_fits(min(settings["concurrency"], placed), "--concurrency", exactly=True),
        prices=pricing.prices(run_target.priced_region),
        target=run_target.chosen(),
        faults=run_target.fault,
    )


def _load(
    settings: dict[str, Any],
    matrix: Matrix,
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    pricing: groups.Pricing,
) -> "Load":
    from loadtest.cli.load import Arrivals, arrivals, load_plan

    if matrix.number_of_requests is not None or matrix.rounds is not None:
        raise UsageError("--number-of-requests and --rounds go with --workload race; a load has a --duration (-d)")
    arriving = Arrivals(
        duration="5s" if matrix.duration is None else matrix.duration,
        warmup="1s" if matrix.warmup is None else matrix.warmup,
        concurrency=settings.get("concurrency"),
        rate=None if "rate" not in settings else str(settings["rate"]),
    )
    fields = arrivals(arriving, exactly=True)
    return load_plan(contention, orders, run_target, pricing, **fields, strategy=settings["strategy"])
