"""Orders over time, on a table in memory. No assertion depends on how fast this machine is."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import chain, count, repeat

import anyio
import pytest
from anyio.lowlevel import checkpoint

from loadtest.dynamodb.table import Answer, Values
from loadtest.engine.arrival_loops import Sustained
from loadtest.events import (
    ACCEPTED,
    SOLD_OUT,
    Event,
    Operation,
    Order,
    OrderDropped,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Reason,
    Result,
)
from loadtest.workload.backoff import Backoff
from loadtest.workload.spec import Rules
from tests.helpers.memory_table import MemoryTable, answer, results, runner
from tests.helpers.shop_events import CONFLICT, FAILED, THROTTLED, UNKNOWN

FOREVER_NS = 1 << 62
PRODUCTS = ("load#1", "load#2", "load#3")


class Play:
    """A `Sustained` on a table in memory, the events it leaves, and what is done when one comes."""

    def __init__(self, table: MemoryTable, strategy: str = "conditional", attempts: int = 1) -> None:
        self.events: list[Event] = []
        self.made: list[str] = []
        self.in_flight: list[int] = []  # at the beginning and the end of each order
        self.on: Callable[[Event], None] = lambda event: None
        self.on_make: Callable[[int], None] = lambda number: None
        rules = Rules(attempts=attempts, gate=False, backoff=Backoff.NONE)
        self.sustained = Sustained(runner(table, strategy, self._emit, rules), self._make)
        self._products = list(table.products)

    async def _make(self) -> Order:
        number = len(self.made) + 1
        self.made.append(f"a-1-{number}")
        self.on_make(number)
        return Order(self.made[-1], self._products[number % len(self._products)], 1, 1)

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, OrderPlaced | OrderEnded):
            self.in_flight.append(self.sustained.in_flight)
        self.on(event)

    def of(self, kind: type[Event]) -> list[str]:
        """The ids of the orders of these events, in turn."""
        return [event.order_id for event in self.events if isinstance(event, kind) and hasattr(event, "order_id")]

    def assert_each_placed_order_ended_once(self) -> None:
        placed, ended = self.of(OrderPlaced), self.of(OrderEnded)
        assert len(set(placed)) == len(placed)
        assert sorted(placed) == sorted(ended)


def when(number: int, kind: type[Event], act: Callable[[], None]) -> Callable[[Event], None]:
    """Act on the event of that kind and number."""
    seen = count(1)

    def on(event: Event) -> None:
        if isinstance(event, kind) and next(seen) == number:
            act()

    return on


@asynccontextmanager
async def going(work: Callable[[], object]) -> AsyncIterator[anyio.CancelScope]:
    """The work goes on beside the block, and must not take forever."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)  # type: ignore[arg-type]  # a coroutine function
            yield tasks.cancel_scope


async def turns(number: int = 50) -> None:
    """Let all others go on until there is nothing left to do for them but to wait."""
    for _ in range(number):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("orders", [1, 2, 7])
@pytest.mark.parametrize("strategy", ["version", "conditional", "transaction"])
async def test_a_closed_loop_keeps_so_many_in_flight_until_it_is_stopped(strategy: str, orders: int) -> None:
    table = MemoryTable(stock=10_000, product_ids=PRODUCTS)
    play = Play(table, strategy)
    play.on = when(100, OrderEnded, play.sustained.stop)
    with anyio.fail_after(20):
        await play.sustained.closed_loop(orders, FOREVER_NS)
    play.assert_each_placed_order_ended_once()
    assert len(play.of(OrderEnded)) == 100 + orders - 1
    assert max(play.in_flight) == table.most_in_flight == orders
    assert set(play.in_flight[orders:-orders]) <= {orders}  # after the first have begun, before the last end
    assert play.sustained.in_flight == 0


async def test_a_closed_loop_ends_with_its_time() -> None:
    play = Play(MemoryTable(stock=10_000_000))
    with anyio.fail_after(20):
        await play.sustained.closed_loop(3, time.perf_counter_ns() + 20_000_000)
    play.assert_each_placed_order_ended_once()
    assert len(play.of(OrderPlaced)) >= 3
    assert play.sustained.in_flight == 0


async def test_a_closed_loop_whose_time_is_over_places_nothing() -> None:
    play = Play(MemoryTable())
    await play.sustained.closed_loop(3, time.perf_counter_ns())
    assert play.events == []


async def test_a_buyer_orders_again_when_the_last_order_has_ended() -> None:
    play = Play(MemoryTable(stock=100))
    play.on = when(20, OrderEnded, play.sustained.stop)
    await play.sustained.closed_loop(1, FOREVER_NS)
    last_ns = 0
    for event in play.events:
        if isinstance(event, OrderPlaced):
            assert last_ns <= event.scheduled_ns <= event.started_ns
        elif isinstance(event, OrderEnded):
            last_ns = event.ended_ns
    assert play.of(OrderPlaced) == play.of(OrderEnded) == play.made


@pytest.mark.parametrize("limit", [1, 3, 9])
async def test_what_is_due_beyond_the_limit_is_dropped_and_never_begins(limit: int) -> None:
    table = MemoryTable(stock=100)
    table.shut = anyio.Event()
    play = Play(table)
    play.on = when(10 - limit, OrderDropped, table.shut.set)
    with anyio.fail_after(20):
        await play.sustained.open_loop(repeat(0.0, 10), time.perf_counter_ns(), limit)
    play.assert_each_placed_order_ended_once()
    assert play.of(OrderPlaced) == play.made[:limit]
    assert play.of(OrderDropped) == play.made[limit:]
    assert {event.order_id for event in play.events if isinstance(event, Operation)} == set(play.made[:limit])
    assert table.most_in_flight == limit


async def test_after_drops_orders_begin_again_as_soon_as_there_is_room() -> None:
    table = MemoryTable(stock=100)
    table.shut = anyio.Event()
    play = Play(table)
    play.on = when(4, OrderDropped, table.shut.set)
    started_ns = time.perf_counter_ns()
    later = ((time.perf_counter_ns() - started_ns) / 1e9 + 0.1 for _ in range(3))  # each when the one before has ended
    with anyio.fail_after(20):
        await play.sustained.open_loop(chain(repeat(0.0, 6), later), started_ns, 2)
    assert play.of(OrderDropped) == play.made[2:6]
    assert play.of(OrderPlaced) == [*play.made[:2], *play.made[6:]]
    play.assert_each_placed_order_ended_once()


async def test_events_tell_when_an_order_was_due_not_when_it_began() -> None:
    moments = [0.0, 0.0, 0.001, 0.0012, 0.003, 0.0031, 0.02]
    table = MemoryTable(stock=100)
    table.shut = anyio.Event()
    play = Play(table)
    play.on = when(2, OrderDropped, table.shut.set)
    started_ns = time.perf_counter_ns() - 1_000_000_000  # the loop could not begin before
    with anyio.fail_after(20):
        await play.sustained.open_loop(iter(moments), started_ns, 5)
    due = {order_id: started_ns + int(moment * 1e9) for order_id, moment in zip(play.made, moments, strict=True)}
    for event in play.events:
        if isinstance(event, OrderPlaced | OrderDropped | OrderEnded):
            assert event.scheduled_ns == due[event.order_id]
        if isinstance(event, OrderPlaced):
            assert event.started_ns >= event.scheduled_ns + 900_000_000
    assert len(play.of(OrderDropped)) == 2


async def test_no_order_begins_before_it_is_due() -> None:
    play = Play(MemoryTable(stock=1000))
    with anyio.fail_after(20):
        await play.sustained.open_loop((n * 0.0007 for n in range(100)), time.perf_counter_ns(), 1000)
    begun = [event for event in play.events if isinstance(event, OrderPlaced)]
    assert all(event.started_ns >= event.scheduled_ns for event in begun)
    assert [event.order_id for event in begun] == play.made
    assert len(begun) == 100


async def test_stopping_lets_orders_under_way_end_and_begins_no_other() -> None:
    table = MemoryTable(stock=100)
    table.shut = anyio.Event()
    play = Play(table)
    moments = chain(repeat(0.0, 3), repeat(3600.0))
    async with going(lambda: play.sustained.open_loop(moments, time.perf_counter_ns(), 9)):
        await turns()
        assert len(play.of(OrderPlaced)) == 3
        play.sustained.stop()
        await turns()
        assert (play.of(OrderEnded), play.sustained.in_flight) == ([], 3)
        table.shut.set()
    assert {ended.outcome for ended in results(play.events).values()} == {Outcome.ACCEPTED}
    assert len(play.made) == 3
    assert play.sustained.in_flight == 0


async def test_stopping_a_closed_loop_lets_orders_under_way_end() -> None:
    table = MemoryTable(stock=100)
    table.shut = anyio.Event()
    play = Play(table)
    async with going(lambda: play.sustained.closed_loop(4, FOREVER_NS)):
        await turns()
        play.sustained.stop()
        table.shut.set()
    assert [ended.outcome for ended in results(play.events).values()] == [Outcome.ACCEPTED] * 4


async def test_stopping_while_tasks_are_idle_ends_at_once() -> None:
    play = Play(MemoryTable(stock=100))
    moments = chain(repeat(0.0, 5), repeat(3600.0))
    async with going(lambda: play.sustained.open_loop(moments, time.perf_counter_ns(), 9)):
        await turns()
        assert len(play.of(OrderEnded)) == 5
        play.sustained.stop()
    play.assert_each_placed_order_ended_once()


def open_loop(play: Play) -> Callable[[], object]:
    return lambda: play.sustained.open_loop(chain(repeat(0.0, 6), repeat(3600.0)), time.perf_counter_ns(), 9)


def closed_loop(play: Play) -> Callable[[], object]:
    return lambda: play.sustained.closed_loop(6, FOREVER_NS)


@pytest.mark.parametrize("loop", [open_loop, closed_loop])
@pytest.mark.parametrize("strategy", ["version", "conditional", "transaction", "unconditional"])
async def test_cancellation_ends_each_placed_order_once(loop: Callable[[Play], object], strategy: str) -> None:
    table = MemoryTable(stock=100, held=("write", 2))
    play = Play(table, strategy)
    async with going(loop(play)) as scope:  # type: ignore[arg-type]
        await table.held.wait()
        table.shut = anyio.Event()
        await turns()
        scope.cancel()
    play.assert_each_placed_order_ended_once()
    assert Outcome.UNKNOWN in {ended.outcome for ended in results(play.events).values()}
    assert play.sustained.in_flight == 0


async def test_cancellation_before_the_first_turn_places_nothing_that_does_not_end() -> None:
    play = Play(MemoryTable(stock=100))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await play.sustained.open_loop(repeat(0.0, 100), 0, 1000)
    play.assert_each_placed_order_ended_once()


@pytest.mark.parametrize("number", range(2, 9))
async def test_cancellation_in_the_turn_in_which_an_order_comes_due_breaks_nothing(number: int) -> None:
    play = Play(MemoryTable(stock=100))
    with anyio.fail_after(20), anyio.CancelScope() as scope:
        play.on_make = lambda made: scope.cancel() if made == number else None
        soon = (0.02 + n / 1000 for n in range(max(0, number - 4)))  # a busy machine makes them all due at once
        moments = chain(repeat(0.0, 4), soon, repeat(3600.0))
        await play.sustained.open_loop(moments, time.perf_counter_ns(), 9)
    assert scope.cancelled_caught
    play.assert_each_placed_order_ended_once()
    assert len(play.made) <= max(4, number)


async def test_tasks_that_are_used_again_lose_no_order() -> None:
    play, tasks = Play(MemoryTable(stock=1000, product_ids=PRODUCTS)), set[object]()

    def on(event: Event) -> None:
        if isinstance(event, OrderPlaced):
            tasks.add(asyncio.current_task())

    play.on = on
    with anyio.fail_after(20):
        await play.sustained.open_loop((n * 0.0006 for n in range(400)), time.perf_counter_ns(), 1000)
    assert len(play.made) == 400
    assert play.of(OrderPlaced) == play.made
    play.assert_each_placed_order_ended_once()
    assert {ended.outcome for ended in results(play.events).values()} == {Outcome.ACCEPTED}
    assert len(tasks) < 400


async def test_when_many_are_due_at_once_the_first_go_on_before_the_last_begin() -> None:
    play = Play(MemoryTable(stock=2000))
    with anyio.fail_after(20):
        await play.sustained.open_loop(repeat(0.0, 1000), time.perf_counter_ns(), 2000)
    kinds = [type(event) for event in play.events]
    assert kinds.index(OrderEnded) < len(kinds) - 1 - kinds[::-1].index(OrderPlaced)
    assert len(play.of(OrderEnded)) == 1000


class AtOnce(MemoryTable):
    """Answers every write without waiting for anything; without a `result`, by refusing it."""

    def __init__(self, result: Result = FAILED) -> None:
        super().__init__()
        self._result = result

    async def update(
        self, product_id: str, expression: str, values: Values, condition: str | None, refused: Reason
    ) -> Answer:
        return answer(self._result)


async def test_orders_that_fail_at_once_all_end() -> None:
    play = Play(AtOnce())
    with anyio.fail_after(20):
        await play.sustained.open_loop(repeat(0.0, 500), time.perf_counter_ns(), 5000)
        await play.sustained.closed_loop(2, time.perf_counter_ns() + 1_000_000)
    play.assert_each_placed_order_ended_once()
    assert len(play.of(OrderPlaced)) >= 500
    assert {ended.outcome for ended in results(play.events).values()} == {Outcome.FAILED}
    assert play.sustained.in_flight == 0


@pytest.mark.parametrize("buyers", [1, 3])
@pytest.mark.parametrize(
    ("result", "rests"),
    [(FAILED, True), (THROTTLED, False), (UNKNOWN, False), (CONFLICT, False), (SOLD_OUT, False), (ACCEPTED, False)],
)
async def test_a_buyer_of_a_closed_loop_rests_after_an_order_that_failed(
    result: Result, rests: bool, buyers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested: list[tuple[float, int]] = []  # for how long, and how many orders had ended
    play = Play(AtOnce(result=result))
    play.on = when(30, OrderEnded, play.sustained.stop)

    async def rest(seconds: float) -> None:
        rested.append((seconds, len(play.of(OrderEnded))))
        await checkpoint()

    monkeypatch.setattr("loadtest.engine.arrival_loops.anyio.sleep", rest)
    with anyio.fail_after(20):
        await play.sustained.closed_loop(buyers, FOREVER_NS)
    ended = len(play.of(OrderEnded))
    assert 30 <= ended < 30 + buyers
    assert rested == ([(0.05, number) for number in range(1, ended + 1)] if rests else [])
    play.assert_each_placed_order_ended_once()


async def test_an_order_keeps_its_schedule_over_all_its_attempts() -> None:
    table = MemoryTable(stock=100)
    table.scripted["write"] = [answer(CONFLICT), answer(CONFLICT)]
    play = Play(table, attempts=3)
    with anyio.fail_after(20):
        await play.sustained.open_loop(iter([0.001]), time.perf_counter_ns(), 9)
    placed, *operations, ended = play.events
    assert isinstance(placed, OrderPlaced)
    assert isinstance(ended, OrderEnded)
    assert (ended.attempts, ended.outcome, len(operations)) == (3, Outcome.ACCEPTED, 3)
    assert ended.scheduled_ns == placed.scheduled_ns


async def test_a_schedule_without_orders_ends_at_once() -> None:
    play = Play(MemoryTable())
    nothing: Iterator[float] = iter(())
    await play.sustained.open_loop(nothing, 0, 9)
    assert play.events == []
