"""What the recorder makes of sustained load."""

import pytest
from msgspec.structs import replace

from loadtest.events import (
    WORKER_LOST,
    Event,
    Kind,
    MeasuringStarted,
    OrderPlaced,
    Outcome,
    RoundEnded,
    RoundStarted,
)
from loadtest.measure.recorder import Recorder
from loadtest.workload.pricing import Prices
from tests.helpers.load_events import TICK_NS, Market
from tests.helpers.shop_events import operation, order_ended


def record(events: list[Event]) -> Recorder:
    recorder = Recorder()
    for event in events:
        recorder(event)
    return recorder


def test_the_warm_up_is_in_no_figure_but_the_spending() -> None:
    market = Market(stock=100)
    for _ in range(7):
        market.order(conflicts=2)
    market.drop()
    market.measure()
    measured = market.now_ns
    for _ in range(3):
        market.order()
    recorder = record(market.end())
    assert (recorder.warm_up, recorder.placed, recorder.dropped, recorder.ended) == (7, 3, 0, 3)
    assert (recorder.operations, recorder.writes, recorder.attempts) == (3, 3, 3)
    assert (recorder.conflicts, recorder.wasted_writes, recorder.rejected_by_reason) == (0, 0, {})
    assert (recorder.late.count, recorder.order[Outcome.ACCEPTED].count) == (3, 3)
    assert (recorder.read_units, recorder.write_units) == (0, 3)
    assert recorder.spent_usd(Prices(write_usd_per_million=1e6)) == 3 + 7 * 3
    assert recorder.duration_ns == market.now_ns - measured
    assert recorder.winners == {3: 1}
    assert recorder.slowest is not None
    assert recorder.slowest.order_id == "a-1-9"
    assert recorder.sold == {"load#1": 10}  # the stock fell by these, whenever that was
    assert recorder.per_second is not None
    assert [second.placed for second in recorder.per_second.all()] == [3]


def test_a_run_that_was_stopped_in_its_warm_up_has_begun_all_the_same() -> None:
    market = Market()
    assert not record(market.events).begun
    market.order()
    market.measure()
    recorder = record(market.events)
    assert recorder.begun
    assert (recorder.placed, recorder.warm_up) == (0, 1)


def test_an_order_of_the_warm_up_that_ends_later_is_not_measured_nor_are_its_requests() -> None:
    before, after = 5, 15
    early, late = {"order_id": "1-1"}, {"order_id": "1-2", "scheduled_ns": 10}
    recorder = record(
        [
            MeasuringStarted(1, 10),
            OrderPlaced(1, "1-1", "p#4", 1, before, before),
            operation(**early, scheduled_ns=before, sent_ns=before, received_ns=after, ended_ns=after),
            # A later attempt of the same order is due, sent and answered when measuring has begun.
            operation(**early, attempt=2, scheduled_ns=12, sent_ns=12, received_ns=after, ended_ns=after),
            order_ended(**early, attempts=2, scheduled_ns=before, ended_ns=after),
            OrderPlaced(1, "1-2", "p#4", 1, 10, 10),
            operation(**late, sent_ns=10, received_ns=after, ended_ns=after),
            order_ended(**late, ended_ns=after),
        ]
    )
    assert (recorder.warm_up, recorder.placed) == (1, 1)
    assert (recorder.operations, recorder.ended, recorder.attempts) == (1, 1, 1)
    assert (recorder.write_units, recorder.warm_up_units) == (1, [2, 0])
    assert recorder.order[Outcome.ACCEPTED].max_ns == 5
    assert recorder.per_second is not None
    assert [(second.writes, second.in_flight) for second in recorder.per_second.all()] == [(1, 0)]


def test_capacity_is_as_the_server_says_and_otherwise_computed_from_the_size() -> None:
    started = Market(item_bytes=5000).events
    write = operation(product_id="load#1")
    events = [
        *started,
        replace(write, capacity=7.5),
        write,  # five units for 5,000 bytes
        replace(write, outcome=Outcome.REJECTED, reason="conflict"),
        replace(write, outcome=Outcome.THROTTLED),
        replace(write, outcome=Outcome.FAILED),
        replace(write, outcome=Outcome.UNKNOWN),
        replace(write, kind=Kind.TRANSACTION),  # (5 + 1) × 2
        replace(write, kind=Kind.READ, capacity=3.0),
        replace(write, kind=Kind.READ, capacity=0.5),  # not believed: a consistent read costs at least one
        replace(write, kind=Kind.READ),  # two units of 4 KB
    ]
    recorder = record(events)
    assert recorder.write_units == 7.5 + 5 + 5 + 0 + 0 + 5 + 12
    assert recorder.read_units == 3 + 2 + 2
    assert recorder.reported_units == 7.5 + 3
    assert recorder.spent_usd(Prices(1e6, 2e6)) == 7 + 2 * 34.5


def test_a_product_is_charged_by_its_own_size() -> None:
    product = Market(product_ids=["a"]).products["a"]
    small, large = (replace(product, id=name) for name in "ab")
    recorder = record(
        [
            RoundStarted(1, small, 0, 1, 100),
            RoundStarted(1, large, 0, 1, 3000),
            operation(product_id="a"),
            operation(product_id="b"),
        ]
    )
    assert recorder.write_units == 1 + 3


@pytest.mark.parametrize(
    ("kind", "outcome", "reason", "conflicts"),
    [
        (Kind.WRITE, Outcome.REJECTED, "conflict", 1),
        (Kind.TRANSACTION, Outcome.REJECTED, "conflict", 1),
        (Kind.WRITE, Outcome.REJECTED, "sold_out", 0),
        (Kind.WRITE, Outcome.ACCEPTED, "", 0),
        (Kind.WRITE, Outcome.THROTTLED, "conflict", 0),
    ],
)
def test_a_conflict_is_a_write_that_anothers_write_refused(
    kind: Kind, outcome: Outcome, reason: str, conflicts: int
) -> None:
    recorder = record([operation(kind=kind, outcome=outcome, reason=reason)])
    assert recorder.conflicts == conflicts
    assert recorder.wasted_writes == (outcome is Outcome.REJECTED)


def test_the_slowest_and_the_most_tried_are_the_worst_served() -> None:
    market = Market(stock=100)
    market.order(took_ns=50)
    slowest = market.order(took_ns=90 * TICK_NS)
    most_tried = market.order(conflicts=9)
    market.order(conflicts=9)  # as often: the first stays
    recorder = record(market.end())
    assert recorder.slowest is not None
    assert recorder.most_tried is not None
    assert (recorder.slowest.order_id, recorder.most_tried.order_id) == (slowest, most_tried)
    assert recorder.most_tried.attempts == 10
    assert recorder.conflicts == recorder.wasted_writes == 18


def test_when_an_order_of_a_lost_worker_ended_nobody_knows() -> None:
    market = Market(stock=100)
    slowest = market.order(took_ns=90)
    events = market.end()
    lost = order_ended(order_id="lost", outcome=Outcome.UNKNOWN, reason=WORKER_LOST, scheduled_ns=0, ended_ns=10**12)
    recorder = record([*events[:-1], lost, events[-1]])
    assert recorder.orders[Outcome.UNKNOWN] == 1
    assert recorder.slowest is not None
    assert recorder.slowest.order_id == slowest


def test_dropped_orders_are_counted_and_are_neither_placed_nor_ended() -> None:
    market = Market()
    market.measure()
    market.drop()
    market.order()
    market.drop()
    recorder = record(market.end())
    assert (recorder.dropped, recorder.placed, recorder.ended) == (2, 1, 1)


def test_how_late_an_order_began_is_from_its_scheduled_start() -> None:
    market = Market()
    market.measure()
    market.order()
    placed = market.events[2]
    late = [replace(event, started_ns=market.now_ns) if event is placed else event for event in market.events]
    assert record(late).late.max_ns == TICK_NS


def test_several_products_in_one_round_are_one_round() -> None:
    names = ["load#1", "load#2", "load#3"]
    market = Market(stock=5, product_ids=names)
    market.measure()
    for name in (names[0], names[0], names[2]):
        market.order(name)
    recorder = record(market.end())
    assert (recorder.rounds, recorder.winners) == (1, {3: 1})
    assert recorder.initial == dict.fromkeys(names, 5)
    assert recorder.final == {"load#1": 3, "load#2": 5, "load#3": 4}
    assert recorder.sold == {"load#1": 2, "load#2": 0, "load#3": 1}
    assert recorder.duration_ns > 0


def test_a_round_is_over_with_the_last_of_its_products() -> None:
    events = Market(product_ids=["a", "b"]).end()
    recorder = record(events[:-1])
    assert recorder.rounds == 0
    recorder(events[-1])
    assert recorder.rounds == 1
    with pytest.raises(ValueError, match="ended before it started"):
        recorder(events[-1])


def test_what_was_added_has_been_sold_if_it_is_gone() -> None:
    market = Market(stock=2)
    for _ in range(2):
        market.order()
    market.restock(2)
    market.order()
    market.restock(5, answered=False, applied=False)  # nobody knows: the stock says it was not
    recorder = record(market.end())
    assert recorder.sold == {"load#1": 3}
    assert recorder.final == {"load#1": 1}


def test_a_product_that_could_not_be_read_at_the_end_is_not_known() -> None:
    events = Market(product_ids=["a", "b"]).end()
    last = events[-1]
    assert isinstance(last, RoundEnded)
    recorder = record([*events[:-1], replace(last, product=None)])
    assert recorder.final == {"a": 10, "b": None}
    assert recorder.rounds == 1


def test_before_anything_is_measured_no_time_has_passed() -> None:
    recorder = record(Market().events)
    recorder.tick()
    assert (recorder.elapsed_s, recorder.per_second) == (0, None)
