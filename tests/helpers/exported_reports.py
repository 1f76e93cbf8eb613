"""Reports to export: whole, with histograms that say what the figures say."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.measure.histogram import Histogram, latency
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
    Stock,
    Work,
)


def figures(milliseconds: Iterable[float]) -> Latency:
    """The figures of these latencies."""
    histogram = Histogram()
    for value in milliseconds:
        histogram.record(round(value * 1e6))
    return latency(histogram)


ACCEPTED = figures([3.046442])
REJECTED = figures([1 + step / 7 for step in range(2_000)])
READ = figures([0.112327, 0.113407, 0.138036, 0.0, 3_600_000])
ORDER = figures([4.5, 5.5, 250.0])

_CONFIG: dict[str, Any] = {"strategy": "version", "concurrency": 100, "number_of_requests": 2_001}


def second(number: int, **more: Any) -> Second:
    """One second of a run with round numbers."""
    made = Second(number, 10, 1, 8, 0, 0, 1, 0, 3, 12, 4, 9, 8, 5.5, 9.0, {}, {})
    return replace(made, **more)


def report(**more: Any) -> Report:
    """A report of 2,001 orders, some of it replaced."""
    made = Report(
        schema=SCHEMA,
        command="race",
        run_id="2026-11-23T07-42-22Z-0bfbe5d9a6",
        started_at="2026-11-23T07:42:22+00:00",
        completed=True,
        stopped_by=None,
        verdict=ReportedVerdict(Status.SAFE, "1 of 2,001 orders won the last item: safe", [], []),
        config=_CONFIG,
        environment={"loadtest": "0.1.0", "target": "embedded"},
        orders=Orders(2_001, 1, 2_000, 0, 0, 0, 0, 5, {"conflict": 1_990, "sold_out": 10}, []),
        rounds=Rounds(1, {1: 1}),
        stock={"p#4": Stock(1, 0, 1)},
        operations={"read": {"accepted": 5}, "write": {"accepted": 1, "rejected": 2_000}},
        latency_ms={"read": {"accepted": READ}, "write": {"accepted": ACCEPTED, "rejected": REJECTED}},
        response_ms={"write": {"accepted": ACCEPTED}},
        order_ms={"accepted": ORDER},
        arrivals=Arrivals("burst", 2_001, 800.4, 790.5, Lateness(0.1, 0.75, 2.0)),
        work=Work(2_001.0, 2_001.0, 2_000, 1_990, None, None),
        capacity=Capacity(2.5, 2_001.0, 0.25, 0.00125, 1.25, 0.125, 0.625, "on demand, us-east-1"),
        thresholds=[
            Checked("order.accepted.p99 < 200ms", False, 250.0, "p99 of accepted orders is 250 ms: 50 ms too long"),
            Checked("conflicts < 1%", True, None, "there was none"),
        ],
        per_second=[
            second(0, response_ms={"accepted": Percentiles(1, 4.5, 4.5, 4.5)}),
            second(1, service_ms={"write.rejected": Percentiles(8, 1.5, 2.5, 3.5)}),
        ],
        client=Client(
            "wire", "kernel", {"wire": {"GetItem": 5}}, {}, 0.3631, Lateness(0.5, 1.5, 2.5), 0.4, 0.2, None, None
        ),
        duration_s=2.5,
        goodput_per_s=0.4,
        operations_per_s=802.4,
    )
    return replace(made, **more)


def configured(strategy: str, concurrency: int, day: int = 23, **more: Any) -> Report:
    """The report of another run, on that day of the month."""
    return report(
        run_id=f"{strategy}-{concurrency}-{day}",
        started_at=f"2026-11-{day:02}T07:42:22+00:00",
        config=_CONFIG | {"strategy": strategy, "concurrency": concurrency},
        **more,
    )
