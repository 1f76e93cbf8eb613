"""Probing the target and showing what was found."""

from collections.abc import Sequence
from pathlib import Path

import anyio

from loadtest.cli.execute import interrupts, populate_first
from loadtest.cli.exit_codes import INTERRUPTED, SAFE, VIOLATED
from loadtest.cli.groups import RunTarget, require_writable
from loadtest.cli.streams import STDOUT, deliver, say
from loadtest.dynamodb.client import connect
from loadtest.errors import LoadTestError
from loadtest.records import json_file
from loadtest.render.probe import print_probe
from loadtest.render.progress import Progress, about
from loadtest.studies.probe.bill import bill
from loadtest.studies.probe.connections import BURSTS
from loadtest.studies.probe.run import Probed, Step, longest_s, probe
from loadtest.system.file_limits import connections_that_fit
from loadtest.system.signals import run_interruptible
from loadtest.targets import opened
from loadtest.workload.pricing import prices_in
from loadtest.workload.target import TargetKind

_DRAW_EVERY_S = 0.5


def run_probe(run_target: RunTarget, json: Path | None, *, quiet: bool, dry_run: bool) -> int:
    """Ask, print and write what was found, and return the exit code."""
    to_stdout = str(json) == STDOUT
    if json is not None and not to_stdout:
        require_writable(json)
    target = run_target.chosen()
    fits = connections_that_fit(max(BURSTS))
    bursts = sorted({min(size, fits) for size in BURSTS})
    if dry_run:
        return _dry_run(run_target, bursts)
    populate_first(run_target, quiet=quiet)

    def tell(sentence: str) -> None:
        if not quiet:
            say(sentence, err=True)

    if fits < max(BURSTS):
        tell(f"the limit of open files lets {fits:,} connections be open: no more are tried (ulimit -Hn shows it)")
    progress = Progress(quiet=quiet)

    def begin() -> None:
        if target.kind is TargetKind.AWS:
            asked = bill(bursts, prices_in(run_target.priced_region))
            tell(f"estimate: {asked.requests}, {asked.cost}")

    def asking(step: Step) -> None:
        if step.number == 1:
            progress.ahead(f"{step.of} questions", step.left_s, at_most=True)
        progress.say(f"question {step.number} of {step.of}: {step.question}", step.left_s, at_most=True)

    async def main() -> Probed:
        with interrupts() as interrupt, progress:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_tick, progress)
                ended = await probe(target, bursts, begin, asking, interrupt)
                tasks.cancel_scope.cancel()
        return ended

    ended = run_interruptible(main, use_uvloop=True)
    found = ended.probe
    print_probe(found, to_stdout=not to_stdout, quiet=quiet)
    if json is not None:
        deliver(json, json_file.encode(found))
    return _exit_code(ended)


async def _tick(progress: Progress) -> None:
    while True:
        await anyio.sleep(_DRAW_EVERY_S)
        progress.tick()


def _dry_run(run_target: RunTarget, bursts: Sequence[int]) -> int:
    """Say what would be asked, where, and what that would cost. Raises what the probe would raise before it asks."""
    from loadtest.cli.dry_run import OWN_SERVER, show, table_found

    target = run_target.chosen()

    async def look() -> str:
        async with opened(target, pool=1) as connection, connect(connection.patient()) as client:
            where, _ = await table_found(target, client, connection, made=run_target.populate_table)
            return where

    where = OWN_SERVER if target.kind is TargetKind.EMBEDDED else run_interruptible(look)
    asked = bill(bursts, prices_in(run_target.priced_region))
    where_asked = "" if target.kind is TargetKind.AWS else "on DynamoDB "
    return show(
        [
            ("target", f"{target.kind.value}: {where}"),
            ("products", "its own, probe#…, which are deleted at its end"),
            ("requests", asked.requests),
            ("time", f"at most {about(longest_s(bursts))}, longer only if the target is slow"),
            ("cost", f"{where_asked}at most {asked.cost}"),
        ]
    )


def _exit_code(ended: Probed) -> int:
    """How the probe ended. Raises the error that stopped it, unless a fault had been seen before."""
    if ended.signal is not None:
        return INTERRUPTED
    if ended.probe.fit is False:
        return VIOLATED
    if ended.error is not None:
        raise ended.error
    return SAFE if ended.probe.fit else LoadTestError.exit_code
