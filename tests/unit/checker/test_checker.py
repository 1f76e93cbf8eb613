from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Checker, Reconciled, Status
from loadtest.checker.check import Lost
from loadtest.checker.unresolved import RECONCILE_NS
from loadtest.events import Event, Operation, OrderEnded, Outcome, RecordsRead, RoundEnded, RoundStarted
from tests.helpers.shop_events import (
    STRATEGIES,
    Fate,
    Shop,
    by_chance,
    in_turn,
    judge,
    one_round,
    operation,
    order_ended,
)
from tests.unit.checker.doctored_rounds import RACE, change, end_with, won


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(("stock", "units"), [(1, (1, 1, 1)), (5, (2, 2, 2)), (0, (1, 1)), (9, (1, 2, 3)), (2, (3, 1))])
def test_a_round_on_a_correct_server_is_safe(strategy: str, stock: int, units: tuple[int, ...]) -> None:
    verdict = judge(one_round(strategy, stock=stock, units=units))
    assert (verdict.status, verdict.violations, verdict.reasons) == (Status.SAFE, (), ())


@pytest.mark.parametrize(
    ("strategy", "fate", "reconciled"),
    [
        *((strategy, Fate.ANSWER_LOST, Reconciled(accepted=1)) for strategy in STRATEGIES),
        ("version", Fate.REQUEST_LOST, Reconciled(rejected=1)),  # another won the version that it rests on
        ("version", Fate.APPLIED_LATE, Reconciled(rejected=1)),
        ("conditional", Fate.REQUEST_LOST, Reconciled(unresolved=1)),
        ("transaction", Fate.APPLIED_LATE, Reconciled(unresolved=1)),
    ],
)
def test_what_the_versions_say_of_a_lost_write(strategy: str, fate: Fate, reconciled: Reconciled) -> None:
    shop = Shop()
    fates = iter([fate])
    shop.round(strategy, (1, 1, 1), decide=lambda: next(fates, Fate.ANSWERED))
    verdict = judge(shop.events)
    assert verdict.reconciled == reconciled
    assert verdict.status is (Status.INCONCLUSIVE if reconciled.unresolved else Status.SAFE)
    reason = "1 order of round 1 may or may not have been applied"
    assert verdict.reasons == ((reason,) if reconciled.unresolved else ())


def test_what_was_not_applied_for_long_enough_is_taken_as_rejected() -> None:
    shop = Shop()
    fates = iter([Fate.REQUEST_LOST])
    shop.round("conditional", (1, 1, 1), decide=lambda: next(fates, Fate.ANSWERED))
    end = shop.events[-1]
    assert isinstance(end, RoundEnded)
    for waited_ns, reconciled in (
        (RECONCILE_NS // 2, Reconciled(unresolved=1)),
        (2 * RECONCILE_NS, Reconciled(rejected=1)),
    ):
        assert judge([*shop.events[:-1], replace(end, read_ns=waited_ns)]).reconciled == reconciled


chance = st.randoms(use_true_random=False)
games = st.tuples(
    st.sampled_from(STRATEGIES),
    st.lists(  # rounds: stock, and the units of each order
        st.tuples(st.integers(0, 6), st.lists(st.integers(1, 3), min_size=1, max_size=6)), min_size=1, max_size=3
    ),
    st.integers(1, 3),  # attempts
)
Game = tuple[str, list[tuple[int, list[int]]], int]


def play(game: Game, random: Any, fates: list[Fate], waited_ns: int = 0) -> Shop:
    strategy, rounds, attempts = game
    shop = Shop(rounds[0][0])
    for stock, units in rounds:
        shop.refill(stock)
        chosen: dict[str, Any] = {"schedule": by_chance(random), "decide": lambda: random.choice(fates)}
        shop.round(strategy, units, **chosen, attempts=attempts, waited_ns=waited_ns)
    return shop


@given(games, chance)
def test_a_correct_server_is_always_judged_safe(game: Game, random: Any) -> None:
    verdict = judge(play(game, random, [Fate.ANSWERED, Fate.MET_A_TRANSACTION]).events)
    assert (verdict.status, verdict.violations, verdict.reasons) == (Status.SAFE, (), ())


@pytest.mark.parametrize("patient", [False, True])
@given(game=games, random=chance)
def test_lost_answers_never_make_a_correct_server_a_violator(game: Game, random: Any, patient: bool) -> None:
    """And what was reconciled is true; of one who waited, if nothing was applied later than that."""
    fates = [fate for fate in Fate if not patient or fate is not Fate.APPLIED_LATE]
    shop = play(game, random, fates, 2 * RECONCILE_NS if patient else 0)
    verdict = judge(shop.events)
    assert verdict.violations == ()
    ends = [event for event in shop.events if isinstance(event, OrderEnded)]
    lost = {event.order_id for event in ends if event.outcome is Outcome.UNKNOWN}
    reconciled = verdict.reconciled
    assert reconciled.accepted + reconciled.rejected + reconciled.unresolved == len(lost)
    assert reconciled.accepted <= len(lost & shop.applied)
    assert reconciled.rejected <= len(lost - shop.applied)
    if reconciled.unresolved:
        assert verdict.status is Status.INCONCLUSIVE


@given(games, chance)
def test_one_unit_more_or_less_than_sold_is_never_safe(game: Game, random: Any) -> None:
    events = play(game, random, [Fate.ANSWERED]).events
    verdict = judge(end_with(quantity=random.choice([-1, 1]))(events))
    assert {"oversold", "stock_lost"} & {violation.kind for violation in verdict.violations}


def test_a_write_lost_in_one_round_may_be_applied_in_the_next() -> None:
    first = [Fate.APPLIED_LATE, Fate.APPLIED_LATE]
    shop = Shop(stock=3)
    shop.round("conditional", (1, 1), decide=first.pop)
    assert judge(shop.events).reconciled == Reconciled(unresolved=2)
    shop.refill(3)
    shop.round("conditional", (1,), schedule=lambda orders, late: in_turn([*late, *orders], []))
    assert shop.product.quantity == 0
    verdict = judge(shop.events)
    assert (verdict.status, verdict.violations, verdict.reconciled) == (Status.SAFE, (), Reconciled(accepted=2))


def checked(events: list[Event], lost: Lost | None = None) -> Checker:
    checker = Checker(lost)
    for event in events:
        checker(event)
    checker.verdict()
    return checker


def lost_units(units: int, product_id: str = "p#4") -> Lost:
    """A run in which the write of one order for so many units was lost, and what it leaves to the next."""
    shop = Shop(stock=9)
    shop.product = replace(shop.product, id=product_id)
    shop.round("conditional", (units, 1), decide=iter([Fate.APPLIED_LATE, Fate.ANSWERED]).__next__)
    lost = checked(renamed(shop.events, "earlier")).lost
    assert list(lost) == [product_id]
    return lost


def renamed(events: list[Event], prefix: str) -> list[Event]:
    """The same with other orders: no two runs have one in common."""
    return [
        replace(event, order_id=f"{prefix}-{event.order_id}") if isinstance(event, Operation | OrderEnded) else event
        for event in (replace(e, prefix="") if isinstance(e, RoundStarted) else e for e in events)
    ]


def one_taken_by_nobody() -> list[Event]:
    """A round of two orders in which the stock falls by one more than they took, unseen by them."""
    shop = Shop(stock=5)
    shop.round("conditional", (1, 1))
    end = shop.events[-1]
    assert isinstance(end, RoundEnded)
    assert end.product is not None
    left = replace(end.product, quantity=2, version=4, last_order=None)
    return [*shop.events[:-1], replace(end, product=left)]


def test_a_write_lost_in_one_run_may_be_applied_in_the_next() -> None:
    lost = lost_units(1)
    later = checked(one_taken_by_nobody(), lost)
    assert later.verdict().status is Status.SAFE
    assert not later.lost  # it was the only one that can have taken the unit
    assert list(lost) == ["p#4"]  # what was given is not changed


def test_a_write_of_another_run_may_have_been_sent_by_another_clock() -> None:
    lost = lost_units(1)
    for writes in lost["p#4"].values():
        writes.open = [replace(op, sent_ns=op.sent_ns + 10**18, ended_ns=op.ended_ns + 10**18) for op in writes.open]
    later = checked(one_taken_by_nobody(), lost)
    assert later.verdict().status is Status.SAFE
    assert not later.lost


@pytest.mark.parametrize("lost", [None, {}, lost_units(1, "p#5")])
def test_without_one_of_that_product_nobody_may_take_stock(lost: Lost | None) -> None:
    assert "stock_lost" in {one.kind for one in checked(one_taken_by_nobody(), lost).verdict().violations}


def test_what_was_lost_stays_pending_past_runs_of_other_products() -> None:
    shop = Shop(stock=5)
    shop.round("conditional", (1,), decide=lambda: Fate.REQUEST_LOST)
    assert set(checked(shop.events, lost_units(1, "p#9")).lost) == {"p#9", "p#4"}


def test_an_unreadable_final_stock_is_a_reason() -> None:
    verdict = judge([*RACE[:-1], replace(RACE[-1], product=None)])
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reasons == ("the stock after round 1 could not be read",)


def test_an_operation_below_zero_is_flagged_without_a_final_read() -> None:
    events = change(won, quantity=-1)(RACE)
    verdict = judge([*events[:-1], replace(events[-1], product=None)])
    assert "negative_quantity" in {violation.kind for violation in verdict.violations}


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.FAILED])
def test_a_round_that_decided_nothing_is_inconclusive(outcome: Outcome) -> None:
    start, end = RACE[0], RACE[-1]
    assert isinstance(start, RoundStarted)
    end = replace(end, product=start.product)
    tried = operation(outcome=outcome)
    verdict = judge([replace(start, orders=1), tried, order_ended(outcome=outcome), end])
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reasons == ("no order was decided",)


def test_nothing_at_all_is_inconclusive() -> None:
    assert judge([]).status is Status.INCONCLUSIVE


@pytest.mark.parametrize("event", [operation(round=2), order_ended(round=2), replace(RACE[-1], round=2)])
def test_an_event_outside_its_round_is_a_mistake_of_the_caller(event: Event) -> None:
    checker = Checker()
    with pytest.raises(ValueError, match="round 2"):
        checker(event)
    checker(RACE[0])
    with pytest.raises(ValueError, match="round 2"):
        checker(event)


def test_records_of_another_round_and_the_end_of_another_product_are_mistakes_too() -> None:
    checker = Checker()
    checker(RACE[0])
    with pytest.raises(ValueError, match=r"^records of round 2 outside that round$"):
        checker(RecordsRead(2, [], [], 0))
    with pytest.raises(ValueError, match=r"^the end of product 'p#4' shows 'p#5'$"):
        checker(replace(RACE[-1], product=replace(Shop().product, id="p#5")))


def test_a_round_may_follow_one_that_never_ended() -> None:
    cut = RACE[:-1]
    shop = Shop()
    shop.round("version", (1, 1))
    verdict = judge([*cut, *shop.events])
    assert verdict.reasons == ("round 1 was cut short",)


@pytest.mark.parametrize("seen", range(1, len(RACE)))
def test_a_round_that_was_cut_anywhere_is_inconclusive_and_no_order_of_it_vanished(seen: int) -> None:
    verdict = judge(RACE[:seen])
    assert verdict.violations == ()
    assert "round 1 was cut short" in verdict.reasons
