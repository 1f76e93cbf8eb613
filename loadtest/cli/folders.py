"""What the user names on the command line: a run, or the runs of one command, and where each lies."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from loadtest.cli.streams import say
from loadtest.errors import UsageError
from loadtest.records import comparison as comparisons
from loadtest.records.run_folder import FAULT_JOURNAL, HISTORY, PROXY_LOG, REPORT, SERVER_LOG

COMPARISON = "comparison.json"
SEARCH = "search.json"
RUNS = Path("runs")
LATEST = "latest"
_BEGINNING = 4096  # bytes
_PAGE = ".html"
_LEFT_BY_A_RUN = {HISTORY, SERVER_LOG, PROXY_LOG, FAULT_JOURNAL}  # of one that ended before its first order
_ID = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)-")  # how the id of a run and of a comparison begins


class Run(Struct, frozen=True):
    """One run under the user's name for it. `file` is its report, or its history where there is no report."""

    name: str
    file: Path

    @property
    def is_history(self) -> bool:
        """Whether there is no report, as the run was cut."""
        return self.file.suffix == ".jsonl"

    @property
    def history(self) -> Path:
        """Where its history is, if it kept one."""
        return self.file.with_name(HISTORY) if self.file.name == REPORT else self.file


class Group(Struct, frozen=True):
    """The runs of one command, or a folder of runs.

    `file` is that of the comparison or the search, None where there is none.
    """

    name: str
    folder: Path
    file: Path | None
    runs: list[Run]

    @property
    def is_search(self) -> bool:
        """Whether a `find` made it, and came to its end."""
        return self.file is not None and self.file.name == SEARCH


def is_id(name: str) -> bool:
    """Whether a folder has the name that the tool gave it: that of a run, or of the runs of one command."""
    return _ID.match(name) is not None


def named(paths: Sequence[Path]) -> list[Run | Group]:
    """What each path stands for, in their order. Raises UsageError for what holds no run.

    Of several paths, as `runs/*` gives them, those that a run or a report is known to leave are passed over, which is
    said.
    """
    found: list[Run | Group] = []
    for path in paths:
        try:
            if len(paths) > 1 and (why := _known_to_hold_none(path)):
                _leave_out(path, why)
            else:
                found += _named(path)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if not found:
        raise UsageError("there is no run in what was given")
    return found


def runs_of(found: Sequence[Run | Group]) -> list[Run]:
    """All runs in it, each once."""
    every = [run for one in found for run in (one.runs if isinstance(one, Group) else [one])]
    for one in found:
        if isinstance(one, Group) and not one.runs:
            raise UsageError(f"no run of {one.file} lies beside it")
    return list({run.file.resolve(): run for run in every}.values())


def entries(folder: Path) -> list[Run | Group]:
    """The runs and comparisons that lie in a folder, the oldest first."""
    return sorted(_within(folder), key=_when)


def _named(path: Path) -> list[Run | Group]:
    if path.name == LATEST and not path.exists():
        return [_latest(RUNS if path == Path(LATEST) else path.parent)]
    if not path.is_dir():
        return [_file(path)]
    if (one := _run_or_comparison(path)) is not None:
        return [one]
    found = list(_within(path))
    if not found:
        raise UsageError(f"there is no run in {path}")
    runs = [one for one in found if isinstance(one, Run)]
    return [Group(path.name, path, None, runs)] if len(runs) == len(found) else found


def _latest(folder: Path) -> Run | Group:
    found = entries(folder) if folder.is_dir() else []
    if not found:
        raise UsageError(f"there is no run in {folder}, so none is the latest")
    return found[-1]


def _file(path: Path) -> Run | Group:
    """A file by its name, or else by what it says."""
    if path.name in (COMPARISON, SEARCH):
        return _of_many(path)
    if path.name == REPORT or path.suffix == ".jsonl" or (path.exists() and not path.is_file()):
        return Run(path.parent.name if path.name in (REPORT, HISTORY) else path.stem, path)
    if not _says_comparison(path):  # what says nothing is read as a report, and refused as one
        return Run(path.stem, path)
    compared = {run for cell in comparisons.read(path).cells for run in cell.runs}
    runs = [run for run in _runs_within(path.parent) if run.name in compared]
    return Group(path.parent.name, path.parent, path, runs)


def _says_comparison(path: Path) -> bool:
    """By its beginning: what it is read as may have no use for a file of half a gigabyte."""
    try:
        with path.open("rb") as file:
            return comparisons.SCHEMA.encode() in file.read(_BEGINNING)
    except OSError:  # is said when it is read
        return False


def _of_many(file: Path) -> Group:
    return Group(file.parent.name, file.parent, file, _runs_within(file.parent))


def _run_or_comparison(folder: Path) -> Run | Group | None:
    """What a folder is by itself; None of a folder of runs, of a run cut before it began, and of any other."""
    for file in (folder / COMPARISON, folder / SEARCH):
        if file.exists():
            return _of_many(file)
    if (folder / REPORT).exists():
        return Run(folder.name, folder / REPORT)
    history = folder / HISTORY
    return Run(folder.name, history) if history.exists() and history.stat().st_size else None


def _within(folder: Path) -> Iterator[Run | Group]:
    """What lies in a folder of runs: those, and the folders of commands that made several."""
    for path in _folders_in(folder):
        one = _run_or_comparison(path)
        if one is not None:
            yield one
        elif runs := _runs_within(path):
            yield Group(path.name, path, None, runs)


def _runs_within(folder: Path) -> list[Run]:
    every = (_run_or_comparison(path) for path in _folders_in(folder))
    return [one for one in every if isinstance(one, Run)]


def _folders_in(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir())


def _known_to_hold_none(path: Path) -> str | None:
    """Why there is no run, of what a run that was cut or a report leaves; else None."""
    if path.is_file() and path.suffix == _PAGE:
        return "it is a page"
    if path.is_dir() and {one.name for one in path.iterdir()} <= _LEFT_BY_A_RUN and _run_or_comparison(path) is None:
        return "its run ended before the first order"
    return None


def _leave_out(path: Path, why: str) -> None:
    say(f"loadtest: left out: {path}: {why}", err=True)


def started(one: Run | Group) -> str:
    """When it was started, in ISO 8601, by its id; of a folder of another name when it was written."""
    day, _, time = _when(one)[0].partition("T")
    return f"{day}T{time.replace('-', ':')}"


def _when(one: Run | Group) -> tuple[str, float]:
    """The start as in ids, and when it was written, which tells those of one second apart."""
    folder = one.folder if isinstance(one, Group) else one.file.parent
    written_s = (one.file or folder if isinstance(one, Group) else one.file).stat().st_mtime
    if id_ := _ID.match(folder.name):
        return id_[1], written_s
    return f"{datetime.fromtimestamp(written_s, UTC):%Y-%m-%dT%H-%M-%SZ}", written_s
