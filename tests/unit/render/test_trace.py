"""The time line as text."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker import Violation
from loadtest.events import Kind, Operation, Outcome, Reason
from loadtest.records.timeline import Timeline
from loadtest.render import trace
from tests.helpers.shop_events import operation

MS = 1_000_000


def op(order_id: str, sent_ms: float, received_ms: float, **changes: Any) -> Operation:
    stamps = {"sent_ns": int(7e9 + sent_ms * MS), "received_ns": int(7e9 + received_ms * MS)}
    return operation(order_id=order_id, **stamps, **changes)


FIRST = op("ab-1", 0, 10, read_version=1, version=2, quantity=0)
SECOND = op("ab-12", 5, 20, read_version=1, version=2, quantity=0)
LOST = op("ab-3", 5, 15, outcome=Outcome.UNKNOWN, reason="ReadTimeoutError", read_version=1)


def drawn(*ops: Operation, evidence: tuple[Operation, ...] = (), width: int = 80) -> list[str]:
    violation = Violation("lost_update", "seen", 1, "p#4", operations=evidence)
    return list(trace.text(violation, Timeline(0, list(ops)), width))


def test_each_operation_is_a_line_with_a_bar_on_one_axis() -> None:
    assert drawn(FIRST, SECOND, LOST, evidence=(FIRST, SECOND)) == [
        "trace of lost_update, round 1, p#4: 3 operations, * is the evidence, ? never answered",
        "  order ab-…                                  0 ms    5       10       15  20 ms",
        "* 1     write v1→v2 accepted, 0 left          |---------------|",
        "* 12    write v1→v2 accepted, 0 left                  |------------------------|",
        "  3     write on v1 unknown, ReadTimeoutError         |----------------?",
    ]


@pytest.mark.parametrize("width", [10, 40, 80, 140, 500])
def test_lines_are_as_wide_as_there_is_room(width: int) -> None:
    lines = drawn(FIRST, SECOND, LOST, width=width)[1:]
    assert max(map(len, lines)) == min(140, max(width, 2 + 5 + 1 + 10 + 1 + max(10, min(20, width // 4))))
    assert [line.count("|") for line in lines[1:]] == [2, 2, 1]


def test_what_took_no_time_is_a_point() -> None:
    (*_, line) = drawn(op("a", 3, 3))
    assert line.endswith(" |")
    (*_, point, _) = drawn(op("a", 0, 0.01), op("b", 0, 900))
    assert point.endswith(" |")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": Kind.READ, "version": 1, "quantity": 1200}, "read v1, 1,200 left"),
        ({"kind": Kind.READ, "version": 1, "consistent": False}, "read (eventual) v1"),
        ({"kind": Kind.READ, "outcome": Outcome.FAILED, "reason": "AccessDenied"}, "read failed, AccessDenied"),
        ({"read_version": 1, "version": 2, "quantity": 0}, "write v1→v2 accepted, 0 left"),
        ({"read_version": 1}, "write v1 accepted"),
        ({"version": 8, "quantity": 3}, "write →v8 accepted, 3 left"),
        ({"kind": Kind.TRANSACTION}, "transaction accepted"),
        (
            {"outcome": Outcome.REJECTED, "reason": Reason.CONFLICT, "read_version": 1, "version": 2, "quantity": 0,
             "last_order": "ab-7"},
            "write on v1 refused, saw v2 by 7, 0 left",
        ),
        ({"outcome": Outcome.REJECTED, "reason": Reason.SOLD_OUT}, "write refused, sold_out"),
        ({"outcome": Outcome.UNKNOWN, "reason": "TimeoutError"}, "write unknown, TimeoutError"),
        ({"outcome": Outcome.THROTTLED, "reason": "SlowDown", "read_version": 4}, "write on v4 throttled, SlowDown"),
    ],
)  # fmt: skip
def test_what_an_operation_did_is_said_in_a_few_words(changes: dict[str, Any], said: str) -> None:
    assert trace.did(operation(**changes), "ab-") == said


@pytest.mark.parametrize(
    ("names", "prefix", "rest"),
    [
        (["run-1-1", "run-1-12"], "run-1-", ["1", "12"]),
        (["run-1-1", "run-2-1"], "run-", ["1-1", "2-1"]),
        (["run-1-7"], "run-1-", ["7"]),
        (["run-1", "run-1"], "run-", ["1", "1"]),
        (["a", "b"], "", ["a", "b"]),
        (["a-", "a-b"], "a-", ["a-", "b"]),
        ([""], "", [""]),
    ],
)
def test_names_are_shortened_by_what_they_share(names: list[str], prefix: str, rest: list[str]) -> None:
    assert trace.short(names) == (prefix, rest)


texts = st.text(max_size=60)
operations = st.builds(
    op,
    texts,
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    reason=texts,
    last_order=st.none() | texts,
    outcome=st.sampled_from(Outcome),
    kind=st.sampled_from(Kind),
    version=st.none() | st.integers(),
    quantity=st.none() | st.integers(),
    read_version=st.none() | st.integers(),
)


@given(st.lists(operations, min_size=1, max_size=5), st.integers(0, 200))
def test_any_operation_is_one_printable_line(ops: list[Operation], width: int) -> None:
    lines = drawn(*ops, evidence=(ops[0],), width=width)
    assert len(lines) == len(ops) + 2
    assert lines[2].startswith("* ")
    for line in lines[1:]:
        assert line.isprintable()
        assert len(line) <= max(width, 2 + 16 + 1 + 10 + 1 + 20)
        assert not line.endswith(" ")
    assert all(re.search(r"[|?]$", line) for line in lines[2:])
