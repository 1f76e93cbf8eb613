"""Several workers as one: what is told comes out once and in order, and whoever is lost takes no order along."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import msgspec
import pytest
from msgspec.structs import replace

from loadtest.distributed.coordinator import Coordinator
from loadtest.distributed.lost import perhaps_placed
from loadtest.distributed.transport import LostError
from loadtest.distributed.worker import Assignment, Batch
from loadtest.distributed.worker_handle import WorkerHandle
from loadtest.dynamodb.endpoint import Connection
from loadtest.engine.dispatch import Part
from loadtest.errors import LoadTestError, TargetError
from loadtest.events import (
    WORKER_LOST,
    Event,
    InFlight,
    Kind,
    Operation,
    Order,
    OrderDropped,
    OrderEnded,
    OrderPlaced,
    Outcome,
)
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.workload.spec import Load, Race
from tests.helpers.shop_events import operation, order_ended

CONNECTION = Connection(endpoint_url="http://127.0.0.1:1", table="products", pool=10)
AHEAD_NS = 7_000_000_000  # that the clock of a pretended worker is


class Pretended:
    """A worker that answers from memory. `breaks` says what happens at which call of a method; None is no answer.

    It ends `ends` orders of each piece of work and tells of `tells` events; of the rest it says nothing, for ever.
    """

    def __init__(self, name: str, *, ends: int = 1_000_000, tells: int = 1_000_000, drops: int = 0) -> None:
        self.name = name
        self.breaks: dict[tuple[str, int], Exception | None] = {}
        self.calls: Counter[str] = Counter()
        self.ended = 0
        self.ahead_ns = AHEAD_NS
        self._ends, self._tells, self._drops = ends, tells, drops
        self._part = Part()
        self._events: list[Event] = []
        self._done = self._number = 0

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        called = "later collect" if method == "collect" and self.calls.keys() & {"round", "arrive"} else method
        self.calls[called] += 1
        how = self.breaks.get((called, self.calls[called]), self)
        if how is None:
            await anyio.sleep_forever()
        if isinstance(how, Exception):
            raise how
        await anyio.sleep(0.001)
        return getattr(self, f"_{method}")(*arguments, **named)

    def end(self) -> None:
        self.ended += 1

    def _host(self) -> str:
        return "elsewhere"

    def _clock(self) -> int:
        return time.perf_counter_ns() + self.ahead_ns

    def _open(self, assignment: Assignment) -> int:
        self._part = assignment.part
        return 0

    def _round(self, number: int, orders: Sequence[Order], at_ns: int, *, held: bool) -> None:
        assert held
        for order in orders[: self._ends]:
            self._tell(order, at_ns)
        self._done = number if len(orders) <= self._ends else number - 1

    def _open_gate(self, number: int, at_ns: int) -> None:
        pass

    def _arrive(self, number: int, prefix: str, started_ns: int) -> None:
        numbers = range(self._part.index + 1, 41, self._part.count)
        for n, last in enumerate(numbers):
            order = Order(f"{prefix}-{last}", "p#4", 1, 1)
            if n < self._drops:
                self._events.append(OrderDropped(1, order.order_id, "p#4", 1, started_ns))
                continue
            self._events.append(OrderPlaced(1, order.order_id, "p#4", 1, started_ns, self._clock()))
            if n - self._drops < self._ends:
                self._tell(order, started_ns)
        self._done = number if len(numbers) <= self._ends else number - 1

    def _tell(self, order: Order, at_ns: int) -> None:
        words = {"round": order.round, "order_id": order.order_id, "product_id": order.product_id}
        now_ns = self._clock()
        self._events.append(operation(**words, scheduled_ns=at_ns, sent_ns=now_ns, received_ns=now_ns, ended_ns=now_ns))
        self._events.append(order_ended(**words, scheduled_ns=at_ns, ended_ns=now_ns))

    def has_in_flight(self, order: Order, sent_ns: int) -> None:
        """It tells of a write that has no answer."""
        self._events.append(
            InFlight(order.round, order.order_id, order.product_id, order.units, Kind.WRITE, 1, None, sent_ns)
        )

    def _stop(self) -> None:
        pass

    def _cancel(self) -> None:
        self._done += 1

    def _collect(self, number: int) -> Batch:
        assert number == self._number
        self._number += 1
        told, self._events, self._tells = self._events[: self._tells], [], max(0, self._tells - len(self._events))
        lines = b"\n".join(msgspec.json.encode(event) for event in told)
        return Batch(self._number, lines, self._clock(), True, self._done, 40)

    def _close(self) -> ClientOverhead:
        return ClientOverhead("wire", "kernel")


class Told:
    """What a coordinator of pretended workers told while it worked, and with what it failed."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.errors: list[LoadTestError] = []

    def outcomes(self) -> dict[str, Outcome]:
        """Of each order, which has one result only."""
        ended = [event for event in self.events if isinstance(event, OrderEnded)]
        assert len(ended) == len({event.order_id for event in ended})
        return {event.order_id: event.outcome for event in ended}

    def unknown(self) -> set[str]:
        return {order_id for order_id, outcome in self.outcomes().items() if outcome is Outcome.UNKNOWN}


ORDERS = [Order(f"r-{n}", "p#4", 1, 1) for n in range(1, 41)]


async def run(plan: Race | Load, workers: Sequence[Pretended], *, own_clocks: bool = True) -> Told:
    """One round or one load."""
    told, scope = Told(), anyio.CancelScope()

    def fail(error: LoadTestError) -> None:
        told.errors.append(error)
        scope.cancel()

    coordinator = Coordinator(plan, workers, told.events.append, fail, own_clocks=own_clocks)
    with anyio.fail_after(30), scope:
        await coordinator.open(CONNECTION)
        async with coordinator.at_work():
            try:
                started_ns = await coordinator.ready()
            except LoadTestError as error:
                fail(error)  # before any order
                return told
            if isinstance(plan, Race):
                await coordinator.round(ORDERS)
            else:
                await coordinator.arrive("r", started_ns)
    return told


RACE = Race(number_of_requests=40)
CLOSED = Load(duration_s=1.0)
OPEN = Load(duration_s=1.0, rate_per_s=40.0)


@pytest.mark.parametrize("plan", [RACE, CLOSED, OPEN])
async def test_each_order_ends_once_and_all_on_one_clock(plan: Race | Load) -> None:
    before_ns = time.perf_counter_ns()
    workers = [Pretended(f"worker {n}") for n in range(3)]
    workers[1].ahead_ns = -AHEAD_NS
    told = await run(plan, workers)
    assert told.errors == []
    assert told.outcomes() == dict.fromkeys((order.order_id for order in ORDERS), Outcome.ACCEPTED)
    for event in told.events:
        if isinstance(event, Operation):
            assert before_ns - event.clock_uncertainty_ns <= event.sent_ns
            assert event.sent_ns <= time.perf_counter_ns() + event.clock_uncertainty_ns
            assert event.clock_uncertainty_ns > 0


@pytest.mark.parametrize("plan", [replace(RACE, concurrency=2), replace(CLOSED, concurrency=2)])
async def test_of_more_workers_than_requests_in_flight_only_as_many_place_orders(plan: Race | Load) -> None:
    workers = [Pretended(f"worker {n}") for n in range(3)]
    told = await run(plan, workers)
    assert set(told.outcomes()) == {order.order_id for order in ORDERS}
    assert [worker.calls["open"] for worker in workers] == [1, 1, 0]


async def test_workers_on_this_machine_have_its_clock() -> None:
    workers = [Pretended(f"process {n}") for n in range(2)]
    for worker in workers:
        worker.ahead_ns = 0
    told = await run(RACE, workers, own_clocks=False)
    assert {event.clock_uncertainty_ns for event in told.events if isinstance(event, Operation)} == {0}
    assert not any(worker.calls["clock"] for worker in workers)


GONE = LostError("was killed by SIGKILL")


@pytest.mark.parametrize("call", [("host", 1), ("open", 1), ("clock", 5)])
@pytest.mark.parametrize(
    ("how", "words"), [(GONE, "was killed by SIGKILL"), (ValueError("no such key"), "failed: no such key")]
)
async def test_a_worker_that_is_lost_before_the_run_ends_it_in_one_sentence(
    call: tuple[str, int], how: Exception, words: str
) -> None:
    workers = [Pretended("worker a"), Pretended("worker b")]
    workers[1].breaks[call] = how
    with pytest.raises(TargetError, match=f"^worker b {words}$"):
        await run(RACE, workers)
    assert workers[1].ended == 1


async def test_a_worker_that_cannot_open_says_why() -> None:
    workers = [Pretended("worker a"), Pretended("worker b")]
    workers[1].breaks["open", 1] = TargetError("nobody answers at http://127.0.0.1:1")
    with pytest.raises(TargetError, match=r"^worker b: nobody answers"):
        await run(RACE, workers)


LOSSES: list[tuple[str, int]] = [("round", 1), ("open_gate", 1), ("collect", 1), ("later collect", 1), ("clock", 13)]


@pytest.mark.parametrize("call", [*LOSSES, ("clock", 25)])
@pytest.mark.parametrize("how", [GONE, RuntimeError("the way is cut")])
async def test_every_order_of_a_race_has_a_result_whenever_a_worker_is_lost(
    call: tuple[str, int], how: Exception
) -> None:
    workers = [Pretended("worker a"), Pretended("worker b", ends=5)]
    workers[1].breaks[call] = how
    workers[1].breaks["later collect", 9] = how  # for those of which nobody waits for another answer
    told = await run(RACE, workers)
    (error,) = told.errors
    assert str(error).startswith("worker b ")
    assert workers[1].ended == 1
    if not told.outcomes():
        assert call in (("clock", 13), ("collect", 1))  # before the round began
        return
    assert set(told.outcomes()) == {order.order_id for order in ORDERS}
    assert told.unknown() <= {order.order_id for order in ORDERS[1::2]}
    assert len(told.unknown()) in (15, 20)  # 5 had told how they ended, or had not
    assert str(error).endswith("; its orders without a result are unknown")
    for event in told.events:
        if isinstance(event, Operation) and event.order_id in told.unknown():
            assert (event.outcome, event.reason) == (Outcome.UNKNOWN, WORKER_LOST)


@pytest.mark.parametrize("call", [("arrive", 1), ("collect", 1), ("later collect", 1), ("later collect", 2)])
@pytest.mark.parametrize("plan", [CLOSED, OPEN])
@pytest.mark.parametrize("tells", [0, 7, 8, 20])
async def test_what_a_lost_worker_of_a_load_may_have_placed_is_unknown(
    plan: Load, tells: int, call: tuple[str, int]
) -> None:
    """It may place orders up to the number 40, and it had told of the first few events."""
    workers = [Pretended("worker a"), Pretended("worker b", ends=5, tells=tells)]
    workers[1].breaks = {call: GONE, ("later collect", 9): GONE}
    told = await run(plan, workers)
    outcomes = told.outcomes()
    assert [str(error)[:9] for error in told.errors] == ["worker b "]
    if not outcomes:
        assert call == ("collect", 1)  # before its beginning
        return
    known = {order_id for order_id, outcome in outcomes.items() if outcome is Outcome.ACCEPTED}
    assert {order.order_id for order in ORDERS[::2]} <= known
    of_lost = set(outcomes) - {order.order_id for order in ORDERS[::2]}
    assert told.unknown() == of_lost - known
    assert of_lost in (set(), {order.order_id for order in ORDERS[1::2]})
    assert Counter(type(event) for event in told.events)[OrderPlaced] == len(outcomes)
    placed = [event for event in told.events if isinstance(event, OrderPlaced)]
    told_of = {event.order_id for event in placed if event.scheduled_ns != event.started_ns}
    for event in told.events:
        if isinstance(event, OrderEnded) and event.reason == WORKER_LOST:
            said = "the order was under way" if event.order_id in told_of else "it may have placed this order, or not"
            assert event.message.endswith(said)


async def test_an_order_that_won_before_its_worker_was_lost_has_won() -> None:
    """Its write had been told, but not yet its result: to call it unknown would be to tell the winner otherwise."""
    workers = [Pretended("worker a"), Pretended("worker b", ends=5, tells=9)]
    workers[1].breaks["later collect", 9] = GONE
    told = await run(RACE, workers)
    assert len(told.unknown()) == 15
    lost = {event.order_id for event in told.events if isinstance(event, Operation) and event.reason == WORKER_LOST}
    assert lost == told.unknown()


async def test_an_order_that_was_dropped_is_not_placed_by_a_worker_that_is_lost_later() -> None:
    workers = [Pretended("worker a"), Pretended("worker b", tells=4, drops=4)]
    workers[1].breaks["later collect", 9] = GONE
    workers[1]._ends = 0  # noqa: SLF001 - of what it places nothing ends
    told = await run(OPEN, workers)
    dropped = {event.order_id for event in told.events if isinstance(event, OrderDropped)}
    assert dropped == {"r-2", "r-4", "r-6", "r-8"}
    assert told.unknown() == {order.order_id for order in ORDERS[9::2]}


@pytest.mark.slow  # it is silent for as long as a worker may be
async def test_a_worker_that_is_silent_is_lost_in_time_and_the_others_end() -> None:
    workers = [Pretended("worker a"), Pretended("worker b")]
    workers[1].breaks["later collect", 1] = None
    told = await run(RACE, workers)
    assert set(told.outcomes()) == {order.order_id for order in ORDERS}
    (error,) = told.errors
    assert str(error).startswith("worker b gave no answer for 5 s")


async def test_a_cancelled_round_ends_with_all_that_was_told() -> None:
    workers, told = [Pretended("worker a"), Pretended("worker b", ends=5)], Told()
    coordinator = Coordinator(RACE, workers, told.events.append, told.errors.append, own_clocks=True)
    with anyio.fail_after(30):
        await coordinator.open(CONNECTION)
        with anyio.CancelScope() as scope:
            async with coordinator.at_work(), anyio.create_task_group() as tasks:
                await coordinator.ready()
                tasks.start_soon(coordinator.round, ORDERS)
                while len(told.outcomes()) < 25:  # noqa: ASYNC110 - what is told rings no bell
                    await anyio.sleep(0.001)
                scope.cancel()
    assert len(told.outcomes()) == 25
    assert [worker.calls["cancel"] for worker in workers] == [1, 1]
    assert [worker.calls["close"] for worker in workers] == [1, 1]


async def test_opening_can_be_cancelled() -> None:
    workers = [Pretended("worker a"), Pretended("worker b")]
    workers[1].breaks["open", 1] = None
    coordinator = Coordinator(RACE, workers, lambda _: None, lambda _: None, own_clocks=True)
    with anyio.fail_after(20), anyio.move_on_after(0.1):
        await coordinator.open(CONNECTION)


ASKED: dict[str, Callable[[WorkerHandle], Any]] = {
    "host and open": lambda handle: handle.open(None),
    "clock": lambda handle: handle.compare_clocks(),
    "round": lambda handle: handle.round(1),
    "open_gate": lambda handle: handle.open_gate(1, 0),
    "arrive": lambda handle: handle.arrive(1, "r", 0, closed=True),
    "collect": lambda handle: handle.collect(),
    "close": lambda handle: handle.close(),
}


@pytest.mark.parametrize("first", ASKED)
@pytest.mark.parametrize("then", ASKED)
async def test_whoever_is_lost_stays_lost_with_its_first_reason(first: str, then: str) -> None:
    worker = Pretended("worker a")
    for method in ("host", "clock", "round", "open_gate", "arrive", "collect", "close"):
        worker.breaks[method, 1] = GONE
    handle = WorkerHandle(worker, Part(), own_clock=True)
    for step in (first, then):
        with pytest.raises(LostError, match="was killed by SIGKILL"):
            await ASKED[step](handle)
    assert (handle.lost, worker.ended, sum(worker.calls.values())) == ("was killed by SIGKILL", 1, 1)


async def test_a_silent_worker_is_lost_after_the_stated_time() -> None:
    worker = Pretended("worker a")
    worker.breaks["clock", 1] = None
    handle = WorkerHandle(worker, Part(), own_clock=True)
    with anyio.CancelScope() as scope:
        scope.cancel()  # what it asks is asked also while all around is cancelled
        with pytest.raises(LostError, match=r"gave no answer for 0\.05 s"):
            await handle.ask("clock", within_s=0.05)
    assert worker.ended == 1


async def test_a_write_in_flight_was_sent_at_the_earliest_that_the_clocks_allow() -> None:
    worker = Pretended("worker a")
    handle = WorkerHandle(worker, Part(), own_clock=True)
    await handle.compare_clocks()
    before_ns = time.perf_counter_ns()
    worker.has_in_flight(ORDERS[0], before_ns + AHEAD_NS)
    (event,) = await handle.collect()
    assert isinstance(event, InFlight)
    assert handle.offset.uncertainty_ns > 0
    assert before_ns - 2 * handle.offset.uncertainty_ns <= event.sent_ns <= before_ns


def test_what_is_left_behind_is_left_once_and_sent_no_later_than_it_may_have_been() -> None:
    handle = WorkerHandle(Pretended("worker a"), Part(1, 2), own_clock=True)
    handle.expect(ORDERS[:3], 1_000, held=True)
    left = list(handle.left_behind(RACE))
    assert [event.order_id for event in left if isinstance(event, OrderEnded)] == ["r-1", "r-2", "r-3"]
    assert {event.sent_ns for event in left if isinstance(event, Operation)} == {1_000}
    assert list(handle.left_behind(RACE)) == []


def test_what_is_left_behind_before_its_instant_took_no_time() -> None:
    handle = WorkerHandle(Pretended("worker a"), Part(1, 2), own_clock=True)
    handle.expect(ORDERS[:3], time.perf_counter_ns() + 10**10, held=True)
    for event in handle.left_behind(RACE):
        assert isinstance(event, Operation | OrderEnded)
        assert event.scheduled_ns <= event.ended_ns


def test_a_closed_loop_may_have_placed_all_that_it_was_let() -> None:
    assert [order.order_id for order in perhaps_placed(CLOSED, Part(1, 3), "r", 5, 12)] == ["r-8", "r-11"]


def test_a_schedule_may_have_placed_what_was_due() -> None:
    def numbers(last: int, to: int, until_s: float) -> list[int]:
        placed = perhaps_placed(OPEN, Part(0, 2), "r", last, to, until_s)
        return [int(order.order_id.removeprefix("r-")) for order in placed]

    assert numbers(39, 1_000, 60.0) == []
    assert numbers(33, 1_000, 60.0) == [35, 37, 39]
    assert numbers(33, 36, 60.0) == [35]
    assert numbers(3, 1_000, 0.2) == [5, 7, 9]  # the ninth is due after 8/40 s
    assert numbers(9, 1_000, 0.2) == []
