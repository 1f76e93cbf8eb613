"""Which lost writes a verdict reconciles, and which stay open for the next run."""

import pytest

from loadtest.checker import Checker
from loadtest.checker.pending import still_open
from loadtest.events import Kind
from tests.histories.story import CONFLICT, FAILED, REJECTED, UNKNOWN, Story
from tests.unit.checker.judged_loads import fails, load

R, W = Kind.READ, Kind.WRITE

# Orders reconciled as accepted, as rejected and not at all, and whose writes may yet be applied.
RECONCILED: dict[str, tuple[Story, tuple[int, int, int], tuple[str, ...]]] = {
    "seen, so nothing is open": (
        Story().is_lost(1).loses(2, (2, 0, "1-1")).left(2, 0, "1-1"),
        (1, 0, 0),
        (),
    ),
    "the one whose version is sure tells the units of the one before": (
        load(9, 2, 1, 3)
        .is_lost(1, units=2, rests_on=1)
        .is_lost(2, rests_on=1)
        .is_lost(3, units=3, rests_on=2)
        .left(3, 4, None),
        (2, 1, 0),
        (),
    ),
    "the only one that can have made its version bars who rests on the same": (
        fails(Story(9, orders=5).is_lost(1, rests_on=1).read(5, 2, 8, None), 5)
        .is_lost(2, rests_on=1)
        .is_lost(3)
        .is_lost(4)
        .left(3, 7, None),
        (1, 1, 2),
        ("1-3", "1-4"),
    ),
    "one of two was applied in a round that is over": (
        Story(3)
        .is_lost(1)
        .is_lost(2)
        .left(2, 2, None)
        .start(2, 2, orders=1)
        .wins(1, 3, 1)
        .left(3, 1, "2-1", waited=True),
        (0, 0, 2),
        ("1-1", "1-2"),
    ),
    "one of two was, and the next round, which nobody read, bars the first": (
        Story(3).is_lost(1, rests_on=1).is_lost(2).left(2, 2, None).start(2, 2, orders=1).wins(1, 3, 1).unread(),
        (0, 0, 2),
        ("1-2",),
    ),
    "one of three was, and the next round's winner bars the first": (
        Story(3, orders=3)
        .is_lost(1, rests_on=3)
        .is_lost(2)
        .is_lost(3)
        .left(2, 2, None)
        .start(2, 3, orders=1)
        .wins(1, 4, 1, rests_on=3)
        .left(4, 1, "2-1"),
        (0, 1, 2),
        ("1-2", "1-3"),
    ),
    "applied between two rounds, for nobody else made the second version": (
        fails(Story(3).is_lost(1, rests_on=1), 2).left(1, 3).start(3, 3, orders=1).wins(1, 4, 2).left(4, 2, "2-1"),
        (1, 0, 0),
        (),
    ),
    "the same, but it had had its time": (
        fails(Story(3).is_lost(1, rests_on=1), 2)
        .left(1, 3, waited=True)
        .start(3, 3, orders=1)
        .wins(1, 4, 2)
        .left(4, 2, "2-1"),
        (1, 0, 0),
        (),
    ),
    "the tool's own write before the next round bars who rests on the same": (
        fails(Story(3).is_lost(1, rests_on=1), 2).left(1, 3).start(3, 2, orders=1).wins(1, 3, 2).left(3, 2, "2-1"),
        (0, 1, 0),
        (),
    ),
    "a write of the next round that made the version it began with fences who rests on the same": (
        fails(Story(3).is_lost(1, rests_on=1), 2).left(1, 3).start(3, 2, orders=1).wins(1, 2, 2).left(2, 2, "2-1"),
        (0, 1, 0),
        (),
    ),
    "read a moment before two seconds were over": (
        fails(Story(3, orders=2), 2).is_lost(1, at=1500).left(1, 3, at=3500),
        (0, 0, 1),
        ("1-1",),
    ),
    "read when two seconds were over": (
        fails(Story(3, orders=2), 2).is_lost(1, at=1500).left(1, 3, at=3501),
        (0, 1, 0),
        ("1-1",),
    ),
    "one that rests on no version, then one that others bar": (
        Story(3, orders=3).is_lost(1).is_lost(2, rests_on=1).wins(3, 2, 2).unread(),
        (0, 1, 1),
        ("1-1",),
    ),
    "two that were told nothing and wrote nothing": (
        Story().ends(1, UNKNOWN).ends(2, UNKNOWN).left(1, 1),
        (0, 0, 2),
        (),
    ),
    "one that was told nothing and then failed to take": (
        Story(orders=2).ends(1, UNKNOWN).op(1, W, FAILED).ends(2, UNKNOWN).op(2, W, UNKNOWN).left(1, 1),
        (0, 0, 2),
        ("1-2",),
    ),
    "one told nothing, then a read without an answer": (
        Story(orders=1).ends(1, UNKNOWN).op(1, R, UNKNOWN).left(1, 1),
        (0, 0, 1),
        (),
    ),
    "one told nothing, then a write without an answer": (
        Story(orders=1).ends(1, UNKNOWN).op(1, W, UNKNOWN).left(1, 1),
        (0, 0, 1),
        ("1-1",),
    ),
    "one told nothing, then a write that was refused": (
        Story(orders=1).ends(1, UNKNOWN).op(1, W, REJECTED, reason=CONFLICT).left(1, 1),
        (0, 0, 1),
        (),
    ),
}


@pytest.mark.parametrize(("story", "reconciled", "still"), RECONCILED.values(), ids=RECONCILED)
def test_what_is_reconciled_and_what_stays_open(
    story: Story, reconciled: tuple[int, int, int], still: tuple[str, ...]
) -> None:
    checker = Checker()
    for event in story.events:
        checker(event)
    found = checker.verdict().reconciled
    assert (found.accepted, found.rejected, found.unresolved) == reconciled
    assert tuple(op.order_id for op in still_open(checker.lost)) == still
