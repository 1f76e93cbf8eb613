from collections.abc import Callable
from contextlib import suppress
from itertools import repeat

import anyio
import pytest

from loadtest.engine.orders import Runner
from loadtest.events import Event, Kind, Operation, Outcome
from loadtest.workload.spec import Rules
from tests.helpers.memory_table import MemoryTable, answer, orders, results, runner
from tests.helpers.shop_events import CONFLICT, STRATEGIES

ALL = (*STRATEGIES, "unconditional")
READERS = ("version", "unconditional")


async def interrupted(running: Runner, units: tuple[int, ...], when: anyio.Event) -> None:
    """Cancel a round of orders when it has come to the event."""
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(running.round, orders(*units))
            await when.wait()
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()


async def play(table: MemoryTable, strategy: str, rules: Rules, *units: int) -> list[Event]:
    events: list[Event] = []
    await interrupted(runner(table, strategy, events.append, rules), units, table.held)
    return events


def of(events: list[Event], order_id: str) -> list[tuple[Kind, Outcome]]:
    return [(e.kind, e.outcome) for e in events if isinstance(e, Operation) and e.order_id == order_id]


@pytest.mark.parametrize("strategy", ALL)
async def test_a_write_under_way_leaves_operation_and_order_unknown(strategy: str) -> None:
    events = await play(MemoryTable(held=("write", 1)), strategy, Rules(), 1)
    kind = Kind.TRANSACTION if strategy == "transaction" else Kind.WRITE
    assert of(events, "1-1")[-1] == (kind, Outcome.UNKNOWN)
    ended = results(events)["1-1"]
    assert (ended.outcome, ended.reason) == (Outcome.UNKNOWN, "Interrupted")


@pytest.mark.parametrize("strategy", ALL)
async def test_an_order_that_waits_for_a_slot_is_failed_and_has_sent_no_write(strategy: str) -> None:
    events = await play(MemoryTable(held=("write", 1)), strategy, Rules(concurrency=1), 1, 1)
    outcomes = {ended.outcome for ended in results(events).values()}
    assert outcomes == {Outcome.UNKNOWN, Outcome.FAILED}
    (failed,) = [ended.order_id for ended in results(events).values() if ended.outcome is Outcome.FAILED]
    assert all(kind is Kind.READ for kind, _ in of(events, failed))


@pytest.mark.parametrize("strategy", READERS)
async def test_before_its_write_an_order_is_failed(strategy: str) -> None:
    events = await play(MemoryTable(held=("read", 2)), strategy, Rules(concurrency=2), 1, 1)
    assert {ended.outcome for ended in results(events).values()} == {Outcome.FAILED}
    assert of(events, "1-1") == [(Kind.READ, Outcome.ACCEPTED)]  # it stood at the gate
    assert of(events, "1-2") == [(Kind.READ, Outcome.FAILED)]


@pytest.mark.parametrize("strategy", ALL)
async def test_orders_that_had_ended_keep_their_result(strategy: str) -> None:
    events = await play(MemoryTable(stock=3, held=("write", 2)), strategy, Rules(concurrency=1, gate=False), 1, 1, 1)
    ended = [results(events)[order].outcome for order in ("1-1", "1-2", "1-3")]
    assert sorted(ended) == ["accepted", "failed", "unknown"]
    assert len(results(events)) == 3


@pytest.mark.parametrize("strategy", ALL)
async def test_stamps_of_an_interrupted_operation_are_in_order(strategy: str) -> None:
    events = await play(MemoryTable(held=("write", 1)), strategy, Rules(), 1)
    (op,) = [event for event in events if isinstance(event, Operation) and event.outcome is Outcome.UNKNOWN]
    ended = results(events)["1-1"]
    assert ended.scheduled_ns <= op.scheduled_ns <= op.sent_ns <= op.received_ns <= ended.ended_ns


@pytest.mark.parametrize("strategy", ALL)
async def test_between_two_attempts_an_order_is_failed(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.engine.orders.waits", lambda backoff, random: lambda: repeat(3600.0))
    table, events, refused = MemoryTable(), list[Event](), anyio.Event()
    table.scripted["write"] = [answer(CONFLICT)]

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Operation) and event.outcome is Outcome.REJECTED:
            refused.set()

    await interrupted(runner(table, strategy, emit, Rules(attempts=2)), (1,), refused)
    ended = results(events)["1-1"]
    assert (ended.outcome, ended.attempts) == (Outcome.FAILED, 1)


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("concurrency", [1, 5])
async def test_orders_placed_when_all_is_over_end_once_each(strategy: str, concurrency: int) -> None:
    events: list[Event] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await runner(MemoryTable(), strategy, events.append, Rules(concurrency=concurrency)).round(
            orders(1, 1, 1, 1, 1)
        )
    assert len(results(events)) == 5
    assert not any(ended.outcome is Outcome.ACCEPTED for ended in results(events).values())


@pytest.mark.parametrize("strategy", ALL)
async def test_a_client_that_breaks_during_a_write_leaves_the_order_unknown(strategy: str) -> None:
    table, events = MemoryTable(), list[Event]()
    table.scripted["write"] = [AttributeError("the SDK could not read the answer")]
    with suppress(Exception):  # a mistake of the client may end the run
        await runner(table, strategy, events.append, Rules()).round(orders(1))
    assert [ended.outcome for ended in results(events).values()] == [Outcome.UNKNOWN]
    assert of(events, "1-1")[-1][1] is Outcome.UNKNOWN


@pytest.mark.parametrize("make", [lambda: MemoryTable(held=("read", 1)), lambda: MemoryTable(held=("read", 3))])
async def test_orders_at_the_gate_when_a_read_hangs_all_end(make: Callable[[], MemoryTable]) -> None:
    events = await play(make(), "version", Rules(concurrency=9), *[1] * 9)
    assert len(results(events)) == 9
    assert {ended.outcome for ended in results(events).values()} == {Outcome.FAILED}
