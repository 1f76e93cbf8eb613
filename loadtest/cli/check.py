"""`loadtest check`: the verdict of a stored history, made again from its events."""

from pathlib import Path

from loadtest.cli import options
from loadtest.cli.exit_codes import INCONCLUSIVE, SAFE, VIOLATED
from loadtest.cli.streams import say


def check(
    runs: options.Runs,
) -> int:
    """Judge stored histories: every request and result of a run, whether or not it came to its end.

    Reads each line by line, however long it is, and says how it is a part if it is one. The exit code is that of the
    worst verdict.
    """
    from loadtest.cli.folders import named, runs_of

    every = runs_of(named(runs))
    kept = [run for run in every if run.history.exists()]
    if len(every) == 1 or not kept:
        return _judge(every[0].history)
    for run in every:
        if run not in kept:
            say(f"loadtest: left out: {run.file}: its history was not kept", err=True)
    statuses = set()
    for run in kept:
        say(f"{run.name}:")
        statuses.add(_judge(run.history))
    return next(code for code in (VIOLATED, INCONCLUSIVE, SAFE) if code in statuses)


def _judge(path: Path) -> int:
    from loadtest.checker import Status
    from loadtest.records.completeness import Completeness, follow
    from loadtest.records.history import read_header, read_history
    from loadtest.records.judging import checker
    from loadtest.records.timeline import timelines
    from loadtest.render.progress import Progress, Reading
    from loadtest.render.terminal import print_verdict

    header = read_header(path)
    judging = checker(header.conditions)
    with Progress(quiet=False) as progress:
        part = follow(path, Completeness(header), judging, Reading(path, progress))
    verdict = judging.verdict()
    # What is no file, such as a pipe, cannot be read a second time.
    again = verdict.status is Status.VIOLATED and path.is_file()
    print_verdict(verdict, part, timelines(verdict.violations, read_history(path)) if again else ())
    return {Status.SAFE: SAFE, Status.VIOLATED: VIOLATED, Status.INCONCLUSIVE: INCONCLUSIVE}[verdict.status]
