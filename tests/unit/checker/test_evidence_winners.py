"""What a verdict shows of versions that several orders won."""

from textwrap import dedent

import pytest

from loadtest.events import RESTOCK, Kind
from tests.helpers.shop_events import judge
from tests.histories.story import ACCEPTED, Story
from tests.unit.checker.judged_loads import fails, load, said

W = Kind.WRITE


def winners_of_one_version(count: int) -> Story:
    """All of so many orders were told that they won from version 1, and one more was placed."""
    story = Story(20, orders=count + 1)
    for n in range(1, count + 1):
        story.wins(n, 2, 19, at=2, took=40)
    return story


def ten_of(count: int) -> str:
    """So many orders won from one version: ten are named, and ten of their writes shown."""
    return f"""
    oversold: {count} units were accepted, but the stock fell by 1
      [{count}: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
      1-1 write accepted (2, 19, 1-1) 2–42 ms
      1-2 write accepted (2, 19, 1-2) 2–42 ms
    lost_update: {count} orders won from version 1
      [{count}: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
      1-1 write accepted (2, 19, 1-1) 2–42 ms
      1-2 write accepted (2, 19, 1-2) 2–42 ms
    version_miscounted: the version rose by 1 for {count} accepted writes
      [{count}: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
      1-1 write accepted (2, 19, 1-1) 2–42 ms
      1-2 write accepted (2, 19, 1-2) 2–42 ms
      1-3 write accepted (2, 19, 1-3) 2–42 ms
      1-4 write accepted (2, 19, 1-4) 2–42 ms
      1-5 write accepted (2, 19, 1-5) 2–42 ms
      1-6 write accepted (2, 19, 1-6) 2–42 ms
      1-7 write accepted (2, 19, 1-7) 2–42 ms
      1-8 write accepted (2, 19, 1-8) 2–42 ms
      1-9 write accepted (2, 19, 1-9) 2–42 ms
      1-10 write accepted (2, 19, 1-10) 2–42 ms
    """


STORIES: dict[str, tuple[Story, str]] = {
    "more than ten winners are counted and ten are named": (
        fails(winners_of_one_version(12), 13).left(2, 19, None),
        ten_of(12),
    ),
    "an eleventh name that is only seen may be one of those not named": (
        fails(winners_of_one_version(10).read(11, 2, 19, "somebody"), 11).left(2, 19, "1-1"),
        ten_of(10),
    ),
    "a version that was won and bears the name of a restock": (
        fails(Story(3).wins(1, 2, 2).read(2, 2, 2, RESTOCK), 2).left(2, 2, "1-1"),
        """
        lost_update: version 2, which an order won, was seen under another name
          [1: 1-1]
          1-1 write accepted (2, 2, 1-1) 2–4 ms
          1-2 read accepted (2, 2, restock) 5–7 ms
        """,
    ),
    "seen under one name and won by another": (
        fails(Story(3, orders=3).read(3, 2, 2, "1-1", at=2).is_lost(1, at=2), 3)
        .wins(2, 2, 2, at=3, took=4)
        .left(2, 2, "1-2"),
        """
        oversold: 1 unit was accepted, and at least 1 taken with no accepting answer, but the stock fell by 1
          [2: 1-1, 1-2]
          1-3 read accepted (2, 2, 1-1) 2–4 ms
          1-2 write accepted (2, 2, 1-2) 3–7 ms
        lost_update: 2 orders won from version 1
          [2: 1-1, 1-2]
          1-3 read accepted (2, 2, 1-1) 2–4 ms
          1-2 write accepted (2, 2, 1-2) 3–7 ms
        version_miscounted: the version rose by 1 for 2 accepted writes
          [2: 1-1, 1-2]
          1-3 read accepted (2, 2, 1-1) 2–4 ms
          1-2 write accepted (2, 2, 1-2) 3–7 ms
        """,
    ),
    "seen under two names, one of them again": (
        fails(
            Story(3, orders=3)
            .is_lost(1, at=2)
            .read(2, 2, 2, "1-1")
            .read(3, 2, 2, "somebody")
            .read(3, 2, 2, "somebody"),
            2,
            3,
        ).left(2, 2, "somebody"),
        """
        lost_update: 2 orders won from version 1
          [2: 1-1, somebody]
          1-2 read accepted (2, 2, 1-1) 5–7 ms
          1-3 read accepted (2, 2, somebody) 8–10 ms
        """,
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_who_won_the_same_version(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()


def many_versions(count: int, winners: int) -> Story:
    """So many versions one after the other, each of them won by so many orders."""
    story = load(10_000)
    for version in range(2, count + 2):
        for n in range(winners):
            order = winners * version + n
            story.place(order).op(order, W, shows=(version, 10_000 - version, f"1-{order}"), at=10 * version, took=9)
            story.ends(order, ACCEPTED)
    return story


def won_twice(story: Story) -> list[str]:
    return [
        f"{one.message} {one.orders_count} {len(one.operations)}"
        for one in judge(story.events).violations
        if one.kind == "lost_update"
    ]


def test_of_many_versions_that_were_won_twice_a_hundred_are_told_apart() -> None:
    found = won_twice(many_versions(120, 2))
    assert found[:100] == [f"2 orders won from version {version} 2 2" for version in range(1, 101)]
    assert found[100:] == ["20 writes more won from a version that had been won 20 1"]


def test_names_that_are_only_seen_are_counted_of_those_hundred_only() -> None:
    story = many_versions(100, 2)
    story.place(1).read(1, 50, 9_950, "somebody", at=500)
    story.place(900).wins(900, 102, 9_898, at=1_020, took=9).place(901).read(901, 102, 9_898, "somebody", at=1_040)
    found = won_twice(story)
    assert len(found) == 100
    assert found[48] == "3 orders won from version 49 3 2"


def test_the_second_makers_of_further_versions_are_named() -> None:
    violations = judge(many_versions(103, 2).events).violations
    (more,) = [one for one in violations if one.message.startswith("3 writes more won")]
    assert (more.round, more.product_id, more.orders) == (1, "p#4", ("1-205", "1-207", "1-209"))
    assert [op.order_id for op in more.operations] == ["1-205"]
