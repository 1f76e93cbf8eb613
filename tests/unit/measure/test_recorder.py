from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.events import Event, Kind, Operation, OrderEnded, Outcome, Product, RoundEnded, RoundStarted
from loadtest.measure.recorder import Recorder
from tests.helpers.shop_events import STRATEGIES, Fate, Shop, by_chance, one_round, operation, order_ended


def record(events: list[Event]) -> Recorder:
    recorder = Recorder()
    for event in events:
        recorder(event)
    return recorder


def two_rounds() -> list[Event]:
    shop = Shop(stock=5)
    shop.round("conditional", (1, 1, 1))
    shop.refill(7)
    shop.round("conditional", (2, 2, 2, 2))
    return shop.events


@given(
    st.sampled_from(STRATEGIES),
    st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
)
def test_every_count_is_that_of_the_events(strategy: str, rounds: list[list[int]], random: Any) -> None:
    shop = Shop(stock=4)
    for units in rounds:
        shop.refill(4)
        shop.round(strategy, units, schedule=by_chance(random), attempts=2, decide=lambda: random.choice(list(Fate)))
    recorder = record(shop.events)
    ended = [event for event in shop.events if isinstance(event, OrderEnded)]
    operations = [event for event in shop.events if isinstance(event, Operation)]
    assert recorder.orders == Counter(event.outcome for event in ended)
    assert recorder.placed == recorder.ended == len(ended)
    assert recorder.operations == len(operations)
    assert recorder.rounds == len(rounds)
    assert {key: histogram.count for key, histogram in recorder.service.items()} == Counter(
        (event.kind, event.outcome) for event in operations
    )
    assert recorder.winners == Counter(
        sum(event.outcome is Outcome.ACCEPTED for event in ended if event.round == number)
        for number in range(1, len(rounds) + 1)
    )


def test_rejections_are_counted_by_reason_and_the_rest_by_message() -> None:
    recorder = record(
        [
            order_ended(),
            order_ended(outcome=Outcome.REJECTED, reason="conflict"),
            order_ended(outcome=Outcome.REJECTED, reason="sold_out"),
            order_ended(outcome=Outcome.REJECTED, reason="sold_out"),
            order_ended(outcome=Outcome.FAILED, reason="NoSuchProduct", message="no such product"),
            order_ended(outcome=Outcome.FAILED, reason="NoSuchProduct", message="no such product"),
            order_ended(outcome=Outcome.THROTTLED, reason="ThrottlingException"),
            order_ended(outcome=Outcome.UNKNOWN, reason="ReadTimeoutError", message="no answer"),
        ]
    )
    assert recorder.rejected_by_reason == {"conflict": 1, "sold_out": 2}
    assert [(problem.count, problem.message) for problem in recorder.problems.kinds()] == [
        (2, "no such product"),
        (1, "ThrottlingException"),
        (1, "no answer"),
    ]


def test_latency_is_from_the_hand_over_to_the_answer() -> None:
    recorder = record([operation(scheduled_ns=0, sent_ns=1_000, received_ns=1_500)])
    histogram = recorder.service[Kind.WRITE, Outcome.ACCEPTED]
    assert (histogram.count, histogram.sum_ns) == (1, 500)


def test_what_was_never_sent_counts_and_has_no_service_time() -> None:
    times = {"scheduled_ns": 0, "sent_ns": 9_000, "received_ns": 9_000, "ended_ns": 9_000}
    sent = operation(scheduled_ns=0, sent_ns=0, received_ns=1_000, ended_ns=1_000)
    recorder = record([sent, operation(outcome=Outcome.FAILED, sent=False, **times)])
    assert list(recorder.service) == [(Kind.WRITE, Outcome.ACCEPTED)]
    assert recorder.response[Kind.WRITE, Outcome.FAILED].sum_ns == 9_000
    assert (recorder.operations, recorder.writes) == (2, 2)
    assert recorder.own_share == 0.0


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("outcome", Outcome)
def test_each_kind_and_outcome_has_its_own_histogram(kind: Kind, outcome: Outcome) -> None:
    others = [operation(kind=k, outcome=o) for k in Kind for o in Outcome if (k, o) != (kind, outcome)]
    recorder = record([*others, operation(kind=kind, outcome=outcome, sent_ns=0, received_ns=777)])
    assert recorder.service[kind, outcome].sum_ns == 777


def test_a_clock_that_runs_backwards_is_not_recorded() -> None:
    with pytest.raises(ValueError, match="latency of -1 ns"):
        record([operation(sent_ns=2, received_ns=1)])


def test_stock_is_from_before_the_first_round_to_after_the_last_and_sold_is_over_all() -> None:
    recorder = record(two_rounds())
    assert recorder.initial == {"p#4": 5}
    assert recorder.final == {"p#4": 1}
    assert recorder.sold == {"p#4": 3 + 6}
    assert recorder.winners == {3: 2}


def test_the_duration_is_that_of_the_rounds_without_what_lies_between() -> None:
    product = Product("p#4", "", 1, 1)
    recorder = record(
        [
            RoundStarted(1, product, 0, 100),
            RoundEnded(1, "p#4", product, 150),
            RoundStarted(2, product, 0, 1_000),
            RoundEnded(2, "p#4", product, 1_007),
        ]
    )
    assert recorder.duration_ns == 57


def test_a_stock_that_could_not_be_read_is_not_known() -> None:
    events = one_round()
    recorder = record([*events[:-1], replace(events[-1], product=None)])
    assert recorder.final == {"p#4": None}
    assert recorder.rounds == 1


def test_figures_can_be_read_while_the_round_goes_on() -> None:
    events = one_round()
    recorder = record(events[:-1])
    assert (recorder.placed, recorder.ended, recorder.rounds, recorder.operations) == (3, 3, 0, 6)
    assert recorder.service.keys() == {
        (Kind.READ, Outcome.ACCEPTED),
        (Kind.WRITE, Outcome.ACCEPTED),
        (Kind.WRITE, Outcome.REJECTED),
    }


def test_a_round_that_never_started_cannot_end() -> None:
    with pytest.raises(ValueError, match="round 1 ended before it started"):
        record([RoundEnded(1, "p#4", None, 0)])
