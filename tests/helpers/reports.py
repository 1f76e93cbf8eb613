"""Reports with given figures, and cells made of values alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.compare import METRICS, estimate
from loadtest.records.comparison import Cell, Estimate
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
    Second,
    Work,
)

_NONE_LATE = Lateness(0.0, 0.0, 0.0)


def a_latency(p50: float = 5.0, p99: float = 20.0, count: int = 1000) -> Latency:
    return Latency(count, mean=p50, min=p50 / 2, p50=p50, p90=p99, p99=p99, p999=p99, max=p99, hdr="")


def a_second(second: int, accepted: int = 100, writes: int = 150) -> Second:
    """One second of a load; all orders that it places are accepted in it."""
    return Second(
        second=second,
        placed=accepted,
        accepted=accepted,
        rejected=0,
        throttled=0,
        failed=0,
        unknown=0,
        dropped=0,
        in_flight=0,
        attempts=writes,
        most_attempts=2,
        writes=writes,
        wasted_writes=writes - accepted,
        read_units=float(writes),
        write_units=float(writes),
        response_ms={},
        service_ms={},
    )


def a_verdict(status: Status = Status.SAFE) -> ReportedVerdict:
    return ReportedVerdict(status, f"1,000 of 1,500 orders were accepted: {status.value}", [], [])


def a_report(**changes: Any) -> Report:
    """A safe load of ten seconds with 1,000 accepted and 500 rejected orders; `changes` are fields of Report."""
    report = Report(
        schema=SCHEMA,
        command="load",
        run_id="a-run",
        started_at="2026-11-23T06:13:59+00:00",
        completed=True,
        stopped_by=None,
        verdict=a_verdict(),
        config={"strategy": "version", "concurrency": 100},
        environment={"loadtest": "0.1.0", "python": "3.11.7", "cpus": 2, "target": "embedded"},
        orders=Orders(1500, 1000, 500, 0, 0, 0, 0, 0, rejected_by_reason={"sold_out": 500}, problems=[]),
        rounds=Rounds(1, {1000: 1}),
        stock={},
        operations={"write": {"accepted": 1000, "rejected": 500}},
        latency_ms={"write": {"accepted": a_latency(2.0, 8.0)}},
        response_ms={},
        order_ms={"accepted": a_latency(5.0, 20.0), "rejected": a_latency(4.0, 10.0)},
        arrivals=Arrivals("closed", 1500, 150.0, 150.0, _NONE_LATE),
        work=Work(1.5, 1.5, wasted_writes=500, conflicts=0, slowest=None, most_tried=None),
        capacity=Capacity(0.0, 1500.0, 1.0, 0.0019, 0.0019, 0.25, 1.25, "on demand"),
        thresholds=[],
        per_second=[a_second(second) for second in range(10)],
        client=Client("wire", "kernel", {}, {}, 0.1, _NONE_LATE, 5.0, 0.5, None, None),
        duration_s=10.0,
        goodput_per_s=100.0,
        operations_per_s=150.0,
    )
    return replace(report, **changes)


def a_load(accepted: list[int], duration_s: float | None = None, **changes: Any) -> Report:
    """A load with so many accepted orders second by second, and twice as many writes."""
    seconds = [a_second(number, won, 2 * won) for number, won in enumerate(accepted)]
    return a_report(
        per_second=seconds, duration_s=float(len(accepted)) if duration_s is None else duration_s, **changes
    )


def a_cell(name: str, settings: Mapping[str, Any] | None = None, **values: Sequence[float | None]) -> Cell:
    """A cell of the metrics given, with as many safe runs as the longest of them has values."""
    runs = [f"{name}-{number}" for number in range(max(map(len, values.values()), default=0))]
    empty = Estimate([None] * len(runs), None, None, None)
    return Cell(
        name=name,
        settings={"strategy": name} if settings is None else dict(settings),
        runs=runs,
        verdicts={"safe": len(runs)},
        orders={},
        metrics={metric: estimate(values[metric]) if metric in values else empty for metric in METRICS},
    )


def sure(value: float | None) -> float:
    """A figure that must not be missing."""
    assert value is not None
    return value
