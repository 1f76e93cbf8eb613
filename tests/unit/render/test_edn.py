"""Histories as Jepsen's: what becomes what, and that another checker comes to the same result."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.events import Event, Kind, Operation, Outcome, Product, RoundEnded, RoundStarted
from loadtest.render.export.edn import JepsenHistory
from loadtest.render.export.sorting import Sorter
from tests.helpers.examples import examples
from tests.helpers.register_search import Key, Op, histories, linearizable, parsed
from tests.helpers.shop_events import one_round, operation

VERSIONS, QUANTITIES = ("p#4", "version"), ("p#4", "quantity")
STOCK = Product("p#4", "Last samovar", 2, 7)


def exported(events: Sequence[Event], part: int = 100) -> list[str]:
    with Sorter(part) as sorter:
        history = JepsenHistory(sorter)
        for event in events:
            history(event)
        return list(history.lines())


def registers(events: Sequence[Event]) -> dict[Key, list[Op]]:
    return histories(parsed(exported(events)))


def round_of(*events: Event, left: Product | None = STOCK, number: int = 1, at_ns: int = 0) -> list[Event]:
    ended = RoundEnded(number, "p#4", left, at_ns + 900, at_ns + 950)
    return [RoundStarted(number, STOCK, len(events), at_ns), *events, ended]


def completions(*events: Event) -> list[str]:
    """How each operation ended in both registers: type, function, value and what comes after it."""
    ends = [line for line in exported(round_of(*events))[4:-4] if ":type :invoke" not in line]
    return [line.partition(":type :")[2].strip().replace('"p#4" ', "").replace(', :order "1-1", :attempt 1', "")
            for line in ends]  # fmt: skip


WRITE = {"kind": Kind.WRITE, "read_version": 7}
TAKE = {"kind": Kind.TRANSACTION, "units": 3}
READ = {"kind": Kind.READ, "version": 7, "quantity": 2}
CONFLICT = {"outcome": Outcome.REJECTED, "reason": "conflict", "version": 8, "quantity": 1}
LOST = {"outcome": Outcome.UNKNOWN, "reason": "ReadTimeoutError", "message": "no answer"}
NO_ANSWER = ', :error "ReadTimeoutError", :message "no answer"'


@pytest.mark.parametrize(
    ("op", "version", "quantity", "said"),
    [
        (READ, "ok :read 7", "ok :read 2", ", :version 7, :quantity 2"),
        (READ | {"consistent": False}, "ok :read nil", "ok :read nil", ", :consistent false, :version 7, :quantity 2"),
        (READ | LOST, "fail :read nil", "fail :read nil", f", :version 7, :quantity 2{NO_ANSWER}"),
        (WRITE | {"version": 8}, "ok :cas [7 8]", "ok :decrement 1", ", :version 8"),
        (WRITE | CONFLICT, "fail :cas [7 8]", "fail :decrement 1", ', :version 8, :quantity 1, :error "conflict"'),
        (WRITE | LOST, "info :cas [7 8]", "info :decrement 1", NO_ANSWER),
        (WRITE | {"outcome": Outcome.THROTTLED}, "fail :cas [7 8]", "fail :decrement 1", ""),
        (WRITE | {"outcome": Outcome.FAILED}, "fail :cas [7 8]", "fail :decrement 1", ""),
        (TAKE, "ok :increment 1", "ok :decrement 3", ""),
        (TAKE | {"version": 9}, "ok :cas [8 9]", "ok :decrement 3", ", :version 9"),
        (TAKE | CONFLICT, "fail :increment 1", "fail :decrement 3", ', :version 8, :quantity 1, :error "conflict"'),
        (TAKE | LOST, "info :increment 1", "info :decrement 3", NO_ANSWER),
    ],
)
def test_each_request_becomes_an_operation_on_either_register(
    op: dict[str, object], version: str, quantity: str, said: str
) -> None:
    ends = zip((":version", ":quantity"), (version.split(" ", 2), quantity.split(" ", 2)), strict=True)
    assert completions(operation(**op)) == [
        f"{kind}, :f {f}, :value [[{register}] {value}]{said}}}" for register, (kind, f, value) in ends
    ]


def test_operations_come_in_the_order_of_time_and_overlap_where_they_touch() -> None:
    first, second = operation(sent_ns=10, received_ns=20), operation(order_id="1-2", sent_ns=20, received_ns=30)
    ops = parsed(exported(round_of(second, first)))
    assert [op["index"] for op in ops] == list(range(16))
    assert [(op["time"], op["type"], op.get("order")) for op in ops[4:12:2]] == [
        (10, "invoke", "1-1"), (20, "invoke", "1-2"), (20, "ok", "1-1"), (30, "ok", "1-2"),
    ]  # fmt: skip


def test_a_process_that_does_not_know_how_it_ended_is_never_used_again() -> None:
    events = [operation(**WRITE | LOST, sent_ns=n, received_ns=n + 1) for n in range(10, 50, 10)]
    ops = parsed(exported(round_of(*events)))
    assert [op["process"] for op in ops if op["type"] == "info"] == list(range(8))
    assert ops[-1]["process"] == 9


def test_text_is_escaped_as_edn_wants_it() -> None:
    text = 'a"b\\c\n\t\x00\x85 é ⟶ 🙂'
    ops = parsed(exported(round_of(operation(order_id=text))))
    assert [op["order"] for op in ops if op.get("order") and op["type"] == "ok"] == [text, text]
    assert all("\n" not in line[:-1] for line in exported(round_of(operation(order_id=text))))


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(round_of(operation(round=2)), id="another round"),
        pytest.param([operation()], id="no round"),
        pytest.param(round_of(operation(sent_ns=30, received_ns=20)), id="answered before it was sent"),
        pytest.param(round_of(operation(sent_ns=30, received_ns=2**63)), id="a time beyond 64 bits"),
    ],
)
def test_what_cannot_have_been_is_refused(events: list[Event]) -> None:
    with pytest.raises(ValueError, match=r"outside that round|before it began|beyond 64 bits"):
        exported(events)


@pytest.mark.parametrize(("dropped", "cut"), [(0, False), (1, True)])
def test_a_round_without_an_end_is_told(dropped: int, cut: bool) -> None:
    events = one_round()
    with Sorter() as sorter:
        history = JepsenHistory(sorter)
        for event in events[: len(events) - dropped]:
            history(event)
        assert history.cut is cut


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2**70), st.text(max_size=3)), max_size=60))
def test_parts_on_disk_are_merged_in_order(records: list[tuple[int, int, str]]) -> None:
    wanted = [(time_ns, 0, number, text, "") for time_ns, number, text in records]
    with Sorter(part=7) as sorter:
        for record in wanted:
            sorter.add(record)
        assert list(sorter) == sorted(wanted)


class Server:
    """One register whose writes check the version they rest on, or, if `racy`, sometimes a version too old."""

    def __init__(self, *, racy: bool) -> None:
        self.version, self.racy = 7, racy

    def operation(self, began: int, took: int, ago: int, fate: str) -> Operation:
        """It takes effect in the middle of its time, which no two share."""
        stamps = {"sent_ns": began, "received_ns": began + took}
        if fate == "read":
            return operation(kind=Kind.READ, version=self.version, **stamps)
        read = self.version - ago
        applies = (ago == 0 or self.racy) and fate != "request lost"
        self.version = read + 1 if applies else self.version
        answer = LOST if fate.endswith("lost") else {} if applies else {"outcome": Outcome.REJECTED}
        return operation(kind=Kind.WRITE, read_version=read, **answer, **stamps)


FATES = ("read", "answered", "answer lost", "request lost")
moments = st.tuples(st.integers(1, 40), st.integers(0, 1), st.sampled_from(FATES))


def races(*, racy: bool) -> st.SearchStrategy[list[Event]]:
    def play(drawn: list[tuple[int, int, str]]) -> list[Event]:
        server = Server(racy=racy)
        ops: list[Event] = [
            server.operation(100 + 10 * n - half, 2 * half + 1, ago, fate) for n, (half, ago, fate) in enumerate(drawn)
        ]
        return round_of(*ops, left=replace(STOCK, version=server.version))

    return st.lists(moments, max_size=7).map(play)


@examples(10, 100)
@given(races(racy=False))
def test_what_a_correct_server_did_can_be_put_in_order(events: list[Event]) -> None:
    assert linearizable(registers(events)[VERSIONS])


@given(races(racy=True))
def test_what_two_won_cannot_be_put_in_order(events: list[Event]) -> None:
    won = [event.read_version for event in events if isinstance(event, Operation)
           and event.kind is Kind.WRITE and event.outcome is Outcome.ACCEPTED]  # fmt: skip
    if len(won) != len(set(won)):
        assert not linearizable(registers(events)[VERSIONS])


def test_a_consistent_read_that_is_behind_cannot_be_put_in_order() -> None:
    behind = operation(**READ, sent_ns=50, received_ns=60)
    events = round_of(operation(**WRITE), behind, left=replace(STOCK, version=8))
    assert not linearizable(registers(events)[VERSIONS])
    assert linearizable(registers([*events[:2], replace(behind, consistent=False), events[3]])[VERSIONS])
