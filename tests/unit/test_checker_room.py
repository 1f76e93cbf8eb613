"""Many more transactions than the checker has room for: their answers show no version, so they are counted."""

from typing import Any

import pytest

from loadtest.checker import Verdict
from loadtest.order import Event, Kind, Outcome, Product, RoundEnded, RoundStarted
from tests.unit.builders import judge, operation, order_ended

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
