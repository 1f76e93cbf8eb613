"""What a verdict shows of refused writes and of orders that were told sold out."""

from textwrap import dedent

import pytest

from loadtest.events import RESTOCK, Kind
from tests.histories.story import CONFLICT, FAILED, REJECTED, SOLD_OUT, UNKNOWN, Story
from tests.unit.checker.judged_loads import load, said

T, W = Kind.TRANSACTION, Kind.WRITE

STORIES: dict[str, tuple[Story, str]] = {
    "refused at the moment at which its version is first seen": (
        Story(3).wins(1, 2, 2, at=2).loses(2, (), rests_on=2, at=4).left(2, 2, "1-1"),
        "",
    ),
    "refused just after its version was seen": (
        Story(3).wins(1, 2, 2, at=2).loses(2, (), rests_on=2, at=5).left(2, 2, "1-1"),
        """
        stale_read: 1 answer showed a version older than one that had been seen before it was asked
          [1: ]
          the tool read accepted (2, 2, 1-1) 8–9 ms
          1-2 write on 2 rejected () 5–7 ms
        spurious_rejection: 1 write refused though every state that was there met the condition
          [1: 1-2]
          1-2 write on 2 rejected () 5–7 ms
        """,
    ),
    "refused as sold out by as many units as it wants": (
        Story().loses(1, (1, 1, RESTOCK)).op(2, W, FAILED).ends(2, FAILED).left(1, 1),
        """
        spurious_rejection: 1 write refused by a state that met the condition
          [1: 1-1]
          1-1 write rejected (1, 1, restock) 2–4 ms
        spurious_rejection: 1 order told sold out with 1 left
          [1: 1-1]
        """,
    ),
    "told sold out, one for one unit and one for three": (
        load(3, 1, 3).ends(1, REJECTED, SOLD_OUT).ends(2, REJECTED, SOLD_OUT, units=3).left(1, 3),
        """
        spurious_rejection: 2 orders told sold out with 3 left
          [2: 1-1, 1-2]
        """,
    ),
    "sold out by what a lost write of the tool's own left": (
        Story(orders=0)
        .sets(1, (2, 4, "1-0"), "restock-1", UNKNOWN)
        .start(4, 2, orders=0, name="1-0")
        .place(1, units=2)
        .op(1, T, REJECTED, reason=SOLD_OUT, units=2)
        .ends(1, REJECTED, SOLD_OUT, units=2)
        .adds("restock-2", 1)
        .adds("restock-3", 2, (5, 4))
        .left(5, 4, "restock-3"),
        "",
    ),
    "a conflict with a transaction though there are units": (
        Story()
        .op(1, W, REJECTED, reason=CONFLICT, shows=(1, 1, RESTOCK))
        .ends(1, REJECTED, CONFLICT)
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .left(1, 1),
        "",
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_which_refusals_have_no_cause(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()
