"""What a verdict shows of writes that nobody claims."""

from textwrap import dedent

import pytest

from loadtest.order import Kind
from tests.histories.story import FAILED, Story
from tests.unit.evidence import fails, load, said

R, W = Kind.READ, Kind.WRITE


def somebody_took(quantity: int) -> Story:
    """Orders want one unit or three, and nobody knows which of them `somebody` took of nine: it left so many."""
    story = load(9, 1, 3, 1).wins(1, 2, 8).wins(2, 3, 5, units=3).takes(3)
    return story.left(5, quantity, "somebody")


def two_took(quantity: int) -> Story:
    """The same with two strangers and twenty units."""
    story = load(20, 1, 3, 1, 3).wins(1, 2, 19).wins(2, 3, 16, units=3).takes(3)
    story.op(4, R, shows=(5, None, "somebody"), units=3).takes(4, units=3)
    return story.left(7, quantity, "another")


THREE_ACCEPTED = """
  [3: 1-1, 1-2, 1-3]
  1-1 write accepted (2, 8, 1-1) 5–7 ms
  1-2 write accepted (3, 5, 1-2) 8–10 ms
  1-3 transaction accepted () 11–13 ms
"""


def somebody_left(quantity: int) -> str:
    """What is said of the version that bears the name `somebody`."""
    return f"""\
foreign_write: 1 order that was not placed here, or left no name, wrote the product
  [1: somebody]
  the tool read accepted (5, {quantity}, somebody) 14–15 ms
"""


STORIES: dict[str, tuple[Story, str]] = {
    "a stranger's units when nothing is known of them": (
        Story(orders=0).start(3, 1, orders=0).left(2, 2, "somebody"),
        """
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (2, 2, somebody) 2–3 ms
        """,
    ),
    "a stranger who took one more than one": (
        Story(orders=0).start(3, 1, orders=0).left(3, 1, "somebody"),
        """
        stock_lost: the stock fell by 2, but only 0 units were accepted, and at most 1 taken with no accepting answer
          [0: ]
        version_miscounted: the version rose by 2 for 1 accepted write
          [0: ]
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (3, 1, somebody) 2–3 ms
        """,
    ),
    "strangers took the least that orders want": (
        somebody_took(3),
        somebody_left(3),
    ),
    "strangers took less than orders want": (
        somebody_took(4),
        "oversold: 5 units were accepted, and at least 1 taken with no accepting answer, but the stock fell by 5"
        + THREE_ACCEPTED
        + somebody_left(4),
    ),
    "strangers took the most that orders want": (
        somebody_took(1),
        somebody_left(1),
    ),
    "strangers took more than orders want": (
        somebody_took(0),
        "stock_lost: the stock fell by 9, but only 5 units were accepted, and at most 3 taken with no accepting answer"
        + THREE_ACCEPTED
        + somebody_left(0),
    ),
    "two strangers took the most that orders want": (
        two_took(6),
        """
        foreign_write: 2 orders that were not placed here, or left no name, wrote the product
          [2: somebody, another]
          1-4 read accepted (5, somebody) 15–17 ms
          the tool read accepted (7, 6, another) 21–22 ms
        """,
    ),
    "two strangers took more than that": (
        two_took(5),
        """
        stock_lost: the stock fell by 15, but only 8 units were accepted, and at most 6 taken with no accepting answer
          [4: 1-1, 1-2, 1-3, 1-4]
          1-1 write accepted (2, 19, 1-1) 6–8 ms
          1-2 write accepted (3, 16, 1-2) 9–11 ms
          1-3 transaction accepted () 12–14 ms
          1-4 transaction accepted () 18–20 ms
        foreign_write: 2 orders that were not placed here, or left no name, wrote the product
          [2: somebody, another]
          1-4 read accepted (5, somebody) 15–17 ms
          the tool read accepted (7, 5, another) 21–22 ms
        """,
    ),
    "a stranger whose units are known": (
        fails(fails(load(9, 1, 3, 1).read(3, 2, 6, "somebody"), 3), 2, units=3).takes(1).left(3, 7, None),
        """
        oversold: 1 unit was accepted, and at least 3 taken with no accepting answer, but the stock fell by 2
          [1: 1-1]
          1-1 transaction accepted () 14–16 ms
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          1-3 read accepted (2, 6, somebody) 5–7 ms
        """,
    ),
    "a stranger without a name and then an order": (
        Story(4, orders=3)
        .wins(1, 2, 3)
        .read(2, 3, 3, "1-1")
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .op(3, W, FAILED)
        .ends(3, FAILED)
        .read(2, 4, 2, "1-3")
        .left(4, 2, "1-3"),
        """
        version_miscounted: the version rose by 3 for 2 accepted writes
          [1: 1-1]
          1-1 write accepted (2, 3, 1-1) 2–4 ms
        winner_told_otherwise: 1 order won but was told otherwise
          [1: 1-3]
          1-2 read accepted (4, 2, 1-3) 14–16 ms
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: 1-1]
          1-2 read accepted (3, 3, 1-1) 5–7 ms
        """,
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_what_strangers_wrote(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()
