"""What runs put to the test: chances, the bounds that they give, and the runs that show nothing."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker import Checker, Power, Status, Verdict
from loadtest.checker.power import Chances, excluded, needed
from loadtest.events import Event, Outcome, Product, Restocked, RoundEnded, RoundStarted
from tests.helpers.shop_events import (
    STRATEGIES,
    Fate,
    Schedule,
    Shop,
    by_chance,
    in_step,
    in_turn,
    operation,
    order_ended,
)

SECOND_NS = 10**9


def judged(events: Sequence[Event], **how: Any) -> Verdict:
    checker = Checker(**how)
    for event in events:
        checker(event)
    return checker.verdict()


def shop(strategy: str, orders: int, stock: int, schedule: Schedule = in_step, rounds: int = 1) -> list[Event]:
    made = Shop(stock)
    for _ in range(rounds):
        made.refill(stock)
        made.round(strategy, [1] * orders, schedule=schedule)
    return made.events


@pytest.mark.parametrize(
    ("chances", "rate"), [(0, 1.0), (1, 0.95), (2, 0.776393), (30, 0.095034), (1_000, 0.00299125), (10**9, 3e-9)]
)
def test_what_no_double_win_in_so_many_chances_excludes(chances: int, rate: float) -> None:
    assert excluded(chances) == pytest.approx(rate, rel=2e-3)


@given(st.integers(1, 10**12))
def test_the_rule_of_three_is_a_little_higher(chances: int) -> None:
    assert 0 < excluded(chances) < min(1, 3 / chances)
    assert math.log(1 - excluded(chances)) * chances == pytest.approx(math.log(0.05), rel=1e-3)


@given(st.floats(1e-6, 0.999))
def test_as_many_chances_as_are_needed_and_no_fewer(rate: float) -> None:
    assert excluded(needed(rate)) <= rate < excluded(needed(rate) - 1)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_race_for_the_last_item_is_contested(strategy: str) -> None:
    verdict = judged(shop(strategy, 100, 1, rounds=3))
    assert (verdict.status, verdict.untested) == (Status.SAFE, False)
    assert verdict.power == Power(300, 300 - 3, 3, 3, excluded(3), contested_rounds=3, excluded_share=excluded(3))


@pytest.mark.parametrize("strategy", ["conditional", "transaction"])
def test_where_more_want_it_than_there_is_the_last_win_is_contested(strategy: str) -> None:
    verdict = judged(shop(strategy, 50, 10, by_chance(Random(strategy))))
    assert verdict.status is Status.SAFE
    assert 1 <= verdict.power.contested <= 10


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("orders", [1, 5])
def test_a_race_without_a_contested_win_is_inconclusive_if_its_stock_was_limited(strategy: str, orders: int) -> None:
    verdict = judged(shop(strategy, orders, 1, in_turn, rounds=2))
    assert (verdict.status, verdict.untested, verdict.power.contested) == (Status.INCONCLUSIVE, True, 0)
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith("no win was contested: ")
    assert verdict.reasons[0] in verdict.sentence


def test_one_contested_round_is_enough() -> None:
    made = Shop()
    for schedule in (in_turn, in_step, in_turn):
        made.refill(1)
        made.round("version", [1] * 4, schedule=schedule)
    verdict = judged(made.events)
    assert (verdict.status, verdict.power.contested_rounds, verdict.power.accepted) == (Status.SAFE, 1, 3)


@pytest.mark.parametrize("strategy", ["conditional", "transaction"])
def test_stock_to_spare_puts_no_condition_to_the_test(strategy: str) -> None:
    verdict = judged(shop(strategy, 9, 10))
    assert (verdict.status, verdict.power.contested, verdict.power.overlapping) == (Status.SAFE, 0, 9)
    assert judged(shop(strategy, 10, 10)).untested


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_load_in_which_nothing_contended_is_inconclusive(strategy: str) -> None:
    verdict = judged(shop(strategy, 5, 100, in_turn), is_load=True)
    assert (verdict.status, verdict.untested) == (Status.INCONCLUSIVE, True)
    assert verdict.sentence.endswith(f"inconclusive ({verdict.reasons[0]})")
    assert verdict.reasons[0].startswith("nothing was put to the test: ")


def test_a_load_counts_the_seconds_in_which_a_win_was_contested() -> None:
    stock = 5
    events: list[Event] = [RoundStarted(1, Product("p#4", "", stock, 1), 6, 7 * SECOND_NS // 2)]
    for n, at_ns in enumerate((4 * SECOND_NS, 4 * SECOND_NS + 9, 9 * SECOND_NS), 1):
        times = {"sent_ns": at_ns, "received_ns": at_ns + 5, "ended_ns": at_ns + 5}
        lost = {"order_id": f"b{n}", "outcome": Outcome.REJECTED, "reason": "conflict"}
        events.append(operation(order_id=f"a{n}", read_version=n, version=n + 1, quantity=stock - n, **times))
        events.append(operation(**lost, read_version=n, version=n + 1, quantity=stock - n, **times))
        events += [order_ended(order_id=f"a{n}"), order_ended(**lost)]
    events.append(RoundEnded(1, "p#4", Product("p#4", "", stock - 3, 4), 10 * SECOND_NS, 10 * SECOND_NS))
    verdict = judged(events, is_load=True)
    assert verdict.status is Status.SAFE
    assert (verdict.power.contested, verdict.power.contested_seconds, verdict.power.contested_rounds) == (3, 2, 0)
    assert verdict.power.excluded_share == excluded(2)
    assert judged(events).power.contested_rounds == 1


def test_restocked_stock_is_not_limited() -> None:
    *events, last = shop("conditional", 3, 1, in_turn)
    assert isinstance(last, RoundEnded)
    assert last.product is not None
    left = Product("p#4", last.product.name, 5, last.product.version + 1, "restock")
    restocked = [*events, Restocked(1, "p#4", 5, Outcome.ACCEPTED, last.ended_ns), RoundEnded(1, "p#4", left, 10**4)]
    verdict = judged(restocked)
    assert (verdict.status, verdict.power.contested) == (Status.SAFE, 0)


@pytest.mark.parametrize("strategy", ["version", "transaction"])
def test_a_win_whose_answer_was_lost_counts_as_tested(strategy: str) -> None:
    fates = iter([Fate.ANSWER_LOST, *[Fate.ANSWERED] * 3])
    made = Shop()
    made.round(strategy, [1] * 4, decide=lambda: next(fates), waited_ns=3 * SECOND_NS)
    verdict = judged(made.events)
    assert (verdict.status, verdict.power.accepted, verdict.reconciled.accepted) == (Status.SAFE, 0, 1)


def test_what_is_violated_stays_violated() -> None:
    *events, last = shop("version", 1, 1)
    assert isinstance(last, RoundEnded)
    for is_load in (True, False):
        verdict = judged([*events, RoundEnded(1, "p#4", Product("p#4", "", 1, 1), last.ended_ns)], is_load=is_load)
        assert (verdict.status, verdict.untested, verdict.reasons) == (Status.VIOLATED, False, ())


def test_what_is_inconclusive_anyhow_needs_no_further_reason() -> None:
    verdict = judged(shop("version", 2, 1, in_turn)[:-1])
    assert (verdict.reasons, verdict.untested) == (("round 1 was cut short",), False)


@pytest.mark.parametrize(("rate", "status"), [(0.96, Status.SAFE), (0.9, Status.INCONCLUSIVE)])
def test_a_rate_that_was_to_be_excluded(rate: float, status: Status) -> None:
    verdict = judged(shop("version", 3, 1), exclude=rate)
    assert (verdict.status, verdict.untested) == (status, False)
    said = ("a rate of double wins above 90 % is not excluded: 1 win was contested, and 2 must be",)
    assert tuple(reason.partition(";")[0] for reason in verdict.reasons) == (() if status is Status.SAFE else said)


def test_chances_can_be_asked_for_at_any_time_and_ignore_what_is_outside_a_round() -> None:
    events, chances, seen = shop("version", 3, 1, rounds=2), Chances(), []
    chances(operation(product_id="elsewhere"))
    for event in events:
        chances(event)
        seen.append(chances.contested)
    assert seen == sorted(seen)
    assert seen[-1] == chances.power(is_load=False).contested_rounds == 2


def test_a_round_goes_on_until_all_its_products_have_ended() -> None:
    first, chances = Product("p#5", "", 1, 1), Chances()
    started, *rest = shop("version", 3, 1)
    for event in (RoundStarted(1, first, 0, 0), started, RoundEnded(1, first.id, first, 1), *rest):
        chances(event)
    assert chances.contested == 1
