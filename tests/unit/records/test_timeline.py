"""Which operations are shown around a violation."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker import Violation
from loadtest.events import Event, Kind, Operation
from loadtest.records.timeline import MOST_OPERATIONS, MOST_VIOLATIONS, timelines
from tests.helpers.shop_events import operation, order_ended


def op(order_id: str, sent: int, received: int, **changes: object) -> Operation:
    return operation(order_id=order_id, sent_ns=sent, received_ns=received, **changes)


def violation(*evidence: Operation, orders: Sequence[str] = (), round_: int = 1) -> Violation:
    return Violation("lost_update", "seen", round_, "p#4", tuple(orders), len(orders), evidence)


A, B = op("a", 100, 110), op("b", 105, 120)


def shown(found: Violation, events: Sequence[Event]) -> list[Operation]:
    (timeline,) = timelines([found], events)
    assert timeline.violation == 0
    return timeline.operations


def test_the_evidence_comes_with_its_orders_and_with_what_was_in_flight() -> None:
    read = op("a", 10, 20, kind=Kind.READ)
    before, touching, meeting, after = op("c", 1, 99), op("d", 1, 100), op("e", 112, 300), op("f", 121, 130)
    elsewhere = op("g", 100, 110, product_id="p#5")
    earlier = op("a", 1, 2, round=0)
    events = [earlier, read, before, touching, A, elsewhere, B, after, meeting]
    assert shown(violation(A, B), events) == [touching, read, A, B, meeting]


def test_an_order_that_is_only_named_is_shown_whatever_its_product() -> None:
    other = op("z", 900, 950, product_id="p#5")
    assert shown(violation(A, orders=["z"]), [A, other]) == [A, other]


def test_without_operations_of_its_own_those_of_the_orders_are_shown() -> None:
    found = violation(orders=["a", "c"])
    assert shown(found, [A, B, op("c", 500, 501)]) == [A, op("c", 500, 501)]


def test_a_violation_that_nothing_belongs_to_has_no_time_line() -> None:
    (timeline,) = timelines([violation(), violation(A)], [A, B])
    assert (timeline.violation, timeline.operations) == (1, [A, B])


def test_five_violations_have_one_each() -> None:
    many = [violation(op(str(n), n, n + 1)) for n in range(8)]
    assert [timeline.violation for timeline in timelines(many, [])] == [*range(MOST_VIOLATIONS)]


def test_nothing_is_read_beyond_the_last_round_that_matters() -> None:
    def events() -> object:
        yield order_ended()
        yield A
        yield order_ended(round=2)
        raise AssertionError("read too far")

    (timeline,) = timelines([violation(B)], events())  # type: ignore[arg-type]
    assert timeline.operations == [A, B]


@pytest.mark.parametrize("count", [MOST_OPERATIONS - 2, 5_000])
def test_of_many_the_nearest_are_shown(count: int) -> None:
    others = [op(f"o-{n}", 100 - n, 121 + n) for n in range(1, count + 1)]
    mixed = [A, B, *others]
    Random(1).shuffle(mixed)
    found = shown(violation(A, B), mixed)
    assert len(found) == MOST_OPERATIONS
    assert {one.order_id for one in found} == {"a", "b", *(f"o-{n}" for n in range(1, MOST_OPERATIONS - 1))}


def test_the_orders_of_the_evidence_come_before_strangers_however_near() -> None:
    own = [op("a", 10_000 + n, 10_001 + n) for n in range(100)]
    strangers = [op(f"s-{n}", 100, 110) for n in range(100)]
    found = shown(violation(A), [*strangers, *own, A])
    assert found == [A, *own[: MOST_OPERATIONS - 1]]


anything = st.builds(
    lambda order_id, sent, lasted, **rest: op(order_id, sent, sent + lasted, **rest),
    st.sampled_from("abcdefgh"),
    st.integers(0, 50),
    st.integers(0, 20),
    round=st.integers(1, 2),
    product_id=st.sampled_from(["p#4", "p#5"]),
)


@given(st.lists(anything, max_size=80, unique=True), st.integers(0, 10))
def test_all_of_it_is_shown_where_there_is_room_and_never_more(ops: list[Operation], size: int) -> None:
    ops.sort(key=lambda one: one.round)
    evidence = [one for one in ops if (one.round, one.product_id) == (1, "p#4")][:size]
    found = [one for timeline in timelines([violation(*evidence)], ops) for one in timeline.operations]
    assert found == sorted(found, key=lambda one: one.sent_ns)
    assert len(found) <= MOST_OPERATIONS
    assert set(map(repr, evidence)) <= set(map(repr, found))
    if not evidence:
        return
    first, last = min(one.sent_ns for one in evidence), max(one.received_ns for one in evidence)
    named = {one.order_id for one in evidence}
    belonging = [
        one
        for one in ops
        if one.round == 1
        and (one.order_id in named or (one.product_id == "p#4" and one.sent_ns <= last and one.received_ns >= first))
    ]
    assert set(map(repr, found)) <= set(map(repr, belonging))
    assert len(found) == min(MOST_OPERATIONS, len(belonging))
