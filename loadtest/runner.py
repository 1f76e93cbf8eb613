"""Runs one round: a coroutine an order, the gate, the limit of operations in flight, retries.

Computes no statistics: everything that happens goes to `emit` as an event.
"""

import random
import time
from collections.abc import Awaitable, Callable, Sequence

import anyio
from msgspec import Struct

from loadtest.dynamo.table import Answer, Request, Stamps, Table, Values
from loadtest.order import Kind, Listener, Operation, Order, OrderEnded, Outcome, Reason, Result
from loadtest.strategies import Strategy

BACKOFF_BASE_S = 0.05
BACKOFF_CAP_S = 1.0


class Gate:
    """Opens when every order has arrived at it or has ended before; stays open."""

    def __init__(self, orders: int) -> None:
        self._awaited = orders
        self._open = anyio.Event()

    async def arrive(self) -> None:
        """Wait for all others."""
        self.leave()
        await self._open.wait()

    def leave(self) -> None:
        """One order fewer to wait for."""
        self._awaited -= 1
        if self._awaited == 0:
            self._open.set()


class Rules(Struct, frozen=True):
    """How orders are run: attempts each, operations in flight at once, whether the gate holds them."""

    attempts: int = 1
    concurrency: int = 1
    gate: bool = True


class Runner:
    """Places orders on one table with one strategy."""

    def __init__(self, table: Table, strategy: Strategy, rules: Rules, emit: Listener) -> None:
        self.table = table
        self.emit = emit
        self.slots = anyio.Semaphore(rules.concurrency, fast_acquire=True)
        self._strategy = strategy
        self._rules = rules

    async def round(self, orders: Sequence[Order]) -> None:
        """Place all orders at once and return when each has its result, also when cancelled."""
        gate = Gate(len(orders)) if self._rules.gate else None
        started_ns = time.perf_counter_ns()
        async with anyio.create_task_group() as tasks:
            for order in orders:
                tasks.start_soon(self._place, _Attempt(self, order, gate), started_ns)

    async def _place(self, attempt: "_Attempt", scheduled_ns: int) -> None:
        order = attempt.order
        result = Result(Outcome.FAILED, "Interrupted", "interrupted before its write was sent")
        try:
            result = await self._attempts(attempt)
        except BaseException:
            if attempt.write_lost:
                result = Result(Outcome.UNKNOWN, "Interrupted", "interrupted while its write was under way")
            raise
        finally:
            attempt.leave_gate()
            self.emit(
                OrderEnded(
                    round=order.round,
                    order_id=order.order_id,
                    product_id=order.product_id,
                    units=order.units,
                    outcome=result.outcome,
                    reason=result.reason,
                    message=result.message,
                    attempts=attempt.number,
                    scheduled_ns=scheduled_ns,
                    ended_ns=time.perf_counter_ns(),
                )
            )

    async def _attempts(self, attempt: "_Attempt") -> Result:
        while True:
            result = await self._strategy(attempt)
            if attempt.number >= self._rules.attempts or not _worth_another(result):
                return result
            await anyio.sleep(full_jitter_s(attempt.number))
            attempt.number += 1


def _worth_another(result: Result) -> bool:
    """A conflict may be gone when it is tried again, and so may a lack of capacity; sold out is final."""
    conflict = result.outcome is Outcome.REJECTED and result.reason == Reason.CONFLICT
    return conflict or result.outcome is Outcome.THROTTLED


def full_jitter_s(attempt: int) -> float:
    """Seconds to wait after the given attempt: uniform from 0 to a bound that doubles up to one second.

    "Full jitter" of Marc Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
    """
    return random.uniform(0, min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2 ** min(attempt - 1, 10)))


class _Attempt:
    """What the strategy sees of its order; see `loadtest.strategies.Attempt`."""

    __slots__ = ("_gate", "_runner", "number", "order", "write_lost")

    def __init__(self, runner: Runner, order: Order, gate: Gate | None) -> None:
        self.order = order
        self.number = 1
        self.write_lost = False
        self._runner = runner
        self._gate = gate

    async def gate(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            await gate.arrive()

    def leave_gate(self) -> None:
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave()

    async def read(self) -> Answer:
        return await self._operate(Kind.READ, lambda: self._runner.table.read(self.order.product_id))

    async def update(
        self,
        expression: str,
        values: Values,
        *,
        condition: str | None = None,
        refused: Reason = Reason.CONFLICT,
        read_version: int | None = None,
    ) -> Answer:
        table, product_id = self._runner.table, self.order.product_id
        return await self._operate(
            Kind.WRITE, lambda: table.update(product_id, expression, values, condition, refused), read_version
        )

    async def take_and_record(self, take: Request, record: Request) -> Answer:
        product_id, token = self.order.product_id, f"{self.order.order_id}-{self.number}"
        return await self._operate(
            Kind.TRANSACTION, lambda: self._runner.table.take_and_record(product_id, take, record, token)
        )

    async def _operate(
        self, kind: Kind, send: Callable[[], Awaitable[Answer]], read_version: int | None = None
    ) -> Answer:
        """Send one request when a slot is free and emit its Operation, also when it is interrupted."""
        scheduled_ns = time.perf_counter_ns()
        async with self._runner.slots:
            sent_ns = time.perf_counter_ns()
            try:
                answer = await send()
            except BaseException:
                self.write_lost = self.write_lost or kind is not Kind.READ
                outcome = Outcome.FAILED if kind is Kind.READ else Outcome.UNKNOWN
                lost = Result(outcome, "Interrupted", "interrupted while it was under way")
                now_ns = time.perf_counter_ns()
                self._emit(kind, Answer(lost, None, Stamps(sent_ns, now_ns, now_ns)), scheduled_ns, read_version)
                raise
        self._emit(kind, answer, scheduled_ns, read_version)
        return answer

    def _emit(self, kind: Kind, answer: Answer, scheduled_ns: int, read_version: int | None) -> None:
        order, result, product = self.order, answer.result, answer.product
        refused_otherwise = result.outcome is Outcome.REJECTED and not answer.by_condition
        self._runner.emit(
            Operation(
                round=order.round,
                order_id=order.order_id,
                product_id=order.product_id,
                units=order.units,
                kind=kind,
                attempt=self.number,
                outcome=result.outcome,
                reason=result.reason,
                message=result.message,
                read_version=None if refused_otherwise else read_version,
                version=product.version if product else None,
                quantity=product.quantity if product else None,
                scheduled_ns=scheduled_ns,
                sent_ns=answer.stamps.sent_ns,
                received_ns=answer.stamps.received_ns,
                ended_ns=answer.stamps.ended_ns,
            )
        )
