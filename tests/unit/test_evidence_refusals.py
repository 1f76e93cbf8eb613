"""What a verdict shows of refused writes and of orders that were told sold out."""

from textwrap import dedent

import pytest

from loadtest.order import RESTOCK, Kind
from tests.histories.story import CONFLICT, FAILED, REJECTED, SOLD_OUT, Story
from tests.unit.evidence import load, said

W = Kind.WRITE

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
        refused_without_cause: 1 write refused though every state that was there met the condition
          [1: 1-2]
          1-2 write on 2 rejected () 5–7 ms
        """,
    ),
    "refused as sold out by as many units as it wants": (
        Story().loses(1, (1, 1, RESTOCK)).op(2, W, FAILED).ends(2, FAILED).left(1, 1),
        """
        refused_without_cause: 1 write refused by a state that met the condition
          [1: 1-1]
          1-1 write rejected (1, 1, restock) 2–4 ms
        refused_without_cause: 1 order told sold out with 1 left
          [1: 1-1]
        """,
    ),
    "told sold out, one for one unit and one for three": (
        load(3, 1, 3).ends(1, REJECTED, SOLD_OUT).ends(2, REJECTED, SOLD_OUT, units=3).left(1, 3),
        """
        refused_without_cause: 2 orders told sold out with 3 left
          [2: 1-1, 1-2]
        """,
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
