"""Rivals counted in one sweep, against rivals counted by looking at every pair."""

import functools
import math
import operator
import pickle
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker import overlap
from loadtest.checker.overlap import REACH, Counts, Overlap
from loadtest.events import Kind, Operation, Outcome
from tests.helpers.shop_events import operation

REJECTED, UNKNOWN = Outcome.REJECTED, Outcome.UNKNOWN
ATTEMPTS = (Outcome.ACCEPTED, REJECTED, UNKNOWN)


def write(sent: int, received: int, outcome: Outcome = Outcome.ACCEPTED, **changes: Any) -> Operation:
    return operation(sent_ns=sent, received_ns=received, outcome=outcome, **changes)


def counted(ops: Sequence[Operation], stock: int | None = None, *, restocked: bool = False) -> Counts:
    seen = Overlap(stock)
    for op in ops:
        seen.add(op)
    if restocked:
        seen.restock()
    return seen.counts()


def overlap_in_time(a: Operation, b: Operation) -> bool:
    lasted = a.sent_ns < a.received_ns and b.sent_ns < b.received_ns
    return lasted and a.sent_ns < b.received_ns and b.sent_ns < a.received_ns


def may_meet(a: Operation, b: Operation) -> bool:
    return len({a.read_version, b.read_version} - {None}) <= 1


def most_left(win: Operation, writes: Sequence[Operation], stock: int | None) -> float:
    if win.quantity is not None and win.outcome is Outcome.ACCEPTED:
        return win.quantity
    before = [a for a in writes if a.outcome is Outcome.ACCEPTED and a.received_ns <= win.sent_ns]
    return math.inf if stock is None else stock - sum(a.units for a in before) - win.units


def names(refusal: Operation, win: Operation) -> bool:
    """Whether it shows that the win's state refused it, which only matters if the win does not show it itself."""
    hidden = win.quantity is None or win.outcome is not Outcome.ACCEPTED
    shown = refusal.quantity is not None and refusal.quantity < refusal.units
    return hidden and shown and refusal.last_order == win.order_id


def is_contested(win: Operation, writes: Sequence[Operation], stock: int | None) -> bool:
    rivals = [b for b in writes if b is not win and overlap_in_time(win, b)]
    if win.read_version is not None:
        return any(b.read_version == win.read_version for b in rivals)
    lasted = [a for a in writes if a.read_version is None and a.sent_ns < a.received_ns]
    left = most_left(win, lasted, stock)
    refused = [b for b in rivals if b.outcome is REJECTED and b.read_version is None]
    return any(left < b.units or names(b, win) for b in refused)


def counted_by_pairs(ops: Sequence[Operation], stock: int | None = None) -> Counts:
    writes = [op for op in ops if op.kind is not Kind.READ and op.outcome in ATTEMPTS]
    others = [[b for b in writes if b is not a and overlap_in_time(a, b) and may_meet(a, b)] for a in writes]
    won = [op for op in writes if op.outcome is Outcome.ACCEPTED]
    contested = [op for op in won if is_contested(op, writes, stock)]
    lost = [op for op in writes if op.outcome is UNKNOWN]
    return Counts(
        writes=len(writes),
        overlapping=sum(any(b.outcome is Outcome.ACCEPTED for b in each) for each in others),
        accepted=len(won),
        contested=len(contested),
        perhaps=sum(is_contested(op, writes, stock) for op in lost),
        seconds=functools.reduce(operator.or_, (1 << op.received_ns // 10**9 for op in contested), 0),
    )


SECOND_NS = 10**9  # some of what is made takes longer, so that wins lie in several seconds
stamps = st.integers(0, 40).map(lambda tenths: tenths * SECOND_NS // 10)
lasting = (st.integers(-1, 8) | st.integers(0, 45)).map(lambda tenths: tenths * SECOND_NS // 10)
changes = {
    "outcome": st.sampled_from(Outcome) | st.sampled_from(ATTEMPTS),
    "kind": st.sampled_from(Kind) | st.just(Kind.WRITE),
    "read_version": st.none() | st.integers(1, 4),
    "quantity": st.none() | st.integers(0, 4),
}


def writes_of(units: st.SearchStrategy[int], most: int) -> st.SearchStrategy[list[Operation]]:
    """Each of an order of its own, in any order; their refusals show the names of some."""
    last_order = st.none() | st.integers(0, most).map(str)
    one = st.builds(
        lambda sent, lasted, **rest: write(sent, sent + lasted, **rest),
        stamps, lasting, units=units, last_order=last_order, **changes,
    )  # fmt: skip
    return st.lists(one, max_size=most).map(
        lambda ops: [msgspec.structs.replace(op, order_id=str(n)) for n, op in enumerate(ops)]
    )


stocks = st.none() | st.integers(0, 12)
alike = st.integers(1, 3).flatmap(lambda units: writes_of(st.just(units), 30))
different = writes_of(st.integers(1, 3), 30)


@given(alike, stocks, st.randoms(use_true_random=False))
def test_the_sweep_counts_what_pairs_show_in_whatever_order_operations_come(
    ops: list[Operation], stock: int | None, random: Any
) -> None:
    random.shuffle(ops)
    assert counted(ops, stock) == counted_by_pairs(ops, stock)


@given(different, stocks)
def test_of_orders_of_different_sizes_it_counts_none_too_many(ops: list[Operation], stock: int | None) -> None:
    found, true = counted(ops, stock), counted_by_pairs(ops, stock)
    assert (found.writes, found.overlapping, found.accepted) == (true.writes, true.overlapping, true.accepted)
    assert found.contested <= true.contested
    assert not found.seconds & ~true.seconds
    largest_first = [write(-SECOND_NS, 0, REJECTED, units=3), *ops]
    assert counted(largest_first, stock) == counted_by_pairs(largest_first, stock)


@given(alike, stocks)
def test_after_a_restock_the_stock_at_the_start_says_nothing(ops: list[Operation], stock: int | None) -> None:
    assert counted(ops, stock, restocked=True).contested <= counted_by_pairs(ops).contested


@given(different, stocks, st.integers(1, 12))
def test_beyond_the_reach_the_counts_are_never_too_high(ops: list[Operation], stock: int | None, reach: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "REACH", reach)
        found, true = counted(ops, stock), counted_by_pairs(ops, stock)
    assert (found.writes, found.accepted) == (true.writes, true.accepted)
    assert found.overlapping <= true.overlapping
    assert found.contested <= true.contested
    assert found.perhaps <= true.perhaps


@pytest.mark.parametrize("accepted", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("versions", [[None], [1, 2, 3, 4], [None, *range(9)], [None, 1]])
@pytest.mark.parametrize("reach", [1, 4, 12])
def test_the_counts_are_exact_within_the_reach(
    reach: int, versions: list[int | None], accepted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "REACH", reach)
    random = Random(f"{reach} {versions} {accepted}")
    ops = []
    for received in range(100, 300):  # at most `reach` are answered while one is in flight, or until it is added
        outcome = Outcome.ACCEPTED if random.random() < accepted else random.choice([UNKNOWN, REJECTED])
        sent, version = received - random.randint(1, reach), random.choice(versions)
        quantity = random.choice([None, 0, 1, 2])
        ops.append(write(sent, received, outcome, read_version=version, quantity=quantity, order_id=str(received)))
    late = [received + random.choice([0, 0.5 + reach]) for received in range(len(ops))]
    added = [ops[n] for n in sorted(range(len(ops)), key=lambda n: late[n])]
    assert counted(added) == counted_by_pairs(ops)


@given(alike, stocks, st.integers(0, 30))
def test_counts_can_be_asked_for_at_any_time(ops: list[Operation], stock: int | None, asked: int) -> None:
    seen, first = Overlap(stock), ops[:asked]
    for op in first:
        seen.add(op)
    assert seen.counts() == seen.counts() == counted_by_pairs(first, stock)
    for op in ops[asked:]:
        seen.add(op)
    assert seen.counts() == counted_by_pairs(ops, stock)


ON_1: dict[str, Any] = {"read_version": 1}


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        pytest.param([], Counts(), id="nothing"),
        pytest.param([write(0, 9, **ON_1)], Counts(1, 0, 1, 0), id="one write is nobody's rival"),
        pytest.param([write(0, 5, **ON_1), write(5, 9, REJECTED, **ON_1)], Counts(2, 0, 1), id="a touch"),
        pytest.param([write(0, 5, **ON_1), write(4, 9, REJECTED, **ON_1)], Counts(2, 1, 1, 1, 0, 1), id="second"),
        pytest.param([write(0, 5, REJECTED, **ON_1), write(4, 9, **ON_1)], Counts(2, 1, 1, 1, 0, 1), id="first"),
        pytest.param([write(3, 5, **ON_1), write(0, 9, UNKNOWN, **ON_1)], Counts(2, 1, 1, 1, 1, 1), id="within"),
        pytest.param([write(0, 5, REJECTED, **ON_1), write(4, 9, REJECTED, **ON_1)], Counts(2), id="nobody won"),
        pytest.param([write(0, 5, **ON_1), write(4, 9, **ON_1)], Counts(2, 2, 2, 2, 0, 1), id="both won"),
        pytest.param([write(2, 2, **ON_1), write(0, 5, REJECTED, **ON_1)], Counts(2, 0, 1), id="it took no time"),
        pytest.param([write(0, 5, **ON_1), write(0, 6, REJECTED, read_version=2)], Counts(2, 0, 1), id="versions"),
        pytest.param([write(0, 5, **ON_1), write(0, 6, REJECTED)], Counts(2, 1, 1), id="one has no version"),
        pytest.param([write(0, 6, REJECTED), write(0, 5, **ON_1)], Counts(2, 1, 1), id="it was added first"),
        pytest.param([write(0, 5, **ON_1), write(0, 9, Outcome.THROTTLED, **ON_1)], Counts(1, 0, 1), id="throttled"),
        pytest.param([write(0, 5, **ON_1), write(0, 9, Outcome.FAILED, **ON_1)], Counts(1, 0, 1), id="failed"),
        pytest.param([write(0, 5, **ON_1), write(0, 9, kind=Kind.READ, **ON_1)], Counts(1, 0, 1), id="a read"),
        pytest.param([write(0, 5, quantity=0), write(4, 9, REJECTED)], Counts(2, 1, 1, 1, 0, 1), id="none was left"),
        pytest.param([write(0, 5, quantity=1), write(4, 9, REJECTED)], Counts(2, 1, 1), id="enough was left"),
        pytest.param([write(0, 5, quantity=1), write(4, 9, quantity=0)], Counts(2, 2, 2), id="both were served"),
        pytest.param([write(0, 5), write(4, 9, REJECTED)], Counts(2, 1, 1), id="nobody knows what was left"),
        pytest.param(
            [write(0, 9), write(4, 8, REJECTED, order_id="b", quantity=0, last_order="1-1")],
            Counts(2, 1, 1, 1, 0, 1),
            id="the refusal names the win",
        ),
        pytest.param(
            [write(0, 9), write(4, 8, REJECTED, order_id="b", quantity=1, last_order="1-1")],
            Counts(2, 1, 1),
            id="refused although enough was left",
        ),
    ],
)
def test_who_is_a_rival(ops: list[Operation], expected: Counts) -> None:
    assert counted(ops) == expected == counted_by_pairs(ops)


@pytest.mark.parametrize(("stock", "contested"), [(1, 1), (2, 0), (None, 0)])
def test_where_no_answer_shows_what_was_left_the_stock_at_the_start_tells(stock: int | None, contested: int) -> None:
    ops = [write(0, 9, kind=Kind.TRANSACTION), write(1, 9, REJECTED, kind=Kind.TRANSACTION, order_id="b")]
    assert counted(ops, stock).contested == contested
    assert counted(ops, stock, restocked=True).contested == 0


def test_of_a_stock_the_last_win_is_contested() -> None:
    stock = 100
    before = [write(n, n + 1, order_id=f"a{n}", kind=Kind.TRANSACTION) for n in range(stock - 1)]
    last = write(stock, stock + 9, order_id="last", kind=Kind.TRANSACTION)
    refused = [write(stock + 1, stock + 5, REJECTED, order_id=f"b{n}", kind=Kind.TRANSACTION) for n in range(400)]
    assert counted([*before, *refused, last], stock) == Counts(stock + 400, 400, stock, 1, 0, 1)


@pytest.mark.parametrize("rival", [write(1, 4, REJECTED, order_id="b"), write(1, 40, REJECTED, order_id="b")])
def test_an_order_that_is_told_later_that_it_was_accepted_won_when_its_answer_was_lost(rival: Operation) -> None:
    lost = write(0, 5, UNKNOWN, kind=Kind.TRANSACTION)
    told = write(20, 30, kind=Kind.TRANSACTION, attempt=2)
    assert counted([lost, told, rival], 1) == Counts(3, int(rival.received_ns > 20), 1, 1, 0, 1)
    late = write(21, 25, REJECTED, order_id="b")  # it overlaps only what tells of the win
    assert counted([lost, told, late], 1).contested == 0


def burst(start: int, count: int) -> list[Operation]:
    """Writes of one version that were all in flight at `start` + `count`; the first of them won."""
    outcomes = [Outcome.ACCEPTED] + [REJECTED] * (count - 1)
    return [write(start + n, start + count + 1 + n, outcome, read_version=start) for n, outcome in enumerate(outcomes)]


def test_one_winner_among_more_than_fit_at_once() -> None:
    count = 2 * REACH + 5
    assert counted(burst(0, REACH)) == Counts(REACH, REACH - 1, 1, 1, 0, 1)
    found = counted(burst(0, count))
    assert (found.writes, found.accepted, found.contested) == (count, 1, 1)
    assert found.overlapping <= count - 1


def test_a_long_run_takes_little_memory_and_stays_exact() -> None:
    seen, rounds = Overlap(), 400
    for turn in range(rounds):
        for op in burst(1_000 * turn, 100):
            seen.add(op)
        seen.add(write(1_000 * turn + 500, 1_000 * turn + 501, REJECTED, read_version=turn))
    assert seen.counts() == Counts(101 * rounds, 99 * rounds, rounds, rounds, 0, 1)
    assert len(pickle.dumps(seen)) < 16 * len(pickle.dumps(counted(burst(0, 100)))) + 60 * REACH


@pytest.mark.parametrize("quantity", [None, 0, 1])
def test_what_is_kept_of_a_sold_out_product_is_bounded(quantity: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    reach = 512
    monkeypatch.setattr(overlap, "REACH", reach)
    seen, sizes = Overlap(10**9), []
    for turn in range(5):
        for n in range(10 * turn * reach, 10 * (turn + 1) * reach, 10):
            seen.add(write(n, n + 9, order_id=f"win {n}", quantity=quantity))
            shown = {"quantity": 0, "last_order": f"other {n}"}
            seen.add(write(n, n + 9, (REJECTED, UNKNOWN)[n % 20 > 9], order_id=f"refused {n}", **shown))
        sizes.append(len(pickle.dumps(seen)))
    assert max(sizes[3:]) <= 1.1 * max(sizes[:3])


def test_one_that_was_in_flight_for_ever_is_at_worst_not_counted() -> None:
    alone = [write(10 * n, 10 * n + 5, quantity=0) for n in range(5 * REACH)]
    endless = write(1, 10 * len(alone), REJECTED)
    found = counted([*alone, endless])
    assert found.accepted == len(alone)
    assert REACH <= found.contested <= len(alone)
    assert found.overlapping == 1


def test_counts_of_one_round_add_up() -> None:
    assert Counts(1, 2, 3, 4, 5, 0b110) + Counts(10, 20, 30, 40, 50, 0b011) == Counts(11, 22, 33, 44, 55, 0b111)
    assert sum([Counts(1), Counts(2)], Counts()) == Counts(3)
