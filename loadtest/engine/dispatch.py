"""Places the orders of a run from this process: all of them, or its part if there are several processes."""

import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from random import Random

import anyio
from msgspec import Struct
from msgspec.structs import replace

from loadtest import strategies
from loadtest.dynamodb.admin import warm_up
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import open_transport
from loadtest.dynamodb.patience import OnRepair
from loadtest.dynamodb.table import Table, calls_by_client
from loadtest.engine.arrival_loops import Sustained
from loadtest.engine.gate import Gate
from loadtest.engine.orders import Runner
from loadtest.events import InFlight, Listener, Order
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.workload.popularity import zipf
from loadtest.workload.spec import Load, Race

ROUND = 1  # the only one of a load


class Part(Struct, frozen=True):
    """Every `count`-th order, the first of them the one after the first `index`."""

    index: int = 0
    count: int = 1

    def share(self, whole: int) -> int:
        """This part of a number of equal things."""
        return whole // self.count + (self.index < whole % self.count)

    def picks(self, seed: int) -> Random:
        """What chooses the products of this part, the same wherever it is asked."""
        return Random(f"{seed}-{self.index}")


WHOLE = Part()


class Credit:
    """Up to which number orders may be placed, where somebody else has to know which ones may have been."""

    def __init__(self) -> None:
        self._to = 0
        self._longer = anyio.Event()

    def lengthen(self, to: int) -> None:
        """Orders up to this number may be placed."""
        if to > self._to:
            self._to = to
            self._longer.set()
            self._longer = anyio.Event()

    def let_go(self) -> None:
        """All orders may be placed."""
        self.lengthen(sys.maxsize)

    async def reach(self, number: Callable[[], int]) -> None:
        """Return as soon as the order of this number may be placed; while many wait, that may become another."""
        while number() > self._to:
            await self._longer.wait()


class LocalDispatcher:
    """Places the orders of `part`, as far as `credit` allows if there is one."""

    def __init__(
        self,
        plan: Race | Load,
        runner: Runner,
        overhead: ClientOverhead,
        part: Part = WHOLE,
        credit: Credit | None = None,
    ) -> None:
        self.placed = part.index + 1 - part.count  # the number of the last order of a load
        self._plan = plan
        self._runner = runner
        self._overhead = overhead
        self._part = part
        self._credit = credit
        self._sustained: Sustained | None = None

    @property
    def in_flight(self) -> int:
        """Orders of a load that are under way."""
        return self._sustained.in_flight if self._sustained else 0

    def stop(self) -> None:
        """Let no further order of a load begin."""
        if self._sustained is not None:
            self._sustained.stop()

    def in_flight_writes(self) -> Sequence[InFlight]:
        """See `Dispatcher`."""
        return self._runner.in_flight.take()

    async def ready(self) -> int:
        """Now."""
        return time.perf_counter_ns()

    async def round(self, orders: Sequence[Order], gate: Gate | None = None) -> None:
        """Place all of these at once; return when each has its result."""
        await self._runner.round(orders, gate)

    def interrupt(self, orders: Sequence[Order]) -> None:
        """Give these their result, as their round has been cancelled before it began."""
        self._runner.interrupt(orders)

    async def arrive(self, prefix: str, started_ns: int) -> None:
        """Place orders by the schedule, which began at `started_ns`, until its time is over and all have ended."""
        plan, part = self._plan, self._part
        if not isinstance(plan, Load):
            raise TypeError("a race has rounds")
        random = Random(plan.seed)
        # Several processes share one schedule, so each has it whole; who gives credit has to know what is picked.
        picks = random if self._credit is None else part.picks(plan.seed)
        pick = zipf(plan.product_ids, plan.skew, picks)

        async def make() -> Order:
            # Whoever waits has no number yet: then numbers and products come in turn, and nobody's is passed by.
            if self._credit is not None:
                await self._credit.reach(lambda: self.placed + part.count)
            self.placed += part.count
            return Order(f"{prefix}-{self.placed}", pick(), plan.units, ROUND)

        self._sustained = Sustained(self._runner, make)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._overhead.restart_after, plan.warm_up_s)
            schedule, at_once = plan.schedule, part.share(plan.concurrency)
            if schedule is None:
                until_ns = started_ns + int((plan.warm_up_s + plan.duration_s) * 1e9)
                await self._sustained.closed_loop(at_once, until_ns)
            else:
                due_s = schedule.poisson(random) if plan.poisson else schedule.constant()
                mine = islice(due_s, part.index, None, part.count)
                await self._sustained.open_loop(mine, started_ns, at_once)
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def opened(
    plan: Race | Load,
    connection: Connection,
    emit: Listener,
    repaired: OnRepair,
    overhead: ClientOverhead,
    part: Part = WHOLE,
    credit: Credit | None = None,
) -> AsyncIterator[LocalDispatcher]:
    """One for the plan's orders, or its part of them, connected and warm. LoadTestError if the target cannot be used.

    What its client did is noted in `overhead` when the block ends.
    """
    rules, random = plan.rules, Random(plan.seed) if credit is None else part.picks(plan.seed)
    if rules.concurrency is not None:
        rules = replace(rules, concurrency=part.share(rules.concurrency))
    async with open_transport(connection) as transport:
        table = Table(transport, connection, consistent_reads=plan.consistent_reads)
        await warm_up(table, transport, connection, plan.product_ids[0], repaired)
        before = transport.stamped_by_reader
        runner = Runner(table, strategies.load(plan.strategy), rules, emit, random)
        try:
            yield LocalDispatcher(plan, runner, overhead, part, credit)
        finally:
            overhead.reader_stamps = transport.stamped_by_reader - before
            overhead.served, overhead.fallbacks = calls_by_client(transport, table)
