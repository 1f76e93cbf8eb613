"""The register against a list of everything; and the short way into it, which only what is the newest takes."""

from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker.bitsets import Room
from loadtest.checker.register import Register, seen, written
from loadtest.events import Outcome
from tests.helpers.shop_events import operation

FIRST = operation(sent_ns=10, received_ns=15)
SECOND = operation(sent_ns=20, received_ns=25)


def placed(register: Register, version: int, *, received: bool = True, sent: bool = True) -> Register:
    """With the second operation, which showed this version."""
    if received:
        register.received(seen(version), SECOND)
    if sent:
        register.sent(seen(version), SECOND)
    return register


def started() -> Register:
    """With the first, which showed version 1."""
    register = Register(Room())
    register.received(seen(1), FIRST)
    register.sent(seen(1), FIRST)
    return register


def steps(register: Register) -> list[Any]:
    """All that it answers, for moments and versions up to 40."""
    asked = [(rank, operation(sent_ns=at, received_ns=at)) for rank in range(1, 12) for at in range(41)]
    every: list[Any] = [(register.newer_before(*one), register.older_after(*one)) for one in asked]
    return every + [(register.made_by(version), register.not_before(version)) for version in range(6)]


@pytest.mark.parametrize(
    ("version", "sent_ns", "received_ns", "short"),
    [
        pytest.param(3, 30, 35, True, id="after all"),
        pytest.param(3, 21, 25, True, id="sent later and received as late"),
        pytest.param(3, 21, 24, False, id="received earlier"),
        pytest.param(3, 20, 30, False, id="sent at the same time"),
        pytest.param(3, 19, 30, False, id="sent earlier"),
        pytest.param(2, 30, 35, True, id="shows the same"),
        pytest.param(2, 20, 30, False, id="shows the same, and was sent at the same time"),
        pytest.param(1, 30, 35, False, id="shows an older one"),
    ],
)
def test_what_is_the_newest_in_every_way(version: int, sent_ns: int, received_ns: int, short: bool) -> None:
    register, long = placed(started(), 2), placed(started(), 2)
    op = operation(sent_ns=sent_ns, received_ns=received_ns)
    assert register.append(seen(version), op) is short
    if short:
        long.received(seen(version), op)
        long.sent(seen(version), op)
    assert steps(register) == steps(long)


@pytest.mark.parametrize("only", [{"received": False}, {"sent": False}])
def test_what_was_only_sent_or_only_received_counts_as_well(only: dict[str, bool]) -> None:
    later: dict[str, Any] = {"sent_ns": 30, "received_ns": 35}
    assert not placed(started(), 2, **only).append(seen(1), operation(**later))
    assert placed(started(), 2, **only).append(seen(2), operation(**later))
    assert placed(started(), 2, **only).append(seen(3), operation(**later))
    assert not placed(Register(Room()), 2, **only).append(seen(3), operation(**later))


def test_the_first_of_all_and_a_lost_write_take_the_long_way() -> None:
    assert not Register(Room()).append(seen(1), FIRST)
    assert not placed(started(), 2).append(seen(3), operation(outcome=Outcome.UNKNOWN, sent_ns=30, received_ns=35))


@given(st.lists(st.tuples(st.integers(2, 5), st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=8))
def test_the_short_way_leads_to_the_same(placed_: list[tuple[int, int, int, bool]]) -> None:
    short, long, now = started(), started(), 10
    for rank, later, took, consistent in placed_:
        now += later
        op = operation(sent_ns=now, received_ns=now + took, consistent=consistent)
        if short.append(rank, op):
            assert long.newer_before(rank, op) is long.older_after(rank, op) is None
        else:
            short.received(rank, op)
            if consistent:
                short.sent(rank, op)
        long.received(rank, op)
        if consistent:
            long.sent(rank, op)
    assert steps(short) == steps(long)


places = st.lists(st.tuples(st.integers(2, 9), st.integers(0, 8), st.integers(0, 4)), min_size=6, max_size=12)


@given(places)
def test_nothing_that_was_placed_is_missed(placed_: list[tuple[int, int, int]]) -> None:
    register = Register(Room())
    every = [(rank, operation(sent_ns=sent, received_ns=sent + took)) for rank, sent, took in placed_]
    for rank, op in every:
        register.received(rank, op)
        register.sent(rank, op)
    for at in range(-1, 14):
        now = operation(sent_ns=at, received_ns=at)
        for rank in range(1, 11):
            newer = [op for other, op in every if other > rank and op.received_ns < at]
            older = [op for other, op in every if other < rank and op.sent_ns > at]
            assert (register.newer_before(rank, now) in newer) if newer else register.newer_before(rank, now) is None
            assert (register.older_after(rank, now) in older) if older else register.older_after(rank, now) is None
    for version in range(6):
        made = [op.received_ns for rank, op in every if rank >= written(version)]
        assert register.made_by(version)[0] == min(made, default=inf)
        assert register.not_before(version) == max(
            (op.sent_ns for rank, op in every if rank < written(version)), default=-inf
        )
