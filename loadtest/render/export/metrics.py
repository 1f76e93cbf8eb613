"""The metrics of a run, as Prometheus and OpenTelemetry both get them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from loadtest.checker import Status
from loadtest.records.report import Checked, Latency, Report
from loadtest.render.export.runs import OUTCOMES, started, times

Labels = dict[str, str]
Samples = Iterable[tuple[Labels, float | None]]
Described = tuple[str, str, str, Callable[[Report], Samples]]  # name, unit, help, samples


class Kind(StrEnum):
    """What a metric's values are: a count over the run, a figure, or a distribution of times."""

    COUNTER = "counter"
    GAUGE = "gauge"
    TIMES = "times"


@dataclass(frozen=True, slots=True)
class Numbers:
    """A metric of plain numbers. `name` is without prefix and unit, `unit` is in UCUM as OpenTelemetry writes it."""

    kind: Kind
    name: str
    unit: str
    help: str
    samples: Callable[[Report], Samples]


@dataclass(frozen=True, slots=True)
class Times:
    """A metric of latencies in seconds; `time` is one of `runs.times`."""

    name: str
    help: str
    time: str

    kind = Kind.TIMES
    unit = "s"

    def samples(self, report: Report) -> Iterable[tuple[Labels, Latency]]:
        """The histograms with their labels."""
        for time, kind, outcome, figures in times(report):
            if time == self.time:
                yield ({"kind": kind} if kind else {}) | {"outcome": outcome}, figures


def _one(of: Callable[[Report], float | None]) -> Callable[[Report], Samples]:
    return lambda report: [({}, of(report))]


def _operations(report: Report) -> Samples:
    for kind, outcomes in report.operations.items():
        for outcome, count in outcomes.items():
            yield {"kind": kind, "outcome": outcome}, count


def _thresholds(report: Report, of: Callable[[Checked], float | None]) -> Samples:
    values = {checked.threshold: of(checked) for checked in report.thresholds}  # one given twice is one series
    return [({"threshold": threshold}, value) for threshold, value in values.items()]


_COUNTERS: tuple[Described, ...] = (
    (
        "orders",
        "{order}",
        "Orders placed, by how they ended.",
        lambda report: [({"outcome": outcome}, getattr(report.orders, outcome)) for outcome in OUTCOMES],
    ),
    (
        "orders_rejected",
        "{order}",
        "Rejected orders by reason.",
        lambda report: [({"reason": reason}, count) for reason, count in report.orders.rejected_by_reason.items()],
    ),
    (
        "orders_dropped",
        "{order}",
        "Orders that were due but could not start: too many were under way.",
        _one(lambda report: report.orders.dropped),
    ),
    (
        "orders_warm_up",
        "{order}",
        "Orders that ended before the measuring began.",
        _one(lambda report: report.orders.warm_up),
    ),
    ("operations", "{operation}", "Requests by kind and outcome.", _operations),
    ("rounds", "{round}", "Rounds that ended.", _one(lambda report: report.rounds.count)),
    ("wasted_writes", "{write}", "Writes refused by a condition.", _one(lambda report: report.work.wasted_writes)),
    (
        "conflicts",
        "{write}",
        "Writes refused because another's came first.",
        _one(lambda report: report.work.conflicts),
    ),
    (
        "capacity_units",
        "{unit}",
        "Capacity units consumed, by reads and by writes.",
        lambda report: [
            ({"access": "read"}, report.capacity.read_units),
            ({"access": "write"}, report.capacity.write_units),
        ],
    ),
    ("client_cpu", "s", "CPU time of the load generator.", _one(lambda report: report.client.cpu_s)),
)

_GAUGES: tuple[Described, ...] = (
    ("goodput", "{order}/s", "Accepted orders a second.", _one(lambda report: report.goodput_per_s)),
    (
        "throughput",
        "{operation}/s",
        "Requests a second, whatever their outcome.",
        _one(lambda report: report.operations_per_s),
    ),
    ("arrivals_due", "{order}/s", "Orders due each second.", _one(lambda report: report.arrivals.due_per_s)),
    (
        "arrivals_achieved",
        "{order}/s",
        "Orders that started each second.",
        _one(lambda report: report.arrivals.achieved_per_s),
    ),
    (
        "verdict",
        "",
        "1 for the verdict of the run, 0 for the others.",
        lambda report: [({"status": str(status)}, report.verdict.status is status) for status in Status],
    ),
    ("completed", "", "1 if the run came to its end.", _one(lambda report: report.completed)),
    (
        "threshold_holds",
        "",
        "1 if the threshold held.",
        lambda report: _thresholds(report, lambda checked: checked.holds),
    ),
    (
        "threshold_value",
        "",
        "What was measured for the threshold, in its own unit.",
        lambda report: _thresholds(report, lambda checked: checked.value),
    ),
    (
        "attempts_per_accepted",
        "",
        "Attempts of all orders for each accepted one.",
        _one(lambda report: report.work.attempts_per_accepted),
    ),
    (
        "writes_per_accepted",
        "",
        "Writes of all orders for each accepted one.",
        _one(lambda report: report.work.writes_per_accepted),
    ),
    (
        "capacity_reported",
        "1",
        "Share of the capacity units that the server itself reported.",
        _one(lambda report: report.capacity.reported),
    ),
    ("cost_usd", "", "Price of the capacity units in US dollars.", _one(lambda report: report.capacity.usd)),
    (
        "cost_usd_per_1000_accepted",
        "",
        "Price in US dollars for a thousand accepted orders.",
        _one(lambda report: report.capacity.usd_per_1000_accepted),
    ),
    (
        "client_own_share",
        "1",
        "Share of the response time spent in the load generator.",
        _one(lambda report: report.client.own_share),
    ),
    (
        "client_bound",
        "",
        "1 if the load generator was the bottleneck.",
        _one(lambda report: report.client.bound is not None),
    ),
    ("duration", "s", "From the first order to the last result.", _one(lambda report: report.duration_s)),
    (
        "started_timestamp",
        "s",
        "Start of the run since 1970.",
        _one(lambda report: started(report).timestamp()),
    ),
)

METRICS: tuple[Numbers | Times, ...] = (
    *(Numbers(Kind.COUNTER, *described) for described in _COUNTERS),
    *(Numbers(Kind.GAUGE, *described) for described in _GAUGES),
    Times("service_time", "From a request's first byte to its answer.", "service"),
    Times("response_time", "From when a request was wanted to its answer.", "response"),
    Times("order_time", "From an order's scheduled start to its end.", "order"),
)


def seconds(milliseconds: float) -> float:
    """To the nanosecond, which is what a report knows."""
    return round(milliseconds / 1e3, 9)
