"""`loadtest report`: stored runs as one page, or as pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli import groups, options
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loadtest.comparison import Comparison
    from loadtest.found import Found
    from loadtest.report import Report


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, comparison folders or their files.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write one HTML page that needs no network.")
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="DIR", help="Write the charts into this folder as PNG.")
    ] = None,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="DIR", help="Write the charts into this folder as SVG.")
    ] = None,
    debug: options.Debug = False,
) -> int:
    """Draw stored runs: verdict, orders by outcome, latency by outcome, over time, and the comparison of levels."""
    from loadtest import document
    from loadtest.cli.stored import stored

    if output is None and png is None and svg is None:
        raise UsageError("nothing to write: give -o report.html, --png DIR or --svg DIR")
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
        from loadtest.render.page.html import page

        document.write(output, page(shown, comparisons, searches).encode())
        typer.echo(f"wrote {output}", err=True)
    for folder, kind in ((png, "png"), (svg, "svg")):
        if folder is not None:
            _draw(folder, kind, shown, comparisons, searches)
    return 0


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
    from loadtest import document
    from loadtest.render.page.pictures import pictures
    from loadtest.render.progress import Progress, paced

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error
    with Progress(quiet=False) as progress:
        tell = paced(progress, "pictures")
        drawn = pictures(shown, comparisons, "png" if kind == "png" else "svg", searches, tell)
    for name, picture in drawn.items():
        document.write(folder / name, picture)
    typer.echo(f"wrote {len(drawn)} pictures into {folder}", err=True)
