"""Places orders over time: a fixed number in flight, or by a schedule that waits for nobody."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint

from loadtest.engine.orders import Runner
from loadtest.events import Order, OrderDropped, OrderPlaced, Outcome, Result
from loadtest.system.timers import timer

_PAUSE_NS = 400_000  # between two wakings, each of which costs as much as starting an order
_TURN = 64  # orders started before others get a turn, when many are due at once
_AFTER_FAILURE_S = 0.05
_Due = tuple[Order, int]


class Sustained:
    """Runs orders that `make` makes. Each is scheduled, whether or not it can begin then; `stop` ends the arrivals."""

    def __init__(self, runner: Runner, make: Callable[[], Awaitable[Order]]) -> None:
        self.in_flight = 0
        self._runner = runner
        self._make = make
        self._arrivals = anyio.CancelScope()
        self._over = False
        self._idle: list[asyncio.Future[_Due | None]] = []  # tasks that have run an order: a new one costs 15 µs

    def stop(self) -> None:
        """No further order begins; those under way go on to their end."""
        self._arrivals.cancel()

    async def open_loop(self, due_s: Iterator[float], started_ns: int, max_in_flight: int) -> None:
        """Start an order at each of the moments, in seconds from `started_ns`, and return when all have ended.

        An order that is due while `max_in_flight` are under way is dropped: it never begins, later or at all.
        """
        async with anyio.create_task_group() as tasks:
            with self._arrivals:
                async for scheduled_ns in _moments(due_s, started_ns):
                    order = await self._make()
                    if self.in_flight >= max_in_flight:
                        self._runner.emit(
                            OrderDropped(order.round, order.order_id, order.product_id, order.units, scheduled_ns)
                        )
                        continue
                    self.in_flight += 1
                    self._begin(order, scheduled_ns, tasks)
            self._over = True
            for waiting in self._idle:
                if not waiting.done():
                    waiting.set_result(None)

    async def closed_loop(self, orders: int, until_ns: int) -> None:
        """Keep `orders` in flight until the moment `until_ns`, each new one scheduled when the last had ended.

        A buyer whose order failed rests for a moment.
        """

        async def buyer() -> None:
            while time.perf_counter_ns() < until_ns and not self._arrivals.cancel_called:
                order = await self._make()
                if self._arrivals.cancel_called:  # while it waited for its turn
                    break
                self.in_flight += 1
                result = await self._one(order, time.perf_counter_ns())
                if result.outcome is Outcome.FAILED:  # a server that is gone refuses ten thousand a second
                    await anyio.sleep(_AFTER_FAILURE_S)

        async with anyio.create_task_group() as tasks:
            for _ in range(orders):
                tasks.start_soon(buyer)

    def _begin(self, order: Order, scheduled_ns: int, tasks: TaskGroup) -> None:
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():  # cancelled, in the very turn in which this order came due
                waiting.set_result((order, scheduled_ns))
                return
        tasks.start_soon(self._one_after_another, order, scheduled_ns)

    async def _one_after_another(self, order: Order, scheduled_ns: int) -> None:
        loop = asyncio.get_running_loop()
        due: _Due | None = (order, scheduled_ns)
        while due is not None:
            await self._one(*due)
            if self._over:
                return
            waiting: asyncio.Future[_Due | None] = loop.create_future()
            self._idle.append(waiting)
            due = await waiting

    async def _one(self, order: Order, scheduled_ns: int) -> Result:
        try:
            started_ns = time.perf_counter_ns()
            self._runner.emit(
                OrderPlaced(order.round, order.order_id, order.product_id, order.units, scheduled_ns, started_ns)
            )
            return await self._runner.place(order, scheduled_ns)
        finally:
            self.in_flight -= 1


async def _moments(due_s: Iterator[float], started_ns: int) -> AsyncIterator[int]:
    """Each moment on the clock, once it has come."""
    turn = 0
    with timer() as clock:
        for moment_s in due_s:
            scheduled_ns, now_ns = started_ns + int(moment_s * 1e9), time.perf_counter_ns()
            turn += 1
            if scheduled_ns > now_ns:
                turn = 0
                await clock.until(max(scheduled_ns, now_ns + _PAUSE_NS))
            elif turn == _TURN:
                turn = 0
                await checkpoint()
            yield scheduled_ns
