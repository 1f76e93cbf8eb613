"""One step away from a safe history: what a correct server cannot have left is never called safe."""

from random import Random

import pytest

from loadtest.checker import Status
from loadtest.events import Event, OrderEnded, Outcome, Record, RecordsRead, RoundEnded
from tests.helpers.shop_events import STRATEGIES, Fate, Shop, by_chance, judge
from tests.unit.checker.one_step_away import may_be_safe, steps_away


def safe_history(seed: int) -> list[Event]:
    """Two or three orders on a correct server; of transactions the records besides, now and then a lost answer."""
    random = Random(seed)
    strategy = STRATEGIES[seed % len(STRATEGIES)]
    shop = Shop(random.randint(1, 3))
    fates = [Fate.ANSWERED] * 5 + [Fate.ANSWER_LOST]
    units = [random.randint(1, 2)] * random.randint(2, 3)
    shop.round(strategy, units, schedule=by_chance(random), decide=lambda: random.choice(fates))
    if strategy == "transaction":
        return with_records(shop.events)
    return shop.events


def with_records(events: list[Event]) -> list[Event]:
    ends = [event for event in events if isinstance(event, OrderEnded)]
    found = [
        Record(one.order_id, one.product_id, one.units)
        for one in ends
        if one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
    ]
    missing = [one.order_id for one in ends if one.outcome not in (Outcome.ACCEPTED, Outcome.UNKNOWN)]
    end = events[-1]
    assert isinstance(end, RoundEnded)
    return [*events[:-1], RecordsRead(1, found, missing, end.ended_ns), end]


def verdict_of(events: list[Event]) -> Status | None:
    """None if an event has no place."""
    try:
        return judge(events).status
    except ValueError:
        return None


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(n, marks=pytest.mark.slow) for n in range(8, 150))])
def test_one_step_from_safe_is_caught_unless_it_is_as_true(seed: int) -> None:
    events = safe_history(seed)
    if judge(events).status is not Status.SAFE:
        return  # what was lost is not reconciled, or nothing was decided
    assert may_be_safe(events)
    for what, changed in steps_away(events):
        status = verdict_of(changed)
        if may_be_safe(changed):
            assert status is not Status.VIOLATED, (what, changed)
        else:
            assert status is not Status.SAFE, (what, changed)
