"""`loadtest export`: stored runs in the formats of other tools."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.checker.verdict import plural
from loadtest.cli.jepsen import export_history
from loadtest.cli.options import Runs
from loadtest.cli.streams import STDOUT, deliver, say
from loadtest.errors import UsageError
from loadtest.system.extras import require

if TYPE_CHECKING:
    from loadtest.cli.folders import Run
    from loadtest.records.report import Report

_FROM_ENVIRONMENT = "env"


def export(
    runs: Runs,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="DIR", help="Write runs.csv, per_second.csv and latency.csv into this folder."),
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
    markdown: Annotated[
        Path | None,
        typer.Option(
            "--markdown",
            metavar="FILE",
            help="Write a summary for a pull request or a job's page; - is standard output.",
        ),
    ] = None,
    edn: Annotated[
        Path | None,
        typer.Option("--edn", metavar="FILE", help="Write the history of one run as Jepsen's; - is standard output."),
    ] = None,
) -> int:
    """Give stored runs to other tools: spreadsheets, HdrHistogram, Prometheus, OpenTelemetry, pull requests, Jepsen's.

    Files of these names are replaced, whole or not at all.
    """
    from loadtest.cli.folders import named, runs_of

    of_reports = any(given is not None for given in (csv, hlog, prometheus, otlp, markdown))
    if not of_reports and edn is None:
        raise UsageError("nothing to export to: give --csv, --hlog, --prometheus, --otlp, --markdown or --edn")
    stored = runs_of(named(runs))
    read = [*(run.file for run in stored if of_reports), *(run.history for run in stored if edn is not None)]
    outputs = {"--hlog": hlog, "--prometheus": prometheus, "--markdown": markdown, "--edn": edn}
    _require_apart(outputs, read)
    if edn is not None and len(stored) > 1:
        raise UsageError("--edn takes one run: the clocks of several do not fit together")
    push = _pusher(otlp)
    reports = _reports(stored) if of_reports else []
    _write(_contents(reports, csv, hlog, prometheus, markdown))
    if edn is not None:
        export_history(stored[0].history, edn)
    if push is not None:
        push(reports)
        say(f"sent the metrics of {plural(len(reports), 'run')}", err=True)
    return 0


def _pusher(otlp: str | None) -> "Callable[[Sequence[Report]], None] | None":
    """What sends metrics there; None if they are not to be sent. Raises UsageError for what is no collector's URL."""
    if otlp is None:
        return None
    require("--otlp", "otel")
    from loadtest.render.export.opentelemetry import metrics_url, push

    endpoint = None if otlp == _FROM_ENVIRONMENT else otlp
    metrics_url(endpoint)
    return partial(push, endpoint=endpoint)


def _reports(stored: "Sequence[Run]") -> "list[Report]":
    from loadtest.cli.reading import reading, reports_of

    with reading(stored) as progress:
        return [report for _, report in reports_of(stored, progress)]


def _require_apart(outputs: Mapping[str, Path | None], inputs: Sequence[Path]) -> None:
    written: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        if (other := written.setdefault(path.resolve(), option)) != option:
            raise UsageError(f"{other} and {option} cannot both write {path}")
        if any(path.resolve() == source.resolve() for source in inputs):
            raise UsageError(f"cannot write {path}: it is one of the files to export")


def _contents(
    reports: "Sequence[Report]",
    csv: Path | None,
    hlog: Path | None,
    prometheus: Path | None,
    markdown: Path | None,
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
            say(
                f"loadtest: {older:,} of {len(reports):,} runs are not in {prometheus}: a newer one has the same "
                "command, strategy, target, concurrency and rate",
                err=True,
            )
        contents.append((prometheus, exposition(reports)))
    if markdown is not None:
        from loadtest.render.export.markdown import markdown as summary

        contents.append((markdown, summary(reports)))
    if csv is not None:
        _make_folder(csv)
    return contents


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from error


def _write(contents: Sequence[tuple[Path, str]]) -> None:
    for path, content in contents:
        deliver(path, content.encode())
        if str(path) != STDOUT:
            say(f"wrote {path}", err=True)
