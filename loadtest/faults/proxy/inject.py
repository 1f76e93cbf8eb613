"""What becomes of one request: the faults that meet it, and what its client gets."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum, auto

from msgspec import Struct

from loadtest.dynamodb.errors import CredentialsError
from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.wire import Lost, Reply
from loadtest.faults.draws import Chance, Strike
from loadtest.faults.proxy import answers
from loadtest.faults.proxy.journal import Injected, Journal
from loadtest.faults.proxy.limits import Limits
from loadtest.faults.proxy.requests import Asked, asked
from loadtest.workload.faults import AnyFault, Delay, Duplicate, Error500, HalfAnswer, Reset, Throttle

Forward = Callable[[str, bytes], Awaitable[Reply]]


class After(Enum):
    """What becomes of the connection after the answer."""

    KEPT = auto()
    CLOSED = auto()
    RESET = auto()


class Outgoing(Struct, frozen=True):
    """What the client gets."""

    data: bytes
    after: After = After.KEPT


_NOTHING = Outgoing(b"", After.CLOSED)


class _Exchange:
    """A request on its way, what meets it, and the server's answers so far; None for one that did not come."""

    def __init__(self, operation: str, body: bytes, strikes: Sequence[Strike], schema: TableSchema) -> None:
        self.operation = operation
        self.body = body
        self.strikes = strikes
        self.replies: list[Reply | None] = []
        self._schema = schema
        self._asked: Asked | None = None

    @property
    def asked(self) -> Asked:
        """What the request says; read once, and only if a fault needs it."""
        if self._asked is None:
            self._asked = asked(self.body, self._schema)
        return self._asked


class Injector:
    """Carries requests to the server by `forward`, whose OSError or Lost tells that no whole answer came.

    Delays that meet a request add up, and so do those of its answer. A throttle comes before the others, of which the
    first in the file has its way.
    """

    def __init__(
        self, forward: Forward, faults: Sequence[AnyFault], seed: int, journal: Journal, schema: TableSchema
    ) -> None:
        self._forward = forward
        self._schema = schema
        self._chance = Chance(faults, seed)
        self._limits = Limits(faults)
        self._journal = journal
        self._arn = ""
        self._begun = False
        self._first_ns = 0

    def begin(self, table_arn: str) -> None:
        """Let faults meet the requests that come from now on; windows count from the first of them."""
        self._arn = table_arn
        self._begun = True

    async def serve(self, operation: str, body: bytes) -> Outgoing:
        """Carry one request through, with all that befalls it."""
        exchange = _Exchange(operation, body, self._strikes(operation), self._schema)
        await self._hold(exchange, "request")
        for strike in exchange.strikes:
            if isinstance(strike.fault, Throttle) and (refused := self._throttled(exchange, strike)):
                return refused
        met = next((one for one in exchange.strikes if not isinstance(one.fault, Delay | Throttle)), None)
        if met is not None and isinstance(met.fault, Reset) and met.fault.when == "before":
            self._note(exchange, met)
            return Outgoing(b"", After.RESET)
        await self._deliver(exchange)
        if met is not None and isinstance(met.fault, Duplicate):
            await self._deliver(exchange)
        await self._hold(exchange, "answer")
        if met is None:
            return _handed_on(exchange.replies[0])
        self._note(exchange, met)
        return _spoilt(met.fault, exchange.replies)

    def _strikes(self, operation: str) -> Sequence[Strike]:
        if not self._begun:
            return ()
        now_ns = time.perf_counter_ns()
        self._first_ns = self._first_ns or now_ns
        return self._chance.strikes(operation, (now_ns - self._first_ns) / 1e9)

    async def _hold(self, exchange: _Exchange, where: str) -> None:
        for strike in exchange.strikes:
            if isinstance(strike.fault, Delay) and strike.fault.where == where:
                self._note(exchange, strike)
                await asyncio.sleep(strike.delay_s)

    def _throttled(self, exchange: _Exchange, strike: Strike) -> Outgoing | None:
        lacking = self._limits.lacking(strike.place, exchange.operation, exchange.asked)
        if not any(lacking):
            return None
        self._note(exchange, strike)
        if exchange.operation == "TransactWriteItems":
            return Outgoing(answers.cancelled(lacking))
        return Outgoing(answers.throttled(self._arn))

    async def _deliver(self, exchange: _Exchange) -> None:
        try:
            reply = await self._forward(exchange.operation, exchange.body)
        except (OSError, Lost):  # TimeoutError is an OSError
            exchange.replies.append(None)
            return
        except CredentialsError:
            if not exchange.replies:
                raise  # nothing was sent for this request
            exchange.replies.append(None)
            return
        exchange.replies.append(reply)
        if self._limits.any:
            self._limits.learn(exchange.operation, exchange.asked, reply.body)

    def _note(self, exchange: _Exchange, strike: Strike) -> None:
        """Put it on record, before the client can notice it."""
        self._journal.add(
            Injected(
                fault=strike.place,
                kind=strike.fault.kind,
                request=strike.request,
                operation=exchange.operation,
                product_id=exchange.asked.product_id,
                order_id=exchange.asked.order_id,
                at_ns=time.perf_counter_ns(),
                statuses=[reply.status if reply else None for reply in exchange.replies],
                delay_ms=round(strike.delay_s * 1e3, 3) if isinstance(strike.fault, Delay) else None,
            )
        )


def _handed_on(reply: Reply | None) -> Outgoing:
    """The server's answer; without one the connection ends, as the one to the server did."""
    return _NOTHING if reply is None else Outgoing(answers.handed_on(reply))


def _spoilt(fault: AnyFault, replies: Sequence[Reply | None]) -> Outgoing:
    """What the client gets instead of the server's answer."""
    reply = replies[0]
    match fault:
        case Duplicate():
            return _handed_on(replies[0 if fault.answer == "first" else 1])
        case Error500():
            return Outgoing(answers.internal_error())
        case Reset():
            return Outgoing(b"", After.RESET)
        case HalfAnswer() if reply is not None:
            return Outgoing(answers.half(reply), After.CLOSED)
        case _:
            return _NOTHING
