"""Who places which orders: all of them together what one process would, and what a lost part may have placed."""

import time
from collections import Counter
from collections.abc import Callable

import anyio
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from loadtest.distributed.lost import perhaps_placed
from loadtest.engine.dispatch import WHOLE, Credit, LocalDispatcher, Part
from loadtest.events import Event, OrderDropped, OrderPlaced
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.workload.arrivals import Stage
from loadtest.workload.spec import Load
from tests.helpers.examples import examples
from tests.helpers.memory_table import MemoryTable, runner

_LONG_AGO_NS = 3_600_000_000_000  # everything is due at once

plans = st.one_of(
    st.builds(
        Load,
        rate_per_s=st.floats(1, 200),
        duration_s=st.floats(0.05, 1),
        poisson=st.booleans(),
        concurrency=st.just(10_000),
    ),
    st.builds(
        Load,
        stages=st.lists(st.builds(Stage, st.floats(0.1, 1), st.floats(1, 100)), min_size=1, max_size=3),
        duration_s=st.just(3.0),
        poisson=st.booleans(),
        seed=st.integers(0, 2**32),
        concurrency=st.just(10_000),
    ),
)


async def rest() -> None:
    """Long enough for all that waits for nothing but its turn."""
    for _ in range(500):
        await checkpoint()


def at_work(plan: Load, part: Part, credit: Credit | None, emit: Callable[[Event], None]) -> LocalDispatcher:
    table = MemoryTable(1_000_000, product_ids=plan.product_ids)
    return LocalDispatcher(
        plan, runner(table, "conditional", emit, plan.rules), ClientOverhead("wire", ""), part, credit
    )


def started_ns() -> int:
    return time.perf_counter_ns() - _LONG_AGO_NS


def placed_by(plan: Load, part: Part, start_ns: int) -> list[OrderPlaced]:
    """What a part of the load places when nobody holds it back."""
    events: list[Event] = []

    async def place() -> None:
        with anyio.fail_after(20):
            await at_work(plan, part, None, events.append).arrive("1", start_ns)

    anyio.run(place)
    return [event for event in events if isinstance(event, OrderPlaced)]


def placed_on_credit(plan: Load, part: Part, to: int) -> list[OrderPlaced]:
    """What a part places that is let go as far as the order `to`, and no farther."""
    events: list[Event] = []

    async def place() -> None:
        credit = Credit()
        dispatcher = at_work(plan, part, credit, events.append)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(dispatcher.arrive, "1", started_ns())
            for step in (to // 3, to // 2, to):  # in several lengths, as it is let go
                credit.lengthen(step)
                await rest()
            tasks.cancel_scope.cancel()

    anyio.run(place)
    return [event for event in events if isinstance(event, OrderPlaced)]


@examples(15, 40)
@given(plan=plans, count=st.integers(1, 9))
def test_parts_place_together_exactly_the_orders_and_moments_of_one_process(plan: Load, count: int) -> None:
    start_ns = started_ns()
    alone = placed_by(plan, WHOLE, start_ns)
    together = [event for n in range(count) for event in placed_by(plan, Part(n, count), start_ns)]
    assert sorted((event.order_id, event.scheduled_ns) for event in together) == sorted(
        (event.order_id, event.scheduled_ns) for event in alone
    )
    assert all(event.product_id == "p#4" for event in together)


@given(whole=st.integers(0, 10_000), count=st.integers(1, 300))
def test_shares_add_up_and_differ_by_one_at_most(whole: int, count: int) -> None:
    shares = [Part(n, count).share(whole) for n in range(count)]
    assert sum(shares) == whole
    assert max(shares) - min(shares) <= 1


@examples(15, 60)
@given(
    count=st.integers(1, 5),
    seed=st.integers(0, 2**32),
    products=st.integers(1, 6),
    skew=st.floats(0, 2),
    to=st.integers(0, 150),
    rate=st.sampled_from([None, 40.0]),
    poisson=st.booleans(),
    data=st.data(),
)
def test_what_a_lost_part_may_have_placed_is_what_it_would_have_placed(
    count: int, seed: int, products: int, skew: float, to: int, rate: float | None, poisson: bool, data: st.DataObject
) -> None:
    plan = Load(
        rate_per_s=rate,
        poisson=poisson and rate is not None,
        duration_s=2.0 if rate else 7200.0,
        products=products,
        skew=skew,
        seed=seed,
        concurrency=2000 if rate else 7,
    )
    part = Part(data.draw(st.integers(0, count - 1)), count)
    told = data.draw(st.integers(0, 30))
    placed = [(event.order_id, event.product_id) for event in placed_on_credit(plan, part, to)]
    last = int(placed[told - 1][0].rpartition("-")[2]) if 0 < told <= len(placed) else 0
    left = [(order.order_id, order.product_id) for order in perhaps_placed(plan, part, "1", last, to)]
    assert left == (placed[told:] if last else placed)


async def test_credit_lets_as_many_go_as_it_is_in_turn() -> None:
    credit, went = Credit(), list[str]()
    numbers = iter(range(1, 100))
    following = [next(numbers)]

    async def wait(name: str) -> None:
        await credit.reach(lambda: following[0])
        went.append(name)
        following[0] = next(numbers)

    async with anyio.create_task_group() as tasks:
        for name in "abcde":
            tasks.start_soon(wait, name)
        await rest()
        assert went == []
        credit.lengthen(2)
        await rest()
        assert len(went) == 2
        credit.lengthen(1)  # an old answer
        await rest()
        assert len(went) == 2
        credit.let_go()
    assert sorted(went) == list("abcde")


async def test_orders_on_credit_keep_their_turn_when_buyers_come_while_others_wait() -> None:
    """A buyer that comes while the credit grows must not pass by one that waits, with its number or its product."""
    events: list[Event] = []
    credit = Credit()
    plan = Load(duration_s=7200.0, products=3, skew=1.0, concurrency=10)
    dispatcher = at_work(plan, WHOLE, credit, events.append)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(dispatcher.arrive, "1", started_ns())
        for to in range(1, 300):
            credit.lengthen(to)
            await checkpoint()
        await rest()
        tasks.cancel_scope.cancel()
    placed = [event for event in events if isinstance(event, OrderPlaced)]
    assert [event.order_id for event in placed] == [f"1-{number}" for number in range(1, 300)]
    assert [event.product_id for event in placed] == [
        order.product_id for order in perhaps_placed(plan, WHOLE, "1", 0, 299)
    ]


def test_a_part_drops_what_is_due_beyond_its_share_of_the_requests_in_flight() -> None:
    events: list[Event] = []
    plan = Load(rate_per_s=100.0, duration_s=1.0, concurrency=5)

    async def place() -> None:
        await at_work(plan, Part(1, 2), None, events.append).arrive("1", started_ns())

    anyio.run(place)
    kinds = Counter(type(event) for event in events)
    assert kinds[OrderPlaced] + kinds[OrderDropped] == 50
    assert kinds[OrderDropped] > 0
