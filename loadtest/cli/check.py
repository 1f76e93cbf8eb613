"""`loadtest check`: the verdict of a stored history, made again from its events."""

from pathlib import Path
from typing import Annotated

import typer

from loadtest.cli import INCONCLUSIVE, SAFE, VIOLATED, options


def check(
    history: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run folder, or its history.jsonl; one of a run that was cut will do."),
    ],
    debug: options.Debug = False,
) -> int:
    """Judge a stored history: every request and result of a run, whether or not it came to its end.

    Reads it line by line, however long it is, and says how it is a part if it is one. Of the folder of a comparison it
    judges every run. The exit code is that of the worst verdict.
    """
    from loadtest.cli.folders import HISTORY, runs_in

    members = [member for member in runs_in(history) if (member / HISTORY).exists()]
    statuses = set()
    for member in members or [history]:
        if members:
            typer.echo(f"{member.name}:")
        statuses.add(_judge(member / HISTORY if member.is_dir() else member))
    return next(code for code in (VIOLATED, INCONCLUSIVE, SAFE) if code in statuses)


def _judge(path: Path) -> int:
    from loadtest.checker import Status
    from loadtest.extent import Extent, follow
    from loadtest.history import read_header, read_history
    from loadtest.judging import checker
    from loadtest.render.progress import Progress, Reading
    from loadtest.render.terminal import print_verdict
    from loadtest.timeline import timelines

    header = read_header(path)
    judging = checker(header.conditions)
    with Progress(quiet=False) as progress:
        part = follow(path, Extent(header), judging, Reading(path, progress))
    verdict = judging.verdict()
    # What is no file, such as a pipe, cannot be read a second time.
    again = verdict.status is Status.VIOLATED and path.is_file()
    print_verdict(verdict, part, timelines(verdict.violations, read_history(path)) if again else ())
    return {Status.SAFE: SAFE, Status.VIOLATED: VIOLATED, Status.INCONCLUSIVE: INCONCLUSIVE}[verdict.status]
