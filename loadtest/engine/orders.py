"""Places orders: each a coroutine that makes its attempts and emits one result.

Computes no statistics: everything that happens goes to `emit` as an event.
"""

import time
from collections.abc import Sequence
from random import Random

import anyio

from loadtest.dynamodb.table import Table
from loadtest.engine.attempt import Gate, OrderAttempt
from loadtest.engine.in_flight import WritesInFlight
from loadtest.events import Listener, Order, OrderEnded, Outcome, Reason, Result
from loadtest.strategies import Strategy
from loadtest.workload.backoff import waits
from loadtest.workload.spec import Rules

_INTERRUPTED = Result(Outcome.FAILED, "Interrupted", "interrupted before its write was sent")


class Runner:
    """Places orders on one table with one strategy."""

    def __init__(self, table: Table, strategy: Strategy, rules: Rules, emit: Listener, random: Random) -> None:
        self.table = table
        self.emit = emit
        self.in_flight = WritesInFlight()
        self.slots = anyio.Semaphore(rules.concurrency, fast_acquire=True) if rules.concurrency else None
        self._strategy = strategy
        self._rules = rules
        self._waits = waits(rules.backoff, random)

    async def round(self, orders: Sequence[Order], gate: Gate | None = None) -> None:
        """Place all orders at once and return when each has its result, also when cancelled.

        If the rules want a gate, it is `gate`, or one that opens when all of these have arrived.
        """
        gate = (gate or Gate(len(orders))) if self._rules.gate else None
        started_ns = time.perf_counter_ns()
        async with anyio.create_task_group() as tasks:
            for order in orders:
                tasks.start_soon(self.place, order, started_ns, gate)

    def interrupt(self, orders: Sequence[Order]) -> None:
        """Give all of these their result without placing them."""
        now_ns = time.perf_counter_ns()
        for order in orders:
            self._ended(order, _INTERRUPTED, 1, now_ns)

    async def place(self, order: Order, scheduled_ns: int, gate: Gate | None = None) -> Result:
        """Run one order to its result, which is emitted also when this is cancelled."""
        attempt = OrderAttempt(self, order, gate)
        result = _INTERRUPTED
        try:
            result = await self._attempts(attempt)
        except BaseException:
            if attempt.write_lost:
                result = Result(Outcome.UNKNOWN, "Interrupted", "interrupted while its write was under way")
            raise
        finally:
            attempt.leave_gate()
            self._ended(order, result, attempt.number, scheduled_ns)
        return result

    def _ended(self, order: Order, result: Result, attempts: int, scheduled_ns: int) -> None:
        self.emit(OrderEnded.of(order, result, attempts, scheduled_ns, time.perf_counter_ns()))

    async def _attempts(self, attempt: OrderAttempt) -> Result:
        result = await self._strategy(attempt)
        if self._rules.attempts > 1 and _worth_another(result):
            for wait_s in self._waits():
                await anyio.sleep(wait_s)
                attempt.number += 1
                result = await self._strategy(attempt)
                if attempt.number >= self._rules.attempts or not _worth_another(result):
                    break
        return result


def _worth_another(result: Result) -> bool:
    """A conflict may be gone when it is tried again, and so may a lack of capacity; sold out is final."""
    conflict = result.outcome is Outcome.REJECTED and result.reason == Reason.CONFLICT
    return conflict or result.outcome is Outcome.THROTTLED
