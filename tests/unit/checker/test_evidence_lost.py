"""What a verdict shows of lost writes that were seen."""

from textwrap import dedent

import pytest

from loadtest.events import REJECTED_AFTER_RESEND, RESTOCK, Kind
from tests.histories.story import ACCEPTED, CONFLICT, FAILED, REJECTED, UNKNOWN, Story
from tests.unit.checker.judged_loads import fails, said

T, W = Kind.TRANSACTION, Kind.WRITE


def lost_twice(name: str | None = RESTOCK) -> Story:
    """Of one order two writes are lost."""
    return Story(3, name=name).op(1, W, UNKNOWN, reason="ReadTimeoutError").is_lost(1, attempt=2)


def both_seen() -> Story:
    """The same, and both are seen."""
    return fails(lost_twice().read(2, 2, 2, "1-1").read(2, 3, 1, "1-1"), 2)


APPLIED_TWICE = """
order_applied_twice: 1 order took stock more than once
  [1: 1-1]
  1-1 write unknown () 5–7 ms
"""


def told_otherwise(order: str) -> str:
    """One order was told to have lost after its answer was lost."""
    return f"""
    phantom_reject: 1 order won but was told to have lost
      [1: {order}]
      {order} write unknown () 5–7 ms
    """


def took_two(kind: str, seen: str) -> str:
    """A lost write or transaction left one of three items, which the other order saw then."""
    return f"""
    stock_lost: the stock fell by 2, but only 0 units were accepted, and at most 1 taken with no accepting answer
      [1: 1-1]
      1-1 {kind} unknown () 2–4 ms
      the tool read accepted (1, 3, restock) 1–1 ms
      1-2 read accepted (2, 1, 1-1) {seen}
    wrong_quantity: a write took another number of units than its order wanted
      [1: 1-1]
      1-1 {kind} unknown () 2–4 ms
      the tool read accepted (1, 3, restock) 1–1 ms
      1-2 read accepted (2, 1, 1-1) {seen}
    """


STORIES: dict[str, tuple[Story, str]] = {
    "a lost write took two where it wanted one": (
        fails(Story(3).is_lost(1).read(2, 2, 1, "1-1"), 2).left(2, 1, "1-1"),
        took_two("write", "5–7 ms"),
    ),
    "one with a record as well": (
        fails(Story(3).is_lost(1, T).records(1).read(2, 2, 1, "1-1"), 2).left(2, 1, "1-1"),
        took_two("transaction", "6–8 ms"),
    ),
    "a lost write made another version than the next": (
        fails(Story(3).is_lost(1, rests_on=1).read(2, 3, 2, "1-1"), 2).left(3, 2, "1-1"),
        """
        version_miscounted: a write that rested on version 1 made another than the next
          [1: 1-1]
          1-1 write on 1 unknown () 2–4 ms
        version_miscounted: the version rose by 2 for 1 accepted write, or somebody else wrote the product
          [1: 1-1]
          1-1 write on 1 unknown () 2–4 ms
        """,
    ),
    "a lost write was seen before it was sent": (
        fails(Story(3).read(2, 2, 2, "1-1").is_lost(1, at=10), 2).left(2, 2, "1-1"),
        """
        write_out_of_order: 1 write made a version older than one that had been seen before it was sent
          [1: 1-1]
          1-1 write unknown () 10–12 ms
          1-2 read accepted (2, 2, 1-1) 2–4 ms
        """,
    ),
    "two lost writes of one order, and as many versions are nobody's": (
        fails(lost_twice(name=None), 2).left(3, 1, None),
        APPLIED_TWICE,
    ),
    "both were seen in a round that nobody read": (
        both_seen().unread(),
        APPLIED_TWICE,
    ),
    "both lost writes of one order were seen": (
        both_seen().left(3, 1, "1-1"),
        APPLIED_TWICE,
    ),
    "two lost ones are seen and the second was told otherwise": (
        Story(3, orders=3)
        .op(1, W, UNKNOWN, reason="ReadTimeoutError")
        .ends(1, UNKNOWN)
        .op(2, W, UNKNOWN)
        .ends(2, REJECTED, CONFLICT)
        .read(3, 2, 2, "1-1")
        .read(3, 3, 1, "1-2")
        .ends(3, FAILED)
        .unread(),
        told_otherwise("1-2"),
    ),
    "told accepted after its write was sent again and refused by what another had made since": (
        Story(2)
        .op(1, W, UNKNOWN, reason=REJECTED_AFTER_RESEND, shows=(3, 0, "1-2"), at=2, took=9)
        .ends(1, ACCEPTED)
        .wins(2, 3, 0, at=5)
        .left(3, 0, "1-2"),
        "",
    ),
    "one that was not applied, and the next was told otherwise": (
        Story(3, orders=3)
        .is_lost(1, rests_on=1)
        .op(2, W, UNKNOWN)
        .ends(2, REJECTED, CONFLICT)
        .read(3, 2, 2, "1-2")
        .ends(3, FAILED)
        .left(2, 2, "1-2"),
        told_otherwise("1-2"),
    ),
    "told otherwise, and only once though it has a second lost write": (
        Story(3)
        .op(1, W, UNKNOWN)
        .op(1, W, UNKNOWN, attempt=2)
        .ends(1, REJECTED, CONFLICT)
        .read(2, 2, 2, "1-1")
        .wins(2, 3, 1)
        .left(3, 1, "1-2")
        .start(1, 3, orders=1, name="1-2")
        .wins(1, 4, 0)
        .left(4, 0, "2-1"),
        told_otherwise("1-1"),
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_what_lost_writes_did(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()
