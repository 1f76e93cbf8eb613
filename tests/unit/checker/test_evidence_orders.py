"""What a verdict shows of orders whose results are not what they took, or that took twice."""

from textwrap import dedent

import pytest

from loadtest.checker import results
from loadtest.events import Kind
from tests.helpers.shop_events import judge
from tests.histories.story import ACCEPTED, CONFLICT, FAILED, REJECTED, UNKNOWN, Story
from tests.unit.checker.judged_loads import fails, load, said, unnamed

R, T, W = Kind.READ, Kind.TRANSACTION, Kind.WRITE

STORIES: dict[str, tuple[Story, str]] = {
    "an order under way whose name is seen, of units that were never there": (
        unnamed(3).wins(1, 2, 2).read(2, 2, 2, "1-1", units=3).op(3, R, shows=(4, None, "1-2")),
        """
        oversold: 1 unit was accepted, and 3 taken with no accepting answer, but there were only 3
          [1: 1-1]
          1-1 write accepted (2, 2, 1-1) 2–4 ms
        """,
    ),
    "the same in a load, where a restock may have been in flight": (
        load(3, 1, 3, 1).wins(1, 2, 2).op(3, R, shows=(4, None, "1-2")),
        "",
    ),
    "an order under way whose name is seen": (
        Story().read(1, 1, 1).read(2, 2, 0, "1-1"),
        "",
    ),
    "an order that failed and whose name is seen": (
        fails(Story(), 1).read(2, 2, 0, "1-1").ends(2, FAILED).left(2, 0, "1-1"),
        """
        won_but_told_lost: 1 order won but was told otherwise
          [1: 1-1]
          1-2 read accepted (2, 0, 1-1) 5–7 ms
        """,
    ),
    "one that was accepted without a write and is seen to have taken": (
        Story().op(1, W, REJECTED, reason=CONFLICT).ends(1, ACCEPTED).loses(2, (2, 0, "1-1")).left(2, 0, "1-1"),
        """
        accepted_without_write: 1 order counted as accepted without an accepted write
          [1: 1-1]
        """,
    ),
    "two orders were told to have lost": (
        Story(2, orders=3)
        .op(1, W, REJECTED, reason=CONFLICT)
        .ends(1, REJECTED, CONFLICT)
        .op(2, W, REJECTED, reason=CONFLICT)
        .ends(2, REJECTED, CONFLICT)
        .read(3, 2, 1, "1-1")
        .loses(3, (3, 0, "1-2"))
        .left(3, 0, "1-2"),
        """
        phantom_reject: 2 orders won but were told to have lost
          [2: 1-1, 1-2]
          1-3 read accepted (2, 1, 1-1) 8–10 ms
          1-3 write rejected (3, 0, 1-2) 11–13 ms
        """,
    ),
    "the record of a rejected order of three units": (
        load(9, 1, 3)
        .op(2, T, REJECTED, reason=CONFLICT, units=3)
        .ends(2, REJECTED, CONFLICT, units=3)
        .takes(1)
        .record(2, units=3)
        .left(3, 6, None),
        """
        oversold: 1 unit was accepted, and at least 3 taken with no accepting answer, but the stock fell by 3
          [2: 1-2, 1-1]
          1-1 transaction accepted () 7–9 ms
        phantom_reject: 1 order won but was told to have lost
          [1: 1-2]
        """,
    ),
    "a record before the second of two attempts, and one after it": (
        Story(3)
        .op(1, T, UNKNOWN)
        .record(1)
        .op(1, T, attempt=2)
        .ends(1, ACCEPTED)
        .record(1)
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .left(3, 1, None),
        """
        order_applied_twice: 1 order took stock more than once
          [1: 1-1]
          1-1 transaction unknown () 2–4 ms
        recorded_twice: 1 order left two records
          [1: 1-1]
        """,
    ),
    "an order's name that is seen before it writes again": (
        Story(3)
        .read(2, 2, 2, "1-1", at=2, took=20)
        .op(1, W, shows=(2, 2, "1-1"), at=2, took=20)
        .op(1, T, attempt=2, at=40)
        .ends(1, ACCEPTED)
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .left(3, 1, None),
        """
        order_applied_twice: 1 order took stock more than once
          [1: 1-1]
          1-1 write accepted (2, 2, 1-1) 2–22 ms
          1-1 transaction accepted () 40–42 ms
        """,
    ),
    "ended with other units": (
        Story(3)
        .op(1, W, shows=(2, 2, "1-1"))
        .ends(1, ACCEPTED, units=2)
        .loses(2, (2, 2, "1-1"), rests_on=1)
        .left(2, 2, "1-1"),
        """
        order_changed: 1 order changed between being placed and ended
          [1: 1-1]
        """,
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_whose_orders_were_told_otherwise(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()


def test_orders_told_of_a_write_are_blamed_beyond_what_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_OWED", 1)
    story = Story().ends(1, ACCEPTED).ends(2, ACCEPTED).left(1, 1)
    (found, *_) = judge(story.events).violations
    assert (found.kind, found.orders) == ("accepted_without_write", ("1-2", "1-1"))
