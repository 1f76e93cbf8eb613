"""When a race has had its rounds."""

import pytest

from loadtest.checker.power import needed
from loadtest.events import Event, RoundEnded, RoundStarted
from loadtest.workload.until import Until
from tests.helpers.shop_events import Schedule, Shop, in_step, in_turn

MANY = 100


def race(rounds: int, schedule: Schedule = in_step) -> list[Event]:
    shop = Shop()
    for _ in range(rounds):
        shop.refill(1)
        shop.round("version", [1, 1], schedule=schedule)
    return shop.events


def rounds_until(until: Until, events: list[Event]) -> int | None:
    """How many rounds it takes; None if so many are not enough."""
    ended = 0
    if until.over:
        return ended
    for event in events:
        until(event)
        if isinstance(event, RoundEnded):
            ended += 1
            if until.over:
                return ended
    return None


@pytest.mark.parametrize("rounds", [1, 7])
def test_as_many_rounds_as_were_asked_for(rounds: int) -> None:
    assert rounds_until(Until(rounds), race(MANY)) == rounds


@pytest.mark.parametrize("rate", [0.95, 0.5, 0.1, 0.04])
def test_as_many_rounds_as_exclude_the_rate(rate: float) -> None:
    assert rounds_until(Until(None, rate), race(MANY)) == needed(rate)
    assert rounds_until(Until(MANY, rate), race(MANY)) == needed(rate)
    assert rounds_until(Until(1, rate), race(MANY)) == 1


def test_rounds_without_a_contested_win_count_only_for_the_bounds() -> None:
    assert rounds_until(Until(None, 0.5), race(MANY, in_turn)) is None
    assert rounds_until(Until(9, 0.5), race(MANY, in_turn)) == 9


def test_no_round_begins_when_the_time_is_over() -> None:
    events = race(MANY)
    ends = [event.ended_ns for event in events if isinstance(event, RoundEnded)]
    first = events[0]
    assert isinstance(first, RoundStarted)
    within_s = (ends[4] - first.started_ns) / 1e9
    assert rounds_until(Until(None, 0.001, within_s), events) == 5
    assert rounds_until(Until(3, 0.001, within_s), events) == 3
    assert rounds_until(Until(None, 0.001, 0.0), events) == 1
