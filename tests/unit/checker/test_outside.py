"""Somebody else's writes, and a product that goes back: each is told once, in place of all that follows from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker import Status, Violation
from loadtest.events import Kind, Product, RoundStarted
from tests.helpers.shop_events import judge, operation
from tests.histories.story import ACCEPTED, CONFLICT, FAILED, REJECTED, Story
from tests.unit.checker.judged_loads import load

W = Kind.WRITE

Told = tuple[str, int, str, tuple[str, ...]]  # kind, round, message and orders


def told(story: Story) -> list[Told]:
    return [(one.kind, one.round, one.message, one.orders) for one in judge(story.events).violations]


def sold(rounds: int) -> Story:
    """Rounds in which the first of two orders wins one of nine items, and the second sees what somebody wrote then."""
    story = Story(orders=0)
    for version in range(1, 1 + 4 * rounds, 4):
        if version > 1:
            story.sets(9, (version - 1, 7, "x"), f"restock-{version}")
        story.start(9, version, name=f"restock-{version}").wins(1, version + 1, 8)
        story.read(2, version + 2, 7, "x").op(2, W, FAILED).ends(2, FAILED).left(version + 2, 7, "x")
    return story


def rolled_back(lowest: int, highest: int, *gone: str) -> str:
    are = {0: "what was written is", 1: "1 accepted write is"}.get(len(gone), f"{len(gone)} accepted writes are")
    return (
        f"the product went back to version {lowest} after version {highest} had been seen: {are} gone, "
        "or somebody else re-created it"
    )


def anew(first: int) -> str:
    return (
        "somebody else wrote the product: it was re-created, or went back to how it was when the run began, "
        f"with version {first}"
    )


def carries(version: int, name: str) -> str:
    return (
        f"somebody else wrote the product: version {version} carries the name '{name}', which no order of this run has"
    )


SOMEBODY = "somebody else wrote the product"
NOBODYS = "were made by no write of this run, unless the server applied some more than once"
STORIES: dict[str, tuple[Story, list[Told]]] = {
    "somebody writes in each of three rounds": (
        sold(3),
        [("external_write", 1, carries(3, "x"), ("x",))],
    ),
    "the product is put there anew and sold on": (
        Story(5, 7, orders=4).wins(1, 8, 4).wins(2, 9, 3).wins(3, 2, 9).wins(4, 3, 8).left(3, 8, "1-4"),
        [("external_write", 1, anew(7), ("1-1", "1-2"))],
    ),
    "it is put there anew between two rounds": (
        Story(5, 7)
        .wins(1, 8, 4)
        .wins(2, 9, 3)
        .left(9, 3, "1-2")
        .sets(5, (1, 10, None), "restock-2")
        .start(5, 2, orders=1, name="restock-2")
        .wins(1, 3, 4)
        .left(3, 4, "2-1"),
        [("external_write", 2, anew(7), ("1-1", "1-2"))],
    ),
    "the tool finds an older version after the round": (
        Story(3).wins(1, 2, 2).wins(2, 3, 1).left(2, 2, "1-1"),
        [("rolled_back", 1, rolled_back(2, 3, "1-2"), ("1-2",))],
    ),
    "the tool finds an older version before the next round": (
        Story(3)
        .wins(1, 2, 2)
        .wins(2, 3, 1)
        .left(3, 1, "1-2")
        .sets(3, (1, 3, "restock"), "restock-2")
        .start(3, 2, orders=1, name="restock-2")
        .wins(1, 3, 2)
        .left(3, 2, "2-1"),
        [("external_write", 2, anew(1), ("1-1", "1-2"))],
    ),
    "the tool finds it after the round and once more before the next": (
        Story(3)
        .wins(1, 2, 2)
        .wins(2, 3, 1)
        .left(2, 2, "1-1")
        .sets(3, (2, 2, "1-1"), "restock-2")
        .start(3, 3, orders=1, name="restock-2")
        .wins(1, 4, 2)
        .left(4, 2, "2-1"),
        [("rolled_back", 1, rolled_back(2, 3, "1-2"), ("1-2",))],
    ),
    "only the tool's own write is gone": (
        Story(3, orders=1).wins(1, 2, 2).left(2, 2, "1-1").sets(3, (2, 2, "1-1"), "restock-2").start(2, 2, name="1-1"),
        [("rolled_back", 2, rolled_back(2, 3), ())],
    ),
    "an order reads an older version and writes on": (
        Story(5, orders=5)
        .wins(1, 2, 4)
        .wins(2, 3, 3)
        .wins(3, 4, 2)
        .read(4, 2, 4, "1-1")
        .wins(4, 3, 3, rests_on=2)
        .wins(5, 4, 2, rests_on=3)
        .left(4, 2, "1-5"),
        [("rolled_back", 1, rolled_back(2, 4, "1-2"), ("1-2",))],
    ),
    "an order is refused by an older version and writes on": (
        Story(5, orders=5)
        .wins(1, 2, 4)
        .wins(2, 3, 3)
        .wins(3, 4, 2)
        .op(4, W, REJECTED, reason=CONFLICT, shows=(2, 4, "1-1"), rests_on=1)
        .wins(4, 3, 3, rests_on=2, attempt=2)
        .wins(5, 4, 2, rests_on=3)
        .left(4, 2, "1-5"),
        [("rolled_back", 1, rolled_back(2, 4, "1-2"), ("1-2",))],
    ),
    "three versions were made by nobody": (
        Story(9).wins(1, 2, 8).wins(2, 6, 7).left(6, 7, "1-2"),
        [("external_write", 1, f"{SOMEBODY}: 3 versions {NOBODYS}", ())],
    ),
    "two versions were made by nobody": (
        Story(9).wins(1, 2, 8).wins(2, 5, 7).left(5, 7, "1-2"),
        [
            (
                "version_miscounted",
                1,
                f"the version rose by 4 for 2 accepted writes, or {SOMEBODY}",
                ("1-2", "1-1"),
            )
        ],
    ),
    "three accepted writes left no version": (
        Story(9, orders=4).takes(1).takes(2).takes(3).takes(4).left(2, 8, "1-4"),
        [("external_write", 1, f"{SOMEBODY}: it was re-created, or went back: 3 accepted writes left no version", ())],
    ),
    "writes that rest on no version go on with another stock from an old version": (
        Story(9, orders=9)
        .wins(1, 2, 8)
        .wins(2, 3, 7)
        .wins(3, 4, 6)
        .wins(4, 5, 5)
        .wins(5, 6, 4)
        .wins(6, 7, 3)
        .wins(7, 4, 20)
        .wins(8, 5, 19)
        .wins(9, 6, 18)
        .left(6, 18, "1-9"),
        [("external_write", 1, anew(1), ("1-5", "1-6"))],
    ),
    "a name that stays for an order that leaves none, and the next one of the tool after it": (
        Story(orders=0)
        .start(9, 1, orders=0)
        .place(1)
        .adds("restock-1", 1, (2, 10))
        .op(1, W, shows=(3, 9, "restock-1"))
        .ends(1, ACCEPTED)
        .adds("restock-2", 1, (4, 10))
        .left(4, 10, "restock-2"),
        [],
    ),
    "an order reads an older version and nothing is written on it": (
        Story(5, orders=3).wins(1, 2, 4).wins(2, 3, 3).read(3, 2, 4, "1-1").wins(3, 4, 2).left(4, 2, "1-3"),
        [
            (
                "stale_read",
                1,
                "1 answer showed a version older than one that had been seen before it was asked",
                ("1-3",),
            )
        ],
    ),
    "an order reads an older version as it may": (
        Story(5, orders=3)
        .wins(1, 2, 4)
        .wins(2, 3, 3)
        .read(3, 2, 4, "1-1", consistent=False)
        .wins(3, 4, 2)
        .left(4, 2, "1-3"),
        [],
    ),
    "two of one version are two winners and nobody went back": (
        Story(2).wins(1, 2, 1, rests_on=1, at=5).wins(2, 2, 1, rests_on=1, at=5).left(3, 0, None),
        [("lost_update", 1, "2 orders won from version 1", ("1-1", "1-2"))],
    ),
    "somebody writes and then the product goes back": (
        load(9, 1, 1).wins(1, 2, 8).op(2, Kind.READ, shows=(3, 7, "x")).wins(2, 4, 6).left(2, 8, "1-1"),
        [("external_write", 1, carries(3, "x"), ("x",))],
    ),
    "a run that was cut does not know all names of its orders": (
        Story(5).wins(1, 2, 4).read(2, 3, 3, "1-9"),
        [],
    ),
    "and knows those of others": (
        Story(5).wins(1, 2, 4).read(2, 3, 3, "2-9"),
        [("external_write", 1, carries(3, "2-9"), ("2-9",))],
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_who_else_wrote_is_told_once(story: Story, expected: list[Told]) -> None:
    assert told(story) == expected


def test_what_goes_back_between_rounds_blames_nobody_who_writes_on() -> None:
    """Version 3 was made by 1-2, is gone, and is made again: 2-1 rests on the second."""
    story = Story(3).wins(1, 2, 2).wins(2, 3, 1).left(3, 1, "1-2").sets(3, (2, 2, "1-1"), "restock-2")
    story.start(3, 3, orders=1, name="restock-2").wins(1, 4, 2).left(4, 2, "2-1")
    assert told(story) == [("rolled_back", 2, rolled_back(2, 3, "1-2"), ("1-2",))]


@given(st.integers(1, 25), st.data())
def test_the_writes_that_are_gone_are_named(sales: int, data: st.DataObject) -> None:
    """All orders win one after the other, and then the tool sees the state that one of them left, or the first."""
    back = data.draw(st.integers(0, sales - 1))
    story = Story(sales, orders=sales)
    for n in range(1, sales + 1):
        story.wins(n, n + 1, sales - n)
    left = story.left(back + 1, sales - back, f"1-{back}" if back else "restock")
    (found,) = judge(left.events).violations
    assert found.kind == ("rolled_back" if back else "external_write")
    assert_names(found, [f"1-{n}" for n in range(back + 1, sales + 1)])


def assert_names(found: Violation, gone: list[str]) -> None:
    """The read that shows it comes first, then the writes that it shows to be gone, at most ten operations."""
    assert found.orders == tuple(gone[:10])
    assert not found.operations[0].order_id
    assert [op.order_id for op in found.operations[1:]] == gone[:9]


def test_all_that_are_gone_are_counted() -> None:
    story = Story(25, orders=25)
    for n in range(1, 26):
        story.wins(n, n + 1, 25 - n)
    (found,) = judge(story.left(2, 24, "1-1").events).violations
    assert (found.orders_count, found.message) == (24, rolled_back(2, 26, *found.orders, *["more"] * 14))


@pytest.mark.parametrize(("name", "known"), [("run-1-9", True), ("run-2-9", False), ("run", False)])
def test_an_orders_name_is_known_by_all_of_it_but_its_number(name: str, known: bool) -> None:
    """Of a run that was cut; its orders are run-1-1, run-1-2 and so on."""
    product = Product("p#4", "Last samovar", 5, 1)
    shown = {"kind": Kind.READ, "version": 2, "quantity": 4, "last_order": name}
    read = operation(order_id="run-1-1", **shown)
    verdict = judge([RoundStarted(1, product, 2, 1, 60, "run-1", 1), read])
    assert verdict.status is (Status.INCONCLUSIVE if known else Status.VIOLATED)
