"""What tests put in the place of the world: a table in memory that checks and writes at one moment, a full disk."""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import cast

import anyio
from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.table import Answer, Stamps, Table, Values
from loadtest.dynamodb.transport import Request
from loadtest.engine.orders import Runner
from loadtest.events import ACCEPTED, SOLD_OUT, Event, Order, OrderEnded, Outcome, Product, Reason, Result
from loadtest.strategies import load
from loadtest.workload.spec import Rules

Act = Callable[[], Answer]


class MemoryTable:
    """Products. `scripted` answers come first, in turn; the request `held` by kind and number is never answered.

    While `shut`, nothing is answered; `most_in_flight` is what there ever was of unanswered requests.
    """

    def __init__(
        self, stock: int = 1, *, held: tuple[str, int] | None = None, product_ids: Sequence[str] = ("p#4",)
    ) -> None:
        self.products = {one: Product(one, "Last samovar", stock, 1) for one in product_ids}
        self.shut: anyio.Event | None = None
        self.scripted: dict[str, list[Answer | Exception]] = {"read": [], "write": []}
        self.log: list[str] = []
        self.tokens: list[str] = []
        self.records: list[str] = []
        self.most_in_flight = 0
        self.consistent_reads = True
        self.schema = TableSchema()
        self.held = anyio.Event()
        self._in_flight = 0
        self._hold = held

    @property
    def product(self) -> Product:
        """The first, or only, product."""
        return next(iter(self.products.values()))

    async def read(self, product_id: str) -> Answer:
        return await self._serve("read", lambda: answer(ACCEPTED, self.products[product_id]))

    async def update(
        self, product_id: str, expression: str, values: Values, condition: str | None, refused: Reason
    ) -> Answer:
        wanted = {name: int(value["N"]) for name, value in values.items() if "N" in value}

        def act() -> Answer:
            now = self.products[product_id]
            if not _holds(condition, now, wanted):
                return answer(Result(Outcome.REJECTED, refused), now, by_condition=True)
            if ":units" in wanted:
                self._put(now, now.quantity - wanted[":units"], now.version + wanted[":one"])
            else:
                self._put(now, wanted[":quantity"], wanted[":version"])
            return answer(ACCEPTED, self.products[product_id])

        return await self._serve("write", act)

    async def take_and_record(self, product_id: str, take: Request, record: Request, token: str) -> Answer:
        units = int(take["ExpressionAttributeValues"][":units"]["N"])

        def act() -> Answer:
            now = self.products[product_id]
            if not _holds(take["ConditionExpression"], now, {":units": units}):
                return answer(SOLD_OUT, now, by_condition=True)
            self._put(now, now.quantity - units, now.version + 1)
            self.records.append(record["Item"]["id"]["S"])
            return answer(ACCEPTED)

        self.tokens.append(token)
        return await self._serve("write", act)

    def _put(self, old: Product, quantity: int, version: int) -> None:
        self.products[old.id] = replace(old, quantity=quantity, version=version)

    async def _serve(self, kind: str, act: Act) -> Answer:
        sent_ns = time.perf_counter_ns()
        self.log.append(f"{kind} sent")
        number = self.log.count(f"{kind} sent")
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            if self._hold == (kind, number):
                self.held.set()
                await anyio.sleep_forever()
            if self.shut is not None:
                await self.shut.wait()
            for _ in range(1 + number % 3):  # answers come out of turn
                await checkpoint()
            made = self.scripted[kind].pop(0) if self.scripted[kind] else act()
            await checkpoint()
        finally:
            self._in_flight -= 1
        if isinstance(made, Exception):
            raise made
        self.log.append(f"{kind} answered")
        now_ns = time.perf_counter_ns()
        return replace(made, stamps=Stamps(sent_ns, now_ns, now_ns))


def _holds(condition: str | None, product: Product, values: dict[str, int]) -> bool:
    if condition == "#version = :read_version":
        return product.version == values[":read_version"]
    if condition == "#quantity >= :units":
        return product.quantity >= values[":units"]
    assert condition is None
    return True


def answer(result: Result, product: Product | None = None, *, by_condition: bool = False) -> Answer:
    return Answer(result, product, Stamps(0, 0, 0), by_condition)


def runner(table: MemoryTable, strategy: str, emit: Callable[[Event], None], rules: Rules) -> Runner:
    return Runner(cast("Table", table), load(strategy), rules, emit, Random(0))


def orders(*units: int) -> list[Order]:
    return [Order(f"1-{n}", "p#4", wanted, 1) for n, wanted in enumerate(units, 1)]


async def play(table: MemoryTable, strategy: str, rules: Rules, *units: int) -> list[Event]:
    """The events of one round, which must not take forever."""
    events: list[Event] = []
    with anyio.fail_after(20):
        await runner(table, strategy, events.append, rules).round(orders(*units))
    return events


def results(events: list[Event]) -> dict[str, OrderEnded]:
    """The end of each order, of which each has one."""
    ended = [event for event in events if isinstance(event, OrderEnded)]
    assert len({event.order_id for event in ended}) == len(ended)
    return {event.order_id: event for event in ended}


@contextmanager
def full_disk(room: int = 64) -> Iterator[None]:
    """No file that this process writes may grow beyond so many bytes; for a moment only: pytest writes, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
