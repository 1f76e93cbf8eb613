"""`loadtest compare`: levels and strategies side by side, measured now or stored."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.plan import Load, Race

_MATRIX = "Matrix"
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
            metavar="N,…", help="Levels: buyers in a closed loop, or orders of a race.", rich_help_panel=_MATRIX
        ),
    ] = None
    rate: Annotated[
        str | None,
        typer.Option(metavar="R,…", help="Levels of an open loop: orders a second.", rich_help_panel=_MATRIX),
    ] = None
    strategy: Annotated[
        str | None,
        typer.Option(metavar="NAME,…", help="Strategies to compare.", show_default="version", rich_help_panel=_MATRIX),
    ] = None
    repeats: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="How often each cell is run.", show_default=str(_REPEATS), rich_help_panel=_MATRIX
        ),
    ] = None
    workload: Annotated[
        Workload, typer.Option(help="What a cell runs: load over time, or races.", rich_help_panel=_MATRIX)
    ] = Workload.LOAD
    duration: Annotated[
        str | None,
        typer.Option(help="Load: how long each run measures.", show_default="5s", rich_help_panel=_MATRIX),
    ] = None
    warmup: Annotated[
        str | None,
        typer.Option(help="Load: before each run's measuring.", show_default="1s", rich_help_panel=_MATRIX),
    ] = None
    number_of_requests: Annotated[
        int | None,
        typer.Option(
            "--number-of-requests",
            "-n",
            min=1,
            max=1_000_000,
            help="Race: orders of a round.",
            show_default="the level",
            rich_help_panel=_MATRIX,
        ),
    ] = None
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            help="Race: rounds of each run.",
            show_default=str(_ROUNDS),
            rich_help_panel=_MATRIX,
        ),
    ] = None

    @property
    def given(self) -> bool:
        """Whether any of it was."""
        own = (self.concurrency, self.rate, self.strategy, self.repeats, self.duration, self.warmup)
        return any(option is not None for option in (*own, self.number_of_requests, self.rounds))

    def cells(self) -> list[dict[str, Any]]:
        """The settings of each cell. Raises UsageError if there is none."""
        return [{"strategy": name, **level} for name in self._strategies() for level in self._levels()]

    def _strategies(self) -> list[str]:
        known = [one.value for one in options.StrategyName]
        names = [name.strip() for name in ("version" if self.strategy is None else self.strategy).split(",")]
        for name in names:
            if name not in known:
                raise UsageError(f"--strategy {name!r} is none of {', '.join(known)}")
        return names

    def _levels(self) -> list[dict[str, Any]]:
        if self.concurrency is not None and self.rate is not None:
            raise UsageError("--concurrency and --rate contradict one another: orders arrive in one way")
        if self.rate is not None:
            return [{"rate": level} for level in _numbers("--rate", self.rate, float)]
        if self.concurrency is None:
            raise UsageError("nothing to compare: give --concurrency 1,10,100, or --rate 100,200, or stored runs")
        return [{"concurrency": level} for level in _numbers("--concurrency", self.concurrency, int)]


@grouped
def compare(
    matrix: Matrix,
    contention: groups.Contention,
    orders: groups.Orders,
    run_target: groups.RunTarget,
    pricing: groups.Pricing,
    output: groups.Output,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN]...", help="Stored runs or comparisons: nothing is run, these are compared."),
    ] = None,
    max_spend: options.MaxSpend = None,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="Compare with these stored runs or comparisons instead of cell with cell; what the matrix does not "
            "say (level, strategy, duration) is as theirs. Repeatable.",
        ),
    ] = None,
) -> int:
    """Run a matrix of levels and strategies, interleaved and repeated, and say which differences are real.

    With stored runs as arguments nothing is run. Differences are tested, with a correction for the number of tests:
    docs/comparing.md says how.
    """
    from loadtest.cli.baseline import Baseline, baseline_of, completed
    from loadtest.cli.comparing import compare_stored, run_matrix
    from loadtest.cli.stored import stored
    from loadtest.sweep import Setting

    before = baseline_of(stored(baseline)) if baseline else Baseline()
    if runs:
        if matrix.given:
            raise UsageError("stored runs are compared as they are: the options of the matrix do not go with them")
        return compare_stored(runs, before, output)
    matrix = completed(matrix, before)
    make = _race if matrix.workload is Workload.RACE else _load
    cells = [
        Setting(settings, make(settings, matrix, contention, orders, run_target, pricing))
        for settings in matrix.cells()
    ]
    return run_matrix(cells, matrix.repeats or _REPEATS, orders.chosen_seed(), before, run_target, output, max_spend)


def _numbers(option: str, text: str, kind: type[int] | type[float]) -> list[int] | list[float]:
    try:
        found = [kind(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option} {text!r} is no list like 1,10,100") from None
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
    from loadtest.plan import Race

    if "rate" in settings:
        raise UsageError("--rate goes with --workload load: the orders of a race come all at once")
    if contention.products > 1 or contention.restock:
        raise UsageError("--products and --restock go with --workload load")
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
        prices=pricing.prices(),
        target=run_target.chosen(),
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

    arriving = Arrivals(
        duration="5s" if matrix.duration is None else matrix.duration,
        warmup="1s" if matrix.warmup is None else matrix.warmup,
        concurrency=settings.get("concurrency"),
        rate=settings.get("rate"),
    )
    fields = arrivals(arriving, exactly=True)
    return load_plan(contention, orders, run_target, pricing, **fields, strategy=settings["strategy"])
