"""What a verdict shows of writes that are nobody's here: somebody else's, and those of orders that failed."""

from textwrap import dedent

import pytest

from loadtest.events import Kind
from tests.histories.story import FAILED, Story
from tests.unit.checker.judged_loads import fails, load, said

R, W = Kind.READ, Kind.WRITE


def wrote(version: int, name: str) -> str:
    """What is said of a name that is none of the run's."""
    which = f"version {version} carries the name '{name}', which no order of this run has"
    return f"external_write: somebody else wrote the product: {which}"


def one_took(quantity: int) -> Story:
    """Orders want one unit or three, and an order that was told an error took of nine: it left so many."""
    story = fails(load(9, 1, 3, 1, 1).wins(1, 2, 8).wins(2, 3, 5, units=3).takes(3), 4)
    return story.left(5, quantity, "1-4")


def two_took(quantity: int) -> Story:
    """The same with two such orders and twenty units."""
    story = load(20, 1, 3, 1, 3, 1, 3).wins(1, 2, 19).wins(2, 3, 16, units=3).takes(3)
    story = fails(fails(story.op(4, R, shows=(5, None, "1-5"), units=3).takes(4, units=3), 5), 6, units=3)
    return story.left(7, quantity, "1-6")


def one_left(quantity: int) -> str:
    """What is said of the order whose name stands there last."""
    return f"""\
won_but_told_lost: 1 order won but was told otherwise
  [1: 1-4]
  the tool read accepted (5, {quantity}, 1-4) 18–19 ms
"""


def other_units(words: str, quantity: int) -> str:
    """The same, whose units do not add up: the order that failed comes first."""
    return f"""{words}
  [4: 1-4, 1-1, 1-2, 1-3]
  the tool read accepted (5, {quantity}, 1-4) 18–19 ms
  1-1 write accepted (2, 8, 1-1) 6–8 ms
  1-2 write accepted (3, 5, 1-2) 9–11 ms
  1-3 transaction accepted () 12–14 ms
"""


def two_left(quantity: int) -> str:
    """The same of two."""
    return f"""\
won_but_told_lost: 2 orders won but were told otherwise
  [2: 1-5, 1-6]
  1-4 read accepted (5, 1-5) 17–19 ms
  the tool read accepted (7, {quantity}, 1-6) 29–30 ms
"""


STORIES: dict[str, tuple[Story, str]] = {
    "a stranger in a run of no orders": (
        Story(orders=0).start(3, 1, orders=0).left(3, 1, "somebody"),
        f"""
        {wrote(3, "somebody")}
          [1: somebody]
          the tool read accepted (3, 1, somebody) 2–3 ms
        """,
    ),
    "two strangers, and units that no order wanted": (
        load(20, 1, 3)
        .wins(1, 2, 19)
        .op(2, R, shows=(4, 10, "somebody"), units=3)
        .takes(2, units=3)
        .left(7, 1, "another"),
        f"""
        {wrote(4, "somebody")}
          [2: somebody, another]
          1-2 read accepted (4, 10, somebody) 7–9 ms
        """,
    ),
    "a stranger, and besides an order that was told otherwise": (
        fails(load(9, 1, 3, 1).read(3, 2, 6, "somebody"), 3)
        .op(2, W, FAILED, units=3)
        .ends(2, FAILED, units=3)
        .takes(1)
        .left(4, 2, "1-2"),
        f"""
        {wrote(2, "somebody")}
          [1: somebody]
          1-3 read accepted (2, 6, somebody) 5–7 ms
        won_but_told_lost: 1 order won but was told otherwise
          [1: 1-2]
          the tool read accepted (4, 2, 1-2) 17–18 ms
        """,
    ),
    "a stranger who leaves a name like the tool's": (
        Story(3).wins(1, 2, 2).read(2, 3, 9, "restock-other").wins(2, 4, 8).left(4, 8, "1-2"),
        f"""
        {wrote(3, "restock-other")}
          [1: restock-other]
          1-2 read accepted (3, 9, restock-other) 5–7 ms
        """,
    ),
    "an order that failed took the least that orders want": (
        one_took(3),
        one_left(3),
    ),
    "an order that failed took less than orders want": (
        one_took(4),
        other_units(
            "oversold: 5 units were accepted, and at least 1 taken with no accepting answer, but the stock fell by 5", 4
        )
        + one_left(4),
    ),
    "an order that failed took the most that orders want": (
        one_took(1),
        one_left(1),
    ),
    "an order that failed took more than orders want": (
        one_took(0),
        other_units(
            "stock_lost: the stock fell by 9, but only 5 units were accepted, "
            "and at most 3 taken with no accepting answer",
            0,
        )
        + one_left(0),
    ),
    "two that failed took the most that orders want": (
        two_took(6),
        two_left(6),
    ),
    "two that failed took more than that": (
        two_took(5),
        """\
stock_lost: the stock fell by 15, but only 8 units were accepted, and at most 6 taken with no accepting answer
  [6: 1-5, 1-6, 1-1, 1-2, 1-3, 1-4]
  1-4 read accepted (5, 1-5) 17–19 ms
  the tool read accepted (7, 5, 1-6) 29–30 ms
  1-1 write accepted (2, 19, 1-1) 8–10 ms
  1-2 write accepted (3, 16, 1-2) 11–13 ms
  1-3 transaction accepted () 14–16 ms
  1-4 transaction accepted () 20–22 ms
"""
        + two_left(5),
    ),
    "one that failed, and whose units are known": (
        fails(fails(load(9, 1, 3, 1, 3).read(3, 2, 6, "1-4"), 3), 2, units=3)
        .op(4, W, FAILED, units=3)
        .ends(4, FAILED, units=3)
        .takes(1)
        .left(3, 7, None),
        """
        oversold: 1 unit was accepted, and at least 3 taken with no accepting answer, but the stock fell by 2
          [2: 1-4, 1-1]
          1-3 read accepted (2, 6, 1-4) 6–8 ms
          1-1 transaction accepted () 18–20 ms
        won_but_told_lost: 1 order won but was told otherwise
          [1: 1-4]
          1-3 read accepted (2, 6, 1-4) 6–8 ms
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
        version_miscounted: the version rose by 3 for 2 accepted writes, or somebody else wrote the product
          [2: 1-3, 1-1]
          1-2 read accepted (4, 2, 1-3) 14–16 ms
          1-1 write accepted (2, 3, 1-1) 2–4 ms
        won_but_told_lost: 1 order won but was told otherwise
          [1: 1-3]
          1-2 read accepted (4, 2, 1-3) 14–16 ms
        external_write: 1 order that was not placed here, or left no name, wrote the product
          [1: 1-1]
          1-2 read accepted (3, 3, 1-1) 5–7 ms
        """,
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_what_strangers_wrote(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()
