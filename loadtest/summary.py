"""From what recorder and checker saw of a run to its report."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import loadtest
from loadtest.checker import Verdict
from loadtest.order import Outcome
from loadtest.recorder import Recorder
from loadtest.report import SCHEMA, Latency, Orders, Report, ReportedVerdict, Rounds, Stock, latency
from loadtest.targets import TargetKind

_PACKAGES = ("aioboto3", "aiobotocore", "botocore", "anyio", "uvloop", "moto", "granian")


def summarize(
    recorder: Recorder,
    verdict: Verdict,
    *,
    run_id: str,
    started_at: datetime,
    stopped_by: str | None,
    config: dict[str, Any],
    environment: dict[str, Any],
) -> Report:
    """The report of a run that has ended, or that `stopped_by` stopped."""
    duration_s = recorder.duration_ns / 1e9
    latencies = _latencies(recorder)
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
            for kind, outcomes in latencies.items()
        },
        latency_ms=latencies,
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


def _latencies(recorder: Recorder) -> dict[str, dict[str, Latency]]:
    found: dict[str, dict[str, Latency]] = {}
    for kind, outcome in sorted(recorder.latency):
        found.setdefault(kind.value, {})[outcome.value] = latency(recorder.latency[kind, outcome])
    return found


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
