"""What a file of faults may say, and the pure parts: draws, delays, write units, what requests and answers say."""

import pickle
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.cli.fault_file import read_faults
from loadtest.dynamodb.schema import TableSchema
from loadtest.errors import UsageError
from loadtest.faults.draws import Chance
from loadtest.faults.proxy.requests import NOTHING, asked, shown_bytes
from loadtest.faults.reading import faults
from loadtest.faults.token_bucket import Partitions
from loadtest.records.report import Faults as InjectedFaults
from loadtest.render.html.headline import notes
from loadtest.workload.faults import (
    OPERATIONS,
    WRITES,
    AnyFault,
    Delay,
    Distribution,
    DropAnswer,
    Duplicate,
    Error500,
    Exponential,
    Faults,
    Fixed,
    HalfAnswer,
    Lognormal,
    Reset,
    Throttle,
    Uniform,
)
from tests.helpers.reports import a_report

NAMES = TableSchema()


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"kind": "drop_answer"}, DropAnswer()),
        ({"kind": "drop_answer", "rate": 0}, DropAnswer(rate=0.0)),
        (
            {"kind": "error_500", "rate": 0.5, "from": "1s", "to": "1m30s", "operations": ["TransactWriteItems"]},
            Error500(rate=0.5, from_s=1.0, to_s=90.0, operations=("TransactWriteItems",)),
        ),
        ({"kind": "half_answer", "operations": "GetItem"}, HalfAnswer(operations=("GetItem",))),
        ({"kind": "reset"}, Reset()),
        ({"kind": "reset", "when": "before"}, Reset(when="before")),
        ({"kind": "duplicate", "answer": "first"}, Duplicate(answer="first")),
        ({"kind": "throttle"}, Throttle()),
        ({"kind": "throttle", "write-units": 10}, Throttle(write_units=10.0, burst=10.0)),
        ({"kind": "throttle", "write_units": 10, "burst": 300}, Throttle(write_units=10.0, burst=300.0)),
        ({"kind": "delay", "time": "20ms"}, Delay(time=Fixed(0.02), operations=OPERATIONS)),
        ({"kind": "delay", "time": 0.02}, Delay(time=Fixed(0.02), operations=OPERATIONS)),
        (
            {"kind": "delay", "where": "request", "distribution": "uniform", "least": "0s", "most": "1s"},
            Delay(time=Uniform(0.0, 1.0), where="request", operations=OPERATIONS),
        ),
        (
            {"kind": "delay", "distribution": "exponential", "mean": "0.5ms"},
            Delay(time=Exponential(0.0005), operations=OPERATIONS),
        ),
        (
            {"kind": "delay", "distribution": "lognormal", "median": "5ms", "p99": "80ms"},
            Delay(time=Lognormal(0.005, 0.08), operations=OPERATIONS),
        ),
    ],
)
def test_a_section_is_a_fault(section: dict[str, Any], fault: AnyFault) -> None:
    read = faults([section], seed=3)
    assert read == Faults(faults=(fault,), seed=3)
    assert msgspec.json.decode(msgspec.json.encode(read), type=Faults) == read


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({}, "it does not say its kind; there are drop_answer, error_500, reset, half_answer, dupl"),
        ({"kind": 7}, "kind must be a text, not a number"),
        ({"kind": "drop"}, "kind: 'drop' is unknown; did you mean 'drop_answer'?"),
        ({"kind": "reset", "rat": 1}, "unknown key 'rat' for reset; did you mean 'rate'?"),
        ({"kind": "drop_answer", "when": "after"}, "unknown key 'when' for drop_answer"),
        ({"kind": "delay", "time": "1ms", "mean": "1ms"}, "unknown key 'mean' for delay"),
        ({"kind": "reset", "rate": "often"}, "rate must be a number, not a text"),
        ({"kind": "reset", "rate": True}, "rate must be a number, not true"),
        ({"kind": "reset", "rate": 1.5}, "rate must be at most 1, not 1.5"),
        ({"kind": "reset", "rate": -0.1}, "rate must be at least 0, not -0.1"),
        ({"kind": "reset", "rate": float("nan")}, "rate must be at least 0, not nan"),
        ({"kind": "reset", "rate": 10**400}, "rate is too large a number"),
        ({"kind": "reset", "from": True}, "from must be a text like '20ms', not true"),
        ({"kind": "reset", "from": -5}, "from: '-5' is no duration"),
        ({"kind": "reset", "to": float("inf")}, "to: 'inf' is no duration"),
        ({"kind": "reset", "from": "soon"}, "from: 'soon' is no duration like 500ms"),
        ({"kind": "reset", "to": 10**400}, "to is too large a number"),
        ({"kind": "reset", "from_s": 1}, "unknown key 'from_s' for reset; did you mean 'from'?"),
        ({"kind": "delay", "time": "1ms", "time_s": 1}, "unknown key 'time_s' for delay; did you mean 'time'?"),
        ({"kind": "reset", "from": "2s", "to": "1s"}, "to must be later than from"),
        ({"kind": "reset", "to": "0s"}, "to must be later than from"),
        ({"kind": "reset", "operations": []}, "operations must not be empty"),
        ({"kind": "reset", "operations": {}}, "operations must be a list, not a table"),
        ({"kind": "reset", "operations": [1]}, "each of operations must be a text, not a number"),
        ({"kind": "reset", "operations": ["Update"]}, "operations: 'Update' is unknown; did you mean 'UpdateItem'?"),
        ({"kind": "reset", "when": "during"}, "when: 'during' is unknown; there are before, after"),
        ({"kind": "duplicate", "answer": 1}, "answer must be a text, not a number"),
        ({"kind": "delay"}, "it needs time"),
        ({"kind": "delay", "time": "20x"}, "time: '20x' is no duration"),
        ({"kind": "delay", "distribution": "pareto"}, "distribution: 'pareto' is unknown; there are fixed, uniform"),
        ({"kind": "delay", "distribution": "uniform", "least": "1ms"}, "it needs most"),
        ({"kind": "delay", "distribution": "uniform", "least": "2ms", "most": "1ms"}, "most must not be shorter"),
        ({"kind": "delay", "distribution": "lognormal", "median": "0s", "p99": "1s"}, "median must be longer than 0"),
        ({"kind": "delay", "distribution": "lognormal", "median": "2s", "p99": "1s"}, "median must be longer than 0"),
        ({"kind": "throttle", "write-units": 1, "write_units": 2}, "'write_units' and 'write-units' are the same key"),
        ({"kind": "throttle", "write_units": 0}, "write_units must be above 0"),
        ({"kind": "throttle", "burst": 1e12}, "burst must be at most 1,000,000,000, not 1e+12"),
        ({"kind": "throttle", "operations": ["GetItem"]}, "operations of a throttle are writes"),
    ],
)
def test_what_is_wrong_is_said_with_the_number_of_the_section(section: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        faults([{"kind": "reset"}, section])
    assert str(refused.value).startswith(f"fault 2: {says}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it has no [[fault]] section"),
        ("fault = []", "it has no [[fault]] section"),
        ("fault = 'x'", "fault must be a list of tables: write [[fault]] above each"),
        ("[fault]\nkind = 'reset'", "fault must be a list of tables"),
        ("fault = [1]", "fault must be a list of tables"),
        ("sed = 1\n[[fault]]\nkind = 'reset'", "unknown key 'sed'; did you mean 'seed'?"),
        ("seed = -1\n[[fault]]\nkind = 'reset'", "seed must be a whole number"),
        ("seed = 1.5\n[[fault]]\nkind = 'reset'", "seed must be a whole number"),
        ("command = 'race'\nfault = 'bad.toml'", "the scenario has no [[fault]] section"),
        ("[[fault]", "it is no TOML"),
        ("\xff", "it is no TOML"),
    ],
)
def test_a_file_that_is_none(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError) as refused:
        read_faults(file)
    assert str(refused.value).startswith(f"{file}: {says}")


def test_a_file_and_a_scenario_that_have_faults(tmp_path: Path) -> None:
    file, scenario = tmp_path / "day.toml", tmp_path / "scenario.toml"
    file.write_text("seed = 7\n[[fault]]\nkind = 'reset'")
    assert read_faults(file) == Faults(faults=(Reset(),), seed=7)
    scenario.write_text("command = 'race'\nseed = 7\nrounds = 3\n[[fault]]\nkind = 'reset'")
    assert read_faults(scenario) == Faults(faults=(Reset(),))  # the scenario's seed is the run's
    with pytest.raises(UsageError, match=r"nowhere\.toml: cannot read it: No such file"):
        read_faults(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "stored",
    [
        {"kind": "reset", "rate": 7},
        {"kind": "reset", "from_s": 2, "to_s": 1},
        {"kind": "reset", "rat": 1},
        {"kind": "delay", "time": {"distribution": "uniform", "least_s": 2, "most_s": 1}},
        {"kind": "throttle", "operations": ["GetItem"]},
    ],
)
def test_what_a_stored_run_says_is_checked_as_a_file_is(stored: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"faults": [stored]}, Faults)


_KEYS = st.sampled_from(["kind", "rate", "from", "to", "operations", "when", "where", "time", "distribution", "mean",
    "least", "most", "median", "p99", "write-units", "burst", "answer", "other"])  # fmt: skip
_WORDS = st.sampled_from(
    ["delay", "throttle", "reset", "uniform", "lognormal", "1s", "2ms", "before", "first", "GetItem"]
)
_VALUES = st.recursive(
    _WORDS | st.text(max_size=5) | st.integers() | st.floats() | st.booleans() | st.dates() | st.just(0.5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(st.dictionaries(_KEYS, _VALUES, max_size=8), max_size=3) | _VALUES)
def test_whatever_a_file_says_it_is_faults_or_one_line(sections: Any) -> None:
    said = ""
    try:
        assert len(faults(sections).faults) == len(sections) > 0
    except UsageError as refused:
        said = str(refused)
    assert "\n" not in said


def strikes(chosen: tuple[AnyFault, ...], seed: int, requests: list[tuple[str, float]]) -> list[tuple[int, int]]:
    chance = Chance(chosen, seed)
    return [(one.place, one.request) for operation, at_s in requests for one in chance.strikes(operation, at_s)]


_REQUESTS = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.floats(0, 100)), max_size=40)


@given(st.integers(0, 2**64 - 1), _REQUESTS, _REQUESTS)
def test_draws_depend_on_seed_and_number_only(
    seed: int, one: list[tuple[str, float]], other: list[tuple[str, float]]
) -> None:
    chosen = (DropAnswer(rate=0.3), Delay(rate=0.5, time=Lognormal(0.001, 0.01), operations=OPERATIONS))
    shared = min(sum(operation in WRITES for operation, _ in requests) for requests in (one, other))
    seen = [
        {number for place, number in strikes(chosen, seed, requests) if place == 1 and number <= shared}
        for requests in (one, other)
    ]
    assert seen[0] == seen[1]


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 50), st.floats(0.001, 50), st.lists(st.floats(0, 100)))
def test_a_window_hides_draws_and_shifts_none(
    seed: int, rate: float, from_s: float, lasts_s: float, at_s: list[float]
) -> None:
    requests = [("UpdateItem", one) for one in at_s]
    to_s = from_s + lasts_s
    always, within = ((Reset(rate=rate),), (Reset(rate=rate, from_s=from_s, to_s=to_s),))
    assert strikes(within, seed, requests) == [
        (place, number) for place, number in strikes(always, seed, requests) if from_s <= at_s[number - 1] < to_s
    ]


def test_a_rate_is_the_share_of_the_requests() -> None:
    requests = [("UpdateItem", 0.0)] * 20_000
    for rate in (0.0, 0.01, 0.5, 1.0):
        assert len(strikes((Reset(rate=rate),), 1, requests)) / 20_000 == pytest.approx(rate, abs=0.01)


@pytest.mark.parametrize(
    ("distribution", "figure", "expected"),
    [
        (Fixed(0.02), max, 0.02),
        (Uniform(0.01, 0.03), mean, 0.02),
        (Exponential(0.02), mean, 0.02),
        (Lognormal(0.02, 0.2), median, 0.02),
        (Lognormal(0.02, 0.2), lambda drawn: sorted(drawn)[int(len(drawn) * 0.99)], 0.2),
        (Lognormal(0.02, 0.02), max, 0.02),
    ],
)
def test_delays_are_distributed_as_they_say(
    distribution: Distribution, figure: Callable[[list[float]], float], expected: float
) -> None:
    random = Random(1)
    drawn = [distribution.draw(random) for _ in range(20_000)]
    assert min(drawn) >= 0
    assert figure(drawn) == pytest.approx(expected, rel=0.1)


_TAKES = st.lists(st.tuples(st.floats(0, 1), st.sampled_from("abc"), st.integers(1, 5)), max_size=60)


@given(st.floats(0.1, 100), st.floats(1, 50), _TAKES)
def test_a_partition_gives_its_rate_and_burst_and_no_more(
    units_per_s: float, burst: float, takes: list[tuple[float, str, int]]
) -> None:
    partitions, now_s = Partitions(units_per_s, burst), 0.0
    taken: dict[str, float] = dict.fromkeys("abc", 0.0)
    for wait_s, item, units in takes:
        now_s += wait_s
        if partitions.take([(item, units)], now_s) == [False]:
            taken[item] += units
        assert taken[item] <= burst + units_per_s * now_s + 5 + 1e-6  # the last one may go into debt


def test_a_transaction_takes_all_or_nothing() -> None:
    partitions = Partitions(1.0, 4.0)
    assert partitions.take([("a", 2), ("b", 2)], 0.0) == [False, False]
    assert partitions.take([("a", 4), ("b", 2)], 0.0) == [True, False]
    assert partitions.take([("b", 2)], 0.0) == [False]
    assert partitions.take([("a", 4)], 2.0) == [False]


def test_partitions_that_are_full_again_are_forgotten() -> None:
    partitions = Partitions(1000.0, 1.0)
    for number in range(50_000):
        assert partitions.take([(number, 1)], number * 0.001) == [False]
    assert len(pickle.dumps(partitions)) < 500_000


def test_what_a_request_says() -> None:
    key = {"id": {"S": "p#4"}}
    update = {"TableName": "t", "Key": key, "ExpressionAttributeValues": {":order": {"S": "o-1"}}}
    put = {"TableName": "t", "Item": {"id": {"S": "order#o-2"}, "units": {"N": "1"}}}
    one = asked(msgspec.json.encode(update), NAMES)
    assert (one.items, one.product_id, one.order_id) == ([(("t", "p#4"), 0)], "p#4", "o-1")
    bare = {"Update": {"TableName": "t", "Key": key}}
    both = asked(msgspec.json.encode({"TransactItems": [bare, {"Put": put}], "ClientRequestToken": "o-3-1"}), NAMES)
    assert (both.items, both.order_id) == ([(("t", "p#4"), 0), (("t", "order#o-2"), 18)], "o-2")
    token = asked(msgspec.json.encode({"TransactItems": [bare], "ClientRequestToken": "o-3-1"}), NAMES)
    assert token.order_id == "o-3-1"
    assert asked(msgspec.json.encode({"TableName": "t", "Key": key}), NAMES).order_id is None


@given(st.binary(max_size=50) | _VALUES.map(lambda value: msgspec.json.encode(value, enc_hook=str)))
def test_whatever_a_request_or_an_answer_is_it_is_no_error(body: bytes) -> None:
    assert asked(body, NAMES) == NOTHING
    assert shown_bytes(body) == 0


@pytest.mark.parametrize(
    ("injected", "sentence"),
    [
        ({"delay": 1200, "reset": 3}, "1,200 delay, 3 reset, from seed 7; each is in faults.jsonl"),
        ({}, "none, from seed 7"),
    ],
)
def test_the_page_and_the_report_say_it_in_one_sentence(injected: dict[str, int], sentence: str) -> None:
    (note,) = notes({"a-run": a_report(faults=InjectedFaults(7, injected))}, [])
    assert (note.level, note.kind, note.text) == ("warn", "faults injected", sentence)
