import time
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random

import anyio
import pytest

from loadtest.checker import Status
from loadtest.dynamodb.table import Answer, Stamps
from loadtest.engine.gate import Gate
from loadtest.events import (
    ACCEPTED,
    Event,
    Kind,
    Operation,
    OrderEnded,
    Outcome,
    Product,
    Reason,
    Result,
    RoundEnded,
    RoundStarted,
)
from loadtest.workload.backoff import Backoff
from loadtest.workload.spec import Rules
from tests.helpers.memory_table import MemoryTable, answer, orders, play, results, runner
from tests.helpers.shop_events import CONFLICT, FAILED, STRATEGIES, THROTTLED, UNKNOWN, judge

ALL = (*STRATEGIES, "unconditional")
READERS = ("version", "unconditional")


@pytest.fixture
def backoffs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """No waiting between attempts; the attempts after which there would have been."""
    waited: list[int] = []

    def at_once() -> Iterator[float]:
        for attempt in range(1, 1000):
            waited.append(attempt)
            yield 0.0

    monkeypatch.setattr("loadtest.engine.orders.waits", lambda backoff, random: at_once)
    return waited


def operations(events: list[Event], *kinds: Kind) -> list[Operation]:
    return [event for event in events if isinstance(event, Operation) and (not kinds or event.kind in kinds)]


def writes(events: list[Event]) -> list[Operation]:
    return operations(events, Kind.WRITE, Kind.TRANSACTION)


def outcomes(events: list[Event]) -> Counter[Outcome]:
    return Counter(ended.outcome for ended in results(events).values())


@pytest.mark.parametrize("strategy", READERS)
@pytest.mark.parametrize("concurrency", [1, 2, 7, 20])
async def test_the_gate_holds_every_write_until_all_have_read(strategy: str, concurrency: int) -> None:
    table = MemoryTable()
    await play(table, strategy, Rules(concurrency=concurrency), *[1] * 20)
    assert table.log.count("write sent") == 20
    assert table.log.index("write sent") == 40  # after 20 reads sent and answered


@pytest.mark.parametrize("strategy", READERS)
async def test_without_the_gate_some_write_before_all_have_read(strategy: str) -> None:
    table = MemoryTable(stock=20)
    await play(table, strategy, Rules(concurrency=20, gate=False), *[1] * 20)
    assert table.log.index("write sent") < 40


@pytest.mark.parametrize("strategy", READERS)
async def test_orders_that_end_before_the_gate_do_not_block_it(strategy: str) -> None:
    events = await play(MemoryTable(), strategy, Rules(concurrency=4), 2, 1, 3, 1)
    ended = results(events)
    assert {ended["1-1"].reason, ended["1-3"].reason} == {"sold_out"}
    assert len(writes(events)) == 2


@pytest.mark.parametrize("strategy", READERS)
@pytest.mark.parametrize("result", [FAILED, THROTTLED])
async def test_orders_whose_read_fails_do_not_block_the_gate(strategy: str, result: Result) -> None:
    table = MemoryTable()
    table.scripted["read"] = [answer(result)]
    events = await play(table, strategy, Rules(concurrency=3), 1, 1, 1)
    assert outcomes(events)[result.outcome] == 1
    assert len(writes(events)) == 2


async def test_a_gate_opens_with_the_last_that_arrives_or_leaves() -> None:
    gate, through = Gate(3), []

    async def arrive(name: str) -> None:
        await gate.arrive()
        through.append(name)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(arrive, "first")
            tasks.start_soon(arrive, "second")
            await anyio.wait_all_tasks_blocked()
            assert through == []
            gate.leave()
    assert sorted(through) == ["first", "second"]


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 5])
async def test_the_limit_in_flight_is_reached_and_never_exceeded(strategy: str, gate: bool, concurrency: int) -> None:
    table = MemoryTable(stock=12)
    events = await play(table, strategy, Rules(concurrency=concurrency, gate=gate), *[1] * 12)
    assert len(results(events)) == 12
    assert table.most_in_flight == concurrency


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("concurrency", [1, 3, 12])
async def test_stamps_are_in_the_order_in_which_things_happen(strategy: str, concurrency: int) -> None:
    events = await play(MemoryTable(), strategy, Rules(concurrency=concurrency), *[1] * 12)
    ended = results(events)
    for op in operations(events):
        order = ended[op.order_id]
        assert order.scheduled_ns <= op.scheduled_ns <= op.sent_ns <= op.received_ns <= order.ended_ns


async def test_waiting_for_a_free_slot_is_before_the_sending() -> None:
    first, second = operations(await play(MemoryTable(), "conditional", Rules(concurrency=1), 1, 1))
    assert second.scheduled_ns <= first.received_ns <= second.sent_ns


@pytest.mark.parametrize("strategy", ALL)
async def test_an_order_ends_after_all_its_operations(strategy: str) -> None:
    events = await play(MemoryTable(), strategy, Rules(concurrency=3), *[1] * 8)
    ended: set[str] = set()
    for event in events:
        assert isinstance(event, Operation | OrderEnded)
        assert event.order_id not in ended
        if isinstance(event, OrderEnded):
            ended.add(event.order_id)
    assert ended == {order.order_id for order in orders(*[1] * 8)}


def judged(table: MemoryTable, events: list[Event], stock: int) -> Status:
    first = RoundStarted(1, Product("p#4", "Last samovar", stock, 1), len(results(events)), 0)
    return judge([first, *events, RoundEnded(1, "p#4", table.product, time.perf_counter_ns())]).status


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("attempts", [1, 4])
@pytest.mark.parametrize(("stock", "units"), [(1, [1] * 9), (5, [2] * 9), (5, [1, 2, 3, 4, 5]), (0, [1, 1])])
@pytest.mark.usefixtures("backoffs")
async def test_a_round_on_a_correct_server_is_judged_safe(
    strategy: str, gate: bool, attempts: int, stock: int, units: list[int]
) -> None:
    table = MemoryTable(stock)
    events = await play(table, strategy, Rules(attempts=attempts, concurrency=4, gate=gate), *units)
    assert judged(table, events, stock) is Status.SAFE


async def test_the_unconditional_strategy_is_caught_overselling() -> None:
    table = MemoryTable()
    events = await play(table, "unconditional", Rules(concurrency=9), *[1] * 9)
    assert outcomes(events) == {Outcome.ACCEPTED: 9}
    assert judged(table, events, 1) is Status.VIOLATED


def scripted(*answers: Answer) -> MemoryTable:
    table = MemoryTable(stock=9)
    table.scripted["write"] = list(answers)
    return table


RETRIED = [CONFLICT, THROTTLED]


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("result", RETRIED, ids=lambda result: result.outcome)
async def test_a_conflict_and_a_throttled_write_are_tried_again(
    strategy: str, result: Result, backoffs: list[int]
) -> None:
    events = await play(scripted(answer(result), answer(result)), strategy, Rules(attempts=5), 1)
    assert [(op.attempt, op.outcome) for op in writes(events)] == [
        (1, result.outcome),
        (2, result.outcome),
        (3, Outcome.ACCEPTED),
    ]
    assert (results(events)["1-1"].outcome, results(events)["1-1"].attempts) == (Outcome.ACCEPTED, 3)
    assert backoffs == [1, 2]
    assert [op.attempt for op in operations(events, Kind.READ)] == ([1, 2, 3] if strategy in READERS else [])


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("result", RETRIED, ids=lambda result: result.outcome)
async def test_the_last_attempt_is_final(strategy: str, result: Result, backoffs: list[int]) -> None:
    events = await play(scripted(*[answer(result)] * 9), strategy, Rules(attempts=3), 1)
    ended = results(events)["1-1"]
    assert (ended.outcome, ended.reason, ended.message) == (result.outcome, result.reason, result.message)
    assert ended.attempts == len(writes(events)) == 3
    assert backoffs == [1, 2]


SOLD_OUT_BY_CONDITION = answer(Result(Outcome.REJECTED, Reason.SOLD_OUT), Product("p#4", "", 0, 2), by_condition=True)


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize(
    "final", [SOLD_OUT_BY_CONDITION, answer(FAILED), answer(UNKNOWN)], ids=lambda final: final.result.outcome
)
async def test_sold_out_failed_and_unknown_are_never_tried_again(
    strategy: str, final: Answer, backoffs: list[int]
) -> None:
    events = await play(scripted(final), strategy, Rules(attempts=5), 1)
    ended = results(events)["1-1"]
    assert (ended.outcome, ended.reason, ended.attempts) == (final.result.outcome, final.result.reason, 1)
    assert len(writes(events)) == 1
    assert backoffs == []


@pytest.mark.usefixtures("backoffs")
async def test_with_attempts_enough_everything_is_sold_by_version() -> None:
    table = MemoryTable(stock=5)
    events = await play(table, "version", Rules(attempts=99, concurrency=8), *[1] * 8)
    assert outcomes(events) == {Outcome.ACCEPTED: 5, Outcome.REJECTED: 3}
    assert {ended.reason for ended in results(events).values()} == {"", "sold_out"}
    assert table.product.quantity == 0


@pytest.mark.usefixtures("backoffs")
async def test_each_attempt_at_a_transaction_has_its_own_token_and_the_order_one_record() -> None:
    table = scripted(answer(THROTTLED))
    await play(table, "transaction", Rules(attempts=2), 1)
    assert table.tokens == ["1-1-1", "1-1-2"]
    assert table.records == ["order#1-1"]


@pytest.mark.parametrize("strategy", READERS)
async def test_a_write_tells_the_version_it_rests_on(strategy: str) -> None:
    events = await play(MemoryTable(), strategy, Rules(concurrency=3), 1, 1, 1)
    assert {op.read_version for op in writes(events)} == {1}


async def test_a_write_that_met_a_transaction_was_not_refused_for_its_version() -> None:
    (write,) = writes(await play(scripted(answer(CONFLICT)), "version", Rules(), 1))
    assert (write.outcome, write.reason, write.read_version) == (Outcome.REJECTED, "conflict", None)


@pytest.mark.parametrize("backoff", Backoff)
async def test_the_waits_are_those_of_the_backoff(backoff: Backoff, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Backoff] = []

    def made(wanted: Backoff, random: Random) -> Callable[[], Iterator[float]]:
        asked.append(wanted)
        return lambda: iter([0.0] * 9)

    monkeypatch.setattr("loadtest.engine.orders.waits", made)
    await play(scripted(answer(CONFLICT)), "conditional", Rules(attempts=2, backoff=backoff), 1)
    assert asked == [backoff]


async def test_an_order_reports_the_capacity_that_an_answer_names() -> None:
    charged = Answer(ACCEPTED, None, Stamps(0, 0, 0), capacity=2.5)
    silent = answer(CONFLICT)
    events = await play(scripted(silent, charged), "conditional", Rules(attempts=2, backoff=Backoff.NONE), 1)
    assert [op.capacity for op in writes(events)] == [None, 2.5]


async def test_a_round_without_orders_ends_at_once() -> None:
    assert await play(MemoryTable(), "version", Rules()) == []


async def test_orders_are_not_run_beyond_their_round() -> None:
    table, events = MemoryTable(stock=4), list[Event]()
    both = runner(table, "version", events.append, Rules(attempts=1, concurrency=2))
    with anyio.fail_after(20):
        await both.round(orders(1, 1))
        assert len(results(events)) == 2
        events.clear()
        await both.round(orders(1, 1))
    assert len(results(events)) == 2
    assert {op.read_version for op in writes(events)} == {2}
