"""What every command that runs something does with it: run, print, write, and say by the exit code how it ended."""

import gc
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio
from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.cli.consent import foreign_products
from loadtest.cli.exit_codes import INCONCLUSIVE, INTERRUPTED, SAFE, THRESHOLD_CROSSED, VIOLATED
from loadtest.cli.groups import Output, RunTarget
from loadtest.cli.invoked import invocation
from loadtest.cli.keeping import Keeping
from loadtest.cli.streams import deliver, say
from loadtest.engine.stop import Interrupt
from loadtest.engine.watchdog import Watcher
from loadtest.errors import LoadTestError, UsageError
from loadtest.measure.thresholds import Threshold
from loadtest.records import json_file
from loadtest.records.comparison import Comparison
from loadtest.records.report import Report
from loadtest.render.live import Live
from loadtest.render.terminal import print_report
from loadtest.run import Ended, run
from loadtest.system.file_limits import connections_that_fit
from loadtest.system.signals import ending, leave_at_second, leave_at_second_interrupt, run_interruptible
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import TargetKind


def execute(plan: Race | Load, run_target: RunTarget, output: Output) -> int:
    """Run it to its report and return the exit code."""
    thresholds = output.thresholds()
    if output.dry_run:
        from loadtest.cli.dry_run import Runs, dry_run

        return dry_run([Runs(plan)], run_target, plan.max_spend_usd)
    keeping = prepare_table(run_target, plan, quiet=output.quiet)
    with Live(plan, quiet=output.quiet) as live:
        ended = run_here(plan, output.runs_dir, live, thresholds, keeping, keep_history=output.history)
    print_report(
        ended.report, ended.folder, to_stdout=not output.document_to_stdout, quiet=output.quiet, verbose=output.verbose
    )
    write_documents(output, ended.report, [ended.report])
    return exit_code(ended)


def run_here(
    plan: Race | Load,
    runs_dir: Path,
    watcher: Watcher,
    thresholds: Sequence[Threshold],
    keeping: Keeping,
    *,
    keep_history: bool = True,
) -> Ended:
    """Run it on an event loop of its own, and put back what the tool did not make."""

    async def main() -> Ended:
        with interrupts() as interrupt:
            asked = invocation(plan.seed)
            async with keeping.around(watcher.hide) as kept:
                return await run(
                    plan,
                    runs_dir,
                    watcher,
                    interrupt,
                    thresholds,
                    keep_history=keep_history,
                    invocation=asked,
                    kept=kept,
                    undisturbed=undisturbed,
                )

    error = None
    try:
        ended = run_interruptible(main, use_uvloop=True)
    finally:
        error = keeping.tell()
    return replace(ended, error=ended.error or error)


def exit_code(ended: Ended) -> int:
    """How the run ended. Raises its error if that stopped it and no invariant was broken before."""
    if ended.signal:
        return INTERRUPTED
    if ended.report.verdict.status is Status.VIOLATED:
        if ended.error is not None:
            say(f"loadtest: {ended.error}", err=True)
        return VIOLATED
    if ended.error is not None:
        raise ended.error
    if ended.report.verdict.status is not Status.SAFE:
        return INCONCLUSIVE
    return SAFE if all(checked.holds for checked in ended.report.thresholds) else THRESHOLD_CROSSED


def write_documents(output: Output, made: Report | Comparison, runs: Sequence[Report]) -> None:
    """Write what `--json` and `--junit` ask for, of the one whether or not the other can be written.

    Raises LoadTestError for each that cannot. Of a single run, the JUnit file wants something put to the test.
    """
    failed = []
    if output.json is not None:
        failed += _undelivered(output.json, json_file.encode(made))
    if output.junit is not None:
        from loadtest.render.junit import junit

        failed += _undelivered(output.junit, junit(runs, gate=isinstance(made, Report)))
    if failed:
        raise LoadTestError("; ".join(failed))


def _undelivered(path: Path, content: bytes) -> list[str]:
    """Why a file could not be written, if so."""
    try:
        deliver(path, content)
    except LoadTestError as error:
        return [str(error)]
    return []


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
        say(
            f"loadtest: the limit of open files lets {fits:,} of {wanted:,} requests be in flight at once; "
            f"going on with {option} {fits} (ulimit -Hn shows the limit)",
            err=True,
        )
    return fits


def populate_first(run_target: RunTarget, *, quiet: bool) -> None:
    """Write the sample, if that is wanted and the target does not do so by itself, over nothing of anybody else's."""
    target = run_target.chosen()
    if run_target.populate_table and target.kind is not TargetKind.EMBEDDED:
        from loadtest.cli.tables import fill

        fill(target, yes=run_target.yes, quiet=quiet, spare_foreign=True)


def prepare_table(run_target: RunTarget, plan: Race | Load, *, quiet: bool) -> Keeping:
    """Write the sample first, if that is wanted, and ask before what the tool did not make is changed.

    What is returned puts that back afterwards.
    """
    populate_first(run_target, quiet=quiet)
    return Keeping(plan.target, foreign_products(plan, yes=run_target.yes), quiet=quiet)


@contextmanager
def undisturbed() -> Iterator[None]:
    """While the block lasts the collector leaves alone what is loaded: to look at it all takes up to 0.1 s."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def interrupts() -> Iterator[Interrupt]:
    """Hear Ctrl-C and its like as long as the block lasts: also one that comes between two runs stops the next."""
    with anyio.open_signal_receiver(*ending()) as signals:
        leave_at_second(*ending())

        async def interrupt() -> str:
            async for number in signals:
                return signal.Signals(number).name
            raise AssertionError("the signal receiver ended by itself")

        yield interrupt
    leave_at_second_interrupt()  # the loop has put Python's own back
