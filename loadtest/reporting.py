"""The last steps of a report, of a run that has ended as of one that is read again from its history."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from loadtest.checker import Status, Verdict
from loadtest.errors import LoadTestError
from loadtest.faults import proxy
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import summarize
from loadtest.measure.thresholds import check, parse
from loadtest.records.history import Conditions, read_history
from loadtest.records.report import Report
from loadtest.records.timeline import Timeline, timelines
from loadtest.workload.spec import Load, Race


def report(
    run_id: str,
    conditions: Conditions,
    plan: Race | Load,
    recorder: Recorder,
    verdict: Verdict,
    overhead: ClientOverhead,
    history: Path,
    *,
    stopped_by: str | None,
    overhead_known: bool = True,
) -> tuple[Report, LoadTestError | None]:
    """The report, with the trace of each violation and the faults from what lies at and beside `history`.

    That need not exist. `stopped_by` says why the run came to no end of its own. What the tool itself cost is None if
    it is not known. The error says why the journal of faults could not be read.
    """
    made = summarize(
        recorder,
        verdict,
        overhead,
        plan,
        run_id=run_id,
        started_at=datetime.fromisoformat(conditions.started_at),
        stopped_by=stopped_by,
        environment=conditions.environment,
        invocation=conditions.invocation,
    )
    if not overhead_known:
        made = _without_overhead(made)
    if verdict.status is Status.VIOLATED:
        made = replace(made, verdict=replace(made.verdict, timelines=_timelines(verdict, history)))
    made = replace(made, thresholds=[check(parse(text), made) for text in conditions.thresholds])
    if plan.faults is None:
        return made, None
    try:
        return replace(made, faults=proxy.injected(history.parent)), None
    except LoadTestError as error:
        return made, error


def _timelines(verdict: Verdict, history: Path) -> list[Timeline]:
    """None if there is no history, or the disk refused it: it may be cut anywhere, and the report is worth more."""
    with suppress(LoadTestError, OSError):
        return timelines(verdict.violations, read_history(history))
    return []


def _without_overhead(report: Report) -> Report:
    return replace(
        report,
        client=replace(
            report.client, served=None, fallbacks=None, loop_lag_ms=None, cpu_s=None, cpu_cores=None, reader_stamps=None
        ),
    )
