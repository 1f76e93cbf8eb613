"""One run, from the preparation of the target to the report."""

import gc
import resource
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct

from loadtest import report as reports
from loadtest.checker import Checker
from loadtest.dynamo import setup
from loadtest.dynamo.client import ClientKind, Connection, DynamoDBClient, connect, fill, stamps
from loadtest.dynamo.table import Table, calls_by_client
from loadtest.effort import Effort
from loadtest.errors import InterruptedRunError, LoadTestError, TargetError, UsageError
from loadtest.history import HistoryWriter
from loadtest.order import Event, Order, Product, RoundEnded, RoundStarted
from loadtest.recorder import Recorder
from loadtest.runner import Rules, Runner
from loadtest.strategies import load
from loadtest.summary import environment, summarize
from loadtest.targets import Target, TargetKind, opened

TICK_S = 0.25
FINAL_READ_WITHIN_S = 10.0
_SPARE_FILES = 64


class Race(Struct, frozen=True, kw_only=True):
    """What `loadtest race` is asked to do; `concurrency` is the most operations in flight at once."""

    number_of_requests: int = 100
    stock: int = 1
    units: int = 1
    product: str = "p#4"
    rounds: int = 1
    strategy: str = "version"
    attempts: int = 1
    concurrency: int = 100
    gate: bool = True
    target: Target = Target()


class Ended(Struct, frozen=True):
    """A run that has ended: its report, its folder, the signal or the error that stopped it early."""

    report: reports.Report
    folder: Path
    signal: str | None = None
    error: LoadTestError | None = None


Watch = Callable[[Recorder], None]
Interrupt = Callable[[], Awaitable[str]]


async def run_race(race: Race, runs_dir: Path, watch: Watch, interrupt: Interrupt) -> Ended:
    """Run the race and store report and history in a new folder below `runs_dir`.

    `watch` is called four times a second, after the history is flushed: what is shown is on disk.
    `interrupt` returns, with the signal's name, when the run shall stop. Raises LoadTestError if it ends
    before an order is placed; a run that stops later has a report all the same, marked as not completed.
    """
    started_at = datetime.now(UTC)
    run_id = f"{started_at:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(5)}"
    folder = _make_folder(runs_dir, run_id)
    with HistoryWriter(folder / "history.jsonl", run_id) as history:
        run = _Run(race, run_id, history, watch)
        await run.execute(folder / "server.log", interrupt)
    error = run.error
    if run.recorder.placed == 0:
        _discard(folder)
        raise error or InterruptedRunError(f"stopped by {run.signal} before the first order was placed")
    report = summarize(
        run.recorder,
        run.checker.verdict(),
        run.effort,
        run_id=run_id,
        started_at=started_at,
        stopped_by=run.signal or (str(error) if error else None),
        config=msgspec.to_builtins(race),
        environment=environment(race.target.kind, run.endpoint_url),
    )
    try:
        reports.write(report, folder / "report.json")
    except LoadTestError as refused:
        error = error or refused
    return Ended(report, folder, run.signal, error)


def _make_folder(runs_dir: Path, run_id: str) -> Path:
    folder = runs_dir / run_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot make the run folder {folder}: {error.strerror}; give another --runs-dir") from error
    return folder


def _discard(folder: Path) -> None:
    """Remove the folder of a run that measured nothing; a server's log with something in it stays."""
    (folder / "history.jsonl").unlink(missing_ok=True)
    log = folder / "server.log"
    if log.exists() and log.stat().st_size == 0:
        log.unlink()
    with suppress(OSError):
        folder.rmdir()


class _Run:
    """A race under way: runs its rounds and feeds recorder, checker and history with the same events."""

    def __init__(self, race: Race, run_id: str, history: HistoryWriter, watch: Watch) -> None:
        self.race = race
        self.recorder = Recorder()
        self.checker = Checker()
        self.signal: str | None = None
        self.error: LoadTestError | None = None
        self.endpoint_url = ""
        self.effort = Effort(race.target.client, stamps(race.target.client))
        self._run_id = run_id
        self._history = history
        self._watch = watch
        self._scope = anyio.CancelScope()

    async def execute(self, log: Path, interrupt: Interrupt) -> None:
        """Run to the end, or until a signal or an error stops it, which is then in `signal` or `error`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._wait_for, interrupt)
            tasks.start_soon(self._tick)
            tasks.start_soon(self.effort.watch_loop)
            with self._scope:
                try:
                    await self._on_target(log)
                except LoadTestError as error:
                    self._stop(error)
            tasks.cancel_scope.cancel()
        try:
            self._history.flush()
        except LoadTestError as error:
            self.error = error

    async def _on_target(self, log: Path) -> None:
        race = self.race
        async with (
            opened(race.target, race.concurrency, log) as connection,
            connect(connection.patient()) as clerk,
            connect(connection) as client,
        ):
            self.endpoint_url = client.meta.endpoint_url
            await _prepare(race, clerk, connection)
            table = Table(client, connection.table, connection.sdk_retries)
            await _warm_up(table, client, connection, race.product)
            rules = Rules(race.attempts, race.concurrency, race.gate)
            runner = Runner(table, load(race.strategy), rules, self._emit)
            gc.collect()
            gc.freeze()  # a full collection of all that is loaded would stall a round for up to a tenth of a second
            try:
                for number in range(1, race.rounds + 1):
                    product = await setup.set_stock(clerk, connection, race.product, race.stock)
                    await self._round(number, product, runner, clerk, connection)
            finally:
                self.effort.served, self.effort.fallbacks = calls_by_client(client, table)

    async def _round(
        self, number: int, product: Product, runner: Runner, clerk: DynamoDBClient, connection: Connection
    ) -> None:
        race = self.race
        orders = [
            Order(f"{self._run_id[-10:]}-{number}-{n}", race.product, race.units, number)
            for n in range(1, race.number_of_requests + 1)
        ]
        self._emit(RoundStarted(number, product, len(orders), time.perf_counter_ns()))
        final = None
        try:
            with self.effort.measured():
                await runner.round(orders)
        finally:
            ended_ns = time.perf_counter_ns()
            with anyio.move_on_after(FINAL_READ_WITHIN_S, shield=True):
                try:
                    final = await setup.read_product(clerk, connection, race.product)
                except TargetError as error:
                    self._stop(error)
            self._emit(RoundEnded(number, race.product, final, ended_ns))

    def _emit(self, event: Event) -> None:
        self.recorder(event)
        self.checker(event)
        try:
            self._history(event)
        except LoadTestError as error:
            self._stop(error)

    def _stop(self, error: LoadTestError) -> None:
        self.error = error  # the last one is the nearest to the cause: a server that ended explains no answer
        self._scope.cancel()

    async def _wait_for(self, interrupt: Interrupt) -> None:
        self.signal = await interrupt()
        self._scope.cancel()

    async def _tick(self) -> None:
        while True:
            await anyio.sleep(TICK_S)
            try:
                self._history.flush()
            except LoadTestError as error:
                self._stop(error)
            self._watch(self.recorder)


async def _prepare(race: Race, client: DynamoDBClient, connection: Connection) -> None:
    """Make what the embedded server lacks, and refuse a table or a product that is not fit for the race."""
    if race.target.kind is TargetKind.EMBEDDED:
        await setup.create_table(client, connection)
        await setup.populate(client, connection)
        if race.product not in {product.id for product in setup.SAMPLE}:
            await setup.populate(client, connection, (Product(race.product, race.product, race.stock, 1),))
    table = setup.require_usable(await setup.describe_table(client, connection), connection)
    setup.require_ours(table, connection, allow_untagged=race.target.allow_untagged_table)
    await setup.read_product(client, connection, race.product)


async def _warm_up(table: Table, client: DynamoDBClient, connection: Connection, product_id: str) -> None:
    """One read through the run's own client, which must work, and then as many connections as the run will use."""
    await setup.read_product(client, connection, product_id)
    table.calls["GetItem"] += 1
    if connection.client is ClientKind.WIRE:
        await fill(client, connection.pool)


def connections_that_fit(wanted: int) -> int:
    """Raise the soft limit of open files for `wanted` connections and return how many fit under the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and needed > hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return max(1, hard - _SPARE_FILES)
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return wanted
