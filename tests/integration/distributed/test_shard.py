"""A worker by itself, on a real server: what it is told twice it does once."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

import anyio
import msgspec
import pytest

from loadtest.distributed.worker import Assignment, Batch, Worker
from loadtest.dynamodb import admin
from loadtest.dynamodb.client import connect
from loadtest.dynamodb.endpoint import Connection
from loadtest.engine.dispatch import Part
from loadtest.errors import TargetError
from loadtest.events import Event, Order, OrderEnded, OrderPlaced, Outcome
from loadtest.workload.spec import Load, Race
from tests.conftest import free_port
from tests.helpers.processes import wait_for

_events = msgspec.json.Decoder(Event).decode_lines


@pytest.fixture
async def connection(server_urls: Callable[[str], str]) -> Connection:
    """A table of its own with the sample in it."""
    made = Connection(
        table=f"t-{uuid.uuid4().hex[:12]}",
        endpoint_url=server_urls("embedded"),
        region="us-east-1",
        anonymous=True,
        pool=10,
    )
    async with connect(made) as client:
        await admin.create_table(client, made)
        await admin.populate(client, made)
    return made


@pytest.fixture
def worker() -> Iterator[Worker]:
    yield (made := Worker())
    made.close()


class Collector:
    """Collects as the coordinator does, or twice with the number that it had."""

    def __init__(self, worker: Worker) -> None:
        self.events: list[Event] = []
        self.batch = Batch(0, b"", 0, False, 0, 0)
        self._worker = worker

    def collect(self) -> Batch:
        number = self.batch.number
        self.batch = self._worker.collect(number)
        assert self._worker.collect(number) == self.batch, "an answer that was lost is given again"
        if self.batch.events:
            self.events += _events(self.batch.events)
        return self.batch


def orders(count: int) -> list[Order]:
    return [Order(f"r-{n}", "p#4", 1, 1) for n in range(1, count + 1)]


async def test_a_round_that_is_told_twice_is_placed_once(connection: Connection, worker: Worker) -> None:
    assignment = Assignment(Race(strategy="conditional"), connection, Part())
    for _ in range(2):
        worker.open(assignment)
    collector, now_ns = Collector(worker), time.perf_counter_ns()
    for _ in range(2):
        worker.round(1, orders(10), now_ns, held=True)
    wait_for(lambda: collector.collect().full, "all orders at the gate")
    for _ in range(2):
        worker.open_gate(1, now_ns)
    wait_for(lambda: collector.collect().done == 1, "the end of the round")
    worker.round(1, orders(10), now_ns, held=True)  # an old word that comes late
    collector.collect()
    ended = Counter(event.order_id for event in collector.events if isinstance(event, OrderEnded))
    assert ended == dict.fromkeys((order.order_id for order in orders(10)), 1)


async def test_a_load_goes_no_farther_than_was_heard_of(connection: Connection, worker: Worker) -> None:
    plan = Load(strategy="conditional", rate_per_s=1_000.0, duration_s=1.0, concurrency=1_000)
    reach = worker.open(Assignment(plan, connection, Part(1, 2)))
    collector = Collector(worker)
    worker.arrive(1, "r", time.perf_counter_ns() - 10**10)  # all is due
    while not collector.collect().done:
        placed = [event.order_id for event in collector.events if isinstance(event, OrderPlaced)]
        last = int(placed[-1].rpartition("-")[2]) if placed else 0
        assert last <= reach, "an order was placed beyond what a batch that had arrived allows"
        reach = max(reach, collector.batch.may_place)
        await anyio.sleep(0.01)
    assert len([event for event in collector.events if isinstance(event, OrderPlaced)]) == 500


@pytest.mark.parametrize("rate_per_s", [None, 1_000.0])
async def test_a_load_begins_before_anybody_collects(
    rate_per_s: float | None, connection: Connection, worker: Worker
) -> None:
    """Around its instant nobody does, and no order may be late by that."""
    plan = Load(strategy="conditional", rate_per_s=rate_per_s, duration_s=0.05, concurrency=100)
    reach = worker.open(Assignment(plan, connection, Part(1, 2)))
    worker.arrive(1, "r", time.perf_counter_ns())
    worker.close()
    told = _events(worker.collect(0).events)
    placed = {int(event.order_id.rpartition("-")[2]) for event in told if isinstance(event, OrderPlaced)}
    assert len(placed) == 25 if rate_per_s else placed
    assert max(placed) <= reach


AHEAD_NS = 3_600_000_000_000


@pytest.mark.parametrize(("ahead_ns", "after_s"), [(0, 1.0), (AHEAD_NS, 0.1), (AHEAD_NS, 0.0)])
async def test_a_round_that_is_cancelled_ends_at_once_and_says_how(
    ahead_ns: int, after_s: float, connection: Connection, worker: Worker
) -> None:
    """At the gate, while it waits for its instant, and when the worker has perhaps not yet begun with it."""
    worker.open(Assignment(Race(strategy="conditional"), connection, Part()))
    collector = Collector(worker)
    for number in (1, 2):  # what was cancelled once does not cancel what comes after it
        worker.round(number, orders(10), time.perf_counter_ns() + ahead_ns, held=True)
        await anyio.sleep(after_s)
        assert collector.collect().full == (0 if ahead_ns else number)
        for _ in range(2):
            worker.cancel()
        wait_for(lambda number=number: collector.collect().done == number, "the end of the round")  # type: ignore[misc]
    collector.collect()
    ended = [event for event in collector.events if isinstance(event, OrderEnded)]
    assert [(event.outcome, event.reason) for event in ended] == [(Outcome.FAILED, "Interrupted")] * 20


async def test_a_worker_closes_once_and_then_says_that_it_has_ended(connection: Connection, worker: Worker) -> None:
    worker.open(Assignment(Race(), connection, Part()))
    first = worker.close()
    assert worker.close() is first
    worker.stop()
    worker.cancel()
    with pytest.raises(RuntimeError, match="stopped"):
        worker.collect(0)


async def test_a_target_that_cannot_be_reached_is_said_when_it_opens() -> None:
    worker = Worker()
    nowhere = Connection(table="t", endpoint_url=f"http://127.0.0.1:{free_port()}", region="us-east-1", anonymous=True)
    for _ in range(2):
        with pytest.raises(TargetError):
            worker.open(Assignment(Race(), nowhere, Part()))
