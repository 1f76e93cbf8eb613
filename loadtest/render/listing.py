"""A list of stored runs as text for a terminal."""

import shutil
from collections.abc import Sequence

from msgspec import Struct

from loadtest.checker import Status
from loadtest.render.console import a_console, line, put
from loadtest.render.terminal import STYLES

UNFINISHED = "unfinished"
UNREADABLE = "unreadable"
_HEADING = ("when (UTC)", "command", "verdict", "folder")
_BETWEEN = "  "


class Summary(Struct, frozen=True, omit_defaults=True):
    """A run, or the `runs` of one command that have a folder together. `when` is in ISO 8601.

    `verdict` is a status, the worst of several, `unfinished` or `unreadable`; `problem` says why it cannot be read.
    `typed` is the command line, None if that is not known.
    """

    when: str
    command: str
    verdict: str
    folder: str
    completed: bool
    runs: int
    typed: str | None = None
    problem: str | None = None


def print_listing(summaries: Sequence[Summary]) -> None:
    """A line for each, which is broken before the folder where the window is too narrow for it."""
    if not summaries:
        return
    console = a_console(to_stdout=True)
    rows = [_HEADING, *(_row(summary) for summary in summaries)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    folders = max(len(row[3]) for row in rows)
    narrow = console.is_terminal and sum(widths) + 3 * len(_BETWEEN) + folders > shutil.get_terminal_size().columns
    with console.capture() as drawn:
        for row, summary in zip(rows, [None, *summaries], strict=True):
            when, command, verdict = (cell.ljust(width) for cell, width in zip(row, widths, strict=False))
            folder = f"{_BETWEEN}{row[3]}"
            begin = _BETWEEN.join((when, command, ""))
            console.print(line(begin, line(verdict, style=_style(summary)), "" if narrow else folder))
            if narrow:
                console.print(folder)
            if summary is not None and summary.problem:
                console.print(f"{_BETWEEN}{summary.problem}")
    put(console, drawn.get())


def _row(summary: Summary) -> tuple[str, str, str, str]:
    when = summary.when[:19].replace("T", " ")
    command = f"{summary.command}, {summary.runs:,} runs" if summary.runs > 1 else summary.command
    part = "" if summary.completed or summary.verdict in (UNFINISHED, UNREADABLE) else ", stopped early"
    return when, command, summary.verdict + part, summary.folder


def _style(summary: Summary | None) -> str:
    return STYLES.get(Status(summary.verdict), "") if summary is not None and summary.verdict in set(Status) else ""
