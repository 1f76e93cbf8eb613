"""Places the orders of a run from several workers: at one instant, and with one stream of events."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from loadtest.distributed.merge import Merge
from loadtest.distributed.transport import LostError, Transport
from loadtest.distributed.worker import Assignment
from loadtest.distributed.worker_handle import WorkerHandle
from loadtest.dynamodb.endpoint import Connection
from loadtest.engine.dispatch import Part
from loadtest.errors import LoadTestError, TargetError
from loadtest.events import InFlight, Listener, Order
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.workload.spec import ArrivalKind, Load, Race

_COLLECT_EVERY_S = {"race": 0.02, "load": 0.04}  # a round waits for it
_HUSH_NS = 5_000_000, 15_000_000  # before and after an instant nobody is asked for anything
_COMPARE_EVERY_S = 0.25
_AHEAD_NS = 20_000_000  # from the word to the instant, besides what it takes to get there
_TURN = 500  # events handled before others get a turn
_CANCELLED_S = 10.0


class Coordinator:
    """Several workers as one `Dispatcher`. What they tell goes to `emit`; a lost one stops the run through `fail`."""

    def __init__(
        self,
        plan: Race | Load,
        transports: Sequence[Transport],
        emit: Listener,
        fail: Callable[[LoadTestError], None],
        *,
        own_clocks: bool,
    ) -> None:
        """`own_clocks`: they may run on other machines than this process."""
        used = transports[: plan.concurrency]  # each needs one request at least that may be in flight
        count = len(used)
        self.handles = [
            WorkerHandle(transport, Part(n, count), own_clock=own_clocks) for n, transport in enumerate(used)
        ]
        self.start_spreads_ns: list[int] = []
        self._plan = plan
        self._emit = emit
        self._fail = fail
        self._merge = Merge(count)
        self._number = 0  # of the last piece of work
        self._instant_ns = 0  # when it begins
        self._news = anyio.Event()

    @property
    def in_flight(self) -> int:
        """See `Dispatcher`."""
        return sum(handle.in_flight for handle in self.handles)

    async def open(self, connection: Connection) -> None:
        """Let all connect and warm up, and compare their clocks. LoadTestError if one cannot."""

        async def open_one(handle: WorkerHandle) -> None:
            pool = max(1, handle.part.share(connection.pool))
            await handle.open(Assignment(self._plan, replace(connection, pool=pool), handle.part))
            await handle.compare_clocks()

        await self._all(open_one)
        self._require_all()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """The block is what they are opened for; when it ends they say what it took."""
        # What is told has to be heard also while all else is cancelled.
        listening = [anyio.CancelScope(shield=True) for _ in self.handles]
        error: LoadTestError | None = None
        try:
            async with anyio.create_task_group() as tasks:
                for number, scope in enumerate(listening):
                    tasks.start_soon(self._listen, number, scope)
                try:
                    yield
                except LoadTestError as raised:
                    error = raised  # the task group would wrap it
                finally:
                    for scope in listening:
                        scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._all(WorkerHandle.close)
        if error is not None:
            raise error

    def in_flight_writes(self) -> Sequence[InFlight]:
        """See `Dispatcher`."""
        return self._merge.in_flight()

    async def ready(self) -> int:
        """See `Dispatcher`."""
        await self._all(WorkerHandle.compare_clocks)
        self._require_all()
        return self._soon()

    async def round(self, orders: Sequence[Order]) -> None:
        """See `Dispatcher`."""
        held, number, at_ns = self._plan.rules.gate, self._next(), self._soon()
        for handle in self.handles:
            handle.expect(orders[handle.part.index :: handle.part.count], at_ns, held=held)
        async with self._to_the_end(number):
            await self._all(lambda one: one.round(number))
            if held:
                await self._until(lambda one: number in (one.batch.full, one.batch.done))
                open_ns = self._soon()
                await self._all(lambda one: one.open_gate(number, open_ns))

    async def arrive(self, prefix: str, started_ns: int) -> None:
        """See `Dispatcher`."""
        number, closed = self._next(), self._plan.arrivals is ArrivalKind.CLOSED
        async with self._to_the_end(number):
            await self._all(lambda one: one.arrive(number, prefix, started_ns, closed=closed))

    def stop(self) -> None:
        """See `Dispatcher`."""
        for handle in self.handles:
            handle.stopping = True

    @asynccontextmanager
    async def _to_the_end(self, number: int) -> AsyncIterator[None]:
        """After the block, and after whatever cut it short: until all workers are done and have told everything."""
        try:
            yield
            await self._until(lambda one: one.batch.done >= number)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._cancel(number)
            raise
        finally:
            for stream in range(len(self.handles)):
                self._leave_behind(stream)
            self._merge.finish()
            self._tell()
            self._note_start()
        if self._lost():
            self._fail(TargetError(f"{self._lost()}; its orders without a result are unknown"))
            await checkpoint()

    async def _cancel(self, number: int) -> None:
        """End what goes on; who takes too long is lost."""
        with anyio.move_on_after(_CANCELLED_S):
            await self._all(lambda one: one.ask("cancel"))
            await self._until(lambda one: one.batch.done >= number)
        for handle in self.handles:
            if handle.batch.done < number:
                handle.give_up(f"did not stop within {_CANCELLED_S:g} s")

    def _lost(self) -> str:
        return ", ".join(f"{handle.name} {handle.lost}" for handle in self.handles if handle.lost is not None)

    def _require_all(self) -> None:
        if self._lost():
            raise TargetError(self._lost())

    def _leave_behind(self, stream: int) -> None:
        """What a worker that is lost has left."""
        handle = self.handles[stream]
        if handle.lost is not None:
            self._merge.put(stream, handle.left_behind(self._plan), float("inf"))

    async def _listen(self, number: int, scope: anyio.CancelScope) -> None:
        """Collect what a worker tells, until it is lost or the scope is cancelled."""
        handle = self.handles[number]
        with scope:
            try:
                await self._collect(number, handle)
            except LostError:
                self._leave_behind(number)
                for other in self.handles:
                    other.stopping = True
                self._tell()

    async def _collect(self, number: int, handle: WorkerHandle) -> None:
        compared_ns = time.perf_counter_ns()
        while True:
            events = await handle.collect()
            self._merge.put(number, events, handle.heard_ns)
            await self._tell_in_turns()
            if time.perf_counter_ns() - compared_ns > _COMPARE_EVERY_S * 1e9:
                await handle.compare_clocks(1)
                compared_ns = time.perf_counter_ns()
            await anyio.sleep(_COLLECT_EVERY_S[self._plan.command])
            await self._hush()

    def _tell(self) -> None:
        for _ in self._turns():
            pass

    async def _tell_in_turns(self) -> None:
        for _ in self._turns():
            await checkpoint()

    def _turns(self) -> Iterator[None]:
        """Tell of all events whose turn has come, with a stop after each few."""
        for n, event in enumerate(self._merge.take(), start=1):
            self._emit(event)
            if n % _TURN == 0:
                yield
        self._news.set()
        self._news = anyio.Event()

    async def _until(self, is_so: Callable[[WorkerHandle], bool]) -> None:
        """Return when it is so of every worker that is not lost."""
        while not all(handle.lost is not None or is_so(handle) for handle in self.handles):
            await self._news.wait()

    async def _all(self, act: Callable[[WorkerHandle], Awaitable[None]]) -> None:
        """Do it with all that are not lost, at the same time. Raises a LoadTestError of one of them."""
        errors: list[LoadTestError] = []

        async def act_one(handle: WorkerHandle) -> None:
            try:
                await act(handle)
            except LostError:
                pass  # `_listen` hears of it as well
            except LoadTestError as error:
                errors.append(type(error)(f"{handle.name}: {error}"))

        async with anyio.create_task_group() as tasks:
            for handle in self.handles:
                if handle.lost is None:
                    tasks.start_soon(act_one, handle)
        if errors:
            raise errors[0]

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _hush(self) -> None:
        """Sleep while the workers begin: whoever answers has no time for that."""
        before_ns, after_ns = _HUSH_NS
        now_ns = time.perf_counter_ns()
        if -before_ns < now_ns - self._instant_ns < after_ns:
            await anyio.sleep((self._instant_ns + after_ns - now_ns) / 1e9)

    def _soon(self) -> int:
        """An instant that every worker has heard of before it comes."""
        slowest_ns = max(handle.offset.uncertainty_ns for handle in self.handles)
        self._instant_ns = time.perf_counter_ns() + _AHEAD_NS + 10 * slowest_ns
        return self._instant_ns

    def _note_start(self) -> None:
        late = [handle.first_late_ns for handle in self.handles if handle.first_late_ns is not None]
        if len(late) > 1:
            self.start_spreads_ns.append(max(late) - min(late))


@asynccontextmanager
async def opened(
    plan: Race | Load,
    connection: Connection,
    emit: Listener,
    fail: Callable[[LoadTestError], None],
    overhead: ClientOverhead,
) -> AsyncIterator[Coordinator]:
    """The coordinator of the workers that the plan asks for, at work. LoadTestError if there are none to be had.

    What they took is added to `overhead` when they have ended.
    """
    spread = plan.spread
    if spread.cluster is None:
        from loadtest.distributed.processes import processes

        reached = processes(spread.processes)
    else:
        from loadtest.distributed.dask_cluster import workers

        reached = workers(spread.cluster)
    async with reached as transports:
        coordinator = Coordinator(plan, transports, emit, fail, own_clocks=spread.cluster is not None)
        await coordinator.open(connection)
        try:
            async with coordinator.at_work():
                yield coordinator
        finally:
            overhead.start_spreads_ns = coordinator.start_spreads_ns
            for handle in coordinator.handles:
                overhead.add(handle.share, handle.overhead)
