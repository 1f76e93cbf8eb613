import csv
import io
import math
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from loadtest.checker import Status
from loadtest.errors import UsageError
from loadtest.records import json_file
from loadtest.records.hdr import HIGHEST_NS
from loadtest.records.report import Checked, Latency, ReportedVerdict, read
from loadtest.render.export.exponential import Exponential, exponential
from loadtest.render.export.hlog import hlog
from loadtest.render.export.opentelemetry import metrics_data, push
from loadtest.render.export.prometheus import newest, prometheus
from loadtest.render.export.tables import csv_tables, guarded
from loadtest.system.foreign_text import visible
from tests.helpers.exported_reports import ACCEPTED, ORDER, READ, REJECTED, configured, figures, report

RUN = report()
DAMAGED = replace(ACCEPTED, hdr=ACCEPTED.hdr[:-8])
RUNS = [configured("version", 10), configured("version", 100), configured("conditional", 10)]

texts = st.text() | st.text("=+-@'\t\r\n\",;\x00 a")


def rows(table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table, newline=""), strict=True))


@given(texts)
@example("=HYPERLINK(A1)")
@example("'=1")
@example("\r\n")
def test_any_text_of_a_cell_is_read_back_as_it_can_be_seen(text: str) -> None:
    run = report(run_id=text, verdict=ReportedVerdict(Status.SAFE, text, [], []))
    (row,) = rows(csv_tables([run])["runs.csv"])
    for name in ("run_id", "sentence"):
        assert row[name].removeprefix("'") == visible(text) if row[name].startswith("'") else row[name] == visible(text)
        assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (row["command"], row["own_share"]) == ("race", "0.3631")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", " =", "'"])
def test_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(start: str) -> None:
    assert guarded(f"{start}1") == f"'{start}1"
    assert guarded(f"a{start}1") == f"a{start}1"


def test_a_negative_number_is_no_text() -> None:
    (row,) = rows(csv_tables([replace(RUN, goodput_per_s=-0.5)])["runs.csv"])
    assert row["goodput_per_s"] == "-0.5"


def test_a_run_is_a_row() -> None:
    first, last = rows(csv_tables([RUN, report(order_ms={}, stopped_by="SIGINT", completed=False)])["runs.csv"])
    assert first["run_id"] == RUN.run_id
    assert first["started_at"] == "2026-11-23T07:42:22+00:00"
    assert [first[name] for name in ("command", "strategy", "target", "concurrency", "rate")] == [
        "race",
        "version",
        "embedded",
        "100",
        "",
    ]
    assert [first[name] for name in ("verdict", "placed", "accepted", "rejected", "warm_up")] == [
        "safe",
        "2001",
        "1",
        "2000",
        "5",
    ]
    assert [first[name] for name in ("goodput_per_s", "usd_per_1000_accepted", "usd", "thresholds_crossed")] == [
        "0.4",
        "1.25",
        "0.00125",
        "1",
    ]
    assert (first["accepted_p50_ms"], first["rejected_p50_ms"], first["completed"]) == (repr(ORDER.p50), "", "true")
    assert (last["accepted_p50_ms"], last["completed"], last["stopped_by"]) == ("", "false", "SIGINT")


def test_a_second_is_a_row_and_what_only_some_have_is_empty_in_the_others() -> None:
    first, last = rows(csv_tables([RUN])["per_second.csv"])
    assert (first["run_id"], first["second"], last["second"], first["read_units"]) == (RUN.run_id, "0", "1", "5.5")
    assert (first["response.accepted.p99_ms"], last["response.accepted.p99_ms"]) == ("4.5", "")
    assert (first["service.write.rejected.count"], last["service.write.rejected.count"]) == ("", "8")


def test_each_histogram_is_a_row() -> None:
    found = {(row["time"], row["kind"], row["outcome"]): row for row in rows(csv_tables([RUN])["latency.csv"])}
    assert list(found) == [
        ("service", "read", "accepted"),
        ("service", "write", "accepted"),
        ("service", "write", "rejected"),
        ("response", "write", "accepted"),
        ("order", "", "accepted"),
    ]
    row = found["service", "write", "rejected"]
    assert float(row["p99.9_ms"]) == REJECTED.p999
    assert float(row["mean_ms"]) == REJECTED.mean
    assert row["count"] == "2000"


def test_tables_without_rows_have_their_header() -> None:
    empty, full = csv_tables([]), csv_tables([report(per_second=[], latency_ms={}, response_ms={}, order_ms={})])
    assert empty["runs.csv"].splitlines()[0] == full["runs.csv"].splitlines()[0]
    assert empty["per_second.csv"] == full["per_second.csv"]
    assert empty["latency.csv"] == full["latency.csv"]
    assert all(table.endswith("\r\n") and table.count("\r\n") == 1 for table in empty.values())


def intervals(text: str, tmp_path: Path) -> dict[str, HdrHistogram]:
    path = tmp_path / "a.hlog"
    path.write_text(text)
    reader = HistogramLogReader(str(path), HdrHistogram(1, HIGHEST_NS, 3))
    found: dict[str, HdrHistogram] = {}
    while (interval := reader.get_next_interval_histogram()) is not None:
        found[interval.get_tag()] = interval
    reader.close()
    return found


def test_the_log_is_read_back_by_the_library(tmp_path: Path) -> None:
    found = intervals(hlog([RUN]), tmp_path)
    expected = {
        "service.read.accepted": READ,
        "service.write.accepted": ACCEPTED,
        "service.write.rejected": REJECTED,
        "response.write.accepted": ACCEPTED,
        "order.accepted": ORDER,
    }
    assert list(found) == list(expected)
    for tag, said in expected.items():
        assert found[tag].get_total_count() == said.count
        for percent, ms in ((50, said.p50), (90, said.p90), (99, said.p99), (99.9, said.p999), (100, said.max)):
            assert math.isclose(found[tag].get_value_at_percentile(percent) / 1e6, ms, rel_tol=0.001)
        assert found[tag].get_start_time_stamp() == 1795419742_000
        assert found[tag].get_end_time_stamp() == 1795419744_500


def test_the_log_has_the_header_of_its_format_and_the_maximum_in_milliseconds() -> None:
    lines = hlog([RUN]).splitlines()
    assert lines[1:5] == [
        "#[Histogram log format version 1.3]",
        "#[StartTime: 1795419742.000 (seconds since epoch), 2026-11-23T07:42:22+00:00]",
        "#[BaseTime: 1795419742.000 (seconds since epoch)]",
        '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
    ]
    assert lines[6].startswith("Tag=service.write.accepted,0.000,2.500000,3.046442,HIST")


def test_a_log_of_several_runs_is_in_the_order_of_their_start_and_tells_them_apart(tmp_path: Path) -> None:
    found = intervals(hlog([configured("version", 10, 24), configured("my own, new", 10, 23)]), tmp_path)
    starts = [interval.get_start_time_stamp() for interval in found.values()]
    assert starts == sorted(starts)
    assert next(iter(found)) == "my_own__new-10-23.service.read.accepted"
    assert list(found)[-1] == "version-10-24.order.accepted"
    assert starts[-1] - starts[0] == 24 * 3600 * 1000


def test_a_log_of_nothing_is_a_header(tmp_path: Path) -> None:
    assert intervals(hlog([]), tmp_path) == {}
    assert intervals(hlog([report(latency_ms={}, response_ms={}, order_ms={})]), tmp_path) == {}


@pytest.mark.parametrize(
    "broken",
    [DAMAGED, replace(ACCEPTED, hdr=""), replace(ACCEPTED, hdr="HISTé"), replace(ACCEPTED, count=2)],
    ids=["cut", "empty", "no base64", "another count"],
)
def test_a_damaged_histogram_is_refused(broken: Latency) -> None:
    with pytest.raises(UsageError, match="a report has a "):
        hlog([report(order_ms={"accepted": broken})])
    with pytest.raises(UsageError, match="a report has a "):
        exponential(broken)


def test_a_start_that_is_no_time_is_refused() -> None:
    with pytest.raises(UsageError, match="'at dawn' is no time"):
        csv_tables([report(started_at="at dawn")])


def samples(text: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(text: str, name: str, **labels: str) -> float:
    (found,) = [one for one in samples(text) if one.name == name and labels.items() <= one.labels.items()]
    return float(found.value)


def test_prometheus_gets_what_the_report_says() -> None:
    text = prometheus([RUN])
    assert value(text, "loadtest_orders_total", outcome="rejected") == 2_000
    assert value(text, "loadtest_orders_rejected_total", reason="sold_out") == 10
    assert value(text, "loadtest_operations_total", kind="read", outcome="accepted") == 5
    assert value(text, "loadtest_goodput_per_second") == 0.4
    assert value(text, "loadtest_verdict", status="safe") == 1
    assert value(text, "loadtest_verdict", status="violated") == 0
    assert value(text, "loadtest_threshold_holds", threshold="conflicts < 1%") == 1
    assert value(text, "loadtest_threshold_value", threshold="order.accepted.p99 < 200ms") == 250
    assert value(text, "loadtest_capacity_units_total", access="read") == 2.5
    assert value(text, "loadtest_capacity_reported_ratio") == 0.25
    assert value(text, "loadtest_cost_usd_per_1000_accepted") == 1.25
    assert value(text, "loadtest_client_cpu_seconds_total") == 0.4
    assert value(text, "loadtest_started_timestamp_seconds") == 1795419742
    latencies = {"kind": "write", "outcome": "rejected"}
    assert value(text, "loadtest_service_time_seconds", **latencies, quantile="0.99") == round(REJECTED.p99 / 1e3, 9)
    assert value(text, "loadtest_service_time_seconds", **latencies, quantile="1") == round(REJECTED.max / 1e3, 9)
    assert value(text, "loadtest_service_time_seconds_count", **latencies) == 2_000
    assert math.isclose(value(text, "loadtest_service_time_seconds_sum", **latencies), REJECTED.mean * 2)
    assert value(text, "loadtest_order_time_seconds", outcome="accepted", quantile="0.5") == ORDER.p50 / 1e3


def test_each_family_comes_once_with_the_samples_of_all_runs() -> None:
    families = list(text_string_to_metric_families(prometheus(RUNS)))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.name.startswith("loadtest_")
        assert family.type in {"counter", "gauge", "summary"}
        assert family.documentation.endswith(".")
        assert len({(one.name, *sorted(one.labels.items())) for one in family.samples}) == len(family.samples)
        assert len(family.samples) % len(RUNS) == 0


def test_a_threshold_given_twice_is_one_sample() -> None:
    text = prometheus([replace(RUN, thresholds=[*RUN.thresholds, *RUN.thresholds])])
    assert text == prometheus([RUN])


def test_what_there_is_not_has_no_sample() -> None:
    text = prometheus([report(thresholds=[Checked("a", True, None, "")], config={}, environment={})])
    assert "loadtest_threshold_value" not in text
    assert 'loadtest_threshold_holds{command="race",threshold="a"} 1\n' in text
    assert prometheus([]) == ""


def test_of_runs_with_equal_settings_the_newest_is_taken() -> None:
    old, new, other = configured("version", 10, 1), configured("version", 10, 9), configured("version", 20, 2)
    assert newest([old, other, new]) == newest([new, other, old]) == [new, other]
    assert prometheus([new, old, other]) == prometheus([new, other])


@given(texts | st.text('\\n"{},=# é'))
@example('a\\"b\\\nc\\n')
def test_any_text_of_a_label_is_read_back_as_it_can_be_seen(text: str) -> None:
    run = report(config={"strategy": text}, thresholds=[Checked(text, True, 1.5, "")])
    for sample in samples(prometheus([run])):
        assert sample.labels["strategy"] == visible(text)
        assert sample.labels.get("threshold", visible(text)) == visible(text)


def bounds(made: Exponential) -> list[tuple[float, float, int]]:
    base = 2 ** (2.0**-made.scale)
    numbered = enumerate(made.counts, made.offset)
    return [(base**index, base ** (index + 1), count) for index, count in numbered]


latencies = st.lists(st.floats(0, 3_600_000) | st.floats(0.05, 50), min_size=1, max_size=60)


@given(latencies)
@example([0.0])
@example([0.0, 3_600_000.0])
@example([0.000001])
def test_exponential_buckets_hold_every_value_where_it_belongs(milliseconds: list[float]) -> None:
    said = figures(milliseconds)
    made = exponential(said)
    assert sum(made.counts) + made.zeros == said.count
    assert len(made.counts) <= 160
    seconds = sorted(round(ms * 1e6) / 1e9 for ms in milliseconds)
    assert made.zeros == seconds.count(0)
    below = made.zeros
    for lower, upper, count in bounds(made):
        slack = 1.0011  # a bucket of HdrHistogram goes whole to one side of a bound
        assert sum(value <= lower / slack for value in seconds) <= below
        below += count
        assert below <= sum(value <= upper * slack for value in seconds)
    if made.counts:
        assert made.counts[0]
        assert made.counts[-1]
    finer = Exponential(made.scale + 1, 0, [], 0)
    base = 2 ** (2.0**-finer.scale)
    if made.scale < 8 and len(made.counts) > 2:
        positive = [value for value in seconds if value]
        assert math.log(positive[-1] / positive[0], base) > 158


def test_metrics_keep_the_percentiles() -> None:
    made = exponential(REJECTED)
    reached, wanted = 0, math.ceil(REJECTED.count * 0.99)
    for lower, upper, count in bounds(made):
        reached += count
        if reached >= wanted:
            assert lower * 0.999 <= REJECTED.p99 / 1e3 <= upper * 1.001
            return
    pytest.fail("the buckets hold less than the histogram")


def test_each_run_is_a_resource_of_its_own() -> None:
    made = metrics_data(RUNS)
    ids = [resource.resource.attributes["service.instance.id"] for resource in made.resource_metrics]
    assert ids == [run.run_id for run in RUNS]


@pytest.mark.parametrize(
    "url", ["127.0.0.1:4318", "collector", "ftp://a", "http://", "http://a:b", "http://a:0", "http://[", "http://:4318"]
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="http://localhost:4318"):
        push([RUN], url)


def test_no_url_at_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        push([RUN])


def test_reports_survive_their_way_to_disk(tmp_path: Path) -> None:
    json_file.write(tmp_path / "report.json", json_file.encode(RUN))
    back = read(tmp_path / "report.json")
    assert csv_tables([back]) == csv_tables([RUN])
    assert hlog([back]) == hlog([RUN])
    assert prometheus([back]) == prometheus([RUN])
