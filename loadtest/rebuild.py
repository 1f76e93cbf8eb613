"""A report made again from a history, for a run that was killed before it could write one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from loadtest.errors import UsageError
from loadtest.events import Event, Listener, RoundEnded
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.records.completeness import Completeness, follow, happened_ns
from loadtest.records.history import Conditions, Header, read_header
from loadtest.records.judging import checker
from loadtest.records.report import Report
from loadtest.reporting import report
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
    for product_id in list(completeness.open):
        recorder(RoundEnded(completeness.round, product_id, None, completeness.last_ns, completeness.last_ns))
    overhead = ClientOverhead(plan.target.client if header.conditions else _UNKNOWN, conditions.stamps)
    with _understood(path):
        # Where the journal of faults is not beside it, nothing is said of them.
        made, _ = report(
            header.run_id,
            conditions,
            plan,
            recorder,
            judging.verdict(),
            overhead,
            path,
            stopped_by=part,
            overhead_known=False,
        )
    if header.conditions is None:  # the plan was a stand-in
        made = replace(made, config={}, hint=None)
    return made


def _told_by(header: Header, recorder: Recorder) -> Conditions:
    """What a history without conditions tells of its run: when it was, and whether it was a load."""
    return Conditions(
        command="race" if recorder.per_second is None else "load",
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
        per_second = self.recorder.per_second
        if per_second is not None and now_ns - per_second.started_ns > _LONGEST_LOAD_S * 10**9:
            raise ValueError("a load of more than 3 days: a report made anew has no room for its per_second")
        if self._events % _EVENTS_BETWEEN == 0 and per_second is not None:
            per_second.close(now_ns - _RECONCILED_NS)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError, UsageError) as error:  # msgspec's errors are ValueErrors
        raise UsageError(f"{path}: its header or its events make no report: {error}") from error
