"""A comparison as text for a terminal."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.checker import Status
from loadtest.checker.verdict import plural
from loadtest.records.comparison import UNTESTED, Cell, Comparison, Estimate
from loadtest.render.console import a_console, fitting, heading, line, put

_SHOWN = (
    ("goodput_per_s", "goodput/s", 1),
    ("order_accepted_p50_ms", "p50 accepted, ms", 2),
    ("order_accepted_p99_ms", "p99 accepted, ms", 2),
    ("order_rejected_p50_ms", "p50 rejected, ms", 2),
    ("order_rejected_p99_ms", "p99 rejected, ms", 2),
    ("conflicts", "conflicts", 0),
    ("wasted_writes", "wasted writes", 0),
    ("usd_per_1000_accepted", "$ per 1,000", 5),
)
_DIFFERENCES_SHOWN = 20


def print_comparison(
    comparison: Comparison, folder: Path | None, crossed: Sequence[str], *, to_stdout: bool, quiet: bool
) -> None:
    """Print the cells, which differences are real, and how throughput scales; only what is crossed if `quiet`."""
    console = a_console(to_stdout=to_stdout)
    with console.capture() as drawn:
        if not quiet:
            _print(console, comparison, folder)
        for sentence in crossed:
            console.print(f"threshold of {sentence}", style="bold red")
        if not quiet:
            console.print()
        console.print(_verdicts(comparison))
    put(console, drawn.get())


def _print(console: Console, comparison: Comparison, folder: Path | None) -> None:
    seed = "" if comparison.seed is None else f", in an order shuffled with seed {comparison.seed}"
    cells = _measured(comparison)
    runs = sum(len(cell.runs) for cell in cells)
    console.print(f"{plural(len(cells), 'cell')}, {plural(runs, 'run')}{seed}; median and 95 % interval of the repeats")
    if not comparison.completed:
        console.print("stopped early, so this is a part", style="bold yellow")
    for columns in (_SHOWN[:3], _SHOWN[3:5], _SHOWN[5:]):
        shown = [one for one in columns if any(cell.metrics[one[0]].median is not None for cell in comparison.cells)]
        for table in _tables(console, comparison.cells, shown):
            console.print(table)
    real = [one for one in comparison.differences if one.real]
    console.print()
    console.print(comparison.test)
    for one in real[:_DIFFERENCES_SHOWN]:
        console.print(one.sentence)
    if (more := len(real) - _DIFFERENCES_SHOWN) > 0:
        console.print(f"and {more:,} more real differences, all in the comparison")
    if comparison.differences and not real:
        console.print(f"none of {len(comparison.differences):,} differences is real")
    for scaling in comparison.scaling:
        console.print(scaling.sentence)
    for warning in comparison.warnings:
        console.print(warning, style="yellow")
    if folder is not None:
        console.print(f"comparison and runs in {folder}")
        console.print(f"as a page: loadtest report {shlex.quote(str(folder))}")


def _tables(console: Console, cells: Sequence[Cell], columns: Sequence[tuple[str, str, int]]) -> Iterator[Table]:
    """One, or where there is no room several of fewer columns each."""
    while columns:
        shown = fitting(console, [_table(cells, columns[:count]) for count in range(len(columns), 0, -1)])
        yield shown
        columns = columns[len(shown.columns) - 1 :]


def _table(cells: Sequence[Cell], columns: Sequence[tuple[str, str, int]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(heading("cell"))
    for _, title, _ in columns:
        table.add_column(heading(title), justify="right", no_wrap=True)
    for cell in cells:
        table.add_row(cell.name, *(_figure(cell.metrics[name], digits) for name, _, digits in columns))
    return table


def _figure(estimate: Estimate, digits: int) -> str:
    if estimate.median is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.median:,.{digits}f}"
    return f"{estimate.median:,.{digits}f} ({estimate.low:,.{digits}f}–{estimate.high:,.{digits}f})"


def _measured(comparison: Comparison) -> list[Cell]:
    return [cell for cell in comparison.cells if not cell.baseline]


def _verdicts(comparison: Comparison) -> Text:
    counts: dict[str, int] = {}
    for cell in _measured(comparison):
        for status, count in cell.counts.items():
            counts[status] = counts.get(status, 0) + count
    said = ", ".join(f"{count:,} {status}" for status, count in sorted(counts.items()))
    good = set(counts) <= {Status.SAFE, UNTESTED}
    return line(f"{plural(sum(counts.values()), 'run')}: {said}", style="bold green" if good else "bold red")
