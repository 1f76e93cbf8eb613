"""What a verdict shows of several rounds with the tool's own writes between them, and of runs that were cut."""

from pathlib import Path

import pytest

from loadtest.checker import Status
from loadtest.events import RESTOCK, Event, Kind
from loadtest.records.history import read_history
from tests.helpers.shop_events import judge
from tests.histories.story import ACCEPTED, CONFLICT, FAILED, REJECTED, UNKNOWN, Story
from tests.unit.checker.judged_loads import load

R, W = Kind.READ, Kind.WRITE
FOLDER = Path(__file__).parents[2] / "histories"
Told = tuple[str, int, str, tuple[str, ...]]  # kind, round, message and orders


def sold_out() -> Story:
    """The last item is sold to 1-1, and 1-2 is refused."""
    return Story().wins(1, 2, 0).loses(2, (2, 0, "1-1")).left(2, 0, "1-1")


def again(story: Story, version: int) -> Story:
    """The same in a second round, which begins with this version."""
    story.start(1, version, name="restock-2").wins(1, version + 1, 0)
    return story.loses(2, (version + 1, 0, "2-1")).left(version + 1, 0, "2-1")


def told(story: Story) -> list[Told]:
    return [(one.kind, one.round, one.message, one.orders) for one in judge(story.events).violations]


NO_STATE = "1 write refused though every state that was there met the condition"
OLDER = "1 answer showed a version older than one that had been seen before it was asked"
NOWHERE = "version {} was seen before any write that could have made it was sent, or somebody else wrote the product"
TWO_STATES = "the same version was seen in two different states"
OTHER_UNITS = "a write took another number of units than its order wanted"
BETWEEN: dict[str, tuple[Story, list[Told]]] = {
    "set for the next round": (
        again(sold_out().sets(1, (2, 0, "1-1"), "restock-2"), 3),
        [],
    ),
    "set, and the answer was lost": (
        again(sold_out().sets(1, (2, 0, "1-1"), "restock-2", UNKNOWN), 3),
        [],
    ),
    "lost, not applied, and set once more": (
        again(sold_out().sets(1, (2, 0, "1-1"), "restock-1", UNKNOWN).sets(1, (2, 0, "1-1"), "restock-2"), 3),
        [],
    ),
    "lost, and applied after another had been": (
        sold_out()
        .sets(1, (2, 0, "1-1"), "restock-1", UNKNOWN)
        .sets(1, (2, 0, "1-1"), "restock-2")
        .start(1, 3, name="restock-2", orders=1)
        .read(1, 4, 1, "restock-1")
        .wins(1, 5, 0)
        .left(5, 0, "2-1"),
        [
            ("wrong_quantity", 2, OTHER_UNITS, ("restock-1",)),
            ("version_miscounted", 2, "a write that rested on version 2 made another than the next", ("restock-1",)),
            (
                "version_miscounted",
                2,
                "the version rose by 2 for 1 accepted write, or somebody else wrote the product",
                ("2-1",),
            ),
        ],
    ),
    "refused by a write that came late": (
        again(
            Story(2)
            .is_lost(1)
            .wins(2, 2, 1)
            .left(2, 1, "1-2")
            .sets(1, (2, 1, "1-2"), "restock-1", REJECTED)
            .sets(1, (3, 0, "1-1"), "restock-2"),
            4,
        ),
        [],
    ),
    "refused though nobody wrote": (
        again(sold_out().sets(1, (2, 0, "1-1"), "restock-1", REJECTED).sets(1, (2, 0, "1-1"), "restock-2"), 3),
        [("spurious_rejection", 2, NO_STATE, ("restock-1",))],
    ),
    "an order that was refused is the last writer": (
        again(sold_out().sets(1, (3, -1, "1-2"), "restock-2"), 4),
        [
            ("phantom_reject", 2, "1 order won but was told to have lost", ("1-2",)),
        ],
    ),
    "one version more than there are writes": (
        again(sold_out().sets(1, (3, 0, "1-1"), "restock-2"), 4),
        [
            ("phantom_version", 2, NOWHERE.format(3), ()),
            ("external_write", 2, "1 order that was not placed here, or left no name, wrote the product", ("1-1",)),
        ],
    ),
    "the version that was left, with another name": (
        again(sold_out().sets(1, (2, 0, "1-2"), "restock-2"), 3),
        [("lost_update", 2, "2 orders won from version 1", ("1-1", "1-2"))],
    ),
    "set, and then something else is there": (
        sold_out()
        .sets(1, (2, 0, "1-1"), "restock-2")
        .start(0, 3, name="restock-2", orders=1)
        .loses(1, (3, 0, "restock-2"))
        .left(3, 0, "restock-2"),
        [("version_reused", 2, TWO_STATES, ("restock-2",))],
    ),
    "set, and then gone": (
        sold_out()
        .sets(1, (2, 0, "1-1"), "restock-2")
        .start(0, 2, name="1-1", orders=1)
        .loses(1, (2, 0, "1-1"))
        .left(2, 0, "1-1"),
        [
            (
                "rolled_back",
                2,
                "the product went back to version 2 after version 3 had been seen: what was written is gone, "
                "or somebody else re-created it",
                (),
            ),
        ],
    ),
    "found before a round that never began: nothing": (
        sold_out().sets(1, (2, 0, "1-1"), "restock-2"),
        [],
    ),
    "found before a round that never began: an older version": (
        sold_out().sets(1, (1, 1, RESTOCK), "restock-2"),
        [
            (
                "external_write",
                1,
                "somebody else wrote the product: it was re-created, or went back to how it was when the run began, "
                "with version 1",
                ("1-1",),
            ),
        ],
    ),
    "found before a round that never began: another state": (
        sold_out().sets(2, (2, 1, "1-1"), "restock-2", UNKNOWN),
        [("version_reused", 1, TWO_STATES, ("1-1",))],
    ),
    "found before a round that never began: no cause to refuse": (
        sold_out().sets(1, (2, 0, "1-1"), "restock-2", REJECTED).sets(1, (2, 0, "1-1"), "restock-3"),
        [("spurious_rejection", 1, NO_STATE, ("restock-2",))],
    ),
}


@pytest.mark.parametrize(("story", "expected"), BETWEEN.values(), ids=BETWEEN)
def test_what_happens_between_rounds_is_told(story: Story, expected: list[Told]) -> None:
    assert told(story) == expected


def cut() -> Story:
    """Three orders of one unit each were placed for two items, and 1-1 has won."""
    return Story(2, orders=3).wins(1, 2, 1)


CUT: dict[str, tuple[Story, list[Told]]] = {
    "an order in flight is seen to have won": (cut().read(2, 3, 0, "1-3"), []),
    "two orders in flight took one unit together": (
        cut().read(2, 4, 0, None),
        [("wrong_quantity", 1, "2 writes took 1 units, which no such orders wanted", ("1-2",))],
    ),
    "three versions, and only two orders are in flight": (
        Story(9, orders=3).wins(1, 2, 8).read(2, 5, 5, None),
        [
            ("phantom_version", 1, NOWHERE.format(5), ("1-2",)),
        ],
    ),
    "a restock in flight": (load(2, 1, 1).wins(1, 2, 1).op(2, R, shows=(3, 5, "restock-7")), []),
    "one restock is in flight, and one order, but three versions are nobody's": (
        load(2, 1, 1).wins(1, 2, 1).op(2, R, shows=(5, 5, "restock-7")),
        [
            ("phantom_version", 1, NOWHERE.format(5), ("1-2",)),
        ],
    ),
    "a read is old": (
        cut().read(2, 1, 2),
        [("stale_read", 1, OLDER, ("1-2",))],
    ),
    "two won from one version": (
        Story(2, orders=3).wins(1, 2, 1, rests_on=1).wins(2, 2, 1, rests_on=1),
        [("lost_update", 1, "2 orders won from version 1", ("1-1", "1-2"))],
    ),
    "refused by what had been added": (
        load(0, 1, 1).adds("restock-1", 2, (2, 2)).loses(1, (2, 2, "restock-1")),
        [("spurious_rejection", 1, "1 write refused by a state that met the condition", ("1-1",))],
    ),
}


@pytest.mark.parametrize(("story", "expected"), CUT.values(), ids=CUT)
def test_of_a_run_that_was_cut_what_was_in_flight_may_have_been_applied(story: Story, expected: list[Told]) -> None:
    assert told(story) == expected
    assert judge(story.events).status is (Status.VIOLATED if expected else Status.INCONCLUSIVE)


def of_many_kinds() -> Story:
    """Two rounds and a load with lost answers of orders and of the tool's own, late writes, and refusals."""
    story = Story(3, orders=3).is_lost(1).wins(2, 2, 2).loses(3, (), rests_on=1).left(2, 2, "1-2")
    story.sets(3, (3, 1, "1-1"), "restock-1", UNKNOWN).sets(3, (3, 1, "1-1"), "restock-2")
    story.start(3, 4, orders=2, name="restock-2").takes(1).is_lost(2, Kind.TRANSACTION).left(6, 1, "2-2")
    story.sets(3, (6, 1, "2-2"), "restock-3").start(3, 7, orders=0, name="restock-3")
    story.place(1).wins(1, 8, 2).adds("restock-4", 2, None, UNKNOWN).place(2).wins(2, 10, 3, rests_on=9)
    story.place(3).op(3, W, REJECTED, reason=CONFLICT, rests_on=8).op(3, W, FAILED, attempt=2).ends(3, FAILED)
    story.adds("restock-5", 1, (11, 4)).place(4).op(4, W, shows=(12, 3, "3-4")).ends(4, ACCEPTED)
    return story.left(12, 3, "3-4")


SAFE = {path.stem: list(read_history(path)) for path in sorted(FOLDER.glob("**/safe/*.jsonl"))}


@pytest.mark.parametrize("events", [*SAFE.values(), of_many_kinds().events], ids=[*SAFE, "of many kinds"])
def test_no_beginning_of_a_safe_run_is_violated(events: list[Event]) -> None:
    assert judge(events).status is Status.SAFE
    for n in range(len(events)):
        assert judge(events[:n]).status is not Status.VIOLATED, events[:n]
