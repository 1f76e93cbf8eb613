"""Places orders: each a coroutine that makes its attempts and emits one result.

Each request of an attempt becomes an Operation, also one that is interrupted. Computes no statistics: everything that
happens goes to `emit` as an event.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import anyio

from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.table import Answer, Stamps, Table, Values
from loadtest.dynamodb.transport import Request
from loadtest.engine.gate import Gate
from loadtest.engine.in_flight import WritesInFlight
from loadtest.events import Kind, Listener, Operation, Order, OrderEnded, Outcome, Reason, Result
from loadtest.strategies import Strategy
from loadtest.workload.backoff import waits
from loadtest.workload.spec import Rules

_INTERRUPTED = Result(Outcome.FAILED, "Interrupted", "interrupted before its write was sent")


class Runner:
    """Places orders on one table with one strategy; `slots` are for requests in flight, None if there is no limit."""

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

    async def _attempts(self, attempt: "OrderAttempt") -> Result:
        result = await self._strategy(attempt)
        if self._rules.attempts > 1 and _worth_another(result):
            for wait_s in self._waits():
                await anyio.sleep(wait_s)
                attempt.number += 1
                result = await self._strategy(attempt)
                if attempt.number >= self._rules.attempts or not _worth_another(result):
                    break
        return result


class OrderAttempt:
    """What the strategy sees of its order; see `loadtest.strategies.Attempt`."""

    __slots__ = ("_gate", "_runner", "number", "order", "write_lost")

    def __init__(self, runner: Runner, order: Order, gate: Gate | None) -> None:
        self.order = order
        self.number = 1
        self.write_lost = False
        self._runner = runner
        self._gate = gate

    @property
    def schema(self) -> TableSchema:
        """That of the table."""
        return self._runner.table.schema

    async def gate(self) -> None:
        """Arrive at the gate, once."""
        gate, self._gate = self._gate, None
        if gate is not None:
            await gate.arrive()

    def leave_gate(self) -> None:
        """Keep nobody waiting who still does."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.leave()

    async def read(self) -> Answer:
        """Read the product."""
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
        """Change the product if the condition holds."""
        table, product_id = self._runner.table, self.order.product_id
        return await self._operate(
            Kind.WRITE, lambda: table.update(product_id, expression, values, condition, refused), read_version
        )

    async def take_and_record(self, take: Request, record: Request) -> Answer:
        """Take and record, both or neither, under a token of this attempt."""
        product_id, token = self.order.product_id, f"{self.order.order_id}-{self.number}"
        return await self._operate(
            Kind.TRANSACTION, lambda: self._runner.table.take_and_record(product_id, take, record, token)
        )

    async def _operate(
        self, kind: Kind, send: Callable[[], Awaitable[Answer]], read_version: int | None = None
    ) -> Answer:
        """Send one request when a slot is free and emit its Operation, also when it is interrupted."""
        scheduled_ns = time.perf_counter_ns()
        if self._runner.slots is None:
            answer = await self._send(kind, send, scheduled_ns, read_version)
        else:
            async with self._runner.slots:
                answer = await self._send(kind, send, scheduled_ns, read_version)
        self._emit(kind, answer, scheduled_ns, read_version)
        return answer

    async def _send(
        self, kind: Kind, send: Callable[[], Awaitable[Answer]], scheduled_ns: int, read_version: int | None
    ) -> Answer:
        sent_ns = time.perf_counter_ns()
        if kind is not Kind.READ:
            self._runner.in_flight.sent(self.order, kind, self.number, read_version, sent_ns)
        try:
            return await send()
        except BaseException:
            self.write_lost = self.write_lost or kind is not Kind.READ
            outcome = Outcome.FAILED if kind is Kind.READ else Outcome.UNKNOWN
            lost = Result(outcome, "Interrupted", "interrupted while it was under way")
            now_ns = time.perf_counter_ns()
            self._emit(kind, Answer(lost, None, Stamps(sent_ns, now_ns, now_ns)), scheduled_ns, read_version)
            raise

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
                capacity=answer.capacity,
                scheduled_ns=scheduled_ns,
                sent_ns=answer.stamps.sent_ns,
                received_ns=answer.stamps.received_ns,
                ended_ns=answer.stamps.ended_ns,
                last_order=product.last_order if product else None,
                consistent=kind is not Kind.READ or self._runner.table.consistent_reads,
                sent=answer.stamps.sent,
            )
        )
        if kind is not Kind.READ:
            self._runner.in_flight.emitted(order.order_id)  # not before: it is to be known at every moment


def _worth_another(result: Result) -> bool:
    """A conflict may be gone when it is tried again, and so may a lack of capacity; sold out is final."""
    conflict = result.outcome is Outcome.REJECTED and result.reason == Reason.CONFLICT
    return conflict or result.outcome is Outcome.THROTTLED
