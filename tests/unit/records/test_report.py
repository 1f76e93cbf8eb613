import json
import math
import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Checker, Power, Status, Violation
from loadtest.errors import LoadTestError, UsageError
from loadtest.events import Event
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.histogram import Histogram, latency
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import summarize
from loadtest.records.json_file import encode, write
from loadtest.records.problems import Problem
from loadtest.records.report import (
    SCHEMA,
    Arrivals,
    Capacity,
    Checked,
    Client,
    Latency,
    Lateness,
    Orders,
    Percentiles,
    Report,
    ReportedVerdict,
    Rounds,
    Second,
    SendSpread,
    Stock,
    Work,
    Worst,
    read,
)
from loadtest.workload.spec import Load, Race
from tests.helpers.examples import examples
from tests.helpers.memory_table import full_disk
from tests.helpers.shop_events import one_round

MORNING = datetime(2026, 11, 23, 6, 13, 59, tzinfo=UTC)


def report_of(
    events: list[Event],
    started_at: datetime = MORNING,
    stopped_by: str | None = None,
    plan: Race | Load = Race(seed=7),  # noqa: B008 - a frozen value
) -> Report:
    recorder, checker = Recorder(), Checker()
    for event in events:
        recorder(event)
        checker(event)
    return summarize(
        recorder,
        checker.verdict(),
        ClientOverhead("wire", "kernel"),
        plan,
        run_id="a-run",
        started_at=started_at,
        stopped_by=stopped_by,
        environment={"cpus": 2},
    )


RACE = report_of(one_round())

text = st.text(max_size=20)
counts = st.integers(0, 2**53)
floats = st.floats(allow_nan=False, allow_infinity=False)
objects = st.dictionaries(
    text, st.none() | st.booleans() | counts | text | st.lists(text) | st.dictionaries(text, counts)
)
latencies = st.builds(Latency, counts, *[floats] * 7, hdr=text)
latenesses = st.builds(Lateness, *[floats] * 3)
percentiles = st.builds(Percentiles, counts, *[floats] * 3)
worsts = st.builds(Worst, *[text] * 3, counts, floats)
reports = st.builds(
    Report,
    schema=st.just(SCHEMA),
    command=st.sampled_from(["race", "load"]),
    run_id=text,
    started_at=text,
    verdict=st.builds(
        ReportedVerdict,
        sentence=text,
        reasons=st.lists(text),
        violations=st.lists(
            st.builds(
                Violation,
                kind=text,
                message=text,
                round=counts,
                product_id=text,
                orders=st.lists(text).map(tuple),
                orders_count=counts,
            )
        ),
    ),
    config=objects,
    environment=objects,
    orders=st.builds(
        Orders,
        *[counts] * 8,
        rejected_by_reason=st.dictionaries(text, counts),
        problems=st.lists(st.builds(Problem, counts, text, text, st.booleans())),
    ),
    rounds=st.builds(Rounds, count=counts, winners=st.dictionaries(counts, counts)),
    stock=st.dictionaries(text, st.builds(Stock, initial=counts, final=st.none() | counts, sold=st.none() | counts)),
    operations=st.dictionaries(text, st.dictionaries(text, counts)),
    latency_ms=st.dictionaries(text, st.dictionaries(text, latencies, max_size=2), max_size=2),
    response_ms=st.just({}),
    order_ms=st.dictionaries(text, latencies, max_size=2),
    arrivals=st.builds(Arrivals, text, counts, floats, floats, latenesses),
    work=st.builds(
        Work, *[st.none() | floats] * 2, *[counts] * 2, slowest=st.none() | worsts, most_tried=st.none() | worsts
    ),
    capacity=st.builds(Capacity, *[floats] * 4, st.none() | floats, *[floats] * 2, prices=text),
    thresholds=st.lists(
        st.builds(Checked, threshold=text, holds=st.booleans(), value=st.none() | floats, sentence=text), max_size=2
    ),
    per_second=st.lists(
        st.builds(
            Second,
            *[counts] * 13,
            read_units=floats,
            write_units=floats,
            response_ms=st.dictionaries(text, percentiles, max_size=2),
            service_ms=st.dictionaries(text, percentiles, max_size=2),
        ),
        max_size=2,
    ),
    client=st.builds(
        Client,
        *[text] * 2,
        served=st.dictionaries(text, st.dictionaries(text, counts)),
        fallbacks=st.dictionaries(text, counts),
        own_share=floats,
        loop_lag_ms=latenesses,
        cpu_s=floats,
        cpu_cores=floats,
        send_spread_ms=st.none() | st.builds(SendSpread, *[floats] * 2),
        bound=st.none() | text,
    ),
    duration_s=floats,
    goodput_per_s=floats,
    operations_per_s=floats,
)


@examples(8, 100)
@given(reports)
def test_a_report_survives_the_way_to_json_and_back(report: Report) -> None:
    assert msgspec.json.decode(encode(report), type=Report) == report


def test_a_report_survives_the_way_to_disk_and_back(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write(path, encode(RACE))
    assert read(path) == RACE
    assert path.read_bytes() == encode(RACE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_says_what_the_round_showed() -> None:
    assert RACE.orders == Orders(3, 1, 2, 0, 0, 0, 0, 0, {"conflict": 2}, [])
    assert RACE.rounds == Rounds(1, {1: 1})
    assert RACE.stock == {"p#4": Stock(1, 0, 1)}
    assert RACE.operations == {"read": {"accepted": 3}, "write": {"accepted": 1, "rejected": 2}}
    said = "1 of 3 orders won the last item; 2 were rejected: safe"
    # Of the two refused, one had been sent before the winner was answered.
    rate = RACE.verdict.power.excluded_rate
    power = Power(3, 2, accepted=1, contested=1, excluded_rate=rate, contested_rounds=1, excluded_share=rate)
    assert RACE.verdict == ReportedVerdict(Status.SAFE, said, [], [], power=power)
    assert power.excluded_rate == pytest.approx(0.95)
    assert (RACE.completed, RACE.stopped_by, RACE.started_at) == (True, None, "2026-11-23T06:13:59+00:00")


def test_a_report_says_what_the_round_cost() -> None:
    work, capacity = RACE.work, RACE.capacity
    assert (work.attempts_per_accepted, work.writes_per_accepted) == (3, 3)
    assert (work.wasted_writes, work.conflicts) == (2, 2)
    assert (capacity.read_units, capacity.write_units, capacity.reported) == (3, 3, 0)
    assert capacity.usd == pytest.approx(3 * 0.625e-6 + 3 * 0.125e-6)
    assert capacity.usd_per_1000_accepted == pytest.approx(1000 * capacity.usd)
    assert (RACE.arrivals.kind, RACE.arrivals.due, RACE.command, RACE.config["seed"]) == ("burst", 3, "race", 7)
    assert {outcome: figures.count for outcome, figures in RACE.order_ms.items()} == {"accepted": 1, "rejected": 2}


def test_a_report_of_a_run_that_was_stopped_is_not_completed() -> None:
    report = report_of(one_round()[:-1], stopped_by="SIGINT")
    assert (report.completed, report.stopped_by) == (False, "SIGINT")


def test_the_start_is_told_in_utc() -> None:
    elsewhere = MORNING.astimezone(timezone(timedelta(hours=-5)))
    assert report_of(one_round(), elsewhere) == RACE


def test_a_report_without_any_round_divides_nothing_by_zero() -> None:
    report = report_of([])
    assert (report.operations_per_s, report.goodput_per_s, report.duration_s) == (0, 0, 0)
    assert (report.latency_ms, report.order_ms, report.per_second) == ({}, {}, [])
    assert (report.work.attempts_per_accepted, report.work.slowest, report.capacity.usd_per_1000_accepted) == (
        None,
    ) * 3


def test_the_keys_of_a_latency_are_the_names_of_its_figures() -> None:
    document = json.loads(encode(RACE))
    figures = document["latency_ms"]["write"]["accepted"]
    assert list(figures) == ["count", "mean", "min", "p50", "p90", "p99", "p99.9", "max", "hdr"]


def test_latency_is_in_milliseconds_and_its_histogram_in_nanoseconds() -> None:
    histogram = Histogram()
    for microseconds in range(1, 2001):
        histogram.record(microseconds * 1000)
    figures = latency(histogram)
    assert (figures.count, figures.min, figures.max, figures.mean) == (2000, 0.001, 2.0, 1.0005)
    for value, expected in ((figures.p50, 1.0), (figures.p90, 1.8), (figures.p99, 1.98), (figures.p999, 1.998)):
        assert math.isclose(value, expected, rel_tol=0.001)
    assert HdrHistogram.decode(figures.hdr).get_total_count() == 2000


WITHOUT_ORDERS = {key: value for key, value in json.loads(encode(RACE)).items() if key != "orders"}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", f"is not a {SCHEMA}", id="empty"),
        pytest.param(b"rubbish", f"is not a {SCHEMA}", id="rubbish"),
        pytest.param(b"\xff\x00", f"is not a {SCHEMA}", id="not text"),
        pytest.param(b'{"schema":"\xff"}', f"is not a {SCHEMA}", id="not UTF-8"),
        pytest.param(b"[]", f"is not a {SCHEMA}", id="a list"),
        pytest.param(b"null", f"is not a {SCHEMA}", id="null"),
        pytest.param(b"[" * 100_000, f"is not a {SCHEMA}", id="a list too deep"),
        pytest.param(b'{"a":' * 100_000, f"is not a {SCHEMA}", id="an object too deep"),
        pytest.param(encode(RACE)[:-3], f"is not a {SCHEMA}", id="truncated by a little"),
        pytest.param(encode(RACE)[:100], f"is not a {SCHEMA}", id="truncated by much"),
        pytest.param(json.dumps(WITHOUT_ORDERS).encode(), "missing required field `orders`", id="a part is missing"),
        pytest.param(
            encode(replace(RACE, schema="loadtest.report/9")),
            "is a loadtest.report/9, not a",
            id="newer",
        ),
        pytest.param(b'{"schema":7}', "is a 7, not a", id="a number for a schema"),
        pytest.param(b"{}", f"not a {SCHEMA}", id="no schema"),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_one_line(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        read(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "missing.json"], ids=["a folder", "missing"])
def test_a_report_that_cannot_be_read_is_a_wrong_usage(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: (Is a directory|No such file or directory)$"):
        read(tmp_path / name)


@pytest.fixture
def old_report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text("the old one")
    return path


def test_a_report_replaces_an_older_one(old_report: Path) -> None:
    write(old_report, encode(RACE))
    assert read(old_report) == RACE


def test_a_full_disk_leaves_the_old_report_and_no_half_one(old_report: Path) -> None:
    with pytest.raises(LoadTestError, match=r"cannot write .*report.json: File too large$"), full_disk():
        write(old_report, encode(RACE))
    assert old_report.read_text() == "the old one"
    assert list(old_report.parent.iterdir()) == [old_report]


def test_a_report_that_is_no_json_leaves_the_old_one_and_no_half_one(old_report: Path) -> None:
    broken: dict[str, Any] = {"strategy": object()}
    with pytest.raises(TypeError):
        write(old_report, encode(replace(RACE, config=broken)))
    assert old_report.read_text() == "the old one"
    assert list(old_report.parent.iterdir()) == [old_report]


def test_a_folder_in_the_way_stays_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(LoadTestError, match=r"cannot write .*report.json: Is a directory$"):
        write(tmp_path / "report.json", encode(RACE))
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_missing_folder_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(LoadTestError, match=r"cannot write .*report.json: No such file or directory$"):
        write(tmp_path / "gone" / "report.json", encode(RACE))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["/dev/full", "/dev/null"])
def test_a_device_is_written_to_and_never_replaced(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", lambda *_: pytest.fail("replaced"))  # root could, and would miss the device
    link = tmp_path / "report.json"
    link.symlink_to(device)
    before = Path(device).stat()
    for path in (Path(device), link):
        if device == "/dev/full":
            with pytest.raises(LoadTestError, match=r"cannot write .*: No space left on device$"):
                write(path, b"new")
        else:
            write(path, b"new")
    after = Path(device).stat()
    assert stat.S_ISCHR(after.st_mode)
    assert (after.st_rdev, after.st_ino, after.st_mode) == (before.st_rdev, before.st_ino, before.st_mode)
    assert link.is_symlink()
    assert list(tmp_path.iterdir()) == [link]


def test_a_pipe_gets_the_whole_document_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)  # so that nobody waits for anybody
    try:
        write(pipe, b"new")
        assert os.read(reader, 99) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("old", [b"the old one", None])
@pytest.mark.parametrize("relative", [True, False])
def test_a_link_stays_one_and_what_it_points_to_is_replaced(old: bytes | None, relative: bool, tmp_path: Path) -> None:
    links, files = tmp_path / "links", tmp_path / "files"
    links.mkdir()
    files.mkdir()
    link, file = links / "report.json", files / "mine.json"
    link.symlink_to("../files/mine.json" if relative else file)
    if old is not None:
        file.write_bytes(old)
    write(link, b"new")
    assert link.is_symlink()
    assert (file.read_bytes(), file.is_symlink()) == (b"new", False)
    assert (list(links.iterdir()), list(files.iterdir())) == ([link], [file])


def test_a_full_disk_leaves_what_a_link_points_to(old_report: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(old_report)
    with pytest.raises(LoadTestError, match="File too large"), full_disk():
        write(link, b"x" * 1000)
    assert old_report.read_text() == "the old one"
    assert link.is_symlink()
    assert set(tmp_path.iterdir()) == {old_report, link}
