"""Histories of several rounds as Jepsen's: what lies between two rounds has to be explained as well."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.events import (
    Event,
    InFlight,
    Kind,
    Operation,
    Outcome,
    Product,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
)
from loadtest.records.history import read_history
from loadtest.render.export.edn import JepsenHistory
from loadtest.render.export.sorting import Sorter
from tests.helpers.examples import examples
from tests.helpers.register_search import explained, histories, linearizable, parsed
from tests.helpers.shop_events import STRATEGIES, Fate, Shop, by_chance, operation

STORED = Path(__file__).parents[2] / "histories"
SOLD = Product("p#4", "Last samovar", 0, 6, "1-1")  # what the first round left
LOST = {"outcome": Outcome.UNKNOWN, "order_id": "1-2"}
STARTED_NS, SET_NS, ENDED_NS = 1000, 500, 300


def exported(events: Iterable[Event], lost: Sequence[Operation] = ()) -> list[str]:
    with Sorter() as sorter:
        history = JepsenHistory(sorter, lost)
        for event in events:
            history(event)
        return list(history.lines())


def two_rounds(now: Product, *between: Event, in_the_first: Sequence[Event] = ()) -> list[Event]:
    """One unit is sold in the first, by version; the second begins with the product as it is `now`."""
    return [
        RoundStarted(1, Product("p#4", "Last samovar", 1, 5, "restock"), 0, 1),
        operation(read_version=5, version=6, quantity=0, last_order="1-1"),
        *in_the_first,
        RoundEnded(1, "p#4", SOLD, 200, ENDED_NS),
        *between,
        RoundStarted(2, now, 0, STARTED_NS),
        RoundEnded(2, "p#4", now, 1100, 1200),
    ]


def stock_set(outcome: Outcome = Outcome.ACCEPTED, **changes: object) -> StockSet:
    """The tool's own write that brings what the first round left back to one."""
    sent_ns = ENDED_NS + 100
    return replace(StockSet(2, SOLD, 1, "restock-7", outcome, sent_ns, sent_ns, SET_NS), **changes)


SET = Product("p#4", "Last samovar", 1, 7, "restock")
TOLD = replace(SET, last_order="restock-7")
OTHER = replace(TOLD, last_order="stranger")


@pytest.mark.parametrize(
    ("now", "versions", "quantities"),
    [
        pytest.param(SOLD, True, True, id="nothing was written"),
        pytest.param(SET, True, True, id="the stock was set"),
        pytest.param(replace(SET, last_order=None), True, True, id="the stock was set, and nobody leaves a name"),
        pytest.param(replace(SET, version=5), False, False, id="a version went back"),
        pytest.param(replace(SET, version=8), False, True, id="one version too many"),
        pytest.param(replace(SET, version=8, last_order="1-2"), False, True, id="one too many, of an order that lost"),
        pytest.param(replace(SET, version=6, last_order="zz"), True, False, id="the same version with another state"),
    ],
)
@pytest.mark.parametrize("told", [False, True])
def test_what_a_server_loses_between_two_rounds_cannot_be_put_in_order(
    now: Product, versions: bool, quantities: bool, told: bool
) -> None:
    between = [stock_set()] if told and now != SOLD else []
    held = [linearizable(ops) for ops in histories(parsed(exported(two_rounds(now, *between)))).values()]
    if told and now.version < SET.version and now != SOLD:
        assert held[0] is False  # the tool's own write was accepted, and is gone
    else:
        assert held == [versions, quantities]


@pytest.mark.parametrize(
    ("event", "now", "kind", "ended_ns"),
    [
        pytest.param(stock_set(), TOLD, "ok", SET_NS, id="accepted"),
        pytest.param(stock_set(Outcome.REJECTED), OTHER, "fail", SET_NS, id="refused"),
        pytest.param(stock_set(Outcome.UNKNOWN), TOLD, "ok", STARTED_NS, id="lost, and its name was seen"),
        pytest.param(stock_set(Outcome.UNKNOWN), OTHER, "fail", STARTED_NS, id="lost, and another made its version"),
        pytest.param(stock_set(Outcome.UNKNOWN), SOLD, "info", STARTED_NS, id="lost, and perhaps still to come"),
        pytest.param(
            stock_set(Outcome.UNKNOWN), replace(OTHER, last_order=None), "info", STARTED_NS, id="lost, without names"
        ),
    ],
)
def test_the_tools_own_write_is_an_operation(event: StockSet, now: Product, kind: str, ended_ns: int) -> None:
    ops = [op for op in parsed(exported(two_rounds(now, event))) if "order" not in op and op["f"] in ("cas", "write")]
    assert [(op["f"], op["value"][1], op["type"], op["time"] + 1) for op in ops[4:]] == [
        ("cas", (6, 7), "invoke", ENDED_NS + 100),
        ("write", 1, "invoke", ENDED_NS + 100),
        ("cas", (6, 7), kind, ended_ns),
        ("write", 1, kind, ended_ns),
    ]


def test_a_lost_write_of_the_tool_may_be_applied_in_the_round() -> None:
    events = two_rounds(SOLD, stock_set(Outcome.UNKNOWN))
    late = [*events[:-1], RoundEnded(2, "p#4", TOLD, 1100, 1200)]
    assert explained(exported(late))
    assert not explained(exported([event for event in late if not isinstance(event, StockSet)]))


def test_a_lost_write_of_an_order_is_open_to_the_end_and_once() -> None:
    lost = operation(**LOST)
    taken = replace(SET, quantity=0, version=8, last_order="1-2")
    late = [*two_rounds(SET, in_the_first=[lost])[:-1], RoundEnded(2, "p#4", taken, 1100, 1200)]
    assert explained(exported(late))
    assert sum(op["type"] == "info" for op in parsed(exported(late))) == 2
    twice = replace(taken, quantity=-1, version=9)
    assert not explained(exported([*late[:-1], RoundEnded(2, "p#4", twice, 1100, 1200)]))


@pytest.mark.parametrize(
    ("now", "explains"),
    [
        pytest.param(replace(SET, version=8), True, id="a lost write, then the tool's own"),
        pytest.param(replace(SET, version=7, last_order="1-2"), True, id="a lost write alone"),
        pytest.param(replace(SET, version=8, last_order="1-2"), True, id="the tool's own, then a lost write"),
        pytest.param(replace(SET, version=9, last_order="1-2"), False, id="more than both"),
    ],
)
def test_a_lost_write_may_have_made_a_version_that_a_round_begins_with(now: Product, explains: bool) -> None:
    assert explained(exported(two_rounds(now, in_the_first=[operation(**LOST)]))) is explains
    assert explained(exported(two_rounds(now))) is (now.version == SET.version)


@pytest.mark.parametrize(("read_version", "applied"), [(None, True), (5, True), (4, False)])
def test_what_an_earlier_run_lost_may_be_applied_in_this_one(read_version: int | None, applied: bool) -> None:
    lost = operation(round=9, order_id="before", outcome=Outcome.UNKNOWN, read_version=read_version)
    first: Event = RoundStarted(1, Product("p#4", "Last samovar", 1, 5, "restock"), 0, 100)
    events = [first, RoundEnded(1, "p#4", replace(SOLD, last_order="before"), 200, 300)]
    assert not explained(exported(events))
    assert explained(exported(events, [lost])) is applied
    elsewhere = replace(lost, product_id="p#5")
    assert not explained(exported(events, [elsewhere]))


@pytest.mark.parametrize(("read_version", "applied"), [(3, False), (5, True)])
def test_what_set_the_stock_before_the_first_round_may_yet_be_applied_if_it_was_lost(
    read_version: int, applied: bool
) -> None:
    before = replace(SOLD, version=read_version)
    lost = stock_set(Outcome.UNKNOWN, round=1, before=before, read_ns=5, sent_ns=10, at_ns=20)
    known: list[Event] = [replace(lost, outcome=outcome) for outcome in (Outcome.ACCEPTED, Outcome.REJECTED)]
    first: Event = RoundStarted(1, Product("p#4", "Last samovar", 2, 5, "restock"), 0, 100)
    events = [first, RoundEnded(1, "p#4", Product("p#4", "Last samovar", 1, 6, "restock-7"), 200, 300)]
    assert explained(exported([*known, lost, *events])) is applied
    assert exported([*known, *events]) == exported(events)


def test_what_was_in_flight_when_a_run_was_cut_may_have_been_applied() -> None:
    """Somebody saw what a write made of which there is no answer."""
    seen = operation(order_id="1-2", read_version=5, outcome=Outcome.REJECTED, reason="conflict", version=6, quantity=0)
    read = replace(seen, kind=Kind.READ, outcome=Outcome.ACCEPTED, sent_ns=60, received_ns=70)
    first = RoundStarted(1, Product("p#4", "Last samovar", 1, 5, "restock"), 0, 1)
    in_flight = [InFlight(1, f"1-{n}", "p#4", 1, Kind.WRITE, 1, 5, 10) for n in (1, 2)]
    assert not explained(exported([first, seen, read]))
    lines = exported([first, *in_flight, seen, read])
    assert explained(lines)
    (end,) = [op for op in parsed(lines) if op["type"] == "info" and op["f"] == "cas"]
    assert (end["order"], end["attempt"], end["time"]) == ("1-1", 1, 70 - 1)


def test_a_run_that_was_cut_before_a_round_is_told() -> None:
    events = two_rounds(SET, stock_set())
    with Sorter() as sorter:
        history = JepsenHistory(sorter)
        for event in events[:4]:
            history(event)
        assert history.cut
        assert list(history.lines()) == exported(events[:3])


RESTOCKED = Restocked(1, "p#4", 5, Outcome.ACCEPTED, 100)


def test_restocking_of_which_little_is_known_is_in_flight_since_the_one_before() -> None:
    events = [RESTOCKED, replace(RESTOCKED, at_ns=150, outcome=Outcome.UNKNOWN)]
    ops = parsed(exported(two_rounds(SET, in_the_first=events)))
    said = [(op["time"] + 1, op["type"], op["value"][1]) for op in ops if op["f"] == "increment"]
    assert said == [
        (1, "invoke", 1), (1, "invoke", 5), (100, "invoke", 1), (100, "invoke", 5), (100, "ok", 1), (100, "ok", 5),
        (150, "info", 1), (150, "info", 5),
    ]  # fmt: skip


@pytest.mark.parametrize(("outcome", "kind"), [(Outcome.ACCEPTED, "ok"), (Outcome.FAILED, "fail")])
def test_restocking_that_shows_what_it_left_is_exact(outcome: Outcome, kind: str) -> None:
    event = replace(RESTOCKED, sent_ns=90, version=7, quantity=5, name="restock-1", outcome=outcome)
    ops = parsed(exported(two_rounds(SET, in_the_first=[event])))
    said = [(op["time"] + 1, op["type"], op["value"][1]) for op in ops if op["time"] + 1 in (90, 100)]
    assert said == [(90, "invoke", (6, 7)), (90, "invoke", (0, 5)), (100, kind, (6, 7)), (100, kind, (0, 5))]


@pytest.mark.parametrize("path", sorted(STORED.glob("safe/*.jsonl")), ids=lambda path: path.stem)
def test_every_stored_history_that_is_safe_can_be_put_in_order(path: Path) -> None:
    assert explained(exported(read_history(path)))


class Told(Shop):
    """A shop whose own writes between two rounds are told, also those whose answer is lost."""

    def refill_told(self, stock: int, fate: Fate) -> None:
        number = 1 + sum(isinstance(event, RoundEnded) for event in self.events)
        before, sent_ns, name = self.product, self._tick(), f"restock-{number}"
        wanted = StockSet(number, before, stock, name, Outcome.ACCEPTED, sent_ns, sent_ns, 0)
        if fate in (Fate.ANSWERED, Fate.ANSWER_LOST):
            self.product = replace(before, quantity=stock, version=before.version + 1, last_order=name)
        outcome = Outcome.ACCEPTED if fate is Fate.ANSWERED else Outcome.UNKNOWN
        self.events.append(replace(wanted, outcome=outcome, at_ns=self._tick()))


FATES = (Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWERED, Fate.ANSWER_LOST, Fate.REQUEST_LOST, Fate.APPLIED_LATE)


@pytest.mark.parametrize("told", [False, True])
@examples(10, 100)
@given(st.randoms(use_true_random=False), st.sampled_from(STRATEGIES), st.integers(2, 3))
def test_whatever_a_correct_server_did_in_several_rounds_can_be_put_in_order(
    told: bool, random: Random, strategy: str, rounds: int
) -> None:
    shop, units = Told(2), random.choice(([1, 1], [1, 1, 1], [1, 2]))
    for _ in range(rounds):
        shop.round(strategy, units, schedule=by_chance(random), decide=lambda: random.choice(FATES))
        if told:
            shop.refill_told(2, random.choice((Fate.ANSWERED, Fate.ANSWER_LOST, Fate.REQUEST_LOST)))
        else:
            shop.refill(2)
    if told:
        shop.events.pop()  # it belongs to a round that never was
    assert explained(exported(shop.events))
