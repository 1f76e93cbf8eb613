"""What every command that runs something does with it: run, print, write, and say by the exit code how it ended."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
import typer

from loadtest import document
from loadtest.checker import Status
from loadtest.cli import INCONCLUSIVE, INTERRUPTED, SAFE, THRESHOLD_CROSSED, VIOLATED
from loadtest.cli.groups import Output, RunTarget
from loadtest.cli.reader import to_reader
from loadtest.errors import UsageError
from loadtest.experiment import Ended, run
from loadtest.open_files import connections_that_fit
from loadtest.plan import Load, Race
from loadtest.render.live import Live
from loadtest.render.terminal import print_report
from loadtest.report import Report
from loadtest.session import Interrupt, Watcher
from loadtest.signals import ending
from loadtest.targets import TargetKind
from loadtest.thresholds import Threshold


def execute(plan: Race | Load, run_target: RunTarget, output: Output) -> int:
    """Run it to its report and return the exit code."""
    thresholds = output.thresholds()
    prepare_table(run_target, quiet=output.quiet)
    with Live(plan, quiet=output.quiet) as live:
        ended = run_here(plan, output.runs_dir, live, thresholds, keep_history=output.history)
    print_report(ended.report, ended.folder, to_stdout=not output.json_to_stdout, quiet=output.quiet)
    if output.json_to_stdout:
        with to_reader() as file:
            file.write(document.encode(ended.report))
    elif output.json is not None:
        document.write(output.json, document.encode(ended.report))
    write_junit([ended.report], output.junit)
    return exit_code(ended)


def run_here(
    plan: Race | Load,
    runs_dir: Path,
    watcher: Watcher,
    thresholds: Sequence[Threshold] = (),
    *,
    keep_history: bool = True,
) -> Ended:
    """Run it on an event loop of its own."""

    async def main() -> Ended:
        with interrupts() as interrupt:
            return await run(plan, runs_dir, watcher, interrupt, thresholds, keep_history=keep_history)

    return anyio.run(main, backend_options={"use_uvloop": True})


def exit_code(ended: Ended) -> int:
    """How the run ended. Raises its error if that stopped it and no law was broken before."""
    if ended.signal:
        return INTERRUPTED
    if ended.report.verdict.status is Status.VIOLATED:
        if ended.error is not None:
            typer.echo(f"loadtest: {ended.error}", err=True)
        return VIOLATED
    if ended.error is not None:
        raise ended.error
    if ended.report.verdict.status is not Status.SAFE:
        return INCONCLUSIVE
    return SAFE if all(checked.holds for checked in ended.report.thresholds) else THRESHOLD_CROSSED


def write_junit(found: Sequence[Report], path: Path | None, *, gate: bool = True) -> None:
    """Write verdicts and thresholds for CI, if that is wanted. Only a `gate` wants something put to the test."""
    if path is not None:
        from loadtest.render.junit import junit

        document.write(path, junit(found, gate=gate))


def in_flight_that_fits(wanted: int, option: str, *, exactly: bool = False) -> int:
    """As many connections as the limit of open files allows; says so if they are fewer than wanted.

    If they must be `exactly` that many, as where levels are compared, UsageError.
    """
    fits = connections_that_fit(wanted)
    if fits < wanted and exactly:
        raise UsageError(
            f"the limit of open files lets {fits:,} of {wanted:,} requests be in flight at once; lower {option}, "
            "or raise the limit (ulimit -Hn shows it)"
        )
    if fits < wanted:
        typer.echo(
            f"loadtest: the limit of open files lets {fits:,} of {wanted:,} requests be in flight at once; "
            f"going on with {option} {fits} (ulimit -Hn shows the limit)",
            err=True,
        )
    return fits


def prepare_table(run_target: RunTarget, *, quiet: bool) -> None:
    """Write the sample first, if that is wanted and the target does not do so by itself."""
    target = run_target.chosen()
    if run_target.populate_table and target.kind is not TargetKind.EMBEDDED:
        from loadtest.cli.tables import fill

        fill(target, yes=run_target.yes, quiet=quiet)


@contextmanager
def interrupts() -> Iterator[Interrupt]:
    """Hear Ctrl-C and its like as long as the block lasts: also one that comes between two runs stops the next."""
    with anyio.open_signal_receiver(*ending()) as signals:

        async def interrupt() -> str:
            async for number in signals:
                return signal.Signals(number).name
            raise AssertionError("the signal receiver ended by itself")

        yield interrupt
