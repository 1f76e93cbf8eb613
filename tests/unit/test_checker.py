from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Checker, Status
from loadtest.order import Event, Outcome
from tests.unit.builders import (
    STRATEGIES,
    Fate,
    Shop,
    by_chance,
    in_turn,
    judge,
    one_round,
    operation,
    order_ended,
)
from tests.unit.doctors import RACE, change, end_with, told, won


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("stock", "units"), [(1, (1, 1, 1)), (5, (2, 2, 2)), (0, (1, 1)), (9, (1, 2, 3)), (2, (3, 1))])
def test_a_round_on_a_correct_server_is_safe(strategy: str, stock: int, units: tuple[int, ...]) -> None:
    verdict = judge(one_round(strategy, stock=stock, units=units))
    assert (verdict.status, verdict.violations, verdict.doubts) == (Status.SAFE, (), ())


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("fate", [Fate.ANSWER_LOST, Fate.REQUEST_LOST, Fate.APPLIED_LATE])
def test_a_lost_write_leaves_the_round_inconclusive(strategy: str, fate: Fate) -> None:
    shop = Shop()
    fates = iter([fate])
    shop.round(strategy, (1, 1, 1), decide=lambda: next(fates, Fate.ANSWERED))
    verdict = judge(shop.events)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.doubts == ("1 order of round 1 may or may not have been applied",)


chance = st.randoms(use_true_random=False)
games = st.tuples(
    st.sampled_from(STRATEGIES),
    st.lists(  # rounds: stock, and the units of each order
        st.tuples(st.integers(0, 6), st.lists(st.integers(1, 3), min_size=1, max_size=6)), min_size=1, max_size=3
    ),
    st.integers(1, 3),  # attempts
)
Game = tuple[str, list[tuple[int, list[int]]], int]


def play(game: Game, random: Any, fates: list[Fate]) -> list[Event]:
    strategy, rounds, attempts = game
    shop = Shop(rounds[0][0])
    for stock, units in rounds:
        shop.refill(stock)
        shop.round(strategy, units, schedule=by_chance(random), attempts=attempts, decide=lambda: random.choice(fates))
    return shop.events


@given(games, chance)
def test_a_correct_server_is_always_judged_safe(game: Game, random: Any) -> None:
    verdict = judge(play(game, random, [Fate.ANSWERED, Fate.MET_A_TRANSACTION]))
    assert (verdict.status, verdict.violations, verdict.doubts) == (Status.SAFE, (), ())


@given(games, chance)
def test_lost_answers_never_make_a_correct_server_a_violator(game: Game, random: Any) -> None:
    events = play(game, random, list(Fate))
    verdict = judge(events)
    assert verdict.violations == ()
    if any(told(Outcome.UNKNOWN)(event) for event in events):
        assert verdict.status is Status.INCONCLUSIVE


@given(games, chance)
def test_one_unit_more_or_less_than_sold_is_never_safe(game: Game, random: Any) -> None:
    events = play(game, random, [Fate.ANSWERED])
    verdict = judge(end_with(quantity=random.choice([-1, 1]))(events))
    assert {"oversold", "stock_lost"} & {violation.kind for violation in verdict.violations}


def test_a_write_lost_in_one_round_may_be_applied_in_the_next() -> None:
    first = [Fate.APPLIED_LATE, Fate.APPLIED_LATE]
    shop = Shop(stock=3)
    shop.round("conditional", (1, 1), decide=first.pop)
    shop.refill(3)
    shop.round("conditional", (1,), schedule=lambda orders, late: in_turn([*late, *orders], []))
    assert shop.product.quantity == 0
    verdict = judge(shop.events)
    assert verdict.violations == ()
    assert verdict.status is Status.INCONCLUSIVE


def checked(events: list[Event], lost: dict[str, tuple[int, int]] | None) -> Checker:
    checker = Checker(lost)
    for event in events:
        checker(event)
    return checker


def one_taken_by_nobody() -> list[Event]:
    """A round of two orders in which the stock falls by one more than they took."""
    shop = Shop(stock=5)
    shop.round("conditional", (1, 1))
    return end_with(quantity=-1, version=1)(shop.events)


def test_a_write_lost_in_one_run_may_be_applied_in_the_next() -> None:
    shop = Shop(stock=5)
    shop.round("conditional", (1, 1), decide=iter([Fate.APPLIED_LATE, Fate.ANSWERED]).__next__)
    earlier = checked(shop.events, None)
    assert earlier.verdict().status is Status.INCONCLUSIVE
    assert dict(earlier.lost) == {"p#4": (1, 1)}
    later = checked(one_taken_by_nobody(), dict(earlier.lost))
    assert later.verdict().status is Status.SAFE
    assert dict(later.lost) == {"p#4": (1, 1)}  # who knows: it may be the next but one that it meets


@pytest.mark.parametrize("lost", [None, {}, {"p#5": (1, 1)}])
def test_without_one_of_that_product_nobody_may_take_stock(lost: dict[str, tuple[int, int]] | None) -> None:
    assert "stock_lost" in {one.kind for one in checked(one_taken_by_nobody(), lost).verdict().violations}


def test_no_more_units_may_be_applied_than_were_lost() -> None:
    events = end_with(quantity=-1, version=1)(one_taken_by_nobody())
    assert checked(events, {"p#4": (2, 2)}).verdict().violations == ()
    assert "stock_lost" in {one.kind for one in checked(events, {"p#4": (1, 1)}).verdict().violations}


def test_what_was_lost_is_carried_past_runs_of_other_products_and_not_changed_for_others() -> None:
    given = {"p#9": (3, 2)}
    shop = Shop(stock=5)
    shop.round("conditional", (1,), decide=lambda: Fate.ANSWER_LOST)
    checker = checked(shop.events, given)
    checker.verdict()
    assert dict(checker.lost) == {"p#9": (3, 2), "p#4": (1, 1)}
    assert given == {"p#9": (3, 2)}


def test_an_unreadable_final_stock_is_a_doubt() -> None:
    verdict = judge([*RACE[:-1], replace(RACE[-1], product=None)])
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.doubts == ("the stock after round 1 could not be read",)


def test_an_operation_below_zero_is_flagged_without_a_final_read() -> None:
    events = change(won, quantity=-1)(RACE)
    verdict = judge([*events[:-1], replace(events[-1], product=None)])
    assert {violation.kind for violation in verdict.violations} == {"negative_quantity"}


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.FAILED])
def test_a_round_that_decided_nothing_is_inconclusive(outcome: Outcome) -> None:
    start, end = RACE[0], end_with(quantity=1, version=-1)(RACE)[-1]
    tried = operation(outcome=outcome)
    verdict = judge([replace(start, orders=1), tried, order_ended(outcome=outcome), end])
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.doubts == ("no order was decided",)


def test_nothing_at_all_is_inconclusive() -> None:
    assert judge([]).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("event", [operation(round=2), order_ended(round=2), replace(RACE[-1], round=2)])
def test_an_event_outside_its_round_is_a_mistake_of_the_caller(event: Event) -> None:
    checker = Checker()
    with pytest.raises(ValueError, match="round 2"):
        checker(event)
    checker(RACE[0])
    with pytest.raises(ValueError, match="round 2"):
        checker(event)


def test_a_round_may_follow_one_that_never_ended() -> None:
    cut = RACE[:-1]
    shop = Shop()
    shop.round("version", (1, 1))
    verdict = judge([*cut, *shop.events])
    assert verdict.doubts == ("round 1 was cut short",)


@pytest.mark.parametrize("seen", range(1, len(RACE)))
def test_a_round_that_was_cut_anywhere_is_in_doubt_and_no_order_of_it_vanished(seen: int) -> None:
    verdict = judge(RACE[:seen])
    assert verdict.violations == ()
    assert "round 1 was cut short" in verdict.doubts
