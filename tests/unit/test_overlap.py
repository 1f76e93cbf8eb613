"""Rivals counted in one sweep, against rivals counted by looking at every pair."""

import math
import pickle
from collections.abc import Sequence
from dataclasses import astuple, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker import overlap
from loadtest.checker.overlap import REACH, Counts, Overlap, power
from loadtest.checker.verdict import Power
from loadtest.order import Kind, Operation, Outcome
from tests.unit.builders import operation

REJECTED, UNKNOWN = Outcome.REJECTED, Outcome.UNKNOWN
ATTEMPTS = (Outcome.ACCEPTED, REJECTED, UNKNOWN)


def write(sent: int, received: int, outcome: Outcome = Outcome.ACCEPTED, **changes: Any) -> Operation:
    return operation(sent_ns=sent, received_ns=received, outcome=outcome, **changes)


def counted(ops: Sequence[Operation]) -> Counts:
    seen = Overlap()
    for op in ops:
        seen.add(op)
    return seen.counts()


def are_rivals(a: Operation, b: Operation) -> bool:
    versions = {a.read_version, b.read_version} - {None}
    lasted = a.sent_ns < a.received_ns and b.sent_ns < b.received_ns
    return lasted and len(versions) <= 1 and a.sent_ns < b.received_ns and b.sent_ns < a.received_ns


def counted_by_pairs(ops: Sequence[Operation]) -> Counts:
    writes = [op for op in ops if op.kind is not Kind.READ and op.outcome in ATTEMPTS]
    rivals = [[b for b in writes if b is not a and are_rivals(a, b)] for a in writes]
    won = [op.outcome is Outcome.ACCEPTED for op in writes]
    return Counts(
        writes=len(writes),
        overlapping=sum(any(b.outcome is Outcome.ACCEPTED for b in others) for others in rivals),
        accepted=sum(won),
        contested=sum(1 for wins, others in zip(won, rivals, strict=True) if wins and others),
    )


anything = st.builds(
    lambda sent, lasted, **rest: write(sent, sent + lasted, **rest),
    st.integers(0, 40),
    st.integers(-1, 8) | st.integers(0, 45),
    outcome=st.sampled_from(Outcome) | st.sampled_from(ATTEMPTS),
    kind=st.sampled_from(Kind) | st.just(Kind.WRITE),
    read_version=st.none() | st.integers(1, 4),
)


@given(st.lists(anything, max_size=30), st.randoms(use_true_random=False))
def test_the_sweep_counts_what_pairs_show_in_whatever_order_operations_come(ops: list[Operation], random: Any) -> None:
    random.shuffle(ops)
    assert counted(ops) == counted_by_pairs(ops)


@given(st.lists(anything, max_size=60), st.integers(1, 12))
def test_beyond_the_reach_the_counts_are_never_too_high(ops: list[Operation], reach: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "REACH", reach)
        found, true = counted(ops), counted_by_pairs(ops)
    assert (found.writes, found.accepted) == (true.writes, true.accepted)
    assert found.overlapping <= true.overlapping
    assert found.contested <= true.contested


@pytest.mark.parametrize("accepted", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("versions", [[None], [1, 2, 3, 4], [None, *range(9)], [None, 1]])
@pytest.mark.parametrize("reach", [1, 4, 12])
def test_the_counts_are_exact_within_the_reach(
    reach: int, versions: list[int | None], accepted: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "REACH", reach)
    random = Random(f"{reach} {versions} {accepted}")
    ops = []
    for received in range(100, 700):  # at most `reach` are answered while one is on its way, or until it is added
        won = random.random() < accepted
        sent, version = received - random.randint(1, reach), random.choice(versions)
        ops.append(write(sent, received, Outcome.ACCEPTED if won else UNKNOWN, read_version=version))
    late = [received + random.choice([0, 0.5 + reach]) for received in range(len(ops))]
    added = [ops[n] for n in sorted(range(len(ops)), key=lambda n: late[n])]
    assert counted(added) == counted_by_pairs(ops)


@given(st.lists(anything, max_size=20), st.lists(anything, max_size=20))
def test_counts_can_be_asked_for_at_any_time(first: list[Operation], second: list[Operation]) -> None:
    seen = Overlap()
    for op in first:
        seen.add(op)
    assert seen.counts() == seen.counts() == counted_by_pairs(first)
    for op in second:
        seen.add(op)
    assert seen.counts() == counted_by_pairs([*first, *second])


@pytest.mark.parametrize(
    ("ops", "expected"),
    [
        pytest.param([], Counts(), id="nothing"),
        pytest.param([write(0, 9)], Counts(1, 0, 1, 0), id="one write is nobody's rival"),
        pytest.param([write(0, 5), write(5, 9, REJECTED)], Counts(2, 0, 1, 0), id="a touch is no overlap"),
        pytest.param([write(0, 5), write(4, 9, REJECTED)], Counts(2, 1, 1, 1), id="the loser came second"),
        pytest.param([write(0, 5, REJECTED), write(4, 9)], Counts(2, 1, 1, 1), id="the loser came first"),
        pytest.param([write(3, 5), write(0, 9, UNKNOWN)], Counts(2, 1, 1, 1), id="one within the other"),
        pytest.param([write(0, 5, REJECTED), write(4, 9, REJECTED)], Counts(2, 0, 0, 0), id="nobody won"),
        pytest.param([write(0, 5), write(4, 9)], Counts(2, 2, 2, 2), id="both won"),
        pytest.param([write(2, 2), write(0, 5, REJECTED)], Counts(2, 0, 1, 0), id="a write that took no time"),
        pytest.param(
            [write(0, 5, read_version=1), write(0, 6, REJECTED, read_version=2)], Counts(2, 0, 1, 0), id="versions"
        ),
        pytest.param([write(0, 5, read_version=1), write(0, 6, REJECTED)], Counts(2, 1, 1, 1), id="one has no version"),
        pytest.param([write(0, 6, REJECTED), write(0, 5, read_version=1)], Counts(2, 1, 1, 1), id="it was added first"),
        pytest.param([write(0, 5), write(0, 9, Outcome.THROTTLED)], Counts(1, 0, 1, 0), id="throttled is no attempt"),
        pytest.param([write(0, 5), write(0, 9, Outcome.FAILED)], Counts(1, 0, 1, 0), id="failed is no attempt"),
        pytest.param([write(0, 5), write(0, 9, kind=Kind.READ)], Counts(1, 0, 1, 0), id="a read is no attempt"),
        pytest.param([write(0, 5), write(1, 9, kind=Kind.TRANSACTION)], Counts(2, 2, 2, 2), id="a transaction is"),
    ],
)
def test_who_is_a_rival(ops: list[Operation], expected: Counts) -> None:
    assert counted(ops) == expected == counted_by_pairs(ops)


def burst(start: int, count: int) -> list[Operation]:
    """Writes of one version that were all on the way at `start` + `count`; the first of them won."""
    outcomes = [Outcome.ACCEPTED] + [REJECTED] * (count - 1)
    return [write(start + n, start + count + 1 + n, outcome, read_version=start) for n, outcome in enumerate(outcomes)]


def test_one_winner_among_more_than_fit_at_once() -> None:
    count = 2 * REACH + 5
    assert counted(burst(0, REACH)) == Counts(REACH, REACH - 1, 1, 1)
    found = counted(burst(0, count))
    assert (found.writes, found.accepted, found.contested) == (count, 1, 1)
    assert found.overlapping <= count - 1


def test_a_long_run_takes_little_memory_and_stays_exact() -> None:
    seen, rounds = Overlap(), 400
    for turn in range(rounds):
        for op in burst(1_000 * turn, 100):
            seen.add(op)
        seen.add(write(1_000 * turn + 500, 1_000 * turn + 501, REJECTED, read_version=turn))
    assert seen.counts() == Counts(101 * rounds, 99 * rounds, rounds, rounds)
    assert len(pickle.dumps(seen)) < 16 * len(pickle.dumps(counted(burst(0, 100)))) + 60 * REACH


def test_one_that_was_in_flight_for_ever_is_at_worst_not_counted() -> None:
    alone = [write(10 * n, 10 * n + 5) for n in range(5 * REACH)]
    endless = write(1, 10 * len(alone), REJECTED)
    found = counted([*alone, endless])
    assert found.accepted == len(alone)
    assert REACH <= found.contested <= len(alone)
    assert found.overlapping == 1


def test_counts_add_up() -> None:
    assert Counts(1, 2, 3, 4) + Counts(10, 20, 30, 40) == Counts(11, 22, 33, 44)
    assert sum([Counts(1), Counts(2)], Counts()) == Counts(3)


@pytest.mark.parametrize(
    ("contested", "rate"), [(0, 1.0), (1, 0.95), (2, 0.776393), (30, 0.095034), (1_000, 0.00299125), (10**9, 3e-9)]
)
def test_what_no_double_win_in_so_many_chances_excludes(contested: int, rate: float) -> None:
    made = power(Counts(50, 20, 10, contested))
    assert astuple(replace(made, excluded_rate=0)) == (50, 20, 10, contested, 0)
    assert made.excluded_rate == pytest.approx(rate, rel=2e-3)


@given(st.integers(1, 10**12))
def test_the_rule_of_three_is_a_little_higher(contested: int) -> None:
    excluded = power(Counts(contested=contested)).excluded_rate
    assert 0 < excluded < min(1, 3 / contested)
    assert math.log(1 - excluded) * contested == pytest.approx(math.log(0.05), rel=1e-3)
    assert power(Counts()) == Power()
