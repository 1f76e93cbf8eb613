"""`loadtest export`: stored runs in the formats of other tools."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli.options import Debug
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.report import Report

_STDOUT = "-"
_FROM_ENVIRONMENT = "env"


def export(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders, or their report.json.")],
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="DIR", help="Write runs.csv, seconds.csv and latency.csv into this folder."),
    ] = None,
    hlog: Annotated[
        Path | None,
        typer.Option(
            "--hlog", metavar="FILE", help="Write the histograms as an HdrHistogram log; - is standard output."
        ),
    ] = None,
    prometheus: Annotated[
        Path | None,
        typer.Option("--prometheus", metavar="FILE", help="Write Prometheus' text format; - is standard output."),
    ] = None,
    otlp: Annotated[
        str | None,
        typer.Option(
            "--otlp",
            metavar="URL",
            help="Send OpenTelemetry metrics to a collector; env takes its URL from OTEL_EXPORTER_OTLP_ENDPOINT.",
        ),
    ] = None,
    debug: Debug = False,
) -> int:
    """Give stored runs to other tools: spreadsheets, HdrHistogram's, Prometheus, OpenTelemetry.

    Files of these names are replaced, whole or not at all.
    """
    if csv is None and hlog is None and prometheus is None and otlp is None:
        raise UsageError("nothing to export to: give --csv, --hlog, --prometheus or --otlp")
    paths = list(dict.fromkeys(run / "report.json" if run.is_dir() else run for run in runs))
    files = [path for path in (hlog, prometheus) if path is not None]
    _require_apart(files, paths)
    endpoint = None if otlp == _FROM_ENVIRONMENT else otlp
    if otlp is not None:
        from loadtest.render.export.opentelemetry import metrics_url, push

        metrics_url(endpoint)

    from loadtest import document, report

    reports = [report.read(path) for path in paths]
    for path, content in _contents(reports, csv, hlog, prometheus):
        if str(path) == _STDOUT:
            _print(content)
        else:
            document.write(path, content.encode())
            typer.echo(f"wrote {path}", err=True)
    if otlp is not None:
        push(reports, endpoint)
        typer.echo(f"sent the metrics of {len(reports):,} {'run' if len(reports) == 1 else 'runs'}", err=True)
    return 0


def _require_apart(files: Sequence[Path], reports: Sequence[Path]) -> None:
    if len(files) == 2 and files[0].resolve() == files[1].resolve():
        raise UsageError(f"--hlog and --prometheus cannot both write {files[0]}")
    for path in files:
        if any(path.resolve() == report.resolve() for report in reports):
            raise UsageError(f"cannot write {path}: it is one of the reports")


def _contents(
    reports: "Sequence[Report]", csv: Path | None, hlog: Path | None, prometheus: Path | None
) -> list[tuple[Path, str]]:
    """What to write where; all of it is made before anything is written."""
    contents: list[tuple[Path, str]] = []
    if csv is not None:
        from loadtest.render.export.tables import csv_tables

        contents += [(csv / name, text) for name, text in csv_tables(reports).items()]
    if hlog is not None:
        from loadtest.render.export.hlog import hlog as log

        contents.append((hlog, log(reports)))
    if prometheus is not None:
        from loadtest.render.export.prometheus import newest
        from loadtest.render.export.prometheus import prometheus as exposition

        if older := len(reports) - len(newest(reports)):
            typer.echo(
                f"loadtest: {older:,} of {len(reports):,} runs are not in {prometheus}: a newer one has the same "
                "command, strategy, target, concurrency and rate",
                err=True,
            )
        contents.append((prometheus, exposition(reports)))
    if csv is not None:
        _make_folder(csv)
    return contents


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error


def _print(content: str) -> None:
    try:
        sys.stdout.buffer.write(content.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
