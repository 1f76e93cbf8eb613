"""Histories of several machines: what only contradicts itself if their clocks are exact is no violation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.distributed.lost import won
from loadtest.events import WORKER_LOST, Event, Kind, Operation, Outcome, Product, RoundEnded, RoundStarted
from tests.helpers.shop_events import Shop, by_chance, judge, operation, order_ended

START = Product("p#4", "Last samovar", 2, 1)
LAST = Product("p#4", "Last samovar", 0, 3, "1-2")


def sold_out(*operations: Operation) -> list[Event]:
    """A round of two orders that took the two items there were."""
    ends = [order_ended(order_id=order_id, scheduled_ns=900, ended_ns=5_000) for order_id in ("1-1", "1-2")]
    return [
        RoundStarted(1, START, 2, 800, 0, "1", 1),
        *sorted(operations, key=lambda op: op.ended_ns),
        *ends,
        RoundEnded(1, "p#4", LAST, 6_000, 7_000),
    ]


def write(order: str, made: int, sent_ns: int, uncertainty_ns: int) -> Operation:
    """An accepted write that made a version, in flight for a hundred nanoseconds."""
    return operation(
        order_id=order,
        version=made,
        quantity=3 - made,
        last_order=order,
        scheduled_ns=sent_ns,
        sent_ns=sent_ns,
        received_ns=sent_ns + 100,
        ended_ns=sent_ns + 100,
        clock_uncertainty_ns=uncertainty_ns,
    )


# The write that made the third version was answered 500 ns before the one that made the second was sent.
@pytest.mark.parametrize(
    ("first_ns", "second_ns", "status"),
    [
        (0, 0, Status.VIOLATED),
        (200, 200, Status.VIOLATED),
        (499, 0, Status.VIOLATED),
        (0, 499, Status.VIOLATED),
        (300, 300, Status.SAFE),
        (501, 0, Status.SAFE),
        (0, 501, Status.SAFE),
        (10_000, 10_000, Status.SAFE),
    ],
)
def test_two_writes_contradict_each_other_only_beyond_what_the_clocks_may_be_wrong(
    first_ns: int, second_ns: int, status: Status
) -> None:
    events = sold_out(write("1-2", 3, 1_000, first_ns), write("1-1", 2, 1_600, second_ns))
    verdict = judge(events)
    assert verdict.status is status, verdict.sentence
    if status is Status.VIOLATED:
        assert {violation.kind for violation in verdict.violations} <= {"write_out_of_order", "stale_read"}


@pytest.mark.parametrize(
    ("uncertainty_ns", "status"), [(0, Status.VIOLATED), (99, Status.VIOLATED), (101, Status.SAFE)]
)
def test_a_read_that_shows_an_old_version_is_stale_only_beyond_what_the_clock_may_be_wrong(
    uncertainty_ns: int, status: Status
) -> None:
    read = operation(
        order_id="1-2",
        kind=Kind.READ,
        version=1,
        quantity=2,
        scheduled_ns=1_300,
        sent_ns=1_300,
        received_ns=1_400,
        ended_ns=1_400,
        clock_uncertainty_ns=uncertainty_ns,
    )
    exact, other = write("1-1", 2, 1_000, 0), write("1-2", 3, 1_500, 0)
    assert judge(sold_out(replace(exact, received_ns=1_200, ended_ns=1_200), read, other)).status is status


def test_uncertain_clocks_do_not_excuse_two_winners() -> None:
    events = sold_out(write("1-1", 2, 1_000, 10**9), write("1-2", 2, 1_100, 10**9))
    verdict = judge(events)
    assert verdict.status is Status.VIOLATED
    assert "lost_update" in {violation.kind for violation in verdict.violations}


@given(
    random=st.randoms(use_true_random=False),
    strategy=st.sampled_from(["version", "conditional", "transaction"]),
    orders=st.integers(2, 8),
    offsets=st.lists(st.integers(-50, 50), min_size=1, max_size=4),
)
def test_a_correct_server_is_safe_whatever_the_clocks_of_the_machines_say(
    random: object, strategy: str, orders: int, offsets: list[int]
) -> None:
    """Each order's moments are shifted by its machine's error, which its uncertainty covers."""
    shop = Shop(stock=2)
    shop.round(strategy, [1] * orders, schedule=by_chance(random), attempts=3)  # type: ignore[arg-type]
    wrong_ns = max(map(abs, offsets))
    shifted = [
        _shifted(event, offsets[int(event.order_id.rpartition("-")[2]) % len(offsets)], wrong_ns)
        if isinstance(event, Operation)
        else event
        for event in shop.events
    ]
    verdict = judge(shifted)
    assert verdict.status is Status.SAFE, verdict.violations


def _shifted(op: Operation, by_ns: int, wrong_ns: int) -> Operation:
    moments = {name: getattr(op, name) + by_ns for name in ("scheduled_ns", "sent_ns", "received_ns", "ended_ns")}
    return replace(op, **moments, clock_uncertainty_ns=wrong_ns)


def lost(order_id: str, kind: Kind = Kind.WRITE) -> list[Event]:
    """What a lost worker leaves of an order, as the coordinator makes it up."""
    words = {"order_id": order_id, "outcome": Outcome.UNKNOWN, "reason": WORKER_LOST, "scheduled_ns": 900}
    return [
        operation(**words, kind=kind, sent_ns=900, received_ns=4_000, ended_ns=4_000),
        order_ended(**words, ended_ns=4_000),
    ]


@pytest.mark.parametrize("told", [0, 1, 2])
def test_orders_of_a_lost_worker_that_took_their_units_are_found_out(told: int) -> None:
    """It had told of the first orders that they won, and of the others nothing."""
    events: list[Event] = []
    for n, op in enumerate((write("1-1", 2, 1_000, 50), write("1-2", 3, 1_200, 50))):
        events += [op, won(op)] if n < told else lost(op.order_id)
    first, last = RoundStarted(1, START, 2, 800, 0, "1", 1), RoundEnded(1, "p#4", LAST, 6_000, 3 * 10**9)
    verdict = judge([first, *events, last])
    assert verdict.status is Status.SAFE, verdict.violations


def test_an_unresolved_order_of_a_lost_worker_is_never_called_safe() -> None:
    accepted = write("1-1", 2, 1_000, 50)
    verdict = judge(
        [
            RoundStarted(1, START, 2, 800, 0, "1", 1),
            accepted,
            order_ended(ended_ns=2_000),
            *lost("1-2"),
            RoundEnded(1, "p#4", None, 6_000),
        ]
    )
    assert verdict.status is Status.INCONCLUSIVE


def test_an_uncertainty_below_zero_has_no_place() -> None:
    with pytest.raises(ValueError, match="a clock uncertainty of -1 ns"):
        judge(sold_out(write("1-1", 2, 1_000, -1)))
