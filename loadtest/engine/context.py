"""What a run has in hand once its target is open."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import anyio
from msgspec import Struct

from loadtest.dynamodb.own_writes import OwnWrites
from loadtest.engine.reconcile import Reconciler
from loadtest.engine.stop import Stop
from loadtest.engine.watchdog import Watcher
from loadtest.errors import LoadTestError, TargetError
from loadtest.events import InFlight, Listener, Order, Product, RoundEnded
from loadtest.measure.client_overhead import ClientOverhead

FINAL_READ_WITHIN_S = 20.0  # records and the time of lost writes included
_READ_S = 0.01  # more for each product
READING = "products read"
SETTING = "products set to the stock"
PUTTING = "products put where they were missing"
_AT_ONCE = 10  # requests in flight around a run


Done = Callable[[int, int], None]


async def for_each(
    product_ids: Sequence[str], act: Callable[[str], Awaitable[None]], done: Done = lambda _count, _of: None
) -> None:
    """Await `act` of each product, a few at a time. `done` hears after each how many of how many have been acted on."""
    waiting, count = iter(product_ids), 0

    async def worker() -> None:
        nonlocal count
        for product_id in waiting:
            await act(product_id)
            count += 1
            done(count, len(product_ids))

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(min(_AT_ONCE, len(product_ids))):
                tasks.start_soon(worker)
    except ExceptionGroup as group:
        known, others = group.split(LoadTestError)
        if known is None or others is not None:
            raise
        raise next(_each(known)) from None  # what went wrong for many products went wrong for one


def _each(group: ExceptionGroup[LoadTestError]) -> Iterator[LoadTestError]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _each(error)
        else:
            yield error


class Dispatcher(Protocol):
    """Who places the orders: this process, or several."""

    @property
    def in_flight(self) -> int:
        """Orders of a load that are under way."""

    def in_flight_writes(self) -> Sequence[InFlight]:
        """The writes that are in flight, or answered and not told of so far; each of them once."""

    async def ready(self) -> int:
        """Get ready for a round. Returns the earliest instant at which its orders can begin, on this clock."""

    async def round(self, orders: Sequence[Order]) -> None:
        """Place all of these at once; return when each has its result."""

    async def arrive(self, prefix: str, started_ns: int) -> None:
        """Place the orders of a load, whose schedule began at that instant; return when all have ended."""

    def stop(self) -> None:
        """Let no further order of a load begin."""


class RunContext(Struct, frozen=True):
    """What rounds work with: `dispatcher` places their orders, `own` makes the tool's own writes around them.

    `prefix` begins the ids of all orders, `spent_usd` is what they have cost so far. An error of a part goes to `stop`.
    """

    dispatcher: Dispatcher
    own: OwnWrites
    reconciler: Reconciler
    emit: Listener
    stop: Stop
    watcher: Watcher
    overhead: ClientOverhead
    spent_usd: Callable[[], float]
    prefix: str

    def chore(self, what: str) -> Done:
        """Who hears how far it is with what is done to each product."""
        return partial(self.watcher.chore, what)

    @asynccontextmanager
    async def round(self, number: int, product_ids: Sequence[str]) -> AsyncIterator[None]:
        """The block places the orders of a round; what is left of the products is read after it, whatever happens."""
        left: dict[str, tuple[Product, int]] = {}
        try:
            with self.overhead.measured():
                yield
        finally:
            ended_ns = time.perf_counter_ns()
            within_s = FINAL_READ_WITHIN_S + len(product_ids) * _READ_S
            with anyio.move_on_after(within_s, shield=True):
                await self._records()
                await for_each(product_ids, lambda product_id: self._read(product_id, left), self.chore(READING))
            for product_id in product_ids:
                product, read_ns = left.get(product_id, (None, 0))
                self.emit(RoundEnded(number, product_id, product, ended_ns, read_ns))

    async def _records(self) -> None:
        try:
            for event in await self.reconciler.records():
                self.emit(event)
        except TargetError as error:
            self.watcher.announce(f"the records of the orders were not read: {error}")

    async def _read(self, product_id: str, left: dict[str, tuple[Product, int]]) -> None:
        try:
            left[product_id] = await self.reconciler.last_look(product_id)
        except TargetError as error:
            self.stop.fail(error)


class Rounds(Protocol):
    """What a workload does once its target is open; its `listeners` hear of every event."""

    @property
    def listeners(self) -> Sequence[Listener]:
        """Who has to hear of all events for it to go on."""

    async def run(self, context: RunContext) -> None:
        """Place all orders, round by round. LoadTestError if it cannot go on."""
