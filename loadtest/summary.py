"""From what recorder and checker saw of a run to its report."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from statistics import median
from typing import Any

import loadtest
from loadtest.checker import Verdict
from loadtest.effort import Effort
from loadtest.histogram import Histogram
from loadtest.order import Kind, Outcome
from loadtest.recorder import Recorder
from loadtest.report import (
    SCHEMA,
    BurstSpread,
    Client,
    Latency,
    LoopLag,
    Orders,
    Report,
    ReportedVerdict,
    Rounds,
    Stock,
    latency,
)
from loadtest.targets import TargetKind

_PACKAGES = ("aioboto3", "aiobotocore", "botocore", "anyio", "uvloop", "moto", "granian")


_BUSY_CORES = 0.85
_LARGE_SHARE = 0.25


def summarize(
    recorder: Recorder,
    verdict: Verdict,
    effort: Effort,
    *,
    run_id: str,
    started_at: datetime,
    stopped_by: str | None,
    config: dict[str, Any],
    environment: dict[str, Any],
) -> Report:
    """The report of a run that has ended, or that `stopped_by` stopped."""
    duration_s = recorder.duration_ns / 1e9
    service = _latencies(recorder.service)
    return Report(
        schema=SCHEMA,
        run_id=run_id,
        started_at=started_at.astimezone(UTC).isoformat(timespec="seconds"),
        completed=stopped_by is None,
        stopped_by=stopped_by,
        verdict=ReportedVerdict(verdict.status, verdict.sentence, list(verdict.violations), list(verdict.doubts)),
        config=config,
        environment=environment,
        orders=_orders(recorder),
        rounds=Rounds(recorder.rounds, dict(sorted(recorder.winners.items()))),
        stock={product: _stock(recorder, product) for product in recorder.initial},
        operations={
            kind: {outcome: figures.count for outcome, figures in outcomes.items()}
            for kind, outcomes in service.items()
        },
        latency_ms=service,
        response_ms=_latencies(recorder.response),
        client=_client(recorder, effort, duration_s),
        duration_s=round(duration_s, 6),
        operations_per_s=round(recorder.operations / duration_s, 3) if duration_s else 0.0,
    )


def _stock(recorder: Recorder, product: str) -> Stock:
    final = recorder.final.get(product)
    return Stock(recorder.initial[product], final, None if final is None else recorder.sold[product])


def _orders(recorder: Recorder) -> Orders:
    counts = recorder.orders
    return Orders(
        placed=recorder.placed,
        accepted=counts[Outcome.ACCEPTED],
        rejected=counts[Outcome.REJECTED],
        throttled=counts[Outcome.THROTTLED],
        failed=counts[Outcome.FAILED],
        unknown=counts[Outcome.UNKNOWN],
        rejected_by_reason=dict(recorder.rejected_by_reason),
        problems=dict(recorder.problems),
    )


def _latencies(histograms: Mapping[tuple[Kind, Outcome], Histogram]) -> dict[str, dict[str, Latency]]:
    found: dict[str, dict[str, Latency]] = {}
    for kind, outcome in sorted(histograms):
        found.setdefault(kind.value, {})[outcome.value] = latency(histograms[kind, outcome])
    return found


def _client(recorder: Recorder, effort: Effort, duration_s: float) -> Client:
    cpu_s = effort.cpu_ns / 1e9
    cores = cpu_s / duration_s if duration_s else 0.0
    lag = effort.loop_lag.percentiles((50.0, 99.0)) if effort.loop_lag.count else {50.0: 0, 99.0: 0}
    spreads = sorted(recorder.burst_spreads_ns)
    return Client(
        name=effort.client,
        stamps=effort.stamps,
        served={client: dict(calls) for client, calls in effort.served.items()},
        fallbacks=dict(effort.fallbacks),
        own_share=round(recorder.own_share, 4),
        loop_lag_ms=LoopLag(lag[50.0] / 1e6, lag[99.0] / 1e6, effort.loop_lag.max_ns / 1e6),
        cpu_s=round(cpu_s, 3),
        cpu_cores=round(cores, 3),
        burst_spread_ms=BurstSpread(median(spreads) / 1e6, spreads[-1] / 1e6) if spreads else None,
        bound=_bound(effort.client, cores, recorder.own_share),
    )


def _bound(client: str, cores: float, own_share: float) -> str | None:
    """One event loop has one core: near all of it used, and much of the time spent waiting for it, is a bottleneck."""
    if cores < _BUSY_CORES:
        return None
    if client == "sdk":  # its own queue cannot be told from the server's time
        return (
            f"client-bound: this process used {cores:.0%} of a core, so the service times hold its own queue; "
            "use --client wire, or lower --concurrency"
        )
    if own_share < _LARGE_SHARE:
        return None
    return (
        f"client-bound: this process used {cores:.0%} of a core, and {own_share:.0%} of the response time was its own, "
        "not the server's; lower --concurrency"
    )


def environment(target: TargetKind, endpoint_url: str) -> dict[str, Any]:
    """Versions, machine and target of a run on this machine."""
    return {
        "loadtest": loadtest.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "target": target.value,
        "endpoint_url": endpoint_url,
        "packages": {package: metadata.version(package) for package in _PACKAGES},
    }
