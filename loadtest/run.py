"""One run, from the preparation of the target to the report."""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from loadtest.checker import Status, Verdict
from loadtest.dynamodb.opening import stamps
from loadtest.dynamodb.put_back import Kept
from loadtest.errors import InterruptedRunError, LoadTestError, UsageError
from loadtest.events import Operation
from loadtest.faults import proxy
from loadtest.measure.summary import command, summarize
from loadtest.measure.thresholds import Threshold, check
from loadtest.records import json_file
from loadtest.records.history import Conditions, HistoryWriter, read_history
from loadtest.records.invocation import Invocation
from loadtest.records.report import Report
from loadtest.records.timeline import Timeline, timelines
from loadtest.session import SERVER_LOG, Interrupt, Session, Watcher
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import TargetKind


class Ended(Struct, frozen=True):
    """A run that has ended: its report, its folder, the signal or the error that stopped it early.

    `spent_usd` is the price of all its orders, also those of the warm-up, which the report leaves out.
    """

    report: Report
    folder: Path
    signal: str | None = None
    error: LoadTestError | None = None
    spent_usd: float = 0.0


async def run(
    plan: Race | Load,
    runs_dir: Path,
    watcher: Watcher,
    interrupt: Interrupt,
    thresholds: Sequence[Threshold] = (),
    *,
    keep_history: bool = True,
    lost: list[Operation] | None = None,
    invocation: Invocation | None = None,
    kept: Kept | None = None,
) -> Ended:
    """Run the race or the load and store report and history in a new folder below `runs_dir`.

    The watcher is shown nothing that the history on disk does not have. `interrupt` returns, with the signal's name,
    when the run shall stop. Raises LoadTestError if it ends before an order is placed; a run that stops later has a
    report all the same, marked as not completed. `lost` carries writes without an answer from run to run on one table,
    and `kept` what is to be put back after the last of them.
    """
    started_at = datetime.now(UTC)
    run_id = f"{started_at:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(5)}"
    folder = _make_folder(runs_dir, run_id)
    with ExitStack() as files:

        def begin_history(made_in: dict[str, Any]) -> HistoryWriter:
            conditions = _conditions(plan, started_at, made_in, thresholds, lost, invocation)
            return files.enter_context(HistoryWriter(folder / "history.jsonl", run_id, conditions, going.in_flight))

        going = Session(plan, run_id, begin_history if keep_history else None, watcher, lost, kept)
        files.callback(going.close)
        await going.execute(folder, interrupt)
        judgement = await going.judgement(interrupt) if going.recorder.begun else None
    if judgement is None:
        _discard(folder)
        raise _why_not_begun(going)
    if kept is not None:
        kept.late |= {each.product_id for each in judgement.lost} & kept.items.keys()
        kept.others |= {each.product_id for each in judgement.verdict.violations if each.kind == "external_write"}
    if lost is not None and plan.target.kind is not TargetKind.EMBEDDED:
        lost[:] = judgement.lost
    report = summarize(
        going.recorder,
        judgement.verdict,
        going.overhead,
        plan,
        run_id=run_id,
        started_at=started_at,
        stopped_by=going.signal or (str(going.error) if going.error else None),
        environment=going.environment,
        invocation=invocation,
    )
    if keep_history and judgement.verdict.status is Status.VIOLATED:
        around = _timelines(judgement.verdict, folder / "history.jsonl")
        report = replace(report, verdict=replace(report.verdict, timelines=around))
    report = replace(report, thresholds=[check(threshold, report) for threshold in thresholds])
    report, unwritten = _written(report, folder, with_faults=plan.target.faults is not None)
    return Ended(report, folder, going.signal, going.error or unwritten, going.recorder.spent_usd(plan.prices))


def _why_not_begun(going: Session) -> LoadTestError:
    if going.error is not None:
        return going.error
    if going.signal is not None:
        return InterruptedRunError(f"stopped by {going.signal} before the first order was placed")
    return LoadTestError("no order came in that time; give a higher rate or a longer duration")  # by chance


def _written(report: Report, folder: Path, *, with_faults: bool) -> tuple[Report, LoadTestError | None]:
    """The report, with the faults that were injected, as it is on disk, and the first thing that went wrong."""
    error = None
    try:
        if with_faults:
            report = replace(report, faults=proxy.injected(folder))
    except LoadTestError as refused:
        error = refused
    try:
        json_file.write(folder / "report.json", json_file.encode(report))
    except LoadTestError as refused:
        error = error or refused
    return report, error


def _conditions(
    plan: Race | Load,
    started_at: datetime,
    made_in: dict[str, Any],
    thresholds: Sequence[Threshold],
    lost: list[Operation] | None,
    invocation: Invocation | None,
) -> Conditions:
    return Conditions(
        command=command(plan),
        started_at=started_at.isoformat(timespec="seconds"),
        plan=to_builtins(plan),
        orders=plan.orders,
        environment=made_in,
        stamps=stamps(plan.target.client),
        thresholds=[str(threshold) for threshold in thresholds],
        lost=list(lost or ()),
        invocation=invocation,
    )


def _make_folder(runs_dir: Path, run_id: str) -> Path:
    folder = runs_dir / run_id
    try:
        folder.mkdir(0o700, parents=True)  # a run tells of tables, accounts and machines
    except OSError as error:
        raise UsageError(f"cannot make the run folder {folder}: {error.strerror}; give another --runs-dir") from error
    return folder


def _timelines(verdict: Verdict, history: Path) -> list[Timeline]:
    """None if the disk refused the history: it may be cut anywhere, and the report is worth more."""
    with suppress(LoadTestError, OSError):
        return timelines(verdict.violations, read_history(history))
    return []


def _discard(folder: Path) -> None:
    """Remove the folder of a run that measured nothing; a log with something in it stays."""
    for name in ("history.jsonl", proxy.JOURNAL):
        (folder / name).unlink(missing_ok=True)
    for log in (folder / SERVER_LOG, folder / proxy.LOG):
        if log.exists() and log.stat().st_size == 0:
            log.unlink()
    with suppress(OSError):
        folder.rmdir()
