"""`loadtest compare`: levels and strategies side by side, measured now or stored."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.cli.hints import typed_options
from loadtest.cli.matrix import REPEATS, ROUNDS, Matrix, Workload
from loadtest.cli.panels import Panel, panel_of
from loadtest.errors import UsageError
from loadtest.system.extras import require

if TYPE_CHECKING:
    from loadtest.workload.spec import Load, Race

_NOT_OF_A_RUN = (Panel.OUTPUT, Panel.GENERAL)
_MAIN_BUT_NOT_OF_A_RUN = ("baseline", "threshold", "json")


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
    return run_matrix(cells, matrix.repeats or REPEATS, orders.chosen_seed(), before, run_target, output, max_spend)


def _require_none_of_a_run(context: typer.Context) -> None:
    """UsageError for options that say how something is run, as nothing is."""
    for option in typed_options(context):
        if panel_of(option) not in _NOT_OF_A_RUN and option.name not in _MAIN_BUT_NOT_OF_A_RUN:
            raise UsageError(f"{option.opts[0]} does not go with stored runs, which are compared as they are")


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
        rounds=matrix.rounds or ROUNDS,
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
