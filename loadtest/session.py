"""A run under way: target, clients and proxy opened, orders placed, everybody told."""

import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Protocol

import anyio
from anyio import to_thread

from loadtest.checker import Checker, Status, Verdict
from loadtest.checker.pending import pending
from loadtest.distributed import coordinator
from loadtest.distributed.checker_process import Judge, Judgement, judged
from loadtest.dynamodb import admin
from loadtest.dynamodb.client import Connection, DynamoDBClient, connect
from loadtest.dynamodb.opening import open_transport, stamps
from loadtest.dynamodb.own_writes import OwnWrites
from loadtest.dynamodb.patience import OnRepair
from loadtest.dynamodb.put_back import Kept
from loadtest.dynamodb.table import Table, calls_by_client
from loadtest.dynamodb.transport import Transport
from loadtest.engine.context import PUTTING, Dispatcher, Done, RunContext, for_each
from loadtest.engine.dispatch import LocalDispatcher
from loadtest.engine.load import Budget, Restocker, load
from loadtest.engine.orders import Runner
from loadtest.engine.race import race
from loadtest.engine.reconcile import Reconciliation
from loadtest.errors import LoadTestError
from loadtest.events import Event, InFlight, Operation, OwnRequest, Product, Repaired
from loadtest.faults import proxy
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import environment
from loadtest.records.history import HistoryWriter
from loadtest.strategies import load as load_strategy
from loadtest.targets import opened
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import TargetKind
from loadtest.workload.until import Until

_TICK_S = 0.25
SERVER_LOG = "server.log"


class Watcher(Protocol):
    """Who follows a run while it goes on."""

    def show(self, recorder: Recorder, overhead: ClientOverhead) -> None:
        """Look at how far it is; called four times a second."""

    def announce(self, sentence: str) -> None:
        """Hear what it is about to do."""

    def hide(self) -> None:
        """Take away what is drawn anew in its place: something else is about to be printed."""

    def chore(self, what: str, done: int, of: int) -> None:
        """Hear how far it is with what it does to each product before or after the orders."""


Interrupt = Callable[[], Awaitable[str]]


class Session:
    """A run under way: feeds recorder, checker and history with the same events."""

    def __init__(
        self,
        plan: Race | Load,
        run_id: str,
        begin_history: Callable[[dict[str, Any]], HistoryWriter] | None,
        watcher: Watcher,
        lost: list[Operation] | None,
        kept: Kept | None,
    ) -> None:
        self.recorder = Recorder()
        exclude = plan.exclude if isinstance(plan, Race) else None
        self._checker = Checker(pending(lost or ()), is_load=isinstance(plan, Load), exclude=exclude)
        self._kept = kept
        self._late = {op.order_id for op in lost or ()}
        self._judge: Judge | None = None  # instead of the checker
        self._reconciliation = Reconciliation()
        self.signal: str | None = None
        self.error: LoadTestError | None = None
        self.environment: dict[str, Any] = {}
        self.overhead = ClientOverhead(plan.target.client, stamps(plan.target.client))
        self._plan = plan
        self._run_id = run_id
        self._begin_history = begin_history
        self._history: HistoryWriter | None = None
        self._watcher = watcher
        self._proxy: proxy.Proxy | None = None
        self._round = 1  # of the last event
        self._scope = anyio.CancelScope()
        self._dispatcher: Dispatcher | None = None
        self._until: Until | None = None  # of a race
        self._restocker = Restocker(plan) if isinstance(plan, Load) else None
        self._budget = Budget(plan) if isinstance(plan, Load) else None

    def in_flight(self) -> Sequence[InFlight]:
        """The writes of orders that are in flight, each of them once."""
        return self._dispatcher.in_flight_writes() if self._dispatcher is not None else ()

    async def execute(self, folder: Path, interrupt: Interrupt) -> None:
        """Run to the end, or until a signal or an error stops it, which is then in `signal` or `error`."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._wait_for, interrupt)
            tasks.start_soon(self._tick)
            tasks.start_soon(self.overhead.watch_loop)
            with self._scope:
                try:
                    await self._on_target(folder)
                except LoadTestError as error:
                    self._stop(error)
            tasks.cancel_scope.cancel()
        self._flush()

    async def judgement(self, interrupt: Interrupt) -> Judgement:
        """Of what has happened, when it has ended. A signal ends the wait for it, and is then in `signal`."""
        if self._judge is None or self._history is None:
            return Judgement.of(self._checker)
        found, unwritten = None, self._history.unwritten()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._give_up_judging, interrupt, self._judge, tasks.cancel_scope)
            found = await to_thread.run_sync(self._judge.judgement, unwritten)
            if found is None:
                self._watcher.announce("the process that judges is gone; judging again")
                found = await judged(self._history.path, unwritten)
            tasks.cancel_scope.cancel()
        if found is None:
            said = f"stopped by {self.signal} before all was judged; loadtest check judges the history: inconclusive"
            return Judgement(Verdict(Status.INCONCLUSIVE, said), [])
        self.overhead.cpu_ns += found.cpu_ns
        return found

    async def _give_up_judging(self, interrupt: Interrupt, judge: Judge, waiting: anyio.CancelScope) -> None:
        self.signal = await interrupt()
        judge.kill()
        waiting.cancel()

    def close(self) -> None:
        """Give up what goes on beside it."""
        if self._judge is not None:
            self._judge.close()

    async def _on_target(self, folder: Path) -> None:
        plan = self._plan
        async with (
            opened(plan.target, plan.concurrency, folder / SERVER_LOG) as connection,
            connect(connection.patient()) as admin_client,
            self._route(connection, admin_client.meta.region_name, folder) as route,
            self._transport(route) as client,
        ):
            self.environment = environment(plan.target.kind, admin_client.meta.endpoint_url)
            if self._begin_history is not None:
                self._history = self._begin_history(self.environment)
                if not plan.spread.alone:
                    with suppress(OSError):  # without it all is judged here
                        self._judge = Judge(self._history.path)
            description = await _prepare(plan, admin_client, connection, self._repaired, self._chore(PUTTING))
            prefix = self._run_id[-10:]
            if self._kept is not None:
                self._kept.runs.append(prefix)
            async with self._dispatching(route, client) as self._dispatcher:
                if self._proxy is not None:
                    await self._proxy.begin(description.arn)
                await self._rounds(
                    RunContext(
                        dispatcher=self._dispatcher,
                        admin_client=admin_client,
                        connection=connection,
                        emit=self._emit,
                        fail=self._stop,
                        announce=self._watcher.announce,
                        chore=self._chore,
                        overhead=self.overhead,
                        prefix=prefix,
                        reconciliation=self._reconciliation,
                        own=OwnWrites(admin_client, connection, prefix, self._emit, self._repaired, self._late),
                        repaired=self._repaired,
                    )
                )

    async def _rounds(self, context: RunContext) -> None:
        gc.collect()
        gc.freeze()  # a full collection of all that is loaded would stall a round for up to a tenth of a second
        try:
            if isinstance(self._plan, Race):
                self._until = Until(self._plan.rounds, self._plan.exclude, self._plan.within_s)
                await race(self._plan, context, self._until, lambda: self.recorder.spent_usd(self._plan.prices))
            elif self._restocker is not None and self._budget is not None:
                await load(self._plan, context, self._restocker, self._budget)
        finally:
            gc.unfreeze()

    @asynccontextmanager
    async def _transport(self, route: Connection) -> AsyncIterator[Transport | None]:
        """What carries this process's own orders, which may not be possible; None if it places none."""
        if not self._plan.spread.alone:
            yield None
            return
        async with open_transport(route) as transport:
            yield transport

    @asynccontextmanager
    async def _dispatching(self, route: Connection, transport: Transport | None) -> AsyncIterator[Dispatcher]:
        """Who places the orders, connected and warm: this process, or those that the plan asks for."""
        plan = self._plan
        if transport is None:
            async with coordinator.opened(plan, route, self._emit, self._stop, self.overhead) as several:
                yield several
            return
        table = Table(transport, route, consistent_reads=plan.consistent_reads)
        await admin.warm_up(table, transport, route, plan.product_ids[0], self._repaired)
        before = transport.stamped_by_reader
        runner = Runner(table, load_strategy(plan.strategy), plan.rules, self._emit, Random(plan.seed))
        try:
            yield LocalDispatcher(plan, runner, self.overhead)
        finally:
            self.overhead.reader_stamps = transport.stamped_by_reader - before
            self.overhead.served, self.overhead.fallbacks = calls_by_client(transport, table)

    @asynccontextmanager
    async def _route(self, connection: Connection, region: str, folder: Path) -> AsyncIterator[Connection]:
        """The orders' way to the table: straight, or through the proxy that makes faults."""
        faults = self._plan.target.faults
        if faults is None:
            yield connection
            return
        async with proxy.proxied(
            connection, faults, self._plan.seed, region=region, run_id=self._run_id, folder=folder
        ) as opened_proxy:
            self._proxy = opened_proxy
            try:
                yield opened_proxy.connection
            finally:
                self._proxy = None  # from here on it may end

    def _repaired(self, request: OwnRequest) -> None:
        self._emit(Repaired(self._round, request, time.perf_counter_ns()))

    def _chore(self, what: str) -> Done:
        return partial(self._watcher.chore, what)

    def _emit(self, event: Event) -> None:
        self._round = event.round
        self.recorder(event)
        if self._judge is None:
            self._checker(event)
        self._reconciliation(event)
        if self._kept is not None:
            self._kept(event)
        if self._until is not None:
            self._until(event)
        if self._restocker is not None:
            self._restocker(event)
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
            await anyio.sleep(_TICK_S)
            on_disk = self._flush()
            self.recorder.tick()
            self._watch_proxy()
            self._watch_spending()
            if on_disk:
                self._watcher.show(self.recorder, self.overhead)

    def _watch_proxy(self) -> None:
        """Without it every order fails, but what is read around them does not: nothing else would stop the run."""
        try:
            if self._proxy is not None and self.error is None:
                self._proxy.require_alive()
        except LoadTestError as error:
            self._stop(error)

    def _watch_spending(self) -> None:
        dispatcher, budget, plan = self._dispatcher, self._budget, self._plan
        if dispatcher is None or budget is None or self.error is not None or not isinstance(plan, Load):
            return
        spent_usd = self.recorder.spent_usd(plan.prices)
        if budget.passed(spent_usd, dispatcher.in_flight):
            dispatcher.stop()  # what is under way goes on: an order cut short would be unknown
            left = f"${plan.max_spend_usd:,.6f} for this run"
            self.error = LoadTestError(f"stopped at ${spent_usd:,.6f}: going on would pass --max-spend ({left})")


async def _prepare(
    plan: Race | Load, client: DynamoDBClient, connection: Connection, repaired: OnRepair, done: Done
) -> admin.TableDescription:
    """Make what the embedded server lacks, and refuse a table or a product that is not fit for the run."""
    if plan.target.kind is TargetKind.EMBEDDED:
        await admin.create_table(client, connection, repaired)
        await admin.populate(client, connection, repaired=repaired)
        if plan.product not in {product.id for product in admin.SAMPLE}:
            product = Product(plan.product, plan.product, plan.stock, 1)
            await admin.populate(client, connection, (product,), repaired)
    table = admin.require_usable(await admin.describe_table(client, connection, repaired), connection)
    admin.require_ours(table, connection, allow_untagged=plan.target.allow_untagged_table)
    if isinstance(plan, Load) and plan.products > 1:
        await for_each(
            plan.product_ids, lambda one: admin.put_if_missing(client, connection, one, plan.stock, repaired), done
        )
    else:
        await admin.read_product(client, connection, plan.product, repaired)
    return table
