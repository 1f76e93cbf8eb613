"""Refused writes whose answers show no item, against all states that were there in the meantime."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker.bitsets import Evidence, Room
from loadtest.checker.realtime import RealTime
from loadtest.checker.refusals import Blind
from loadtest.checker.register import seen, written
from loadtest.checker.versions import Versions
from loadtest.events import Kind, Operation, Outcome, Product, Reason
from tests.helpers.shop_events import operation

END = 1_000


@dataclass(frozen=True)
class Sale:
    """A write of so many units: applied at that moment, sent and answered so much before and after."""

    units: int
    at: int
    before: int
    after: int
    shows: bool


@dataclass(frozen=True)
class World:
    """Twenty units of version 1 and what was sold of them, in order of time."""

    sales: list[Sale]

    def state(self, at: int) -> tuple[int, int]:
        """Version and quantity at that moment."""
        done = [sale for sale in self.sales if sale.at <= at]
        return 1 + len(done), 20 - sum(sale.units for sale in done)

    def known(self) -> tuple[RealTime, Versions]:
        """What the checker has of it."""
        time, versions = RealTime(1, Room()), Versions(Product("p#4", "Last samovar", 20, 1), Room())
        self._look(time, versions, 0)
        for version, sale in enumerate(self.sales, 2):
            shown = {"version": version, "quantity": self.state(sale.at)[1] if sale.shows else None}
            op = operation(units=sale.units, sent_ns=sale.at - sale.before, received_ns=sale.at + sale.after, **shown)
            time.place(written(version), op)
            versions.made(version, op)
            if op.quantity is not None:
                versions.count(version, op.quantity, op)
        self._look(time, versions, END)
        return time, versions

    def _look(self, time: RealTime, versions: Versions, at: int) -> None:
        version, quantity = self.state(at)
        shown = {"version": version, "quantity": quantity}
        look = operation(order_id="", kind=Kind.READ, units=0, sent_ns=at, received_ns=at, **shown)
        time.place(seen(version), look)
        versions.count(version, quantity, look)


@st.composite
def worlds(draw: st.DrawFn, *, points: bool) -> World:
    """Sales at even moments from 10 on; as `points` they take no time and say what they left."""
    sales = []
    for n in range(draw(st.integers(0, 6))):
        before, after = (0, 0) if points else (draw(st.integers(0, 30)), draw(st.integers(0, 30)))
        sales.append(Sale(draw(st.integers(1, 4)), 40 + 10 * n, before, after, points or draw(st.booleans())))
    return World(sales)


def refusal(sent_ns: int, received_ns: int, rests_on: int | None, units: int) -> Operation:
    """It says why and no more."""
    reason = Reason.SOLD_OUT if rests_on is None else Reason.CONFLICT
    common: dict[str, Any] = {"order_id": "1-9", "outcome": Outcome.REJECTED, "reason": reason, "units": units}
    return operation(**common, sent_ns=sent_ns, received_ns=received_ns, read_version=rests_on)


def spurious(world: World, op: Operation, *, fewest: int | None = 1) -> Evidence:
    blind = Blind(Room())
    blind.add(op)
    return blind.spurious(*world.known(), 4, fewest)


def refuses(state: tuple[int, int], op: Operation) -> bool:
    version, quantity = state
    return quantity < op.units if op.read_version is None else version != op.read_version


MOMENTS = st.integers(5, 60).map(lambda n: 2 * n + 1)
REFUSALS = st.tuples(MOMENTS, st.integers(0, 20), st.none() | st.integers(1, 8), st.integers(1, 20))


@given(worlds(points=False), REFUSALS, st.integers(0, 30), st.sampled_from([1, None]))
def test_what_some_state_refused_is_never_blamed(
    world: World, asked: tuple[int, int, int | None, int], before: int, fewest: int | None
) -> None:
    moment, after, rests_on, units = asked
    op = refusal(moment - before, moment + after, rests_on, units)
    if refuses(world.state(moment), op):
        assert spurious(world, op, fewest=fewest).count == 0


@given(worlds(points=True), REFUSALS)
def test_where_all_is_known_what_no_state_refused_is_blamed(
    world: World, asked: tuple[int, int, int | None, int]
) -> None:
    sent_ns, took, rests_on, units = asked
    op = refusal(sent_ns, sent_ns + 2 * took, rests_on, units)
    there = [world.state(at) for at in range(op.sent_ns, op.received_ns + 1)]
    evidence = spurious(world, op)
    assert evidence.count == (not any(refuses(state, op) for state in there))
    assert evidence.operations == [op] * evidence.count


@pytest.mark.parametrize(
    ("world", "op", "blamed"),
    [
        pytest.param(World([]), refusal(100, 101, 1, 1), 1, id="its version never moved"),
        pytest.param(World([]), refusal(100, 101, 2, 1), 0, id="its version was not there yet"),
        pytest.param(World([]), refusal(100, 101, None, 20), 1, id="all that it wants was there"),
        pytest.param(World([]), refusal(100, 101, None, 21), 0, id="it wants one more"),
        pytest.param(World([]), refusal(100, END, 1, 1), 0, id="answered when the last look was asked for"),
        pytest.param(World([]), operation(outcome=Outcome.REJECTED, reason="conflict"), 0, id="met a transaction"),
    ],
)
def test_one_refusal(world: World, op: Operation, blamed: int) -> None:
    assert spurious(world, op).count == blamed


def test_the_latest_are_remembered_and_told_once() -> None:
    blind = Blind(Room(3, 3))
    ops = [refusal(100 + n, 200 + n, 1, 1) for n in range(5)]
    for op in ops:
        blind.add(op)
    world = World([]).known()
    assert blind.spurious(*world, 1, 1).operations == ops[2:]
    assert blind.spurious(*world, 1, 1).count == 0
