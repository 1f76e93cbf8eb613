"""What a verdict shows of units that do not add up."""

from textwrap import dedent

import pytest

from loadtest.events import Kind
from tests.helpers.shop_events import judge
from tests.histories.story import ACCEPTED, UNKNOWN, Story
from tests.unit.checker.judged_loads import fails, load, said

R, W = Kind.READ, Kind.WRITE

UNTOLD = "whose write it was the history does not tell"


def transactions(stock: int, *units: int) -> Story:
    """A load whose orders each take their units, without a word of the version."""
    story = load(stock, *units)
    for n, wanted in enumerate(units, 1):
        story.takes(n, units=wanted)
    return story


def two_lost_ones(quantity: int) -> Story:
    """One version is left for two lost writes that want one unit and three, of nine."""
    return load(9, 1, 3).is_lost(1).is_lost(2, units=3).left(2, quantity, None)


def told_what_is_left(*quantities: int) -> Story:
    """Each order's write is told no more than how many of nine units it left."""
    story = Story(9, orders=len(quantities))
    for n, quantity in enumerate(quantities, 1):
        story.op(n, W, shows=(None, quantity, None)).ends(n, ACCEPTED)
    return story


STORIES: dict[str, tuple[Story, str]] = {
    "as many writes are shown as take too much": (
        transactions(9, 1, 1, 1, 1).left(5, 7, None),
        f"""
        oversold: 4 units were accepted, but the stock fell by 2; {UNTOLD}
          [4: 1-1, 1-2, 1-3, 1-4]
          1-1 transaction accepted () 6–8 ms
          1-2 transaction accepted () 9–11 ms
          1-3 transaction accepted () 12–14 ms
        """,
    ),
    "as many as take too much though a restock is unresolved": (
        transactions(9, 1, 1, 1, 1).restock(1, UNKNOWN).left(6, 8, None),
        f"""
        oversold: 4 units were accepted, but the stock, with 1 perhaps added, fell by at most 2; {UNTOLD}
          [4: 1-1, 1-2, 1-3, 1-4]
          1-1 transaction accepted () 6–8 ms
          1-2 transaction accepted () 9–11 ms
          1-3 transaction accepted () 12–14 ms
        """,
    ),
    "units that were added are told of": (
        transactions(2, 1, 1).restock(3).left(4, 4, None),
        f"""
        oversold: 2 units were accepted, but the stock, with 3 added, fell by 1; {UNTOLD}
          [2: 1-1, 1-2]
          1-1 transaction accepted () 4–6 ms
          1-2 transaction accepted () 7–9 ms
        """,
    ),
    "one version is left for two lost writes that took more than either": (
        two_lost_ones(5),
        """
        stock_lost: the stock fell by 4, but only 0 units were accepted, and at most 3 taken with no accepting answer
          [0: ]
        """,
    ),
    "one version is left for two lost writes and nothing was taken": (
        two_lost_ones(9),
        """
        oversold: 0 units were accepted, and at least 1 taken with no accepting answer, but the stock fell by 0
          [0: ]
        """,
    ),
    "one version is left for two lost writes and either may have taken its units": (
        two_lost_ones(8),
        "",
    ),
    "one version is left for two lost writes and neither wanted as many units as went": (
        two_lost_ones(7),
        """
        wrong_quantity: version 2 took 2 units, which no write that can have made it wanted
          [0: ]
        """,
    ),
    "no version is left for a lost write and yet its unit is gone": (
        Story(2).is_lost(1).takes(2).left(2, 0, None),
        """
        stock_lost: the stock fell by 2, but only 1 unit was accepted
          [1: 1-2]
          1-2 transaction accepted () 5–7 ms
        """,
    ),
    "two writes were told what others had left": (
        told_what_is_left(8, 8, 8, 7).left(5, 5, None),
        """
        quantity_handed_out_twice: 2 accepted writes were told a quantity that another had left
          [2: 1-2, 1-3]
          1-1 write accepted (8) 2–4 ms
          1-2 write accepted (8) 5–7 ms
        """,
    ),
    "between two looks more went than what is known of their makers leaves": (
        fails(
            load(9, 1, 3, 1).op(1, W, shows=(2, None, "1-1")).ends(1, ACCEPTED).is_lost(2, units=3).read(3, 3, 4, None),
            3,
        ).unread(),
        """
        wrong_quantity: 2 writes took 5 units, which no such orders wanted
          [1: 1-3]
          the tool read accepted (1, 9, restock) 1–1 ms
          1-3 read accepted (3, 4) 11–13 ms
        """,
    ),
    "the last look is the tool's own": (
        transactions(12, 3, 3, 3, 1).op(4, R, shows=(3, 9, None), at=5, took=90, consistent=False).left(5, 2, None),
        """
        wrong_quantity: 2 writes took 7 units, which no such orders wanted
          [1: ]
          1-4 read accepted (3, 9) 5–95 ms
          the tool read accepted (5, 2) 96–97 ms
        """,
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_which_units_do_not_add_up(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (transactions(10, 1).left(2, 13, None), "1 unit was accepted, but the stock rose by 3"),
        (
            transactions(10, 1).restock(1, UNKNOWN).left(2, 13, None),
            "1 unit was accepted, but the stock, with 1 perhaps added, rose by at least 2",
        ),
        (transactions(2, 1, 1, 1).unread(), "3 units were accepted, but there were only 2"),
        (transactions(1, 1, 1, 1).restock(1, UNKNOWN).unread(), "3 units were accepted, but there were at most 2"),
    ],
    ids=["rose", "rose, unresolved", "unread", "unread, unresolved"],
)
def test_the_words_of_a_stock_that_rose_or_that_nobody_read(story: Story, words: str) -> None:
    (found,) = (found for found in judge(story.events).violations if found.kind == "oversold")
    assert found.message == words
