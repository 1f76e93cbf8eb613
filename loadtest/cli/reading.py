"""The reports of runs that the user names."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loadtest.cli.folders import Run
from loadtest.cli.streams import say
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.records.invocation import Invocation
    from loadtest.records.report import Report
    from loadtest.render.progress import ReadingRuns


def plan_of(run: Run) -> dict[str, Any]:
    """How a run was configured; nothing is in it if its history does not say so."""
    if not run.is_history:
        from loadtest.records import report

        return report.read(run.file).config
    from loadtest.records.history import read_header

    conditions = read_header(run.file).conditions
    return conditions.plan if conditions else {}


def invocation_of(run: Run) -> "Invocation | None":
    """The command line that made a run, if it is known."""
    if not run.is_history:
        from loadtest.records import report

        return report.read(run.file).invocation
    from loadtest.records.history import read_header

    conditions = read_header(run.file).conditions
    return conditions.invocation if conditions else None


@contextmanager
def reading(runs: Sequence[Run], *, quiet: bool = False) -> "Iterator[ReadingRuns]":
    """Around the reading of all these, which tells how far it is if it takes long."""
    from loadtest.render.progress import Progress, ReadingRuns

    with Progress(quiet=quiet) as progress:
        yield ReadingRuns([run.file for run in runs], progress)


def report_of(run: Run, reading: "ReadingRuns") -> "Report":
    """A run's report, or one that is made again from its history, which is then said."""
    heard = reading.next(run.file)
    if not run.is_history:
        from loadtest.records import report

        return report.read(run.file)
    from loadtest.rebuild import rebuild

    made = rebuild(run.file, heard)
    how = "" if made.completed else f"it is a part, {made.stopped_by}; "
    reading.hide()
    say(f"loadtest: the report is made from {run.file}: {how}what the tool itself cost is not in it", err=True)
    return made


def reports_of(runs: Sequence[Run], reading: "ReadingRuns", *, alone: bool = True) -> "list[tuple[Run, Report]]":
    """Each run with its report.

    One that was cut may have a history of which none can be made: it is left out, which is said, unless nothing else
    is left and there is nothing beside these runs (`alone`).
    """
    found: list[tuple[Run, Report]] = []
    refused: UsageError | None = None
    for run in runs:
        try:
            found.append((run, report_of(run, reading)))
        except UsageError as error:
            if not run.is_history or (alone and len(runs) == 1):
                raise
            refused = error
            reading.hide()
            say(f"loadtest: left out: {error}", err=True)
    if refused is not None and alone and not found:
        raise UsageError("there is nothing left of what was given")
    return found
