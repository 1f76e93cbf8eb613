"""What is said of a stored run in a list of them, read from no more of it than that takes."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from loadtest.checker import Status
from loadtest.cli.folders import Group, Run, started
from loadtest.errors import UsageError
from loadtest.records import comparison, json_file
from loadtest.records.comparison import UNTESTED
from loadtest.records.history import read_header
from loadtest.records.invocation import Invocation
from loadtest.records.report import LARGEST, SCHEMA
from loadtest.render.listing import UNFINISHED, UNREADABLE, Summary

_WORST_FIRST = (Status.VIOLATED, Status.INCONCLUSIVE, UNFINISHED, Status.SAFE, UNTESTED)


class _Verdict(Struct, frozen=True):
    status: Status
    untested: bool = False


class _Head(Struct, frozen=True):
    """As much of a report as a list of runs says; the rest is passed over."""

    schema: str
    command: str
    started_at: str
    completed: bool
    verdict: _Verdict | None = None  # of a history
    invocation: Invocation | None = None

    @property
    def status(self) -> str:
        """The verdict, or that there is none yet."""
        return UNFINISHED if self.verdict is None else self.verdict.status

    @property
    def as_one_of_many(self) -> str:
        """The same, where runs that put nothing to the test do not count."""
        return UNTESTED if self.verdict is not None and self.verdict.untested else self.status


def summary(one: Run | Group) -> Summary:
    """Of a run, or of the runs of one command. What cannot be read is `unreadable`, and `problem` says why."""
    folder = str(one.folder if isinstance(one, Group) else one.file.parent)
    try:
        if isinstance(one, Group):
            if one.file is None or one.is_search:
                return _of_series(one.runs, folder)
            return _of_comparison(one.file, folder)
        head = _head(one)
        return Summary(head.started_at, head.command, head.status, folder, head.completed, 1, _typed(head.invocation))
    except (UsageError, OverflowError) as error:
        return Summary(started(one), "", UNREADABLE, folder, completed=False, runs=0, problem=str(error))


def _of_comparison(file: Path, folder: str) -> Summary:
    found = comparison.read(file)
    cells = [cell for cell in found.cells if not cell.baseline]
    return Summary(
        found.started_at,
        "compare",
        _worst({status for cell in cells for status in cell.counts}),
        folder,
        found.completed,
        sum(len(cell.runs) for cell in cells),
        _typed(found.invocation),
    )


def _of_series(runs: Sequence[Run], folder: str) -> Summary:
    """Of runs without a file on all of them: those of a find, or of a compare that was cut."""
    heads = [_head(run) for run in runs]
    first = heads[0]
    command = str(first.invocation.scenario.get("command")) if first.invocation else first.command
    return Summary(
        min(head.started_at for head in heads),
        command,
        _worst({head.as_one_of_many for head in heads}),
        folder,
        all(head.completed for head in heads) and command != "compare",
        len(heads),
        _typed(first.invocation),
    )


def _worst(statuses: set[str]) -> str:
    return next((str(each) for each in _WORST_FIRST if each in statuses), UNFINISHED)


def _typed(invocation: Invocation | None) -> str | None:
    return invocation.typed if invocation else None


def _head(run: Run) -> _Head:
    if run.is_history:
        header = read_header(run.file)
        if (conditions := header.conditions) is None:  # another program's, or an earlier version's
            return _Head(SCHEMA, "", header.began_at.isoformat(timespec="seconds"), completed=False)
        return _Head(
            SCHEMA, conditions.command, conditions.started_at, completed=False, invocation=conditions.invocation
        )
    return json_file.read(run.file, _Head, SCHEMA, LARGEST)
