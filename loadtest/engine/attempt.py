"""What a strategy does for one order: each request becomes an Operation, also one that is interrupted."""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.table import Answer, Stamps, Table, Values
from loadtest.dynamodb.transport import Request
from loadtest.engine.in_flight import WritesInFlight
from loadtest.events import Kind, Listener, Operation, Order, Outcome, Reason, Result


class Gate:
    """Opens when every order has arrived at it or has ended before; stays open.

    If it is `held` it is then only `full`, until somebody opens it.
    """

    def __init__(self, orders: int, *, held: bool = False) -> None:
        self._awaited = orders
        self._held = held
        self._open = anyio.Event()

    @property
    def full(self) -> bool:
        """Whether nobody is waited for any more."""
        return self._awaited <= 0

    def open(self) -> None:
        """Let everybody through."""
        self._open.set()

    async def arrive(self) -> None:
        """Wait for all others."""
        self.leave()
        await self._open.wait()

    def leave(self) -> None:
        """One order fewer to wait for."""
        self._awaited -= 1
        if self.full and not self._held:
            self.open()


class Desk(Protocol):
    """Where attempts are made: the table, the slots for requests in flight (None: no limit), and who hears of them."""

    table: Table
    slots: anyio.Semaphore | None
    emit: Listener
    in_flight: WritesInFlight


class OrderAttempt:
    """What the strategy sees of its order; see `loadtest.strategies.Attempt`."""

    __slots__ = ("_desk", "_gate", "number", "order", "write_lost")

    def __init__(self, desk: Desk, order: Order, gate: Gate | None) -> None:
        self.order = order
        self.number = 1
        self.write_lost = False
        self._desk = desk
        self._gate = gate

    @property
    def schema(self) -> TableSchema:
        """That of the table."""
        return self._desk.table.schema

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
        return await self._operate(Kind.READ, lambda: self._desk.table.read(self.order.product_id))

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
        table, product_id = self._desk.table, self.order.product_id
        return await self._operate(
            Kind.WRITE, lambda: table.update(product_id, expression, values, condition, refused), read_version
        )

    async def take_and_record(self, take: Request, record: Request) -> Answer:
        """Take and record, both or neither, under a token of this attempt."""
        product_id, token = self.order.product_id, f"{self.order.order_id}-{self.number}"
        return await self._operate(
            Kind.TRANSACTION, lambda: self._desk.table.take_and_record(product_id, take, record, token)
        )

    async def _operate(
        self, kind: Kind, send: Callable[[], Awaitable[Answer]], read_version: int | None = None
    ) -> Answer:
        """Send one request when a slot is free and emit its Operation, also when it is interrupted."""
        scheduled_ns = time.perf_counter_ns()
        if self._desk.slots is None:
            answer = await self._send(kind, send, scheduled_ns, read_version)
        else:
            async with self._desk.slots:
                answer = await self._send(kind, send, scheduled_ns, read_version)
        self._emit(kind, answer, scheduled_ns, read_version)
        return answer

    async def _send(
        self, kind: Kind, send: Callable[[], Awaitable[Answer]], scheduled_ns: int, read_version: int | None
    ) -> Answer:
        sent_ns = time.perf_counter_ns()
        if kind is not Kind.READ:
            self._desk.in_flight.sent(self.order, kind, self.number, read_version, sent_ns)
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
        self._desk.emit(
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
                consistent=kind is not Kind.READ or self._desk.table.consistent_reads,
                sent=answer.stamps.sent,
            )
        )
        if kind is not Kind.READ:
            self._desk.in_flight.emitted(order.order_id)  # not before: it is to be known at every moment
