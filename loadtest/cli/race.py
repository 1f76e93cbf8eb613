"""`loadtest race`: many orders for one product at the same moment."""

import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli import INCONCLUSIVE, INTERRUPTED, SAFE, VIOLATED, options
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.experiment import Race


class StrategyName(StrEnum):
    """The strategies by name."""

    VERSION = "version"
    CONDITIONAL = "conditional"
    TRANSACTION = "transaction"
    UNCONDITIONAL = "unconditional"


def race(
    number_of_requests: Annotated[
        int, typer.Option("--number-of-requests", "-n", min=1, max=1_000_000, help="Orders placed in each round.")
    ] = 100,
    stock: Annotated[int, typer.Option(min=0, help="Quantity of the product, set before each round.")] = 1,
    units: Annotated[int, typer.Option(min=1, help="Units that each order takes.")] = 1,
    product: Annotated[str, typer.Option(help="Id of the product that is bought.")] = "p#4",
    rounds: Annotated[int, typer.Option(min=1, max=1_000_000, help="How often the race is run.")] = 1,
    strategy: Annotated[
        StrategyName, typer.Option(help="How an order becomes requests; unconditional is the one that oversells.")
    ] = StrategyName.VERSION,
    attempts: Annotated[
        int, typer.Option(min=1, max=1000, help="Attempts of an order at most; after a conflict it reads again.")
    ] = 1,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Most requests in flight at once.", show_default="all orders"),
    ] = None,
    gate: Annotated[bool, typer.Option("--gate/--no-gate", help="Hold every write until all orders have read.")] = True,
    populate_table: Annotated[
        bool, typer.Option("--populate-table", help="First write the sample, making the table if it is missing.")
    ] = False,
    target: options.TargetOption = None,
    endpoint_url: options.EndpointUrl = None,
    region: options.Region = None,
    profile: options.Profile = None,
    table: options.TableName = "products",
    connect_timeout: options.ConnectTimeout = 10.0,
    read_timeout: options.ReadTimeout = 30.0,
    sdk_retries: options.SdkRetries = 0,
    client: options.ClientOption = None,
    allow_untagged_table: options.AllowUntagged = False,
    yes: options.Yes = False,
    json: options.Json = None,
    runs_dir: options.RunsDir = Path("runs"),
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Place many orders for one product at the same moment and show who won.

    Each order is a coroutine that reads the product, waits at the gate until all have read, then writes.
    """
    from loadtest.experiment import Race, connections_that_fit
    from loadtest.targets import TargetKind

    if not product:
        raise UsageError("--product must not be empty")
    chosen = options.target(
        target,
        endpoint_url,
        region,
        profile,
        table,
        connect_timeout,
        read_timeout,
        sdk_retries,
        client,
        allow_untagged_table,
    )
    wanted = min(concurrency or number_of_requests, number_of_requests)
    fits = connections_that_fit(wanted)
    if fits < wanted:
        typer.echo(
            f"loadtest: the limit of open files lets {fits:,} of {wanted:,} requests be in flight at once; "
            f"going on with --concurrency {fits} (ulimit -Hn shows the limit)",
            err=True,
        )
    config = Race(
        number_of_requests=number_of_requests,
        stock=stock,
        units=units,
        product=product,
        rounds=rounds,
        strategy=strategy.value,
        attempts=attempts,
        concurrency=fits,
        gate=gate,
        target=chosen,
    )
    if populate_table and chosen.kind is not TargetKind.EMBEDDED:
        from loadtest.cli.tables import fill

        fill(chosen, yes=yes, quiet=quiet)
    return _execute(config, runs_dir, json, quiet=quiet)


def _execute(race: "Race", runs_dir: Path, json: Path | None, *, quiet: bool) -> int:
    """Run, print, and say by the exit code how it ended."""
    import anyio

    from loadtest import report as reports
    from loadtest.checker import Status
    from loadtest.experiment import run_race
    from loadtest.render.terminal import Progress, print_report

    json_to_stdout = json is not None and str(json) == "-"
    if json is not None and not json_to_stdout:
        _require_writable(json)
    with Progress(race.number_of_requests * race.rounds, quiet=quiet) as progress:
        ended = anyio.run(run_race, race, runs_dir, progress.show, _interrupt, backend_options={"use_uvloop": True})
    print_report(ended.report, ended.folder, to_stdout=not json_to_stdout, quiet=quiet)
    if json_to_stdout:
        sys.stdout.buffer.write(reports.encode(ended.report))
    elif json is not None:
        reports.write(ended.report, json)
    if ended.signal:
        return INTERRUPTED
    if ended.report.verdict.status is Status.VIOLATED:
        return VIOLATED
    if ended.error is not None:
        raise ended.error
    return SAFE if ended.report.verdict.status is Status.SAFE else INCONCLUSIVE


def _require_writable(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder")
    if not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise UsageError(f"cannot write {path}: the folder {path.parent} is missing or not writable")


async def _interrupt() -> str:
    """Wait for Ctrl-C or SIGTERM and return the signal's name."""
    import anyio

    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            return signal.Signals(number).name
    raise AssertionError("the signal receiver ended by itself")
