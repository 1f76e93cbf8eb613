"""A report made again from a history, for a run that was killed before it could write one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.errors import LoadTestError, UsageError
from loadtest.events import Event, Listener, RoundEnded
from loadtest.faults import proxy
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import summarize
from loadtest.measure.thresholds import check, parse
from loadtest.records.completeness import Completeness, follow, happened_ns
from loadtest.records.history import Conditions, Header, read_header, read_history
from loadtest.records.judging import checker
from loadtest.records.report import Report
from loadtest.records.timeline import timelines
from loadtest.workload.spec import Load, Race

_LONGEST_NS = 62 * 24 * 3600 * 10**9  # a month of warm-up and one of measuring
_LONGEST_LOAD_S = 3 * 24 * 3600  # each of its seconds stands in the report
_RECONCILED_NS = 10 * 10**9  # of a second this long ago no event comes any more
_EVENTS_BETWEEN = 4096
_UNKNOWN = "unknown"


def rebuild(path: Path, *listeners: Listener) -> Report:
    """The report of the run whose history this is, as far as it goes. Reads it line by line, however long it is.

    It is `completed` if all that was planned is there; else `stopped_by` says where the history ends. A round without
    an end lasts until the last event. What the tool itself cost is in no history, and None. Of a history without
    conditions, as other programs write it, `config` and `environment` are empty. The listeners hear its events, too.
    Raises UsageError for what is none.
    """
    header = read_header(path)
    with _understood(path):
        completeness, judging, replay = Completeness(header), checker(header.conditions), _Replay(header)
    part = follow(path, completeness, judging, replay, *listeners)
    recorder = replay.recorder
    if not recorder.begun:
        raise UsageError(f"{path} has no order: its run was cut before the first")
    with _understood(path):
        conditions = header.conditions or _told_by(header, recorder)
        plan: Race | Load = (
            msgspec.convert(conditions.plan, Race)
            if conditions.command == "race"
            else msgspec.convert(conditions.plan, Load)
        )
        started_at = datetime.fromisoformat(conditions.started_at)
    for product_id in list(completeness.open):
        recorder(RoundEnded(completeness.round, product_id, None, completeness.last_ns, completeness.last_ns))
    with _understood(path):
        report = summarize(
            recorder,
            judging.verdict(),
            ClientOverhead(plan.target.client if header.conditions else _UNKNOWN, conditions.stamps),
            plan,
            run_id=header.run_id,
            started_at=started_at,
            stopped_by=part,
            environment=conditions.environment,
            invocation=conditions.invocation,
        )
        report = _with_thresholds(_without_overhead(report), conditions)
        if header.conditions is None:  # the plan was a stand-in
            report = replace(report, config={}, hint=None)
    if plan.target.faults is not None:
        with suppress(LoadTestError):  # the journal of faults may lie elsewhere
            report = replace(report, faults=proxy.injected(path.parent))
    if report.verdict.status is Status.VIOLATED:
        around = timelines(report.verdict.violations, read_history(path))
        report = replace(report, verdict=replace(report.verdict, timelines=around))
    return report


def _told_by(header: Header, recorder: Recorder) -> Conditions:
    """What a history without conditions tells of its run: when it was, and whether it was a load."""
    return Conditions(
        command="race" if recorder.seconds is None else "load",
        started_at=header.began_at.isoformat(timespec="seconds"),
        plan={},
        orders=None,
        environment={},
        stamps=_UNKNOWN,
        thresholds=[],
        lost=[],
    )


class _Replay:
    """Feeds a recorder, closes the seconds that are over as the run did, and refuses times of no run."""

    def __init__(self, header: Header) -> None:
        self.recorder = Recorder()
        self._first_ns = header.monotonic_ns
        self._events = 0

    def __call__(self, event: Event) -> None:
        now_ns = happened_ns(event)
        for time_ns in (now_ns, getattr(event, "scheduled_ns", now_ns)):
            if not 0 <= time_ns - self._first_ns <= _LONGEST_NS:  # a second each from here to there would have no end
                raise ValueError(f"a time that is not within the run: {time_ns}")
        self.recorder(event)
        self._events += 1
        seconds = self.recorder.seconds
        if seconds is not None and now_ns - seconds.started_ns > _LONGEST_LOAD_S * 10**9:
            raise ValueError("a load of more than 3 days: a report made anew has no room for its seconds")
        if self._events % _EVENTS_BETWEEN == 0 and seconds is not None:
            seconds.close(now_ns - _RECONCILED_NS)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, UsageError) as error:  # msgspec's errors are ValueErrors
        raise UsageError(f"{path}: its header or its events make no report: {error}") from error


def _without_overhead(report: Report) -> Report:
    return replace(
        report,
        client=replace(
            report.client, served=None, fallbacks=None, loop_lag_ms=None, cpu_s=None, cpu_cores=None, reader_stamps=None
        ),
    )


def _with_thresholds(report: Report, conditions: Conditions) -> Report:
    return replace(report, thresholds=[check(parse(text), report) for text in conditions.thresholds])
