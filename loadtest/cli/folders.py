"""What a folder on disk is: that of a run, whole or cut, or of many runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.report import Report

COMPARISON = "comparison.json"
SEARCH = "search.json"
REPORT = "report.json"
HISTORY = "history.jsonl"


def file_of(path: Path) -> Path:
    """The file that a run is read from: of a folder its report, or, where there is none, its history."""
    if not path.is_dir():
        return path
    return path / (HISTORY if (path / HISTORY).exists() and not (path / REPORT).exists() else REPORT)


def run_of(file: Path) -> "Report":
    """The report that a file is, or that is made again from a history, which is then said."""
    if file.suffix != ".jsonl":
        from loadtest import report

        return report.read(file)
    from loadtest.rebuild import rebuild

    made = rebuild(file)
    how = "" if made.completed else f"it is a part, {made.stopped_by}; "
    typer.echo(f"loadtest: the report is made from {file}: {how}what the tool itself cost is not in it", err=True)
    return made


def runs_in(folder: Path) -> list[Path]:
    """The run folders in a folder that is none itself: of a `compare` or `find`; not those cut before they began."""
    if not folder.is_dir() or any((folder / name).exists() for name in (REPORT, HISTORY)):
        return []
    try:
        return sorted(one for one in folder.iterdir() if _has_begun(one))
    except OSError as error:
        raise UsageError(f"cannot read {folder}: {error.strerror}") from error


def _has_begun(folder: Path) -> bool:
    history = folder / HISTORY
    return (folder / REPORT).exists() or (history.exists() and history.stat().st_size > 0)
