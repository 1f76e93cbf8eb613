"""What a verdict shows of versions that cannot be: in two states, under a wrong name, or made by nobody in time."""

from textwrap import dedent

import pytest

from loadtest.events import RESTOCK, Kind
from tests.histories.story import ACCEPTED, UNKNOWN, Story
from tests.unit.checker.judged_loads import fails, said

T, W = Kind.TRANSACTION, Kind.WRITE

SOMEBODY = "or somebody else wrote the product"
UNTOLD = "whose write it was the history does not tell"

STORIES: dict[str, tuple[Story, str]] = {
    "the first version is seen under other names": (
        fails(
            Story(3, orders=3).read(1, 1, 3, "somebody").read(2, 1, 3, "else").read(3, 1, 3, "another"), 1, 2, 3
        ).left(1, 3),
        """
        version_reused: the same version was seen in two different states
          [2: 1-1, 1-2]
          1-1 read accepted (1, 3, somebody) 2–4 ms
          1-2 read accepted (1, 3, else) 5–7 ms
        """,
    ),
    "the first version is seen under another name and then with other units": (
        fails(Story(3).read(1, 1, 3, "somebody").read(2, 1, 2), 1, 2).left(1, 3),
        """
        version_reused: the same version was seen in two different states
          [3: 1-1, 1-2]
          1-1 read accepted (1, 3, somebody) 2–4 ms
          the tool read accepted (1, 3, restock) 1–1 ms
        """,
    ),
    "a version under the name of a restock where there was none": (
        fails(
            Story(3, orders=3).wins(1, 2, 2).op(2, W, shows=(3, 1, None)).ends(2, ACCEPTED).read(3, 4, 1, RESTOCK), 3
        ).left(4, 1, None),
        f"""
        external_write: a version was seen under a name that no write of this run left
          [1: 1-3]
          1-3 read accepted (4, 1, restock) 8–10 ms
        version_miscounted: the version rose by 3 for 2 accepted writes, {SOMEBODY}; {UNTOLD}
          [2: 1-1, 1-2]
          1-1 write accepted (2, 2, 1-1) 2–4 ms
          1-2 write accepted (3, 1) 5–7 ms
        """,
    ),
    "a version that bears the name from before the round, and one the name of a restock": (
        fails(Story(5, name="before").takes(1).read(2, 2, 4, "before").read(2, 3, 3, RESTOCK), 2).left(3, 3, RESTOCK),
        f"""
        stock_lost: the stock fell by 2, but only 1 unit was accepted
          [1: 1-1]
          1-1 transaction accepted () 2–4 ms
        external_write: a version was seen under a name that no write of this run left
          [1: 1-2]
          1-2 read accepted (3, 3, restock) 8–10 ms
        version_miscounted: the version rose by 2 for 1 accepted write, {SOMEBODY}
          [1: 1-1]
          1-1 transaction accepted () 2–4 ms
        """,
    ),
    "two writes that made another version than the next": (
        Story(9)
        .op(1, W, shows=(3, 8, "1-1"), rests_on=1)
        .ends(1, ACCEPTED)
        .op(2, W, shows=(5, 7, "1-2"), rests_on=3)
        .ends(2, ACCEPTED)
        .left(5, 7, "1-2"),
        f"""
        version_miscounted: a write that rested on version 1 made another than the next
          [2: 1-1, 1-2]
          1-1 write on 1 accepted (3, 8, 1-1) 2–4 ms
        version_miscounted: the version rose by 4 for 2 accepted writes, {SOMEBODY}
          [2: 1-1, 1-2]
          1-1 write on 1 accepted (3, 8, 1-1) 2–4 ms
          1-2 write on 3 accepted (5, 7, 1-2) 5–7 ms
        """,
    ),
    "a lost write that is applied while the tool reads for the last time": (
        fails(Story(3, name=None).is_lost(1).read(2, 2, 2, None, at=6, took=9), 2).left(1, 3, None, at=7),
        "",
    ),
    "an accepted write whose only version was seen before it was sent": (
        fails(Story(3, orders=3, name=None).is_lost(1, at=2).read(2, 2, 2, None, at=5), 2)
        .takes(3, at=10)
        .left(2, 2, None),
        """
        write_out_of_order: an accepted write was answered before any version was made that it can have made
          [1: 1-3]
          1-3 transaction accepted () 10–12 ms
        """,
    ),
    "an order that made a version too far": (
        fails(Story(3, name=None).op(1, W, UNKNOWN, rests_on=5).ends(1, ACCEPTED), 2).unread(),
        f"""
        phantom_version: version 2 was seen before any write that could have made it was sent, {SOMEBODY}
          [0: ]
        """,
    ),
    "two lost writes that rest on the same version, one sent too late for it": (
        fails(
            Story(3, orders=3, name=None)
            .is_lost(1, rests_on=1, at=2)
            .read(3, 2, 2, None, at=5)
            .is_lost(2, rests_on=1, at=10),
            3,
        ).unread(),
        "",
    ),
    "a lost write sent at the moment at which its version is seen": (
        fails(Story(3, name=None).read(2, 2, 2, None, at=2).is_lost(1, rests_on=1, at=4), 2).unread(),
        "",
    ),
    "one restock explains one version": (
        fails(Story(3, orders=1, name=None).restock(1).read(1, 3, 4, None), 1).unread(),
        f"""
        phantom_version: version 3 was seen before any write that could have made it was sent, {SOMEBODY}
          [1: 1-1]
          1-1 read accepted (3, 4) 3–5 ms
        """,
    ),
    "a write whose version a transaction before it must have passed": (
        Story(3).takes(1).wins(2, 2, 1).left(3, 1, "1-2"),
        """
        wrong_quantity: a write took another number of units than its order wanted
          [1: 1-2]
          1-2 write accepted (2, 1, 1-2) 5–7 ms
          the tool read accepted (1, 3, restock) 1–1 ms
        write_out_of_order: 1 write made a version older than one that had been seen before it was sent
          [1: 1-2]
          1-2 write accepted (2, 1, 1-2) 5–7 ms
          1-1 transaction accepted () 2–4 ms
        external_write: 1 order that was not placed here, or left no name, wrote the product
          [1: 1-2]
          the tool read accepted (3, 1, 1-2) 8–9 ms
        """,
    ),
    "a transaction that was answered before its version can have been made": (
        fails(Story(3).read(2, 1, 3, at=10).takes(1, at=2), 2).left(2, 2, None),
        """
        write_out_of_order: an accepted write was answered before any version was made that it can have made
          [1: 1-1]
          1-1 transaction accepted () 2–4 ms
        """,
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_which_versions_cannot_be(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()
