"""One run, composed: target, dispatcher, listeners, who judges, and the report of it all."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from loadtest import targets
from loadtest.distributed import coordinator
from loadtest.distributed.checker_process import Judgement
from loadtest.distributed.judging import Judging, judging
from loadtest.dynamodb.client import connect
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import stamps
from loadtest.dynamodb.own_writes import OwnWrites
from loadtest.dynamodb.put_back import Kept
from loadtest.engine import dispatch
from loadtest.engine.context import PUTTING, Dispatcher, Rounds, RunContext
from loadtest.engine.load import LoadRound
from loadtest.engine.prepare import prepare
from loadtest.engine.race import RaceRounds
from loadtest.engine.reconcile import Reconciler, RoundWrites
from loadtest.engine.stop import Interrupt, Stop
from loadtest.engine.stream import EventStream
from loadtest.engine.watchdog import Watchdog, Watcher
from loadtest.errors import InterruptedRunError, LoadTestError
from loadtest.events import Operation
from loadtest.faults import proxy
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import environment
from loadtest.measure.thresholds import Threshold
from loadtest.records import json_file, run_folder
from loadtest.records.history import Conditions, HistoryWriter
from loadtest.records.invocation import Invocation
from loadtest.records.judging import checker
from loadtest.records.report import Report
from loadtest.reporting import report
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import TargetKind

Undisturbed = Callable[[], AbstractContextManager[None]]
"""Its block is all rounds of a run: for who keeps the process from being held up meanwhile."""


class Ended(Struct, frozen=True):
    """A run that has ended: its report, its folder, the signal or the error that stopped it early.

    `spent_usd` is the price of all its orders, also those of the warm-up, which the report leaves out.
    """

    report: Report
    folder: Path
    signal: str | None = None
    error: LoadTestError | None = None
    spent_usd: float = 0.0


class _Going(Struct):
    """The parts that a run has from its beginning; with its target its `conditions` are whole, and who judges it."""

    plan: Race | Load
    run_id: str
    folder: Path
    conditions: Conditions
    watcher: Watcher
    recorder: Recorder
    overhead: ClientOverhead
    stop: Stop
    watchdog: Watchdog
    judging: Judging | None = None


async def run(
    plan: Race | Load,
    runs_dir: Path,
    watcher: Watcher,
    interrupt: Interrupt,
    thresholds: Sequence[Threshold] = (),
    *,
    keep_history: bool = True,
    lost: list[Operation] | None = None,
    invocation: Invocation | None = None,
    kept: Kept | None = None,
    undisturbed: Undisturbed = nullcontext,
) -> Ended:
    """Run the race or the load and store report and history in a new folder below `runs_dir`.

    The watcher is shown nothing that the history on disk does not have. `interrupt` returns, with the signal's name,
    when the run shall stop. Raises LoadTestError if it ends before an order is placed; a run that stops later has a
    report all the same, marked as not completed. `lost` carries writes without an answer from run to run on one table,
    and `kept` what is to be put back after the last of them.
    """
    started_at = datetime.now(UTC)
    run_id = run_folder.new_id(started_at)
    folder = run_folder.make_folder(runs_dir, run_id)
    going = _parts(plan, run_id, folder, _conditions(plan, started_at, thresholds, lost, invocation), watcher)
    recorder, stop = going.recorder, going.stop
    with ExitStack() as until_judged:
        async with stop.until(interrupt, going.watchdog.run, going.overhead.watch_loop):
            await _place_orders(going, kept, until_judged, undisturbed, keep_history=keep_history)
        going.watchdog.check()
        judgement = None
        if going.judging is not None and recorder.begun:
            judgement = await going.judging.judgement(stop, interrupt)
    if judgement is None:
        run_folder.discard(folder)
        raise _why_not_begun(stop)
    going.overhead.cpu_ns += judgement.cpu_ns
    _hand_on(judgement, plan, lost, kept)
    made, unread = report(
        run_id,
        going.conditions,
        plan,
        recorder,
        judgement.verdict,
        going.overhead,
        folder / run_folder.HISTORY,
        stopped_by=stop.reason,
    )
    unwritten = _write(made, folder)
    return Ended(made, folder, stop.signal, stop.error or unread or unwritten, recorder.spent_usd(plan.prices))


def _parts(plan: Race | Load, run_id: str, folder: Path, conditions: Conditions, watcher: Watcher) -> _Going:
    recorder, stop = Recorder(), Stop()
    overhead = ClientOverhead(plan.target.client, stamps(plan.target.client))

    def show() -> None:
        recorder.tick()
        watcher.show(recorder, overhead)

    watchdog = Watchdog(show, stop.fail)
    return _Going(plan, run_id, folder, conditions, watcher, recorder, overhead, stop, watchdog)


async def _place_orders(
    going: _Going, kept: Kept | None, until_judged: ExitStack, undisturbed: Undisturbed, *, keep_history: bool
) -> None:
    """Open the target, make all who take part, and let the rounds run. History and judge stay `until_judged`."""
    plan, stop = going.plan, going.stop
    async with (
        targets.opened(plan.target, plan.concurrency, going.folder / run_folder.SERVER_LOG) as connection,
        connect(connection.patient()) as admin_client,
        _route(going, connection, admin_client.meta.region_name) as (route, fault_proxy),
    ):
        made_in = environment(plan.target.kind, admin_client.meta.endpoint_url)
        going.conditions = replace(going.conditions, environment=made_in)
        history = _history(going, until_judged) if keep_history else None
        going.judging = _judging(going, history, until_judged)
        writes, rounds = RoundWrites(), _rounds(plan)
        listeners = [going.recorder, *going.judging.listeners, writes, kept, *rounds.listeners, history]
        events = EventStream([listener for listener in listeners if listener is not None], stop.fail)
        done = partial(going.watcher.chore, PUTTING)
        table = await prepare(plan, admin_client, connection, events.repaired, done)
        prefix = run_folder.order_prefix(going.run_id)
        if kept is not None:
            kept.runs.append(prefix)
        async with _dispatcher(going, route, events) as dispatcher:
            if history is not None:
                history.in_flight = dispatcher.in_flight_writes
            if fault_proxy is not None:
                await fault_proxy.begin(table.arn)
            late = {op.order_id for op in going.conditions.lost}
            context = RunContext(
                dispatcher=dispatcher,
                own=OwnWrites(admin_client, connection, prefix, events, events.repaired, late),
                reconciler=Reconciler(writes, admin_client, connection, events.repaired),
                emit=events,
                stop=stop,
                watcher=going.watcher,
                overhead=going.overhead,
                spent_usd=lambda: going.recorder.spent_usd(plan.prices),
                prefix=prefix,
            )
            with undisturbed():
                await rounds.run(context)


@asynccontextmanager
async def _route(
    going: _Going, connection: Connection, region: str
) -> AsyncIterator[tuple[Connection, proxy.Proxy | None]]:
    """The orders' way to the table: straight, or through the proxy that makes faults."""
    plan = going.plan
    if plan.faults is None:
        yield connection, None
        return
    async with proxy.proxied(
        connection, plan.faults, plan.seed, region=region, run_id=going.run_id, folder=going.folder
    ) as fault_proxy:
        with going.watchdog.watching(fault_proxy.require_alive):
            yield fault_proxy.connection, fault_proxy


def _history(going: _Going, until_judged: ExitStack) -> HistoryWriter:
    path = going.folder / run_folder.HISTORY
    history = until_judged.enter_context(HistoryWriter(path, going.run_id, going.conditions))
    until_judged.enter_context(going.watchdog.watching(history.flush))
    return history


def _judging(going: _Going, history: HistoryWriter | None, until_judged: ExitStack) -> Judging:
    here, beside = checker(going.conditions), not going.plan.spread.alone
    judged = judging(here, history, going.watcher.announce, beside=beside)
    until_judged.callback(judged.close)
    return judged


def _rounds(plan: Race | Load) -> Rounds:
    return RaceRounds(plan) if isinstance(plan, Race) else LoadRound(plan)


def _dispatcher(going: _Going, route: Connection, events: EventStream) -> AbstractAsyncContextManager[Dispatcher]:
    """Who places the orders, connected and warm: this process, or those that the plan asks for."""
    if going.plan.spread.alone:
        return dispatch.opened(going.plan, route, events, events.repaired, going.overhead)
    return coordinator.opened(going.plan, route, events, going.stop.fail, going.overhead)


def _conditions(
    plan: Race | Load,
    started_at: datetime,
    thresholds: Sequence[Threshold],
    lost: list[Operation] | None,
    invocation: Invocation | None,
) -> Conditions:
    """What is known of the run before its target is open."""
    return Conditions(
        command=plan.command,
        started_at=started_at.isoformat(timespec="seconds"),
        plan=to_builtins(plan),
        orders=plan.orders,
        environment={},
        stamps=stamps(plan.target.client),
        thresholds=[str(threshold) for threshold in thresholds],
        lost=list(lost or ()),
        invocation=invocation,
    )


def _why_not_begun(stop: Stop) -> LoadTestError:
    if stop.error is not None:
        return stop.error
    if stop.signal is not None:
        return InterruptedRunError(f"stopped by {stop.signal} before the first order was placed")
    return LoadTestError("no order came in that time; give a higher rate or a longer duration")  # of a Poisson process


def _hand_on(judgement: Judgement, plan: Race | Load, lost: list[Operation] | None, kept: Kept | None) -> None:
    """What the next run on the same table has to know, and who puts back what was there."""
    if kept is not None:
        kept.late |= {each.product_id for each in judgement.lost} & kept.items.keys()
        kept.others |= {each.product_id for each in judgement.verdict.violations if each.kind == "external_write"}
    if lost is not None and plan.target.kind is not TargetKind.EMBEDDED:
        lost[:] = judgement.lost


def _write(made: Report, folder: Path) -> LoadTestError | None:
    """Put the report on disk. Returns why it could not be."""
    try:
        json_file.write(folder / run_folder.REPORT, json_file.encode(made))
    except LoadTestError as refused:
        return refused
    return None
