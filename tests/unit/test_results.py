"""Requests that are answered when their order has its result already."""

import pytest

from loadtest.checker.ledger import Ledger
from loadtest.checker.results import Results
from loadtest.order import Kind, Outcome, Product
from tests.unit.builders import operation, order_ended

TOLD_OTHERWISE = [outcome for outcome in Outcome if outcome is not Outcome.ACCEPTED]


def play(told: Outcome, before: list[Outcome], after: list[Outcome]) -> Results:
    """One order that is told this, with writes that are answered before and after that."""
    results, ledger = Results(), Ledger(1, Product("p#4", "Last samovar", 5, 1))
    results.placed = 1
    for outcome in before:
        results.wrote(operation(outcome=outcome, kind=Kind.WRITE))
    assert results.end(order_ended(outcome=told), ledger)
    for outcome in after:
        results.wrote(operation(outcome=outcome, kind=Kind.TRANSACTION))
    return results


def kinds(results: Results) -> list[str]:
    return [one.kind for one in (*results.follow_writes(1, "p#4"), *results.once(1, "p#4", complete=True))]


@pytest.mark.parametrize("told", TOLD_OTHERWISE)
def test_a_write_that_is_accepted_after_the_end_makes_it_a_winner_told_otherwise(told: Outcome) -> None:
    assert kinds(play(told, [], [])) == []
    late = play(told, [], [Outcome.ACCEPTED])
    assert kinds(late) == ["winner_told_otherwise"]
    (violation,) = late.follow_writes(1, "p#4")
    assert (violation.orders_count, violation.orders) == (1, ("1-1",))


@pytest.mark.parametrize("told", TOLD_OTHERWISE)
def test_two_such_writes_are_two_violations(told: Outcome) -> None:
    assert kinds(play(told, [], [Outcome.ACCEPTED] * 2)) == ["winner_told_otherwise", "order_applied_twice"]


@pytest.mark.parametrize("before", [Outcome.ACCEPTED, Outcome.UNKNOWN])
def test_a_winner_that_takes_again_after_its_end_took_twice(before: Outcome) -> None:
    assert kinds(play(Outcome.ACCEPTED, [before], [])) == []  # a lost write of its own counts as applied
    assert kinds(play(Outcome.ACCEPTED, [before], [Outcome.ACCEPTED])) == ["order_applied_twice"]


def test_an_unbacked_order_whose_write_comes_after_its_end_is_still_flagged() -> None:
    assert "accepted_without_write" in kinds(play(Outcome.ACCEPTED, [], [Outcome.ACCEPTED]))


@pytest.mark.parametrize("told", [Outcome.ACCEPTED, Outcome.REJECTED])
def test_an_answer_that_is_lost_after_the_end_is_a_doubt(told: Outcome) -> None:
    before = [Outcome.ACCEPTED] if told is Outcome.ACCEPTED else []
    assert play(told, before, []).unknown == 0
    late = play(told, before, [Outcome.UNKNOWN])
    assert late.unknown == 1
    assert kinds(late) == []
