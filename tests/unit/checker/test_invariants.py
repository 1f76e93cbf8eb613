import pytest

from loadtest.checker import Status
from loadtest.events import Event, Operation, OrderEnded, Outcome, Reason
from tests.helpers.shop_events import Shop, judge, one_round
from tests.unit.checker.doctored_rounds import (
    ODD_ONE_LEFT,
    PLENTY,
    RACE,
    TWO_TRANSACTIONS,
    TWO_VERSIONS,
    TWO_WRITES,
    Doctor,
    change,
    drop,
    end_with,
    refused,
    repeat,
    told,
    won,
)


@pytest.mark.parametrize(
    ("round_", "doctor", "kinds"),
    [
        pytest.param(RACE, end_with(quantity=1), {"oversold", "version_reused"}, id="oversold: the stock never fell"),
        pytest.param(
            RACE,
            change(refused, outcome=Outcome.ACCEPTED, reason=""),
            {"oversold", "lost_update", "version_miscounted", "won_but_told_lost"},
            id="oversold: a second winner",
        ),
        pytest.param(
            PLENTY,
            end_with(quantity=-1),
            {"stock_lost", "version_reused"},
            id="stock lost: the final stock is one short",
        ),
        pytest.param(
            TWO_WRITES,
            drop(won),
            {"stock_lost", "version_miscounted", "accepted_without_write"},
            id="stock lost: a write that nobody saw",
        ),
        pytest.param(
            RACE,
            end_with(quantity=-1),
            {"negative_quantity", "stock_lost", "version_reused"},
            id="negative: the stock ended below zero",
        ),
        pytest.param(
            TWO_WRITES,
            change(won, quantity=-1),
            {"negative_quantity", "wrong_quantity"},
            id="negative: an accepted write left it so",
        ),
        pytest.param(
            TWO_WRITES,
            change(refused, quantity=-1),
            {"negative_quantity", "version_reused"},
            id="negative: a refused write met it so",
        ),
        pytest.param(
            RACE,
            change(lambda event: isinstance(event, Operation), quantity=-1),
            {"negative_quantity", "version_reused"},
            id="negative: a read showed it so",
        ),
        pytest.param(RACE, end_with(version=1), {"version_miscounted", "external_write"}, id="version: one too many"),
        pytest.param(
            TWO_TRANSACTIONS,
            end_with(version=-1),
            {"rolled_back", "external_write"},
            id="version: one too few",
        ),
        pytest.param(
            TWO_VERSIONS,
            change(won, 1, read_version=1),
            {"version_miscounted"},
            id="version: a write made another than the next",
        ),
        pytest.param(
            TWO_WRITES,
            change(won, 1, version=2),
            {"oversold", "lost_update", "version_reused", "version_miscounted", "order_applied_twice"},
            id="won twice: both were told version 2",
        ),
        pytest.param(
            RACE,
            change(told(Outcome.REJECTED), outcome=Outcome.ACCEPTED, reason=""),
            {"accepted_without_write"},
            id="accepted without a write",
        ),
        *(
            pytest.param(
                RACE,
                change(told(Outcome.ACCEPTED), outcome=outcome, reason="conflict"),
                {"won_but_told_lost"},
                id=f"a winner is told {outcome}",
            )
            for outcome in Outcome
            if outcome is not Outcome.ACCEPTED
        ),
        pytest.param(
            TWO_WRITES,
            change(won, 1, order_id="1-1"),
            {"order_applied_twice", "accepted_without_write", "lost_update"},
            id="applied twice: one order took what two should",
        ),
        pytest.param(
            TWO_TRANSACTIONS,
            repeat(won, attempt=2),
            {"order_applied_twice", "oversold", "version_miscounted"},
            id="applied twice: a second attempt won too",
        ),
        pytest.param(
            RACE, change(refused, read_version=2), {"spurious_rejection"}, id="refused: its version is still there"
        ),
        pytest.param(
            PLENTY,
            change(told(Outcome.REJECTED), reason=Reason.SOLD_OUT),
            {"spurious_rejection"},
            id="refused: sold out with four left",
        ),
        pytest.param(
            ODD_ONE_LEFT,
            change(told(Outcome.REJECTED), units=1),
            {"spurious_rejection", "order_changed"},
            id="refused: sold out with exactly its one unit left",
        ),
        pytest.param(RACE, drop(told(Outcome.REJECTED)), {"order_vanished"}, id="an order vanished"),
        pytest.param(RACE, repeat(told(Outcome.REJECTED)), {"order_answered_twice"}, id="answered twice: the same"),
        pytest.param(
            RACE,
            repeat(told(Outcome.ACCEPTED), outcome=Outcome.REJECTED, reason="conflict"),
            {"order_answered_twice"},
            id="answered twice: accepted, then rejected",
        ),
        pytest.param(
            RACE, repeat(told(Outcome.REJECTED), order_id="1-4"), {"order_invented"}, id="an order nobody placed"
        ),
    ],
)
def test_one_doctored_event_is_flagged_as_what_it_is(round_: list[Event], doctor: Doctor, kinds: set[str]) -> None:
    assert judge(round_).status is Status.SAFE
    verdict = judge(doctor(round_))
    assert verdict.status is Status.VIOLATED
    assert {violation.kind for violation in verdict.violations} == kinds


LOST_WRITE = change(won, outcome=Outcome.UNKNOWN, version=None, quantity=None)


@pytest.mark.parametrize(
    ("answer", "final"),
    [
        pytest.param(Outcome.REJECTED, end_with(), id="the stock fell and nobody won"),
        pytest.param(Outcome.ACCEPTED, end_with(quantity=1, version=-1), id="one won and the stock never fell"),
    ],
)
def test_a_lost_write_does_not_excuse_a_wrong_answer(answer: Outcome, final: Doctor) -> None:
    events = [event for event in final(LOST_WRITE(RACE)) if not refused(event)]
    verdict = judge(change(told(Outcome.ACCEPTED), outcome=answer, reason="conflict")(events))
    assert verdict.status is not Status.SAFE


def test_a_lost_write_does_not_excuse_overselling() -> None:
    events = change(won, outcome=Outcome.UNKNOWN, version=None)(TWO_WRITES)
    events = end_with(quantity=2)(change(told(Outcome.ACCEPTED), outcome=Outcome.UNKNOWN)(events))
    assert "oversold" in {violation.kind for violation in judge(events).violations}


def test_a_lost_write_may_turn_out_to_have_been_accepted() -> None:
    verdict = judge(LOST_WRITE(RACE))
    assert (verdict.status, verdict.violations, verdict.reasons) == (Status.SAFE, (), ())


def test_a_violation_names_ten_orders_and_counts_all() -> None:
    events = one_round("conditional", stock=12, units=(1,) * 12)
    doctored = [event for event in events if not isinstance(event, OrderEnded)]
    (vanished,) = [v for v in judge(doctored).violations if v.kind == "order_vanished"]
    assert (len(vanished.orders), vanished.orders_count) == (10, 12)
    assert (vanished.round, vanished.product_id) == (1, "p#4")


def test_the_evidence_names_the_orders_that_won_from_one_version() -> None:
    events = change(won, 1, read_version=1, version=2, quantity=1)(TWO_VERSIONS)
    (violation,) = [one for one in judge(events).violations if one.kind == "lost_update"]
    assert violation.orders == ("1-1", "1-2")
    assert violation.message == "2 orders won from version 1"
    assert [op.order_id for op in violation.operations] == ["1-1", "1-2"]


def test_only_the_round_that_broke_an_invariant_is_blamed() -> None:
    shop = Shop()
    shop.round("version", (1, 1))
    shop.refill(1)
    shop.round("version", (1, 1))
    violations = judge(end_with(quantity=1)(shop.events)).violations
    assert {(violation.kind, violation.round) for violation in violations} == {("oversold", 2), ("version_reused", 2)}
