"""Requests that are answered when their order has its result already."""

import pytest
from msgspec.structs import replace

from loadtest.checker import Reconciled, Verdict
from loadtest.events import Event, Kind, Outcome, Product, RoundEnded, RoundStarted
from tests.helpers.shop_events import judge, operation, order_ended

TOLD_OTHERWISE = [outcome for outcome in Outcome if outcome is not Outcome.ACCEPTED]


def play(told: Outcome, before: list[Outcome], after: list[Outcome]) -> Verdict:
    """One order that is told this, with writes that are answered before and after that."""
    applied = [*before, *after].count(Outcome.ACCEPTED)
    stocked = Product("p#4", "Last samovar", 5, 1)
    left = replace(stocked, quantity=5 - applied, version=1 + applied)
    events: list[Event] = [
        RoundStarted(1, stocked, 1, 0, 0, "1", 1),
        *(operation(outcome=outcome, kind=Kind.TRANSACTION) for outcome in before),
        order_ended(outcome=told),
        *(operation(outcome=outcome, kind=Kind.TRANSACTION) for outcome in after),
        RoundEnded(1, "p#4", left, 99),
    ]
    return judge(events)


def kinds(verdict: Verdict) -> list[str]:
    return [violation.kind for violation in verdict.violations]


@pytest.mark.parametrize("told", TOLD_OTHERWISE)
def test_a_write_that_is_accepted_after_the_end_makes_it_a_won_but_told_lost(told: Outcome) -> None:
    assert kinds(play(told, [], [])) == []
    late = play(told, [], [Outcome.ACCEPTED])
    assert kinds(late) == ["won_but_told_lost"]
    (violation,) = late.violations
    assert (violation.orders_count, violation.orders) == (1, ("1-1",))
    assert violation.operations == (operation(kind=Kind.TRANSACTION),)


@pytest.mark.parametrize("told", TOLD_OTHERWISE)
def test_two_such_writes_are_two_violations(told: Outcome) -> None:
    assert kinds(play(told, [], [Outcome.ACCEPTED] * 2)) == ["won_but_told_lost", "order_applied_twice"]


def test_a_winner_that_takes_again_after_its_end_took_twice() -> None:
    assert kinds(play(Outcome.ACCEPTED, [Outcome.ACCEPTED], [])) == []
    assert kinds(play(Outcome.ACCEPTED, [Outcome.ACCEPTED], [Outcome.ACCEPTED])) == ["order_applied_twice"]


def test_a_lost_write_of_its_own_counts_as_applied_and_a_further_one_is_too_many() -> None:
    assert kinds(play(Outcome.ACCEPTED, [Outcome.UNKNOWN], [])) == ["oversold", "version_miscounted"]  # it was not
    assert "order_applied_twice" in kinds(play(Outcome.ACCEPTED, [Outcome.UNKNOWN], [Outcome.ACCEPTED]))


def test_an_unbacked_order_whose_write_comes_after_its_end_is_still_flagged() -> None:
    assert "accepted_without_write" in kinds(play(Outcome.ACCEPTED, [], [Outcome.ACCEPTED]))


@pytest.mark.parametrize("told", [Outcome.ACCEPTED, Outcome.REJECTED])
def test_an_answer_that_is_lost_after_the_end_is_unresolved(told: Outcome) -> None:
    before = [Outcome.ACCEPTED] if told is Outcome.ACCEPTED else []
    assert play(told, before, []).reconciled == Reconciled()
    late = play(told, before, [Outcome.UNKNOWN])
    assert late.reconciled == Reconciled(unresolved=1)
    assert kinds(late) == []
