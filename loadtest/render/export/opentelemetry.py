"""Reports as OpenTelemetry metrics, over OTLP/HTTP. Needs the extra `otel`."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import loadtest
from loadtest.errors import LoadTestError, UsageError
from loadtest.records.report import Latency, Report
from loadtest.render.export.exponential import exponential
from loadtest.render.export.metrics import METRICS, Kind, Labels, Numbers, Times, seconds
from loadtest.render.export.runs import settings, started
from loadtest.system.extras import require
from loadtest.system.foreign_text import visible

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import ExponentialHistogramDataPoint, Metric, MetricsData, ResourceMetrics

_EXPORTER_LOG = "opentelemetry.exporter.otlp.proto.http.metric_exporter"


def push(reports: Sequence[Report], endpoint: str | None = None, timeout_s: float | None = None) -> None:
    """Send the metrics of the runs to a collector, retrying for as long as the timeout lets.

    `endpoint` is a base URL, `http://localhost:4318`: `/v1/metrics` is added to it if it does not end so. Without it,
    and for headers, certificates, compression and timeout (10 s), the variables OTEL_EXPORTER_OTLP_… say. Raises
    UsageError if the extra is not installed or the URL cannot be used, LoadTestError if the collector does not answer
    or does not take everything.
    """
    require("--otlp", "otel")
    import requests
    from google.protobuf.message import DecodeError
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

    answers: list[Any] = []

    class Session(requests.Session):
        """Remembers what came back: the exporter only logs it."""

        def request(self, *arguments: Any, **options: Any) -> requests.Response:
            try:
                answer = super().request(*arguments, **options | {"allow_redirects": False})
            except Exception as error:
                answers.append(error)
                raise
            answers.append(answer)
            return answer

    url = metrics_url(endpoint)
    data = metrics_data(reports)
    with _quiet():
        try:
            exporter = OTLPMetricExporter(endpoint=url, timeout=timeout_s, session=Session())
        except ValueError as error:  # some releases refuse a variable's value, others warn and use their default
            raise UsageError(f"a variable OTEL_EXPORTER_OTLP_… cannot be used: {error}") from error
        exporter.export(data)
        exporter.shutdown()
    shown, answer = _without_secrets(url), answers[-1] if answers else None
    if not isinstance(answer, requests.Response):
        raise LoadTestError(f"no answer from a collector at {shown}: {_why(answer)}")
    if not 200 <= answer.status_code < 300:
        raise LoadTestError(f"the collector at {shown} refused the metrics: {answer.status_code} {answer.reason}")
    try:
        partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    except DecodeError as error:
        raise LoadTestError(f"what answers at {shown} is no OTLP collector; check the URL") from error
    if partial.rejected_data_points:
        raise LoadTestError(
            f"the collector at {shown} refused {partial.rejected_data_points} data points: {partial.error_message}"
        )


def metrics_data(reports: Sequence[Report]) -> "MetricsData":
    """The metrics of each run as those of one resource, whose `service.instance.id` is the run's id.

    Counts are cumulative from the run's start; a point's time is the run's end.
    """
    from opentelemetry.sdk.metrics.export import MetricsData

    return MetricsData([_resource(report) for report in reports])


def _resource(report: Report) -> "ResourceMetrics":
    from opentelemetry.sdk.metrics.export import ResourceMetrics, ScopeMetrics
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    attributes = {"service.name": "loadtest", "service.instance.id": visible(report.run_id)}
    if version := report.environment.get("loadtest"):
        attributes["service.version"] = visible(str(version))
    metrics = [made for metric in METRICS if (made := _metric(metric, report))]
    scope = InstrumentationScope("loadtest", loadtest.__version__)
    return ResourceMetrics(Resource(attributes), [ScopeMetrics(scope, metrics, "")], "")


def _metric(metric: Numbers | Times, report: Report) -> "Metric | None":
    from opentelemetry.sdk.metrics.export import (
        AggregationTemporality,
        ExponentialHistogram,
        Gauge,
        Metric,
        NumberDataPoint,
        Sum,
    )

    said, (start_ns, end_ns) = settings(report), _interval_ns(report)
    cumulative = AggregationTemporality.CUMULATIVE
    data: ExponentialHistogram | Gauge | Sum
    if isinstance(metric, Times):
        data = ExponentialHistogram(
            [_distribution(said | labels, start_ns, end_ns, figures) for labels, figures in metric.samples(report)],
            cumulative,
        )
    else:
        points = [
            NumberDataPoint(_attributes(said | labels), start_ns, end_ns, value + 0)  # + 0: a bool is sent as 0 or 1
            for labels, value in metric.samples(report)
            if value is not None
        ]
        data = Sum(points, cumulative, is_monotonic=True) if metric.kind is Kind.COUNTER else Gauge(points)
    return Metric(f"loadtest.{metric.name}", metric.help, metric.unit, data) if data.data_points else None


def _attributes(labels: Labels) -> dict[str, str]:
    return {name: visible(text) for name, text in labels.items()}


def _distribution(labels: Labels, start_ns: int, end_ns: int, figures: Latency) -> "ExponentialHistogramDataPoint":
    from opentelemetry.sdk.metrics.export import Buckets, ExponentialHistogramDataPoint

    buckets = exponential(figures)
    return ExponentialHistogramDataPoint(
        attributes=_attributes(labels),
        start_time_unix_nano=start_ns,
        time_unix_nano=end_ns,
        count=figures.count,
        sum=seconds(figures.mean * figures.count),
        scale=buckets.scale,
        zero_count=buckets.zeros,
        positive=Buckets(buckets.offset, buckets.counts),
        negative=Buckets(0, []),
        flags=0,
        min=seconds(figures.min),
        max=seconds(figures.max),
    )


def _interval_ns(report: Report) -> tuple[int, int]:
    start_ns = round(started(report).timestamp() * 1e6) * 1000
    return start_ns, start_ns + round(report.duration_s * 1e9)


def metrics_url(endpoint: str | None) -> str:
    """Where metrics go, in full. Raises UsageError if that is no URL, or nothing says where."""
    whole = None if endpoint else os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
    base = endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if not (whole or base):
        raise UsageError("no collector to send to: give its URL, or set OTEL_EXPORTER_OTLP_ENDPOINT")
    try:
        parts = urlsplit(whole or base or "")
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError("the collector's URL cannot be used; it should be like http://localhost:4318")
    path = parts.path
    if not whole and not path.rstrip("/").endswith("/v1/metrics"):
        path = f"{path.rstrip('/')}/v1/metrics"
    return urlunsplit(parts._replace(path=path))


def _why(error: Exception | None) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted; OTEL_EXPORTER_OTLP_CERTIFICATE names one that is"
    if isinstance(error, requests.ConnectionError):
        return "is it running?"
    return f"{type(error).__name__}: {error}" if error else "the request could not be made"


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what the exporter logs: the error says it in one line."""
    log = logging.getLogger(_EXPORTER_LOG)
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
