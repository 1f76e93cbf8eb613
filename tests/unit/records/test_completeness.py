from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from loadtest.errors import UsageError
from loadtest.events import (
    Event,
    InFlight,
    Kind,
    MeasuringStarted,
    OrderDropped,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Product,
    RoundEnded,
)
from loadtest.records.completeness import Completeness
from loadtest.records.history import SCHEMA, Conditions, Header
from tests.helpers.shop_events import one_round

AFTER = "the history ends at 1970-01-01T00:00:0"


def header(orders: int | None = None, **plan: Any) -> Header:
    conditions = Conditions(
        command="race", started_at="", plan=plan, orders=orders, environment={}, stamps="", thresholds=[], lost=[]
    )
    return Header(SCHEMA, "a-run", 0, 0, conditions)


def part(events: Sequence[Event], of: Header, *, within_a_line: bool = False) -> str | None:
    completeness = Completeness(of)
    for event in events:
        completeness(event)
    return completeness.part(within_a_line=within_a_line)


ROUND = one_round()  # of three orders


def test_all_that_was_planned_is_no_part() -> None:
    assert part(ROUND, header(orders=3, rounds=1)) is None


def test_a_history_of_an_earlier_version_is_whole_if_its_round_ended() -> None:
    assert part(ROUND, Header(SCHEMA, "a-run", 0, 0)) is None
    assert "round 1 has not ended" in str(part(ROUND[:-1], Header(SCHEMA, "a-run", 0, 0)))


@pytest.mark.parametrize(
    ("events", "says"),
    [
        pytest.param([], "it has no order", id="nothing"),
        pytest.param(ROUND[:1], "round 1 of 2 has not ended, 3 orders have no result", id="no result"),
        pytest.param(ROUND[:-1], "round 1 of 2 has not ended", id="no end"),
        pytest.param(ROUND, "it has 1 of 2 rounds", id="a round less"),
    ],
)
def test_a_race_says_what_it_lacks(events: list[Event], says: str) -> None:
    found = str(part(events, header(orders=6, rounds=2)))
    assert found.startswith(AFTER)
    assert found.endswith(f": {says}")
    assert str(part(events, header(orders=6, rounds=2), within_a_line=True)).endswith(f": its last line is cut, {says}")


@pytest.mark.parametrize(("exclude", "within_s", "whole"), [(0.96, None, True), (0.5, None, False), (0.5, 0.0, True)])
def test_a_race_of_an_open_number_of_rounds_is_whole_if_no_further_one_was_to_begin(
    exclude: float, within_s: float | None, whole: bool
) -> None:
    found = part(ROUND, header(rounds=None, exclude=exclude, within_s=within_s))
    assert found is None if whole else str(found).endswith(": more rounds were to follow")
    bounded = part(ROUND, header(rounds=2, exclude=exclude, within_s=within_s))
    assert bounded is None if whole else str(bounded).endswith(": it has 1 of 2 rounds")


def test_what_is_in_flight_does_not_move_the_end() -> None:
    early = InFlight(1, "1-1", "p#4", 1, Kind.WRITE, 1, None, 0)
    for events in (ROUND[:-1], ROUND):
        assert part([*events, early], header(orders=3, rounds=1)) == part(events, header(orders=3, rounds=1))


def test_interrupted_orders_and_a_stock_that_was_not_read_are_said() -> None:
    stopped = [replace(event, reason="Interrupted") if isinstance(event, OrderEnded) else event for event in ROUND]
    assert str(part(stopped, header(rounds=1))).endswith(": 3 orders were interrupted")
    unread = [*ROUND[:-1], replace(ROUND[-1], product=None)]
    assert str(part(unread, header(rounds=1))).endswith(": the stock was not read at the end of a round")


def a_load(ended_ns: int) -> list[Event]:
    """One order placed, one dropped."""
    return [
        replace(ROUND[0], orders=0),
        MeasuringStarted(1, 500),
        OrderPlaced(1, "a", "p#4", 1, 600, 600),
        OrderDropped(1, "b", "p#4", 1, 700),
        OrderEnded(1, "a", "p#4", 1, Outcome.ACCEPTED, "", "", 1, 600, 900),
        RoundEnded(1, "p#4", Product("p#4", "Last samovar", 1, 1), ended_ns),
    ]


@pytest.mark.parametrize(
    ("of", "whole"),
    [
        pytest.param(header(orders=2, duration_s=9.0, rate_per_s=1.0), True, id="as many as planned"),
        pytest.param(header(orders=3, duration_s=9.0, rate_per_s=1.0), False, id="one less than planned"),
        pytest.param(header(duration_s=9.0, rate_per_s=1.0, poisson=True), True, id="Poisson"),
        pytest.param(header(duration_s=1e-6), True, id="a closed loop to its end"),
        pytest.param(header(duration_s=2e-6), False, id="a closed loop that ended early"),
    ],
)
def test_a_load_is_whole_with_all_orders_or_all_its_time(of: Header, whole: bool) -> None:
    found = part(a_load(ended_ns=1600), of)
    assert found is None if whole else str(found).endswith(": orders that were planned were not placed")


def test_the_end_of_a_warm_up_that_was_never_reached_is_not_the_end() -> None:
    events = [*a_load(1600)[:1], MeasuringStarted(1, 10**15)]
    assert "1970-01-01T00:00:0" in str(part(events, header(duration_s=1.0)))


def test_a_plan_that_is_none_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="the plan in the header of the history a-run"):
        Completeness(header(rounds="many"))
