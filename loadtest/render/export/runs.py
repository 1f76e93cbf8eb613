"""What every format says about a run: when it was, and what tells it from other runs."""

from collections.abc import Iterator
from datetime import UTC, datetime

from loadtest.errors import UsageError
from loadtest.records.report import Latency, Report

OUTCOMES = ("accepted", "rejected", "throttled", "failed", "unknown")


def started(report: Report) -> datetime:
    """The start of a run. Raises UsageError if the report does not tell it in ISO 8601."""
    try:
        at = datetime.fromisoformat(report.started_at)
    except ValueError as error:
        raise UsageError(f"run {report.run_id}: started_at {report.started_at!r} is no time in ISO 8601") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def settings(report: Report) -> dict[str, str]:
    """Command, strategy, target, concurrency and rate, as far as the run has them: what its metrics are labelled with.

    The run's id is not among them: each run would be new time series, and series are what Prometheus pays for.
    """
    config = report.config
    values = {
        "command": report.command,
        "strategy": config.get("strategy"),
        "target": report.environment.get("target"),
        "concurrency": config.get("concurrency") if report.arrivals.kind != "open" else None,
        "rate": config.get("rate_per_s"),
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def times(report: Report) -> Iterator[tuple[str, str, str, Latency]]:
    """Each histogram of a run: whose time it is (`service`, `response`, `order`), kind (none of orders), outcome."""
    for time, kinds in (("service", report.latency_ms), ("response", report.response_ms)):
        for kind, outcomes in kinds.items():
            for outcome, figures in outcomes.items():
                yield time, kind, outcome, figures
    for outcome, figures in report.order_ms.items():
        yield "order", "", outcome, figures
