from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.errors import LoadTestError, UsageError
from loadtest.events import (
    Event,
    InFlight,
    Kind,
    MeasuringStarted,
    Operation,
    OrderDropped,
    OrderEnded,
    OrderPlaced,
    Product,
    Restocked,
    RoundEnded,
    RoundStarted,
)
from loadtest.records.history import SCHEMA, HistoryWriter, read_history
from tests.helpers.memory_table import full_disk
from tests.helpers.shop_events import STRATEGIES, Shop, judge, one_round

text = st.text()  # every character that UTF-8 can write, line breaks and quotes included
integers = st.integers(-(2**63), 2**63 - 1)
capacities = st.floats(allow_nan=False, allow_infinity=False)  # JSON has no others
products = st.builds(Product, id=text, name=text, quantity=integers, version=integers)
events = st.one_of(
    st.builds(
        RoundStarted, round=integers, product=products, orders=integers, started_ns=integers, item_bytes=integers
    ),
    st.builds(MeasuringStarted, round=integers, at_ns=integers),
    st.builds(
        OrderPlaced,
        round=integers,
        order_id=text,
        product_id=text,
        units=integers,
        scheduled_ns=integers,
        started_ns=integers,
    ),
    st.builds(OrderDropped, round=integers, order_id=text, product_id=text, units=integers, scheduled_ns=integers),
    st.builds(Restocked, round=integers, product_id=text, units=integers, at_ns=integers),
    st.builds(
        InFlight,
        round=integers,
        order_id=text,
        product_id=text,
        units=integers,
        attempt=integers,
        read_version=st.none() | integers,
        sent_ns=integers,
    ),
    st.builds(
        Operation,
        round=integers,
        order_id=text,
        product_id=text,
        units=integers,
        attempt=integers,
        reason=text,
        message=text,
        read_version=st.none() | integers,
        version=st.none() | integers,
        quantity=st.none() | integers,
        capacity=st.none() | capacities,
        scheduled_ns=integers,
        sent_ns=integers,
        received_ns=integers,
        ended_ns=integers,
    ),
    st.builds(
        OrderEnded,
        round=integers,
        order_id=text,
        product_id=text,
        units=integers,
        reason=text,
        message=text,
        attempts=integers,
        scheduled_ns=integers,
        ended_ns=integers,
    ),
    st.builds(RoundEnded, round=integers, product_id=text, product=st.none() | products, ended_ns=integers),
)


def write(path: Path, history: list[Event]) -> None:
    with HistoryWriter(path, "a-run") as writer:
        for event in history:
            writer(event)


@given(st.lists(events, max_size=8))
def test_every_event_survives_the_way_to_disk_and_back(history: list[Event]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "history.jsonl")
        write(path, history)
        assert list(read_history(path)) == history
        assert path.read_bytes().count(b"\n") == len(history) + 1


@given(st.lists(events, min_size=1, max_size=4), st.data())
def test_a_run_cut_anywhere_keeps_all_whole_lines(history: list[Event], data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "history.jsonl")
        write(path, history)
        whole = path.read_bytes()
        header = whole.index(b"\n") + 1
        kept = data.draw(st.integers(header, len(whole)))
        path.write_bytes(whole[:kept])
        lines = whole[:kept].count(b"\n") - 1
        assert list(read_history(path)) in (history[:lines], history[: lines + 1])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_stored_round_is_judged_as_it_was_live(strategy: str, tmp_path: Path) -> None:
    live = one_round(strategy)
    write(tmp_path / "history.jsonl", live)
    assert judge(read_history(tmp_path / "history.jsonl")) == judge(live)


def test_flushed_events_are_in_the_file_while_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = one_round()
    with HistoryWriter(path, "a-run") as writer:
        for event in history:
            writer(event)
        writer.flush()
        assert list(read_history(path)) == history


def waits(number: int) -> InFlight:
    return InFlight(1, f"1-{number}", "p#4", 1, Kind.WRITE, 1, None, number)


def test_what_is_in_flight_comes_before_the_events_of_its_batch(tmp_path: Path) -> None:
    path, history = tmp_path / "history.jsonl", one_round(units=(1,) * 400)
    batches = iter(
        [[], [waits(1), waits(2)], [waits(3)], [waits(4)]]
    )  # the first is the header's, the third a full one
    with HistoryWriter(path, "a-run", in_flight=lambda: next(batches)) as writer:
        for event in history[:5]:
            writer(event)
        writer.flush()
        for event in history[5:600]:
            writer(event)
    assert list(read_history(path)) == [
        history[0],
        *(waits(1), waits(2), *history[1:5]),
        *(waits(3), *history[5:517]),
        *(waits(4), *history[517:600]),
    ]


def test_what_is_in_flight_comes_after_the_beginning_of_its_round(tmp_path: Path) -> None:
    shop = Shop(2)
    for _ in range(2):
        shop.round("conditional", (1, 1))
    (second,) = [n for n, event in enumerate(shop.events) if isinstance(event, RoundStarted) and event.round == 2]
    path, later = tmp_path / "history.jsonl", replace(waits(9), round=2)
    batches = iter([[], [waits(1)], [later]])
    with HistoryWriter(path, "a-run", in_flight=lambda: next(batches)) as writer:
        for n, event in enumerate(shop.events):
            if n == 3:
                writer.flush()
            writer(event)
    first, *rest = shop.events
    assert list(read_history(path)) == [first, waits(1), *rest[:second], later, *rest[second:]]


HEADER = f'{{"type":"history","schema":"{SCHEMA}","run_id":"a","unix_ns":1,"monotonic_ns":1}}\n'.encode()
END = b'{"type":"round_ended","round":1,"product_id":"p","product":null,"ended_ns":9}\n'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(END, f"does not begin with the header of a {SCHEMA}", id="no header"),
        pytest.param(
            HEADER.replace(b"/1", b"/9") + END, f"is a loadtest.history/9, not a {SCHEMA}", id="another schema"
        ),
        pytest.param(b"rubbish\n", "line 1", id="rubbish"),
        pytest.param(b"\xff\xfe\n", "line 1", id="not text"),
        pytest.param(HEADER[:20], "line 1", id="half a header"),
        pytest.param(HEADER + END[:20] + b"\n" + END, "line 2", id="a broken line in the middle"),
        pytest.param(HEADER + END + b'{"type":"coffee"}\n', "line 3: .*coffee", id="an unknown event"),
        pytest.param(HEADER + END.replace(b"9", b'"late"'), "line 2: .*ended_ns", id="a wrong type"),
        pytest.param(b"", "header", id="an empty file"),
    ],
)
def test_a_file_that_is_no_history_is_refused_in_one_line(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says) as refused:
        list(read_history(path))
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_history_that_is_not_there_is_a_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        list(read_history(tmp_path / "history.jsonl"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text("mine")
    with pytest.raises(UsageError, match="File exists"):
        HistoryWriter(path, "a-run")
    assert path.read_text() == "mine"


def test_a_missing_folder_is_a_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        HistoryWriter(tmp_path / "gone" / "history.jsonl", "a-run")


def append_much(writer: HistoryWriter) -> None:
    for event in one_round(units=(1,) * 500):
        writer(event)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[HistoryWriter]:
    """A history with an event that is not yet in the file."""
    made = HistoryWriter(tmp_path / "history.jsonl", "a-run")
    made(RoundEnded(1, "p#4", None, 0))
    yield made
    made.__exit__(None, None, None)


def end(writer: HistoryWriter, error: BaseException | None = None) -> None:
    writer.__exit__(type(error) if error else None, error, None)


@pytest.mark.parametrize("act", [append_much, HistoryWriter.flush, end])
def test_a_full_disk_is_said_in_words(act: Callable[[HistoryWriter], None], writer: HistoryWriter) -> None:
    with full_disk(), pytest.raises(LoadTestError, match=r"cannot write the history .* File too large"):
        act(writer)


def test_a_disk_that_is_full_from_the_start_is_said_in_words(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(LoadTestError, match="cannot write the history"):
        HistoryWriter(tmp_path / "history.jsonl", "a-run")


def test_a_disk_that_has_room_again_gets_no_event_after_a_lost_one(tmp_path: Path) -> None:
    """A hole in the middle would make orders vanish; a history that ends is only cut."""
    path, events = tmp_path / "history.jsonl", one_round(units=(1,) * 500)
    writer = HistoryWriter(path, "a-run")
    with full_disk(), pytest.raises(LoadTestError):
        append_much(writer)
    with pytest.raises(LoadTestError, match="cannot write the history"):
        writer(events[-1])
    with pytest.raises(LoadTestError, match="cannot write the history"):
        writer.flush()
    end(writer)
    kept = list(read_history(path))
    assert kept == events[: len(kept)]
    assert len(kept) < len(events)


@pytest.mark.parametrize("room", [0, 1, 100, 200, 1_000, 20_000, 10**9])
def test_what_the_disk_refused_is_what_the_file_does_not_have(room: int, tmp_path: Path) -> None:
    path, events = tmp_path / "history.jsonl", one_round(units=(1,) * 500)
    told = iter([[], [waits(1), waits(2)]])
    writer = HistoryWriter(path, "a-run", in_flight=lambda: next(told, []))
    with full_disk(path.stat().st_size + room):
        for event in events:
            with suppress(LoadTestError):
                writer(event)
        with suppress(LoadTestError):
            writer.flush()
    there, refused = path.read_bytes(), writer.unwritten()
    end(writer)
    assert path.read_bytes() == there
    _, *lines = there.rpartition(b"\n")[0].splitlines()
    assert [msgspec.json.decode(line, type=Event) for line in [*lines, *refused.splitlines()]] == [
        events[0],
        *(waits(1), waits(2)),
        *events[1:],
    ]


def test_a_full_disk_does_not_hide_the_error_that_ended_the_run(writer: HistoryWriter) -> None:
    with full_disk():
        end(writer, KeyboardInterrupt())
