"""`loadtest report`: stored runs as one page, or as pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli import groups, options
from loadtest.cli.streams import STDOUT, deliver, say
from loadtest.errors import UsageError
from loadtest.system.extras import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.records.comparison import Comparison
    from loadtest.records.report import Report
    from loadtest.records.search import Found


def report(
    runs: options.Runs,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write one HTML page that needs no network; - is standard output.",
            show_default="report.html in the run's folder, without --png and --svg",
        ),
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="DIR", help="Write the charts into this folder as PNG.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="DIR", help="Write the charts into this folder as SVG.")
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
) -> int:
    """Draw stored runs: verdict, orders by outcome, latency by outcome, over time, and the comparison of levels."""
    from loadtest.cli.stored import stored

    require("report", "report")
    if output is None and ((png is None and svg is None) or open_page):
        output = _beside(runs)
    if output is not None:
        groups.require_writable(output)
    found = stored(runs)
    if not found.runs and not found.searches and not any(comparison.cells for _, comparison, _ in found.comparisons):
        raise UsageError("nothing to draw: the comparison has no cell")
    shown = [one for _, one in found.runs]
    for _, comparison, members in found.comparisons:
        shown += _typical(comparison, members)
    for search, members in found.searches:
        shown += _at_the_limit(search, members)
    comparisons, searches = [comparison for _, comparison, _ in found.comparisons], [one for one, _ in found.searches]
    if output is not None:
        from loadtest.render.html.page import page

        deliver(output, page(shown, comparisons, searches).encode())
        if str(output) != STDOUT:
            say(f"wrote {output}", err=True)
    for folder, kind in ((png, "png"), (svg, "svg")):
        if folder is not None:
            _draw(folder, kind, shown, comparisons, searches)
    if open_page and output is not None:
        _open(output)
    return 0


def _beside(runs: "Sequence[Path]") -> Path:
    """Where the page of one run or comparison goes: into its folder, or beside a file of another name."""
    from loadtest.cli.folders import COMPARISON, SEARCH, Run, named
    from loadtest.records.run_folder import HISTORY, REPORT

    found = named(runs)
    if len(found) > 1:
        raise UsageError("a page of several runs lies in the folder of none of them: give -o report.html")
    (one,) = found
    file = one.file if isinstance(one, Run) else one.file or one.folder / COMPARISON
    if file.exists() and not file.is_file():
        raise UsageError(f"{file} is no file that a page can lie beside: give -o report.html")
    return (
        file.with_name("report.html")
        if file.name in (COMPARISON, HISTORY, REPORT, SEARCH)
        else file.with_suffix(".html")
    )


def _open(page: Path) -> None:
    """In the browser; where there is none the page is there all the same."""
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        say(f"loadtest: there is no browser here; open {page} in one", err=True)


def _typical(comparison: "Comparison", members: "Sequence[Report]") -> "list[Report]":
    """Of each cell the run in the middle of its repeats by goodput, as far as the runs are there."""
    found = []
    for cell in comparison.cells:
        runs = sorted((one for one in members if one.run_id in cell.runs), key=lambda one: one.goodput_per_s)
        if runs:
            found.append(runs[len(runs) // 2])
    return found


def _at_the_limit(search: "Found", members: "Sequence[Report]") -> "list[Report]":
    """Of the level that holds and of the one that fails the run in the middle by goodput; of a part, the last run."""
    levels = [one for one in search.levels if one.level in (search.holds_at, search.fails_at)]
    found = []
    for one in levels:
        runs = sorted((report for report in members if report.run_id in one.runs), key=lambda one: one.goodput_per_s)
        found += runs[len(runs) // 2 :][:1]
    return found or list(members[-1:])


def _draw(
    folder: Path,
    kind: str,
    shown: "Sequence[Report]",
    comparisons: "Sequence[Comparison]",
    searches: "Sequence[Found]",
) -> None:
    from loadtest.records import json_file
    from loadtest.render.html.pictures import pictures
    from loadtest.render.progress import Progress, paced

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error
    with Progress(quiet=False) as progress:
        tell = paced(progress, "pictures")
        drawn = pictures(shown, comparisons, "png" if kind == "png" else "svg", searches, tell)
    for name, picture in drawn.items():
        json_file.write(folder / name, picture)
    say(f"wrote {len(drawn)} pictures into {folder}", err=True)
