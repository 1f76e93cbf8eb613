"""What a search found, as text for a terminal."""

import shlex
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from loadtest.checker.verdict import plural
from loadtest.records.comparison import UNTESTED
from loadtest.records.search import Found
from loadtest.render.console import a_console, heading, put


def print_found(search: Found, folder: Path, *, to_stdout: bool, quiet: bool) -> None:
    """Print the levels and the answer; only the answer if `quiet`."""
    console = a_console(to_stdout=to_stdout)
    with console.capture() as drawn:
        if not quiet:
            _print_levels(console, search, folder)
        console.print(search.sentence, style="bold green" if search.holds_at is not None else "bold red")
    put(console, drawn.get())


def _print_levels(console: Console, search: Found, folder: Path) -> None:
    console.print(f"{plural(len(search.levels), 'level')}, {plural(len(search.order), 'run')}; medians of the runs")
    if not search.completed:
        console.print("stopped early, so this is a part", style="bold yellow")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in (search.of, "runs that held", "goodput/s", "p99 accepted, ms", "below the limit"):
        table.add_column(heading(title), justify="right", no_wrap=True)
    for level in search.levels:
        p99 = [value for value in level.p99_ms if value is not None]
        table.add_row(
            f"{level.level:,.6g}",
            level.share,
            f"{median(level.goodput_per_s):,.1f}",
            f"{median(p99):,.2f}" if p99 else "–",
            certainty(level.certainty),
        )
    console.print(table)
    console.print()
    for level in search.levels:
        if level.level == search.fails_at:
            console.print(f"{search.of} {level.level:,.6g}: {next(filter(None, level.crossed))}")
    if untested := sum(level.untested for level in search.levels):
        console.print(f"{untested:,} of {plural(len(search.order), 'run')} {UNTESTED}: no win was contested")
    console.print(f"search and runs in {folder}")
    console.print(f"as a page: loadtest report {shlex.quote(str(folder))}")


def certainty(share: float) -> str:
    """How likely it is, in percent, and never as what it cannot be: 0 or 100 %."""
    if share > 0.999:
        return "> 99.9 %"
    return f"{share * 100:.1f} %" if share >= 0.001 else "< 0.1 %"
