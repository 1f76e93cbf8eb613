"""The invariants of sustained load: several products in one round, restocks, orders one by one, little memory."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Checker, Status
from loadtest.events import (
    Event,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Product,
    Restocked,
    RoundEnded,
    RoundStarted,
)
from tests.helpers.load_events import Market
from tests.helpers.shop_events import judge, operation, order_ended
from tests.unit.checker.doctored_rounds import Doctor, change, drop, repeat, told, won

NAMES = ("load#1", "load#2", "load#3")


def kinds(events: list[Event]) -> set[str]:
    return {violation.kind for violation in judge(events).violations}


def busy_day() -> Market:
    """Three products, of which the first sells out and is filled up again."""
    market = Market(stock=3, product_ids=NAMES)
    for name in ("load#1", "load#1", "load#2", "load#1", "load#1"):
        market.order(name)
    market.drop()
    market.restock(3)
    market.order()
    market.measure()
    return market


def test_a_load_on_a_correct_server_is_safe() -> None:
    verdict = judge(busy_day().end())
    assert (verdict.status, verdict.violations, verdict.reasons) == (Status.SAFE, (), ())
    assert verdict.sentence == "5 of 6 orders won from a stock of 3 each of 3 products, restocked; 1 was rejected: safe"


# What happens: an order with the fate of its write, or a restock with that of its.
fates = st.sampled_from([(True, True), (False, True), (False, False)])
steps = st.tuples(st.booleans(), st.sampled_from(NAMES), st.integers(1, 3), fates)


def played(days: list[tuple[bool, str, int, tuple[bool, bool]]]) -> Market:
    market = Market(stock=4, product_ids=NAMES)
    for is_order, name, units, (answered, applied) in days:
        if is_order:
            market.order(name, units=units, answered=answered, applied=applied)
        else:
            market.restock(units, name, answered=answered, applied=applied)
    return market


@given(st.lists(steps, max_size=25))
def test_no_correct_server_is_ever_a_violator(days: Any) -> None:
    market = played(days)
    verdict = judge(market.end())
    assert verdict.violations == ()
    lost = [applied for is_order, _, _, (answered, applied) in days if is_order and not answered]
    reconciled = verdict.reconciled
    assert reconciled.accepted + reconciled.rejected + reconciled.unresolved == len(lost)
    assert reconciled.accepted <= market.lost_and_applied
    decided = reconciled.accepted or any(is_order and answered for is_order, _, _, (answered, _) in days)
    assert (verdict.status is Status.SAFE) == (reconciled.unresolved == 0 and bool(decided))


@given(st.lists(steps, max_size=25), st.sampled_from(NAMES), st.sampled_from([-1, 1]))
def test_one_unit_more_or_less_is_noticed_if_no_answer_was_lost(days: Any, name: str, more: int) -> None:
    market = played([(is_order, one, units, (True, True)) for is_order, one, units, _ in days])
    left = market.products[name]
    market.products[name] = replace(left, quantity=left.quantity + more)
    assert kinds(market.end()) & {"oversold", "stock_lost"}


@given(st.lists(steps, max_size=25), st.sampled_from(NAMES), st.sampled_from([-1, 1]))
def test_one_version_more_or_less_is_noticed_if_no_answer_was_lost(days: Any, name: str, more: int) -> None:
    market = played([(is_order, one, units, (True, True)) for is_order, one, units, _ in days])
    left = market.products[name]
    market.products[name] = replace(left, version=left.version + more)
    back = {"external_write", "rolled_back"}  # if it is the state that this version had; else it is only counted
    assert ({"version_miscounted"} | (back if more < 0 else set())) & set(kinds(market.end()))


def final(name: str, *, quantity: int = 0, version: int = 0) -> Doctor:
    """The final read of that product shows so much more."""

    def doctor(events: list[Event]) -> list[Event]:
        return [_changed(event, name, quantity, version) for event in events]

    return doctor


def _changed(event: Event, name: str, quantity: int, version: int) -> Event:
    if not isinstance(event, RoundEnded) or event.product_id != name or event.product is None:
        return event
    old = event.product
    return replace(event, product=replace(old, quantity=old.quantity + quantity, version=old.version + version))


def restocked(event: Event) -> bool:
    return isinstance(event, Restocked)


def placed(event: Event) -> bool:
    return isinstance(event, OrderPlaced)


@pytest.mark.parametrize(
    ("doctor", "expected"),
    [
        pytest.param(final("load#2", quantity=1), {"oversold", "version_reused"}, id="one product oversold"),
        pytest.param(final("load#3", quantity=-1), {"stock_lost", "version_reused"}, id="one product lost a unit"),
        pytest.param(final("load#1", version=1), {"version_miscounted"}, id="somebody wrote one of them"),
        pytest.param(
            drop(restocked),
            {"oversold", "version_miscounted", "spurious_rejection", "quantity_handed_out_twice"},
            id="units from nowhere",
        ),
        pytest.param(repeat(restocked), {"stock_lost", "version_miscounted"}, id="a restock that was none"),
        pytest.param(drop(placed), {"order_invented"}, id="an order that nobody placed"),
        pytest.param(drop(told(Outcome.REJECTED)), {"order_vanished"}, id="an order without an end"),
        pytest.param(repeat(told(Outcome.REJECTED)), {"order_answered_twice"}, id="an order with two ends"),
        pytest.param(
            repeat(won, attempt=2),
            {"order_applied_twice", "oversold", "version_miscounted", "lost_update"},
            id="one that took twice",
        ),
        pytest.param(
            change(won, version=3), {"lost_update", "version_reused", "wrong_quantity"}, id="a version won twice"
        ),
    ],
)
def test_one_doctored_event_of_a_load_is_flagged(doctor: Doctor, expected: set[str]) -> None:
    assert kinds(doctor(busy_day().end())) == expected


def test_the_evidence_names_the_product() -> None:
    violation, _ = judge(final("load#2", quantity=1)(busy_day().end())).violations
    assert (violation.product_id, violation.orders) == ("load#2", ("a-1-3",))


def test_two_products_may_have_the_same_version() -> None:
    market = Market(product_ids=NAMES)
    for name in NAMES:
        market.order(name)
    assert judge(market.end()).status is Status.SAFE


@pytest.mark.parametrize("applied", [True, False])
def test_a_restock_whose_answer_was_lost_widens_the_invariants_both_ways(applied: bool) -> None:
    market = Market(stock=2)
    market.order()
    market.restock(5, answered=False, applied=applied)
    market.order()
    assert judge(market.events).violations == ()
    assert kinds(market.end()) == set()


def test_a_restock_whose_answer_was_lost_excuses_no_more_than_itself() -> None:
    market = Market(stock=2)
    market.order()
    market.restock(5, answered=False, applied=True)
    events = market.end()
    assert kinds(final("load#1", quantity=1)(events)) == {"oversold"}
    assert kinds(final("load#1", version=1)(events)) == {"version_miscounted"}
    # Six less is as if it had not been applied and one more unit were gone.
    assert kinds(final("load#1", quantity=-6)(events)) == {"stock_lost"}


def test_sold_out_before_a_restock_was_right() -> None:
    market = Market(stock=1)
    market.order()
    market.order()  # sold out
    market.restock(5)
    assert kinds(market.end()) == set()


def test_sold_out_without_a_restock_must_be_true_at_the_end() -> None:
    market = Market(stock=1)
    market.order()
    market.order()  # sold out
    market.products["load#1"] = replace(market.products["load#1"], quantity=1)
    assert "spurious_rejection" in kinds(market.end())


def test_orders_that_vanish_in_a_load_are_counted() -> None:
    market = Market(stock=100)
    for _ in range(30):
        market.order()
    for _ in range(12):
        market.place()
    (violation,) = judge(market.end()).violations
    assert (violation.kind, violation.message) == ("order_vanished", "12 orders never got a result")
    assert judge(market.events[:-1]).reasons == ("round 1 was cut short",)  # they were under way


def test_dropped_orders_owe_nobody_a_result() -> None:
    market = Market()
    market.drop()
    market.order()
    verdict = judge(market.end())
    assert verdict.sentence.startswith("1 of 1 order won")
    assert verdict.status is Status.SAFE


def test_a_load_of_one_last_item_says_so_and_a_restocked_one_does_not() -> None:
    market = Market(stock=1)
    market.order()
    market.order()
    assert judge(market.end()).sentence == "1 of 2 orders won the last item; 1 was rejected: safe"
    market = Market(stock=1)
    market.order()
    market.restock(1)
    market.order()
    assert judge(market.end()).sentence == "2 of 2 orders won from a stock of 1, restocked; 0 were rejected: safe"


def test_products_that_cannot_be_read_at_the_end_are_a_reason() -> None:
    events = [replace(event, product=None) if isinstance(event, RoundEnded) else event for event in busy_day().end()]
    assert judge(events).reasons == ("the stock of 3 products after round 1 could not be read",)


@pytest.mark.parametrize(
    "event", [OrderPlaced(1, "a-1-1", "load#9", 1, 0, 0), Restocked(1, "load#9", 1, Outcome.ACCEPTED, 0)]
)
def test_an_event_of_a_product_outside_the_round_is_a_mistake_of_the_caller(event: Event) -> None:
    checker = Checker()
    checker(Market().events[0])
    with pytest.raises(ValueError, match="load#9"):
        checker(event)


def orders_of_a_long_run(checker: Checker, count: int) -> None:
    """Orders that each win the next version, with one conflict each."""
    write = operation(product_id="load#1")
    for n in range(1, count + 1):
        name: dict[str, Any] = {"order_id": f"0a1b2c3d4e-1-{n}", "product_id": "load#1"}
        checker(OrderPlaced(1, name["order_id"], "load#1", 1, n, n))
        first = {"sent_ns": 10 * n, "received_ns": 10 * n + 9}
        second = {"sent_ns": 10 * n + 1, "received_ns": 10 * n + 9}
        refused: dict[str, Any] = {"outcome": Outcome.REJECTED, "reason": "conflict", "version": n + 1}
        checker(replace(write, order_id=name["order_id"], **refused, **first, read_version=n))
        checker(replace(write, order_id=name["order_id"], attempt=2, read_version=n, version=n + 1, **second))
        checker(order_ended(**name, attempts=2))


@pytest.mark.slow  # every allocation is traced
def test_a_long_run_takes_little_memory() -> None:
    orders, stock = 40_000, 1_000_000
    checker = Checker()
    checker(RoundStarted(1, Product("load#1", "load#1", stock, 1), 0, 0))
    tracemalloc.start()
    try:
        orders_of_a_long_run(checker, orders)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 8_000_000  # most of it the four thousand latest operations; all would be eighty thousand
    checker(RoundEnded(1, "load#1", Product("load#1", "load#1", stock - orders, 1 + orders), 10 * orders + 10))
    assert checker.verdict().status is Status.SAFE


@pytest.mark.slow
def test_a_long_violated_run_takes_little_memory_and_says_so_in_few_words() -> None:
    checker = Checker()
    checker(RoundStarted(1, Product("load#1", "load#1", 10**6, 1), 0, 0))
    tracemalloc.start()
    try:
        for version in range(1, 10_001):
            for n in (1, 2):
                order_id = f"a-1-{2 * version + n}"
                checker(OrderPlaced(1, order_id, "load#1", 1, 0, 0))
                stamps = {"sent_ns": 10 * version, "received_ns": 10 * version + 9}
                checker(operation(order_id=order_id, product_id="load#1", read_version=version, **stamps))
                checker(order_ended(order_id=order_id, product_id="load#1"))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 8_000_000
    checker(RoundEnded(1, "load#1", Product("load#1", "load#1", 10**6 - 10_000, 10_001), 200_000))
    verdict = checker.verdict()
    assert {violation.kind for violation in verdict.violations} == {
        "oversold",
        "lost_update",
        "version_miscounted",
    }
    assert len(verdict.violations) < 200
    twice = [violation for violation in verdict.violations if violation.kind == "lost_update"]
    assert (twice[0].orders_count, twice[-1].orders_count) == (2, 9_900)  # a hundred by name, of the rest the second
    assert twice[-1].message == "9,900 writes more won from a version that had been won"


def test_a_second_winner_long_after_the_first_is_noticed_though_its_name_is_forgotten() -> None:
    checker = Checker()
    checker(RoundStarted(1, Product("load#1", "load#1", 10**6, 1), 0, 0))
    orders_of_a_long_run(checker, 11_000)
    late = "0a1b2c3d4e-1-11001"
    checker(OrderPlaced(1, late, "load#1", 1, 0, 0))
    checker(operation(order_id=late, product_id="load#1", read_version=5, sent_ns=50, received_ns=120_000))
    checker(order_ended(order_id=late, product_id="load#1"))
    checker(RoundEnded(1, "load#1", Product("load#1", "load#1", 10**6 - 11_001, 11_002), 200_000))
    (violation,) = checker.verdict().violations
    assert (violation.kind, violation.orders) == ("lost_update", ("an earlier one", late))


def test_an_order_that_takes_again_after_its_end_is_flagged() -> None:
    events = busy_day().end()
    at = next(n for n, event in enumerate(events) if isinstance(event, OrderEnded))
    again = next(event for event in events if won(event))
    assert isinstance(again, Operation)
    late = replace(again, version=None, attempt=2)
    assert "order_applied_twice" in kinds([*events[: at + 1], late, *events[at + 1 :]])


def test_an_order_told_that_its_lost_write_won_has_to_have_it() -> None:
    market = Market(stock=2)
    market.order(answered=False, applied=True)
    market.order()
    events = [
        replace(event, outcome=Outcome.ACCEPTED, reason="") if told(Outcome.UNKNOWN)(event) else event
        for event in market.end()
    ]
    assert judge(events).status is Status.SAFE
    assert kinds(final("load#1", quantity=1)(events)) == {"oversold", "version_reused"}
