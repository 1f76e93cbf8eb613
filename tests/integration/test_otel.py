"""OTLP over HTTP into a collector of a few lines, which says what it was sent."""

import gzip
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from loadtest.errors import LoadTestError
from loadtest.records import json_file
from loadtest.records.report import Latency, Report
from loadtest.render.export.opentelemetry import push
from tests.conftest import Cli, free_port
from tests.helpers.exported_reports import ACCEPTED, ORDER, READ, REJECTED, configured, report

RUN = report()
BASE = {"command": "race", "strategy": "version", "target": "embedded", "concurrency": "100"}


@dataclass
class Collector:
    """Answers `status` and `body` to each request, which it keeps."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    url: str = ""
    paths: list[str] = field(default_factory=list)
    asked_with: list[dict[str, str]] = field(default_factory=list)
    requests: list[ExportMetricsServiceRequest] = field(default_factory=list)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                sent = gzip.decompress(sent)
            made.paths.append(self.path)
            made.asked_with.append({name.lower(): value for name, value in self.headers.items()})
            made.requests.append(ExportMetricsServiceRequest.FromString(sent))
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(made.body)))
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the server's own name for it
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "METRICS_ENDPOINT", "HEADERS", "TIMEOUT", "COMPRESSION"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{name}", raising=False)


def attributes(of: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in of.attributes}


def metrics(collector: Collector, run: int = 0) -> dict[str, Metric]:
    (request,) = collector.requests
    (scope,) = request.resource_metrics[run].scope_metrics
    assert scope.scope.name == "loadtest"
    return {metric.name: metric for metric in scope.metrics}


def values(metric: Metric, label: str) -> dict[str, float]:
    points = (metric.sum if metric.HasField("sum") else metric.gauge).data_points
    return {
        attributes(point).get(label, ""): getattr(point, str(point.WhichOneof("value")))  # as_int or as_double
        for point in points
    }


def test_the_figures_arrive(collector: Collector) -> None:
    push([RUN], collector.url)
    assert collector.paths == ["/v1/metrics"]
    said = metrics(collector)
    assert values(said["loadtest.orders"], "outcome") == {
        "accepted": 1,
        "rejected": 2_000,
        "throttled": 0,
        "failed": 0,
        "unknown": 0,
    }
    assert said["loadtest.orders"].sum.is_monotonic
    assert (
        said["loadtest.orders"].sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    )
    assert values(said["loadtest.goodput"], "") == {"": 0.4}
    assert said["loadtest.goodput"].unit == "{order}/s"
    assert values(said["loadtest.verdict"], "status") == {"safe": 1, "violated": 0, "inconclusive": 0}
    assert values(said["loadtest.capacity_units"], "access") == {"read": 2.5, "write": 2_001}
    assert values(said["loadtest.threshold_holds"], "threshold") == {
        "order.accepted.p99 < 200ms": 0,
        "conflicts < 1%": 1,
    }


def test_points_carry_the_time_and_the_settings_of_the_run(collector: Collector) -> None:
    push([RUN], collector.url)
    for metric in metrics(collector).values():
        for point in getattr(metric, str(metric.WhichOneof("data"))).data_points:
            assert BASE.items() <= attributes(point).items()
            start_ns = 0 if metric.HasField("gauge") else 1795419742_000_000_000
            assert point.start_time_unix_nano == start_ns
            assert point.time_unix_nano == 1795419744_500_000_000


@pytest.mark.parametrize(
    ("name", "labels", "figures"),
    [
        ("service_time", {"kind": "write", "outcome": "rejected"}, REJECTED),
        ("service_time", {"kind": "read", "outcome": "accepted"}, READ),
        ("response_time", {"kind": "write", "outcome": "accepted"}, ACCEPTED),
        ("order_time", {"outcome": "accepted"}, ORDER),
    ],
)
def test_latencies_arrive_as_distributions(
    name: str, labels: dict[str, str], figures: Latency, collector: Collector
) -> None:
    push([RUN], collector.url)
    metric = metrics(collector)[f"loadtest.{name}"]
    assert metric.unit == "s"
    (point,) = [one for one in metric.exponential_histogram.data_points if attributes(one) == BASE | labels]
    assert point.count == figures.count == sum(point.positive.bucket_counts) + point.zero_count
    assert math.isclose(point.sum, figures.mean * figures.count / 1e3)
    assert (point.min, point.max) == (round(figures.min / 1e3, 9), round(figures.max / 1e3, 9))
    base, wanted, reached = 2 ** (2.0**-point.scale), figures.count / 2, point.zero_count
    for index, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        reached += count
        if reached >= wanted:
            assert base**index * 0.999 <= figures.p50 / 1e3 <= base ** (index + 1) * 1.001
            break


def test_several_runs_arrive_in_one_request(collector: Collector) -> None:
    runs = [configured("version", 10), configured("conditional", 20)]
    push(runs, collector.url)
    (request,) = collector.requests
    resources = [attributes(one.resource) for one in request.resource_metrics]
    assert [one["service.instance.id"] for one in resources] == [run.run_id for run in runs]
    assert {one["service.name"] for one in resources} == {"loadtest"}
    points = metrics(collector, 1)["loadtest.orders"].sum.data_points
    assert {attributes(point)["strategy"] for point in points} == {"conditional"}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("{}", "/v1/metrics"),
        ("{}/", "/v1/metrics"),
        ("{}/api/v1/otlp", "/api/v1/otlp/v1/metrics"),
        ("{}/v1/metrics", "/v1/metrics"),
    ],
)
def test_a_base_url_gets_the_path_of_metrics(given: str, path: str, collector: Collector) -> None:
    push([RUN], given.format(collector.url))
    assert collector.paths == [path]


def test_the_variables_of_opentelemetry_are_respected(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"{collector.url}/base")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    push([RUN])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{collector.url}/whole")
    push([RUN])
    assert collector.paths == ["/base/v1/metrics", "/whole"]
    assert collector.asked_with[0]["authorization"] == "Bearer abc"
    assert len(collector.requests) == 2


Doctor = Callable[[Collector], None]


def refuses(status: int, **headers: str) -> Doctor:
    def doctor(collector: Collector) -> None:
        collector.status, collector.headers = status, headers

    return doctor


def answers(body: bytes) -> Doctor:
    def doctor(collector: Collector) -> None:
        collector.body = body

    return doctor


PARTIAL = ExportMetricsServiceResponse(
    partial_success=ExportMetricsPartialSuccess(rejected_data_points=3, error_message="too old")
)


@pytest.mark.parametrize(
    ("doctor", "says"),
    [
        pytest.param(refuses(404), "refused the metrics: 404 Not Found", id="404"),
        pytest.param(refuses(503), "refused the metrics: 503 Service Unavailable", id="503"),
        pytest.param(refuses(302, Location="/login"), "refused the metrics: 302 Found", id="redirect"),
        pytest.param(answers(b"<html>Welcome</html>"), "is no OTLP collector; check the URL", id="web page"),
        pytest.param(answers(PARTIAL.SerializeToString()), "refused 3 data points: too old", id="in part"),
    ],
)
def test_a_collector_that_does_not_take_it_all(
    doctor: Doctor, says: str, collector: Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    doctor(collector)
    with pytest.raises(LoadTestError, match=says) as refused:
        push([RUN], f"{collector.url.replace('http://', 'http://me:hunter2@')}?key=hunter2", timeout_s=0.5)
    assert refused.value.exit_code == 3
    assert "hunter2" not in str(refused.value)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_collector_that_is_down() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(LoadTestError, match=rf"no answer from a collector at {url}/v1/metrics: is it running\?$"):
        push([RUN], url, timeout_s=0.5)


def exported(cli: Cli, folder: Path, run: Report, *arguments: str, **environment: str) -> Any:
    (folder / "runs" / run.run_id).mkdir(parents=True, exist_ok=True)
    json_file.write(folder / "runs" / run.run_id / "report.json", json_file.encode(run))
    return cli("export", f"runs/{run.run_id}", *arguments, **environment)


def test_the_command_sends_to_the_url_or_to_that_of_the_environment(
    cli: Cli, tmp_path: Path, collector: Collector
) -> None:
    done = exported(cli, tmp_path, RUN, "--otlp", collector.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "sent the metrics of 1 run\n")
    done = exported(cli, tmp_path, RUN, "--otlp", "env", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    assert done.returncode == 0
    assert len(collector.requests) == 2


def test_the_command_says_in_one_line_that_nobody_answers(cli: Cli, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = exported(cli, tmp_path, RUN, "--otlp", url, OTEL_EXPORTER_OTLP_TIMEOUT="0.3")
    assert done.returncode == 3
    assert done.stderr == f"loadtest: no answer from a collector at {url}/v1/metrics: is it running?\n"
