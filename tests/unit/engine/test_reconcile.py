"""What is remembered of a round to look into the table after it: lost writes, and orders that may have records."""

import pytest

from loadtest.engine.reconcile import RoundWrites
from loadtest.events import Event, Kind, Outcome, Product, Restocked, RoundStarted
from tests.helpers.shop_events import operation, order_ended

BEGUN = RoundStarted(1, Product("p#4", "", 1, 1), 5, 0)
LOST = operation(order_id="1-9", outcome=Outcome.UNKNOWN, read_version=1)


def after(*events: Event) -> RoundWrites:
    writes = RoundWrites()
    for event in (BEGUN, *events):
        writes(event)
    return writes


def test_only_transactions_leave_records() -> None:
    assert after(order_ended(), LOST).with_records() == []
    lost = operation(order_id="1-9", kind=Kind.TRANSACTION, outcome=Outcome.UNKNOWN)
    assert after(lost, order_ended(order_id="1-2")).with_records() == ["1-2", "1-9"]


def test_of_many_orders_some_are_read_evenly_and_all_that_are_unresolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.engine.reconcile.RECORDS_READ", 4)
    lost = operation(order_id="1-99", kind=Kind.TRANSACTION, outcome=Outcome.UNKNOWN)
    writes = after(lost, *(order_ended(order_id=f"1-{n}") for n in range(1, 17)))
    assert writes.with_records() == ["1-1", "1-5", "1-9", "1-13", "1-99"]


def test_a_new_round_forgets_the_last() -> None:
    writes = after(LOST, RoundStarted(2, Product("p#4", "", 1, 7), 5, 0))
    assert (writes.round, list(writes.unresolved), writes.products["p#4"].lost) == (2, [], [])


@pytest.mark.parametrize(
    ("events", "version", "decided"),
    [
        pytest.param([LOST], 1, False, id="it may still come"),
        pytest.param([LOST], 2, True, id="nobody else can have made it"),
        pytest.param([operation(), LOST], 2, True, id="what it rests on is gone"),
        pytest.param(
            [operation(), operation(order_id="1-9", outcome=Outcome.UNKNOWN)], 2, False, id="it rests on none"
        ),
        pytest.param([LOST, Restocked(1, "p#4", 1, Outcome.UNKNOWN, 5)], 2, False, id="or it was a restock"),
    ],
)
def test_when_the_product_tells_of_a_lost_write(events: list[Event], version: int, decided: bool) -> None:
    assert after(*events).products["p#4"].decided(Product("p#4", "", 0, version)) is decided


def test_what_its_record_tells_of_needs_no_waiting() -> None:
    fenced = operation(order_id="1-8", outcome=Outcome.UNKNOWN)
    writes = after(LOST, fenced)
    writes.reconcile({"1-9"}, {"1-8"})
    assert (writes.products["p#4"].made, writes.products["p#4"].lost) == (1, [])
