"""Many more transactions than the checker has room for: their answers show no version, so they are counted."""

from typing import Any

import pytest

from loadtest.checker import Verdict
from loadtest.events import Event, Kind, Outcome, Product, RoundEnded, RoundStarted
from tests.helpers.shop_events import judge, operation, order_ended
from tests.histories.story import FAILED, Story

TRANSACTIONS = 12


def play(room: int, seen: int | None = None, *, late: int = 0) -> Verdict:
    """Twelve transactions one after the other, the first `late` of them reported last, then a read of that version."""
    stocked = Product("p#4", "Last samovar", 50, 1)
    left = Product("p#4", "Last samovar", 50 - TRANSACTIONS, 1 + TRANSACTIONS)
    done = [_done(n, kind=Kind.TRANSACTION, sent_ns=10 * n, received_ns=10 * n + 5) for n in range(1, TRANSACTIONS + 1)]
    done = [*done[late:], *done[:late]]
    if seen is not None:
        after = 10 * TRANSACTIONS + 20
        read = _done(TRANSACTIONS + 1, kind=Kind.READ, version=seen, sent_ns=after, received_ns=after + 5)
        done.append([read[0], order_ended(order_id=f"1-{TRANSACTIONS + 1}", outcome=Outcome.FAILED)])
    started = RoundStarted(1, stocked, len(done), 0, 0, "1", 1)
    return judge([started, *(event for events in done for event in events), RoundEnded(1, "p#4", left, 300, 301)], room)


def _done(n: int, **changes: Any) -> list[Event]:
    return [operation(order_id=f"1-{n}", **changes), order_ended(order_id=f"1-{n}")]


@pytest.mark.parametrize("late", [0, 3])
@pytest.mark.parametrize("room", [2, 3, 5, 64])
def test_what_was_accepted_before_a_read_was_sent_is_counted(room: int, late: int) -> None:
    assert play(room, late=late).violations == ()
    assert play(room, 1 + TRANSACTIONS, late=late).violations == ()


@pytest.mark.parametrize("room", [2, 3, 5, 64])
def test_a_read_after_many_transactions_shows_them_all_or_is_stale(room: int) -> None:
    verdict = play(room, TRANSACTIONS)
    assert [violation.kind for violation in verdict.violations] == ["stale_read"]
    (violation,) = verdict.violations
    assert violation.operations[0].order_id == f"1-{TRANSACTIONS + 1}"
    assert 2 <= len(violation.operations) <= 10


def test_ten_operations_show_it() -> None:
    (violation,) = play(64, TRANSACTIONS).violations
    named = [f"1-{n}" for n in (TRANSACTIONS + 1, *range(1, 10))]
    assert [op.order_id for op in violation.operations] == named


@pytest.mark.parametrize("sent", [22, 25])
def test_those_that_are_forgotten_count_only_for_what_was_sent_after_the_last_of_them(sent: int) -> None:
    """With room for three the first two of four are; a fifth is reported late."""
    story = Story(9, orders=6)
    for n, received in enumerate((15, 25, 35, 45, 20), 1):
        story.takes(n, at=received - 5, took=5)
    story.read(6, 3, 7, None, at=sent, took=60).ends(6, FAILED)
    assert judge(story.left(6, 4, None).events, 3).violations == ()


@pytest.mark.parametrize(("room", "shown"), [(1, ["1-3"]), (2, ["1-1", "1-3"]), (64, ["1-1", "1-3"])])
def test_who_left_a_quantity_first_is_shown_if_it_is_remembered(room: int, shown: list[str]) -> None:
    story = Story(9, orders=3)
    for n, quantity in enumerate((8, 7, 8), 1):
        story.op(n, Kind.WRITE, shows=(None, quantity, None)).ends(n, Outcome.ACCEPTED)
    (violation,) = judge(story.left(4, 6, None).events, room).violations
    assert violation.kind == "quantity_handed_out_twice"
    assert [op.order_id for op in violation.operations] == shown


@pytest.mark.parametrize("room", range(2, 9))
def test_the_newest_version_is_never_forgotten(room: int) -> None:
    for versions in range(room, 2 * room + 2):
        story = Story(30, orders=versions)
        for n in range(1, versions):
            story.wins(n, 1 + n, 30 - n)
        story.read(versions, versions - 1, 32 - versions, None).ends(versions, FAILED)
        found = judge(story.left(versions, 31 - versions, None).events, room).violations
        assert [violation.kind for violation in found] == ["stale_read"]


def restocked_and_seen(sales: int) -> Story:
    """A load in which a restock is seen before the tool has its answer; then so many orders win one after the other."""
    story = Story(orders=0).start(sales, 1, orders=0).place(1).read(1, 2, sales + 1, "restock-1", at=3)
    story.adds("restock-1", 1, (2, sales + 1), at=2).wins(1, 3, sales)
    for n in range(2, sales + 2):
        story.place(n).wins(n, n + 2, sales - n + 1)
    return story.left(sales + 3, 0, f"1-{sales + 1}")


@pytest.mark.parametrize(("room", "sales"), [(1, 1), (2, 3), (None, 5_000)])
def test_a_name_that_was_seen_first_is_not_held_against_a_maker_long_forgotten(room: int | None, sales: int) -> None:
    assert judge(restocked_and_seen(sales).events, room).violations == ()


@pytest.mark.parametrize(("room", "sales"), [(2, 2), (2, 5), (None, 5_000)])
def test_a_restock_counts_however_many_transactions_were_before_it(room: int | None, sales: int) -> None:
    """Between two looks nobody saw a version, and then the tool's own answer shows one."""
    story = Story(orders=0).start(sales + 1, 1, orders=0)
    for n in range(1, sales + 1):
        story.place(n).takes(n)
    story.adds("restock-1", 50, (sales + 2, 51))
    assert judge(story.left(sales + 2, 51, "restock-1").events, room).violations == ()
