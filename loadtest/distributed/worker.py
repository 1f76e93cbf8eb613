"""One part of a run: its orders, on an event loop of its own, told from outside what to do.

Every public method may be called from any thread. A method that is called twice, because an answer was
lost, does nothing the second time: no order is ever placed twice.
"""

import asyncio
import gc
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from math import ceil

import anyio
import msgspec

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import stamps
from loadtest.engine.dispatch import Credit, Part, opened
from loadtest.engine.gate import Gate
from loadtest.events import Event, Operation, Order, OwnRequest, Repaired
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.system.real_time import urgent
from loadtest.system.timers import timer
from loadtest.workload.spec import ArrivalKind, Load, Race

ALONE_S = 10.0  # a worker that nobody asked for so long stops: whoever began the run is gone
_LEAST_CREDIT = 64  # orders
_SWITCH_S = 0.0005  # the longest that another thread of a worker keeps the orders waiting; 5 ms is Python's own
_BETWEEN_BATCHES_S = 0.1  # at most, if all goes well
_FIRST_S = 0.002  # after an instant this process runs before others
_WITHIN_S = 60.0  # to connect


class Assignment(msgspec.Struct, frozen=True):
    """What a worker is for: its part of the orders of a plan, by this connection."""

    plan: Race | Load
    connection: Connection
    part: Part


class Batch(msgspec.Struct, frozen=True):
    """What happened in a worker since the batch before, as lines of JSON, until `now_ns` on its clock.

    `full` is the number of the last round all of whose orders here wait at the gate, `done` that of the last piece of
    work that has ended. Orders are placed up to the number `may_place`, once this batch has arrived.
    """

    number: int
    events: bytes
    now_ns: int
    full: int
    done: int
    may_place: int


class Worker:
    """See the module; `open` comes first, `close` last."""

    def __init__(self) -> None:
        self._events: deque[bytes] = deque()
        self._answering = threading.Lock()  # while it is held, what is in flight stays so
        self._encode = msgspec.json.Encoder().encode
        self._collecting = threading.Lock()
        self._batch = Batch(0, b"", 0, 0, 0, 0)
        self._begun = self._done = self._cancelled = self._placed_before = 0
        self._closing = False
        self._gate: Gate | None = None
        self._urgent = ExitStack()
        self._thread: threading.Thread | None = None
        self._opened: Future[int] = Future()
        self._closed: Future[ClientOverhead] = Future()
        self._asked_ns = time.perf_counter_ns()

    def host(self) -> str:
        """The name of the machine where it is."""
        return socket.gethostname()

    def clock(self) -> int:
        """What time it is there."""
        return time.perf_counter_ns()

    def open(self, assignment: Assignment) -> int:
        """Connect and warm up. Returns up to which number orders may be placed before any batch has arrived.

        LoadTestError if the target cannot be reached from here.
        """
        if self._thread is None:
            self._asked_ns = time.perf_counter_ns()
            self._thread = threading.Thread(target=self._run, args=(assignment,), name="worker", daemon=True)
            self._thread.start()
        return self._opened.result(_WITHIN_S)

    def round(self, number: int, orders: Sequence[Order], at_ns: int, *, held: bool) -> None:
        """Place these at that instant. If they are `held`, the gate stays shut until it is opened."""
        gate = Gate(len(orders), held=held)
        self._begin(number, lambda: self._round(orders, at_ns, gate), gate)

    def arrive(self, number: int, prefix: str, started_ns: int) -> None:
        """Place this worker's part of a load, whose schedule begins at that instant."""
        self._begin(number, lambda: self._arrive(prefix, started_ns), None)

    def open_gate(self, number: int, at_ns: int) -> None:
        """Let the orders of that round write at that instant."""
        if number == self._begun and self._gate is not None:
            gate = self._gate
            self._soon(lambda: asyncio.run_coroutine_threadsafe(self._at(at_ns, gate.open), self._loop))

    def stop(self) -> None:
        """Place no further order of a load; those under way go on to their end."""
        self._soon(self._stop)

    def cancel(self) -> None:
        """End what goes on at once; orders under way end as failed or unknown."""
        self._soon(self._cancel)

    def collect(self, number: int) -> Batch:
        """What happened after the batch of this number, which has arrived. RuntimeError if it has come to an end."""
        self._asked_ns = time.perf_counter_ns()
        with self._collecting:
            if self._closed.done() and not self._events:
                raise RuntimeError(_end(self._closed))
            if number != self._batch.number:
                return self._batch  # the answer with the last one was lost
            self._soon(self._credit.lengthen, self._batch.may_place)
            done, now_ns = self._done, time.perf_counter_ns()
            full = self._begun if self._gate is not None and self._gate.full else 0
            self._batch = Batch(number + 1, self._lines(), now_ns, full, done, self._reach())
            return self._batch

    def _lines(self) -> bytes:
        """The events so far, and before them the writes that are in flight: one of them may show in an event."""
        with self._answering:  # first the events: what they may show was sent before
            count, writes = len(self._events), self._dispatcher.in_flight_writes()
        return b"\n".join([*map(self._encode, writes), *(self._events.popleft() for _ in range(count))])

    def close(self) -> ClientOverhead:
        """End, and say what it took."""
        if not self._closing:
            self._closing = True
            self._begin(self._begun + 1, None, None)
        return self._closed.result(_WITHIN_S)

    def _soon(self, act: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # its loop has ended, as `collect` tells
            self._loop.call_soon_threadsafe(act, *arguments)

    def _begin(self, number: int, work: Callable[[], Awaitable[None]] | None, gate: Gate | None) -> None:
        if number == self._begun + 1:
            self._begun, self._gate = number, gate
            self._soon(self._inbox.put_nowait, work)

    def _run(self, assignment: Assignment) -> None:
        try:
            self._closed.set_result(anyio.run(self._main, assignment, backend_options={"use_uvloop": True}))
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is in another thread
            for waited in (self._opened, self._closed):
                if not waited.done():
                    waited.set_exception(error)
        finally:
            self._urgent.close()
            gc.unfreeze()

    async def _main(self, assignment: Assignment) -> ClientOverhead:
        before_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        try:
            return await self._serve(assignment)
        finally:
            sys.setswitchinterval(before_s)

    async def _serve(self, assignment: Assignment) -> ClientOverhead:
        plan, connection, part = assignment.plan, assignment.connection, assignment.part
        kind = plan.target.client
        overhead = self._overhead = ClientOverhead(kind, stamps(kind))
        self._at_once = _at_once(plan, part)
        self._part, self._credit, self._scope = part, Credit(), anyio.CancelScope()
        self._loop, self._inbox = asyncio.get_running_loop(), asyncio.Queue[Callable[[], Awaitable[None]] | None]()
        async with opened(plan, connection, self._emit, self._repaired, overhead, part, self._credit) as dispatcher:
            self._dispatcher = dispatcher
            gc.collect()
            gc.freeze()  # until `_run` has ended: a worker may outlive many runs
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(overhead.watch_loop)
                tasks.start_soon(self._until_alone, tasks.cancel_scope)
                first = self._reach()
                self._credit.lengthen(first)
                self._opened.set_result(first)
                while (work := await self._inbox.get()) is not None:
                    with anyio.CancelScope() as self._scope, overhead.measured():
                        if self._cancelled > self._done:
                            self._scope.cancel()
                        await work()
                    self._done += 1
                tasks.cancel_scope.cancel()
        return overhead

    async def _until_alone(self, scope: anyio.CancelScope) -> None:
        while time.perf_counter_ns() - self._asked_ns < ALONE_S * 1e9:  # noqa: ASYNC110 - another thread is asked
            await anyio.sleep(1.0)
        scope.cancel()

    async def _at(self, moment_ns: int, act: Callable[[], None]) -> None:
        """Do it at that moment, and let nobody else on this core delay it, or what it sets going."""
        with timer() as clock, ExitStack() as until_then:
            until_then.enter_context(urgent())
            await clock.until(moment_ns)
            self._urgent.close()
            self._urgent = until_then.pop_all()
            self._loop.call_later(_FIRST_S, self._urgent.close)
        act()

    async def _round(self, orders: Sequence[Order], at_ns: int, gate: Gate) -> None:
        try:
            await self._at(at_ns, lambda: None)
        except BaseException:
            self._dispatcher.interrupt(orders)
            raise
        await self._dispatcher.round(orders, gate)

    async def _arrive(self, prefix: str, started_ns: int) -> None:
        await self._at(started_ns, lambda: None)
        await self._dispatcher.arrive(prefix, started_ns)

    def _repaired(self, request: OwnRequest) -> None:
        self._emit(Repaired(1, request, time.perf_counter_ns()))  # it asks before the first round only

    def _emit(self, event: Event) -> None:
        line = self._encode(event)
        if isinstance(event, Operation):
            with self._answering:
                self._events.append(line)
        else:
            self._events.append(line)

    def _stop(self) -> None:
        self._dispatcher.stop()
        self._credit.let_go()

    def _cancel(self) -> None:
        self._cancelled = self._begun  # it may still be in the inbox
        self._scope.cancel()

    def _reach(self) -> int:
        """The number up to which orders may be placed until the batch after the next."""
        placed = self._dispatcher.placed
        lately = (placed - self._placed_before) // self._part.count
        self._placed_before = placed
        return placed + max(_LEAST_CREDIT, self._at_once, 4 * lately) * self._part.count


def _at_once(plan: Race | Load, part: Part) -> int:
    """How many orders a worker may well place between two batches."""
    if plan.arrivals is ArrivalKind.BURST:
        return 0
    if plan.schedule is None:
        return 2 * part.share(plan.concurrency)
    return ceil(plan.schedule.highest_per_s / part.count * _BETWEEN_BATCHES_S)


def _end(closed: Future[ClientOverhead]) -> str:
    """How a worker ended that was not to."""
    error = closed.exception()
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"stopped, as nobody asked for {ALONE_S:g} s" if error is None else f"{type(error).__name__}: {error}"
