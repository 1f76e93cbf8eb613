"""The tool's own writes to a product: as operations, which names they leave, and what becomes of lost ones."""

from math import inf

import pytest

from loadtest.checker.own import OwnWrites, own_read
from loadtest.events import RESTOCK, Kind, Operation, Outcome, Product, Restocked, StockSet

INITIAL = Product("p#4", "Last samovar", 5, 3, "restock-0")


def stock_set(outcome: Outcome, *, version: int = 3, quantity: int = 9, name: str = "restock-1") -> StockSet:
    """Of five units there it makes nine."""
    return StockSet(1, Product("p#4", "Last samovar", 5, version, "a-1"), quantity, name, outcome, 10, 11, 12)


def restocked(outcome: Outcome, name: str = "restock-2", **rest: int) -> Restocked:
    """It adds two units."""
    return Restocked(1, "p#4", 2, outcome, **{"at_ns": 30, "sent_ns": 20, **rest}, name=name)


def after(*events: StockSet | Restocked) -> OwnWrites:
    own = OwnWrites(INITIAL)
    for event in events:
        own.set(event) if isinstance(event, StockSet) else own.restock(event)
    return own


def shows(op: Operation) -> tuple[int | None, int | None, str | None]:
    return op.version, op.quantity, op.last_order


@pytest.mark.parametrize(
    ("outcome", "shown"),
    [
        (Outcome.ACCEPTED, (4, 9, "restock-1")),
        (Outcome.REJECTED, (None, None, None)),
        (Outcome.THROTTLED, (None, None, None)),
        (Outcome.FAILED, (None, None, None)),
        (Outcome.UNKNOWN, (None, None, None)),
    ],
)
def test_setting_the_stock_is_a_write_that_rests_on_what_was_read(
    outcome: Outcome, shown: tuple[int | None, int | None, str | None]
) -> None:
    own = OwnWrites(INITIAL)
    op = own.set(stock_set(outcome))
    assert shows(op) == shown
    assert (op.order_id, op.kind, op.outcome, op.units, op.read_version) == ("restock-1", Kind.WRITE, outcome, -4, 3)
    assert (op.round, op.product_id, op.sent_ns, op.received_ns, op.ended_ns) == (1, "p#4", 11, 12, 12)
    (*lost,) = own.writes()
    assert [(w.sent_ns, w.received_ns, w.rests_on, w.units, w.own, w.name, w.must, w.op) for w in lost] == (
        [(11, inf, 3, -4, True, "restock-1", False, op)] if outcome is Outcome.UNKNOWN else []
    )


@pytest.mark.parametrize(
    ("event", "shown", "window"),
    [
        (restocked(Outcome.ACCEPTED, version=6, quantity=7), (6, 7, "restock-2"), None),
        (restocked(Outcome.ACCEPTED), (None, None, None), (20, 30, True)),
        (restocked(Outcome.UNKNOWN), (None, None, None), (20, inf, False)),
        (restocked(Outcome.FAILED), (None, None, None), None),
    ],
    ids=["says its version", "says none", "lost", "failed"],
)
def test_a_restock_is_a_write_that_takes_fewer_units_than_none(
    event: Restocked, shown: tuple[int | None, int | None, str | None], window: tuple[float, float, bool] | None
) -> None:
    own = OwnWrites(INITIAL)
    op = own.restock(event)
    assert shows(op) == shown
    assert (op.order_id, op.units, op.read_version, op.sent_ns, op.received_ns) == ("restock-2", -2, None, 20, 30)
    found = [(w.sent_ns, w.received_ns, w.must) for w in own.writes()]
    assert found == ([window] if window else [])
    assert own.anonymous == bool(window)


def test_a_restock_that_does_not_say_when_it_was_sent_was_sent_after_the_one_before() -> None:
    own = OwnWrites(INITIAL)
    own.quiet_ns = 15
    sent = [own.restock(restocked(Outcome.UNKNOWN, sent_ns=0, at_ns=at_ns)).sent_ns for at_ns in (30, 40)]
    assert sent == [15, 30]


def test_the_names_of_this_run_are_no_strangers_and_of_a_cut_run_nobody_knows_all() -> None:
    own = after(stock_set(Outcome.REJECTED, name="restock-1"), restocked(Outcome.UNKNOWN, name="restock-2"))
    for name in (RESTOCK, "restock-0", "restock-1", "restock-2"):
        assert not own.is_strange(name, complete=True)
    assert own.is_strange("restock-3", complete=True)
    assert not own.is_strange("restock-3", complete=False)
    assert own.written == {"restock-1", "restock-2"}


def test_the_name_of_an_order_that_stood_there_first_is_none_of_the_tools() -> None:
    own = OwnWrites(Product("p#4", "Last samovar", 5, 3, "a-1"))
    assert own.names == {RESTOCK}


@pytest.mark.parametrize("names_left", [True, False])
def test_a_lost_write_is_found_by_its_name(names_left: bool) -> None:
    """Where orders leave no names it may stand at a later version: one that rests on a version made the next."""
    own = after(stock_set(Outcome.UNKNOWN), restocked(Outcome.UNKNOWN))
    assert own.seen(9, "restock-9", names_left=names_left) is None
    made, op = own.seen(9, "restock-1", names_left=names_left) or (None, None)
    assert (made, op and op.order_id) == (9 if names_left else 4, "restock-1")
    assert own.seen(9, "restock-1", names_left=names_left) is None
    restock = own.seen(10, "restock-2", names_left=names_left)
    assert (restock and restock[0]) == (10 if names_left else None)
    assert len(own.writes()) == (0 if names_left else 1)


def test_the_name_that_all_left_once_finds_none() -> None:
    own = after(restocked(Outcome.UNKNOWN, name=RESTOCK))
    assert own.seen(9, RESTOCK, names_left=True) is None


def test_what_is_decided_leaves_those_that_may_yet_be_applied() -> None:
    own = after(
        stock_set(Outcome.UNKNOWN, version=3, name="restock-past"),
        stock_set(Outcome.UNKNOWN, version=7, name="restock-next"),
        restocked(Outcome.UNKNOWN, name="restock-lost"),
        restocked(Outcome.ACCEPTED, name="restock-sure"),
    )
    assert [op.order_id for op in own.lost_after(7)] == ["restock-next", "restock-lost"]
    own.decide(7)
    assert [write.name for write in own.writes()] == ["restock-next", "restock-lost"]
    for name in ("restock-past", "restock-next", "restock-lost", "restock-sure"):  # whoever sees one now is told
        assert own.seen(5, name, names_left=True) is not None
    assert own.writes() == []


def test_a_bounded_number_of_past_ones_is_remembered() -> None:
    own = OwnWrites(INITIAL)
    for n in range(100):
        own.restock(restocked(Outcome.ACCEPTED, name=f"restock-{n}"))
        own.decide(n)
    found = [own.seen(9, f"restock-{n}", names_left=True) is not None for n in range(100)]
    assert found == [False] * 36 + [True] * 64


def product(version: int) -> Product:
    return Product("p#4", "Last samovar", 5, version)


def test_where_the_history_does_not_tell_of_sets_a_new_version_was_set() -> None:
    own = OwnWrites(INITIAL)
    own.imply(product(5), 40, 5)
    assert own.writes() == []  # it had been seen
    own.imply(product(6), 40, 5)
    assert [(w.sent_ns, w.received_ns, w.units, w.own, w.name, w.must) for w in own.writes()] == [
        (40, inf, None, True, RESTOCK, False)
    ]
    assert own.written == {RESTOCK}
    assert own.lost_after(6) == []  # it was applied before that was read
    own.decide(6)
    assert not own.anonymous


def test_where_the_history_tells_of_sets_nothing_is_implied() -> None:
    own = after(stock_set(Outcome.ACCEPTED))
    own.imply(product(6), 40, 5)
    assert own.writes() == []


def test_a_bounded_number_is_implied() -> None:
    own = OwnWrites(INITIAL)
    for n in range(100):
        own.imply(product(6 + n), 40, 5 + n)
    assert len(own.writes()) == 64


def test_what_the_tool_reads_is_an_operation_of_no_order() -> None:
    op = own_read(2, INITIAL, 10, 12)
    assert (op.order_id, op.kind, op.outcome, op.units, op.attempt) == ("", Kind.READ, Outcome.ACCEPTED, 0, 0)
    assert (op.round, op.product_id, op.sent_ns, op.received_ns, op.consistent) == (2, "p#4", 10, 12, True)
    assert shows(op) == (3, 5, "restock-0")
