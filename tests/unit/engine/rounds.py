"""What rounds work with, without a server: whatever they ask for is written down."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import anyio
from anyio.lowlevel import checkpoint

from loadtest.dynamodb.admin import Stocked
from loadtest.engine.context import Rounds, RunContext
from loadtest.engine.stop import Stop
from loadtest.engine.stream import EventStream
from loadtest.events import Event, InFlight, Order, Product
from loadtest.measure.client_overhead import ClientOverhead

if TYPE_CHECKING:
    from loadtest.errors import LoadTestError


class Placing:
    """Places orders, each for a dollar. A load goes on until it is told to stop, or until one `failing` is raised."""

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.placed: list[Order] = []
        self.failing: LoadTestError | None = None
        self.spent_usd = 0.0
        self.in_flight = 0
        self._over = anyio.Event()

    async def ready(self) -> int:
        self.log.append("ready")
        return 1

    async def round(self, orders: Sequence[Order]) -> None:
        self.log.append(f"{len(orders)} orders")
        self.placed += orders
        self.spent_usd += len(orders)
        if self.failing is not None:
            raise self.failing

    async def arrive(self, prefix: str, started_ns: int) -> None:
        self.log.append(f"arrivals {prefix}")
        if self.failing is not None:
            raise self.failing
        await self._over.wait()

    def stop(self) -> None:
        self.log.append("stop")
        self._over.set()

    def in_flight_writes(self) -> Sequence[InFlight]:
        return ()


class Market:
    """A context, and what is behind it."""

    def __init__(self, rounds: Rounds) -> None:
        self.log: list[str] = []
        self.events: list[Event] = []
        self.said: list[str] = []
        self.stop = Stop()
        self.unreadable: LoadTestError | None = None  # raised when it is looked at afterwards
        self.placing = Placing(self.log)
        self._rounds = rounds
        self._version = 1
        self._context = RunContext(
            dispatcher=self.placing,
            own=cast("Any", self),
            reconciler=cast("Any", self),
            emit=EventStream([*rounds.listeners, self.events.append], self.stop.fail),
            stop=self.stop,
            watcher=cast("Any", self),
            overhead=ClientOverhead("wire", ""),
            spent_usd=lambda: self.placing.spent_usd,
            prefix="a",
        )

    async def run(self) -> None:
        """To the end, as a run does."""

        async def never() -> str:
            await anyio.sleep_forever()
            raise AssertionError

        with anyio.fail_after(20):
            async with self.stop.until(never):
                await self._rounds.run(self._context)

    async def set_stock(self, round_: int, product_id: str, quantity: int) -> Stocked:
        await checkpoint()
        self.log.append(f"stock of {product_id} {quantity}")
        self._version += 1
        return Stocked(Product(product_id, "", quantity, self._version), 60)

    async def records(self) -> list[Event]:
        self.log.append("records")
        return []

    async def last_look(self, product_id: str) -> tuple[Product, int]:
        self.log.append(f"look at {product_id}")
        if self.unreadable is not None:
            raise self.unreadable
        return Product(product_id, "", 0, self._version + 1), 5

    def announce(self, sentence: str) -> None:
        self.said.append(sentence)

    def chore(self, what: str, done: int, of: int) -> None:
        self.said.append(f"{what}: {done} of {of}")
