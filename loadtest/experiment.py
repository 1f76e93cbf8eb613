"""One run, from the preparation of the target to the report."""

import gc
import resource
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Protocol

import anyio
from msgspec import Struct, to_builtins
from msgspec.structs import replace

from loadtest import document
from loadtest.checker import Checker, Status, Verdict
from loadtest.checker.carried import carried, still_open
from loadtest.dynamo import setup
from loadtest.dynamo.client import ClientKind, Connection, DynamoDBClient, connect, fill, stamps
from loadtest.dynamo.table import Table, calls_by_client
from loadtest.effort import Effort
from loadtest.errors import InterruptedRunError, LoadTestError, UsageError
from loadtest.history import Conditions, HistoryWriter, read_history
from loadtest.load import Arriving, load
from loadtest.order import Event, Operation, Product
from loadtest.plan import Load, Race
from loadtest.race import race
from loadtest.recorder import Recorder
from loadtest.report import Report
from loadtest.runner import Runner
from loadtest.scene import Scene, for_each
from loadtest.settling import Settling
from loadtest.strategies import load as load_strategy
from loadtest.summary import command, environment, summarize
from loadtest.targets import TargetKind, faulty, opened
from loadtest.thresholds import Threshold, check
from loadtest.timeline import Timeline, timelines

TICK_S = 0.25
_SPARE_FILES = 64
_SERVER_LOG = "server.log"


class Ended(Struct, frozen=True):
    """A run that has ended: its report, its folder, the signal or the error that stopped it early.

    `spent_usd` is the price of all its orders, also those of the warm-up, which the report leaves out.
    """

    report: Report
    folder: Path
    signal: str | None = None
    error: LoadTestError | None = None
    spent_usd: float = 0.0


class Watcher(Protocol):
    """Who follows a run while it goes on."""

    def show(self, recorder: Recorder, effort: Effort) -> None:
        """Look at how far it is; called four times a second."""

    def announce(self, sentence: str) -> None:
        """Hear what it is about to do."""


Interrupt = Callable[[], Awaitable[str]]


async def run(
    plan: Race | Load,
    runs_dir: Path,
    watcher: Watcher,
    interrupt: Interrupt,
    thresholds: Sequence[Threshold] = (),
    *,
    keep_history: bool = True,
    lost: list[Operation] | None = None,
) -> Ended:
    """Run the race or the load and store report and history in a new folder below `runs_dir`.

    The watcher is shown nothing that the history on disk does not have. `interrupt` returns, with the signal's name,
    when the run shall stop. Raises LoadTestError if it ends before an order is placed; a run that stops later has a
    report all the same, marked as not completed. `lost` carries writes without an answer from run to run on one table.
    """
    started_at = datetime.now(UTC)
    run_id = f"{started_at:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(5)}"
    folder = _make_folder(runs_dir, run_id)
    with ExitStack() as files:

        def begin_history(made_in: dict[str, Any]) -> HistoryWriter:
            conditions = _conditions(plan, started_at, made_in, thresholds, lost)
            return files.enter_context(HistoryWriter(folder / "history.jsonl", run_id, conditions))

        going = _Run(plan, run_id, begin_history if keep_history else None, watcher, lost)
        await going.execute(folder, interrupt)
    error = going.error
    if not going.recorder.begun:
        _discard(folder)
        if error is None and going.signal is None:  # arrivals by chance may not come at all
            error = LoadTestError("no order came in that time; give a higher rate or a longer duration")
        raise error or InterruptedRunError(f"stopped by {going.signal} before the first order was placed")
    verdict = going.checker.verdict()
    if lost is not None and plan.target.kind is not TargetKind.EMBEDDED:
        lost[:] = still_open(going.checker.lost)
    report = summarize(
        going.recorder,
        verdict,
        going.effort,
        plan,
        run_id=run_id,
        started_at=started_at,
        stopped_by=going.signal or (str(error) if error else None),
        environment=going.environment,
    )
    if keep_history and verdict.status is Status.VIOLATED:
        around = _timelines(verdict, folder / "history.jsonl")
        report = replace(report, verdict=replace(report.verdict, timelines=around))
    report = replace(report, thresholds=[check(threshold, report) for threshold in thresholds])
    try:
        if plan.target.faults is not None:
            report = replace(report, faults=faulty.injected(folder))
    except LoadTestError as refused:
        error = error or refused
    try:
        document.write(folder / "report.json", document.encode(report))
    except LoadTestError as refused:
        error = error or refused
    return Ended(report, folder, going.signal, error, going.recorder.spent_usd(plan.prices))


def _conditions(
    plan: Race | Load,
    started_at: datetime,
    made_in: dict[str, Any],
    thresholds: Sequence[Threshold],
    lost: list[Operation] | None,
) -> Conditions:
    return Conditions(
        command=command(plan),
        started_at=started_at.isoformat(timespec="seconds"),
        plan=to_builtins(plan),
        orders=plan.orders,
        environment=made_in,
        stamps=stamps(plan.target.client),
        thresholds=[str(threshold) for threshold in thresholds],
        lost=list(lost or ()),
    )


def _make_folder(runs_dir: Path, run_id: str) -> Path:
    folder = runs_dir / run_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot make the run folder {folder}: {error.strerror}; give another --runs-dir") from error
    return folder


def _timelines(verdict: Verdict, history: Path) -> list[Timeline]:
    """None if the disk refused the history: it may be cut anywhere, and the report is worth more."""
    with suppress(LoadTestError, OSError):
        return timelines(verdict.violations, read_history(history))
    return []


def _discard(folder: Path) -> None:
    """Remove the folder of a run that measured nothing; a log with something in it stays."""
    for name in ("history.jsonl", faulty.JOURNAL):
        (folder / name).unlink(missing_ok=True)
    for log in (folder / _SERVER_LOG, folder / faulty.LOG):
        if log.exists() and log.stat().st_size == 0:
            log.unlink()
    with suppress(OSError):
        folder.rmdir()


class _Run:
    """A run under way: feeds recorder, checker and history with the same events."""

    def __init__(
        self,
        plan: Race | Load,
        run_id: str,
        begin_history: Callable[[dict[str, Any]], HistoryWriter] | None,
        watcher: Watcher,
        lost: list[Operation] | None,
    ) -> None:
        self.recorder = Recorder()
        self.checker = Checker(carried(lost or ()))
        self._settling = Settling()
        self.signal: str | None = None
        self.error: LoadTestError | None = None
        self.environment: dict[str, Any] = {}
        self.effort = Effort(plan.target.client, stamps(plan.target.client))
        self._plan = plan
        self._run_id = run_id
        self._begin_history = begin_history
        self._history: HistoryWriter | None = None
        self._watcher = watcher
        self._proxy: faulty.Proxy | None = None
        self._scope = anyio.CancelScope()
        self._arriving = Arriving(plan) if isinstance(plan, Load) else None

    async def execute(self, folder: Path, interrupt: Interrupt) -> None:
        """Run to the end, or until a signal or an error stops it, which is then in `signal` or `error`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._wait_for, interrupt)
            tasks.start_soon(self._tick)
            tasks.start_soon(self.effort.watch_loop)
            with self._scope:
                try:
                    await self._on_target(folder)
                except LoadTestError as error:
                    self._stop(error)
            tasks.cancel_scope.cancel()
        self._flush()

    async def _on_target(self, folder: Path) -> None:
        plan = self._plan
        async with (
            opened(plan.target, plan.concurrency, folder / _SERVER_LOG) as connection,
            connect(connection.patient()) as clerk,
            self._way(connection, clerk.meta.region_name, folder) as way,
            connect(way) as client,
        ):
            self.environment = environment(plan.target.kind, clerk.meta.endpoint_url)
            if self._begin_history is not None:
                self._history = self._begin_history(self.environment)
            description = await _prepare(plan, clerk, connection)
            table = Table(client, connection.table, connection.sdk_retries, consistent_reads=plan.consistent_reads)
            await _warm_up(table, client, connection, plan.product_ids[0])
            if self._proxy is not None:
                await self._proxy.begin(description.arn)
            runner = Runner(table, load_strategy(plan.strategy), plan.rules, self._emit, Random(plan.seed))
            scene = Scene(
                runner=runner,
                clerk=clerk,
                connection=connection,
                emit=self._emit,
                fail=self._stop,
                announce=self._watcher.announce,
                effort=self.effort,
                prefix=self._run_id[-10:],
                settling=self._settling,
            )
            gc.collect()
            gc.freeze()  # a full collection of all that is loaded would stall a round for up to a tenth of a second
            try:
                if isinstance(plan, Race):
                    await race(plan, scene)
                elif self._arriving is not None:
                    await load(plan, scene, self._arriving)
            finally:
                gc.unfreeze()
                self.effort.served, self.effort.fallbacks = calls_by_client(client, table)

    @asynccontextmanager
    async def _way(self, connection: Connection, region: str, folder: Path) -> AsyncIterator[Connection]:
        """The orders' way to the table: straight, or through the proxy that makes faults."""
        faults = self._plan.target.faults
        if faults is None:
            yield connection
            return
        async with faulty.proxied(
            connection, faults, self._plan.seed, region=region, run_id=self._run_id, folder=folder
        ) as proxy:
            self._proxy = proxy
            try:
                yield proxy.connection
            finally:
                self._proxy = None  # from here on it may end

    def _emit(self, event: Event) -> None:
        self.recorder(event)
        self.checker(event)
        self._settling(event)
        if self._arriving is not None:
            self._arriving.restocker(event)
        if self._history is None:
            return
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

    def _flush(self) -> bool:
        """Whether all that happened so far is on disk, if it is to be."""
        try:
            if self._history is not None:
                self._history.flush()
        except LoadTestError as error:
            self._stop(error)
            return False
        return True

    async def _tick(self) -> None:
        while True:
            await anyio.sleep(TICK_S)
            on_disk = self._flush()
            self.recorder.tick()
            self._watch_proxy()
            self._watch_spending()
            if on_disk:
                self._watcher.show(self.recorder, self.effort)

    def _watch_proxy(self) -> None:
        """Without it every order fails, but what is read around them does not: nothing else would stop the run."""
        try:
            if self._proxy is not None and self.error is None:
                self._proxy.require_alive()
        except LoadTestError as error:
            self._stop(error)

    def _watch_spending(self) -> None:
        arriving, plan = self._arriving, self._plan
        if arriving is None or self.error is not None or not isinstance(plan, Load):
            return
        spent_usd = self.recorder.spent_usd(plan.prices)
        if arriving.budget.passed(spent_usd, arriving.in_flight):
            arriving.stop()  # what is under way goes on: an order cut short would be unknown
            left = f"${plan.max_spend_usd:,.6f} for this run"
            self.error = LoadTestError(f"stopped at ${spent_usd:,.6f}: going on would pass --max-spend ({left})")


async def _prepare(plan: Race | Load, client: DynamoDBClient, connection: Connection) -> setup.TableDescription:
    """Make what the embedded server lacks, and refuse a table or a product that is not fit for the run."""
    if plan.target.kind is TargetKind.EMBEDDED:
        await setup.create_table(client, connection)
        await setup.populate(client, connection)
        if plan.product not in {product.id for product in setup.SAMPLE}:
            await setup.populate(client, connection, (Product(plan.product, plan.product, plan.stock, 1),))
    table = setup.require_usable(await setup.describe_table(client, connection), connection)
    setup.require_ours(table, connection, allow_untagged=plan.target.allow_untagged_table)
    if isinstance(plan, Load) and plan.products > 1:
        await for_each(plan.product_ids, lambda one: setup.put_if_missing(client, connection, one, plan.stock))
    else:
        await setup.read_product(client, connection, plan.product)
    return table


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
