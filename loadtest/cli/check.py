"""`loadtest check`: the verdict of a stored history, made again from its events."""

from pathlib import Path
from typing import Annotated

import typer

from loadtest.cli import options


def check(
    history: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run folder, or its history.jsonl; one of a run that was cut will do."),
    ],
    debug: options.Debug = False,
) -> int:
    """Judge a stored history: every request and result of a run, whether or not it came to its end.

    Reads it line by line, however long it is. The exit code is that of the verdict.
    """
    from loadtest.checker import Checker, Status
    from loadtest.cli import INCONCLUSIVE, SAFE, VIOLATED
    from loadtest.history import read_history, replay
    from loadtest.render.terminal import print_verdict
    from loadtest.timeline import timelines

    path = history / "history.jsonl" if history.is_dir() else history
    checker = Checker()
    replay(path, checker)
    verdict = checker.verdict()
    # What is no file, such as a pipe, cannot be read a second time.
    again = verdict.status is Status.VIOLATED and path.is_file()
    print_verdict(verdict, timelines(verdict.violations, read_history(path)) if again else ())
    return {Status.SAFE: SAFE, Status.VIOLATED: VIOLATED, Status.INCONCLUSIVE: INCONCLUSIVE}[verdict.status]
