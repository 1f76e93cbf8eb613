import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.events import Event, Kind, MeasuringStarted, OrderDropped, OrderEnded, OrderPlaced, Outcome
from loadtest.measure.per_second import Coarse, PerSecond
from loadtest.measure.recorder import Recorder
from loadtest.records.report import Second
from tests.helpers.shop_events import operation, order_ended

SECOND_NS = 1_000_000_000
STARTED_NS = 7 * SECOND_NS

latencies = st.integers(0, 3_600 * SECOND_NS) | st.integers(0, 2000)


@given(st.lists(latencies, min_size=1, max_size=200))
def test_percentiles_are_within_one_percent_of_the_exact_ones(values: list[int]) -> None:
    coarse = Coarse()
    for value in values:
        coarse.record(value)
    found, exact = coarse.percentiles(), sorted(values)
    assert found.count == len(values)
    assert found.max * 1e6 == pytest.approx(max(values))
    assert found.p50 * 1e6 == pytest.approx(exact[math.ceil(len(values) * 0.5) - 1], rel=0.01)
    assert found.p99 * 1e6 == pytest.approx(exact[math.ceil(len(values) * 0.99) - 1], rel=0.01)
    assert found.p50 <= found.p99 <= found.max


@pytest.mark.parametrize("value_ns", [0, 1, 255, 256, 257, 511, 512, 2**40 - 1, 2**40, 2**40 + 1])
def test_a_single_latency_is_every_percentile(value_ns: int) -> None:
    coarse = Coarse()
    coarse.record(value_ns)
    found = coarse.percentiles()
    assert found.p50 == found.p99 <= found.max == value_ns / 1e6
    assert found.p50 == pytest.approx(value_ns / 1e6, rel=0.004)


# An order: when it was due, what it waited to begin, how long it took, how it ended; None if it was dropped.
moments = st.integers(STARTED_NS - SECOND_NS, STARTED_NS + 6 * SECOND_NS)
orders = st.tuples(
    moments,
    st.integers(0, 2 * SECOND_NS),
    st.integers(1, 3 * SECOND_NS),
    st.none() | st.sampled_from(Outcome),
    st.integers(1, 5),
)


def told(orders_: list[tuple[int, int, int, Outcome | None, int]]) -> list[tuple[int, Event]]:
    """What happens, and when it is told, in that order."""
    events: list[tuple[int, Event]] = []
    for n, (due_ns, late_ns, took_ns, outcome, attempts) in enumerate(orders_):
        name: dict[str, Any] = {"order_id": f"1-{n}", "scheduled_ns": due_ns}
        begun_ns, ended_ns = due_ns + late_ns, due_ns + late_ns + took_ns
        if outcome is None:
            events.append((begun_ns, OrderDropped(1, f"1-{n}", "p#4", 1, due_ns)))
            continue
        events.append((begun_ns, OrderPlaced(1, f"1-{n}", "p#4", 1, due_ns, begun_ns)))
        for attempt in range(1, attempts + 1):
            kind = Kind.READ if attempt % 2 else Kind.WRITE
            stamps = {"sent_ns": begun_ns, "received_ns": ended_ns, "ended_ns": ended_ns}
            op = operation(**name, kind=kind, attempt=attempt, outcome=outcome, capacity=attempt / 2, **stamps)
            events.append((ended_ns, op))
        events.append((ended_ns, order_ended(**name, outcome=outcome, attempts=attempts, ended_ns=ended_ns)))
    return sorted(events, key=lambda event: event[0])


def recorded(events: list[tuple[int, Event]], closings: list[int]) -> Recorder:
    """A recorder that was told all, and whose seconds were closed after these many events."""
    recorder = Recorder()
    recorder(MeasuringStarted(1, STARTED_NS))
    for n, (at_ns, event) in enumerate(events):
        recorder(event)
        if n in closings and recorder.per_second is not None:
            recorder.per_second.close(at_ns)
    return recorder


def all_of(recorder: Recorder) -> list[Second]:
    assert recorder.per_second is not None
    return recorder.per_second.all()


lists_of_orders = st.lists(orders, max_size=20)


def due_in_warm_up(event: OrderPlaced) -> bool:
    return event.scheduled_ns < STARTED_NS


@given(lists_of_orders, st.lists(st.integers(0, 100)))
def test_all_seconds_together_are_what_the_recorder_counts(orders_: Any, closings: list[int]) -> None:
    recorder = recorded(told(orders_), closings)
    seconds = all_of(recorder)
    assert [second.second for second in seconds] == list(range(len(seconds)))
    assert sum(second.placed for second in seconds) == recorder.placed
    assert sum(second.dropped for second in seconds) == recorder.dropped
    for outcome in Outcome:
        assert sum(getattr(second, outcome) for second in seconds) == recorder.orders[outcome]
    assert sum(second.attempts for second in seconds) == recorder.attempts
    assert sum(second.writes for second in seconds) == recorder.writes
    assert sum(second.wasted_writes for second in seconds) == recorder.wasted_writes
    assert sum(second.read_units for second in seconds) == recorder.read_units
    assert sum(second.write_units for second in seconds) == recorder.write_units
    assert max((second.most_attempts for second in seconds), default=0) == (
        recorder.most_tried.attempts if recorder.most_tried else 0
    )
    response = Counter[str]()
    service = Counter[str]()
    for second in seconds:
        response.update({outcome: figures.count for outcome, figures in second.response_ms.items()})
        service.update({key: figures.count for key, figures in second.service_ms.items()})
    assert response == {outcome.value: histogram.count for outcome, histogram in recorder.order.items()}
    assert service == {f"{k.value}.{o.value}": histogram.count for (k, o), histogram in recorder.service.items()}


@given(lists_of_orders, st.lists(st.integers(0, 100)))
def test_orders_in_flight_are_those_that_began_and_have_not_ended(orders_: Any, closings: list[int]) -> None:
    events = told(orders_)
    warming = {event.order_id for _, event in events if isinstance(event, OrderPlaced) and due_in_warm_up(event)}
    seconds = all_of(recorded(events, closings))
    placed = ended = 0
    for second in seconds:
        placed += second.placed
        ended += sum(getattr(second, outcome) for outcome in Outcome)
        assert second.in_flight >= placed - ended >= 0  # what is more are orders of the warm-up
        if not warming:
            assert second.in_flight == placed - ended
    assert not seconds or seconds[-1].in_flight == 0


@given(lists_of_orders)
def test_orders_of_the_warm_up_are_in_flight_until_they_end_and_in_no_other_figure(orders_: Any) -> None:
    early = [(min(due_ns, STARTED_NS - 1), *rest) for due_ns, *rest in orders_]
    events = told(early)
    going = [  # the seconds, counted from the start of the measuring, in which each begins and ends
        (max(0, event.started_ns - STARTED_NS) // SECOND_NS, (ended.ended_ns - STARTED_NS) // SECOND_NS)
        for _, event in events
        if isinstance(event, OrderPlaced)
        for _, ended in events
        if isinstance(ended, OrderEnded) and ended.order_id == event.order_id
    ]
    for second in all_of(recorded(events, [])):
        assert second.in_flight == sum(begun <= second.second < max(0, over) for begun, over in going)
        assert (second.placed, second.attempts, second.writes, second.dropped) == (0, 0, 0, 0)
        assert not any(getattr(second, outcome) for outcome in Outcome)


prompt_orders = st.lists(
    st.tuples(
        st.integers(STARTED_NS, STARTED_NS + 6 * SECOND_NS),
        st.integers(0, SECOND_NS - 1),  # told within the second that a second stays open
        st.integers(1, 3 * SECOND_NS),
        st.none() | st.sampled_from(Outcome),
        st.integers(1, 5),
    ),
    max_size=20,
)


@given(prompt_orders, st.lists(st.integers(0, 100)))
def test_closing_early_changes_no_second(orders_: Any, closings: list[int]) -> None:
    events = told(orders_)
    assert all_of(recorded(events, closings)) == all_of(recorded(events, []))


def test_each_thing_is_counted_in_the_second_it_belongs_to() -> None:
    seconds = PerSecond(STARTED_NS)
    seconds.placed(STARTED_NS)
    seconds.placed(STARTED_NS + SECOND_NS - 1)
    seconds.placed(STARTED_NS + SECOND_NS, orders=3)
    seconds.dropped(STARTED_NS + 4 * SECOND_NS)
    seconds.ended(order_ended(scheduled_ns=STARTED_NS, ended_ns=STARTED_NS + SECOND_NS + 5, attempts=4))
    found = seconds.all()
    assert [(second.placed, second.accepted, second.dropped, second.in_flight) for second in found] == [
        (2, 0, 0, 2),
        (3, 1, 0, 4),
        (0, 0, 0, 4),  # nothing happened, but there it is
        (0, 0, 0, 4),
        (0, 0, 1, 4),
    ]
    assert found[1].most_attempts == 4
    assert found[1].response_ms["accepted"].p50 == pytest.approx(1000, rel=0.004)
    assert found[2].response_ms == {}


def test_a_second_stays_open_for_one_more() -> None:
    seconds = PerSecond(STARTED_NS)
    seconds.placed(STARTED_NS)
    seconds.close(STARTED_NS + 2 * SECOND_NS - 1)
    assert seconds.closed == []
    seconds.close(STARTED_NS + 2 * SECOND_NS)
    assert [second.placed for second in seconds.closed] == [1]


def test_what_comes_after_its_second_was_closed_counts_in_the_next() -> None:
    seconds = PerSecond(STARTED_NS)
    seconds.placed(STARTED_NS)
    seconds.close(STARTED_NS + 5 * SECOND_NS)
    seconds.placed(STARTED_NS + 1)
    seconds.ended(order_ended(scheduled_ns=STARTED_NS, ended_ns=STARTED_NS + 2))
    seconds.operation(operation(ended_ns=STARTED_NS + 3), 1.0)
    seconds.dropped(STARTED_NS + 4)
    first, second = seconds.all()
    assert (first.placed, first.accepted) == (1, 0)
    assert (second.placed, second.accepted, second.dropped, second.writes, second.in_flight) == (1, 1, 1, 1, 1)


def test_a_run_in_which_nothing_happened_has_no_seconds() -> None:
    assert PerSecond(STARTED_NS).all() == []


def test_only_writes_are_wasted_and_each_request_has_its_own_latency() -> None:
    seconds = PerSecond(0)
    for kind in Kind:
        op = operation(kind=kind, outcome=Outcome.REJECTED, sent_ns=100, received_ns=200)
        seconds.operation(op, 1.5)
    (second,) = seconds.all()
    assert (second.writes, second.wasted_writes, second.read_units, second.write_units) == (2, 2, 1.5, 3.0)
    assert second.service_ms.keys() == {"read.rejected", "write.rejected", "transaction.rejected"}
    assert {figures.max for figures in second.service_ms.values()} == {0.0001}
