"""One order that took stock twice is that, and nothing else is made of it."""

from itertools import permutations

import pytest

from loadtest.events import Kind
from tests.helpers.shop_events import judge
from tests.histories.story import ACCEPTED, Story

# The first transaction is told before the second; a version may be seen before the answer of who made it is there.
ORDERS = sorted(set(permutations(("took", "took", 2, 3))), key=str)


@pytest.mark.parametrize("told", ORDERS, ids=str)
def test_two_transactions_of_one_order_are_two_writes_however_they_are_told(told: tuple[str | int, ...]) -> None:
    story, attempt = Story(9), 0
    for what in told:
        if isinstance(what, int):
            story.read(2, what, 10 - what, "1-1", at=2, took=40)
        else:
            attempt += 1
            story.op(1, Kind.TRANSACTION, attempt=attempt, at=2, took=40)
    verdict = judge(story.ends(1, ACCEPTED).takes(2).left(4, 6, "1-2").events)
    assert [(found.kind, found.orders) for found in verdict.violations] == [("order_applied_twice", ("1-1",))]


@pytest.mark.parametrize(
    ("writes", "words"),
    [((1, 1), "2 writes"), ((1, 2), "2 orders"), ((1, 1, 2), "3 writes"), ((1,) * 11, "11 writes")],
    ids=str,
)
def test_an_order_that_won_one_version_twice_is_no_two_orders(writes: tuple[int, ...], words: str) -> None:
    story = Story(30)
    for attempt, n in enumerate(writes):
        story.op(n, Kind.WRITE, shows=(2, 29, f"1-{n}"), rests_on=1, attempt=attempt, at=2, took=40)
    verdict = judge(story.ends(1, ACCEPTED).ends(2, ACCEPTED).left(2, 29, "1-1").events)
    (found,) = (found for found in verdict.violations if found.kind == "lost_update")
    assert found.message == f"{words} won from version 1"
