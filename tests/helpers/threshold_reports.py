"""Reports made by hand, for what reads reports."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from msgspec.structs import replace

from loadtest.checker import Status, Violation
from loadtest.measure.histogram import Histogram, latency
from loadtest.records.report import (
    SCHEMA,
    Arrivals,
    Capacity,
    Client,
    Latency,
    Lateness,
    Orders,
    Report,
    ReportedVerdict,
    Rounds,
    Stock,
    Work,
)

OVERSOLD = Violation("oversold", "2 units were accepted, but the stock fell by 1", 1, "p#4", ("o-1", "o-2"), 2)
NO_TIMES: dict[str, Any] = {"latency_ms": {}, "response_ms": {}, "order_ms": {}}


def times(*milliseconds: float) -> Latency:
    """The figures of these times."""
    histogram = Histogram()
    for each in milliseconds:
        histogram.record(round(each * 1e6))
    return latency(histogram)


def verdict(status: Status, violations: Iterable[Violation] = (), reasons: Iterable[str] = ()) -> ReportedVerdict:
    return ReportedVerdict(status, f"1 of 100 orders won the last item: {status}", list(violations), list(reasons))


def a_report(**changes: Any) -> Report:
    """A safe race of 100 orders for the last item, or another."""
    return replace(_race(), **changes)


@cache
def _race() -> Report:
    return Report(
        schema=SCHEMA,
        command="race",
        run_id="2026-11-23T07-42-16Z-b12dc47938",
        started_at="2026-11-23T07:42:16+00:00",
        completed=True,
        stopped_by=None,
        verdict=verdict(Status.SAFE),
        config={
            "number_of_requests": 100,
            "strategy": "version",
            "concurrency": 50,
            "gate": True,
            "target": {"kind": "embedded"},
        },
        environment={"target": "embedded"},
        orders=Orders(
            placed=100,
            accepted=1,
            rejected=90,
            throttled=2,
            failed=7,
            unknown=0,
            dropped=3,
            warm_up=0,
            rejected_by_reason={"conflict": 80, "sold_out": 10},
            problems=[],
        ),
        rounds=Rounds(1, {1: 1}),
        stock={"p#4": Stock(1, 0, 1)},
        operations={"read": {"accepted": 100}, "write": {"accepted": 1, "rejected": 90}},
        latency_ms={
            "read": {"accepted": times(*range(1, 101))},
            "write": {"accepted": times(81.2), "rejected": times(*range(1, 91))},
        },
        response_ms={"write": {"accepted": times(90.5)}},
        order_ms={"accepted": times(120.25), "rejected": times(*range(1, 91))},
        arrivals=Arrivals("burst", 100, 0.0, 0.0, Lateness(0.5, 2.0, 4.0)),
        work=Work(191.0, 91.0, 90, 80, None, None),
        capacity=Capacity(50.0, 91.0, 0.0, 0.00012, 0.12, 0.125, 0.625, "us-east-1"),
        thresholds=[],
        per_second=[],
        client=Client("wire", "kernel", {}, {}, 0.125, Lateness(0.25, 16.0, 20.0), 0.1, 0.4, None, None),
        duration_s=0.25,
        goodput_per_s=4.0,
        operations_per_s=764.0,
    )
