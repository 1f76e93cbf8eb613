"""Running a search for the highest level, and saying what it found."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import typer
from msgspec import Struct

from loadtest.checker import Status
from loadtest.checker.verdict import plural
from loadtest.cli import SAFE, THRESHOLD_CROSSED, VIOLATED
from loadtest.cli.comparing import discard, make_folder
from loadtest.cli.execute import interrupts, prepare_table
from loadtest.cli.groups import Output, RunTarget
from loadtest.cli.invoked import invocation
from loadtest.cli.series import Series
from loadtest.comparison import UNTESTED
from loadtest.errors import InterruptedRunError, LoadTestError, UsageError
from loadtest.plan import Load
from loadtest.render.own import briefly
from loadtest.report import Report
from loadtest.search import CONFIRMATIONS, Found, Probe, doubled, search
from loadtest.thresholds import parse

_RATE_HOLDS = ("orders.dropped == 0", "late.p99 < 100ms")


class Search(Struct, frozen=True):
    """What to raise (`of`), the load of a level, the limits, the thresholds as text, and what all may cost."""

    of: str
    plan: Callable[[float], Load]
    lowest: float
    highest: float
    precision: float
    thresholds: list[str]
    max_spend_usd: float | None = None


class _Violated(Exception):  # noqa: N818 - it ends the search with what a run showed
    def __init__(self, report: Report, folder: Path) -> None:
        super().__init__()
        self.report = report
        self.folder = folder


def run_search(wanted: Search, run_target: RunTarget, output: Output) -> int:
    """Search, print every level, and return the exit code."""
    if output.json is not None or output.junit is not None:
        raise UsageError("--json and --junit go with race, load and compare: each level's report is in its run folder")
    output.thresholds()
    texts = [*wanted.thresholds, *(_RATE_HOLDS if wanted.of == "rate" else ())]
    thresholds = [parse(text) for text in texts]
    if output.dry_run:
        return _dry_run(wanted, run_target)
    keeping = prepare_table(run_target, wanted.plan(wanted.lowest), quiet=output.quiet)
    folder = make_folder(output.runs_dir / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(5)}")

    async def probe(level: float, series: Series) -> Probe:
        ended = await series.run(wanted.plan(level), folder)
        if ended.signal:
            raise InterruptedRunError(f"stopped by {ended.signal}; the levels measured are in {folder}")
        if ended.report.verdict.status is Status.VIOLATED:
            raise _Violated(ended.report, ended.folder)
        if ended.error is not None:
            raise ended.error
        made = _probe(level, ended.report)
        if not output.quiet:
            typer.echo(f"{wanted.of} {made.said}{briefly(ended.report, verbose=output.verbose)}", err=True)
        return made

    async def main() -> Found:
        with interrupts() as interrupt:
            async with keeping.around() as kept:
                series = Series(
                    interrupt,
                    thresholds,
                    wanted.max_spend_usd,
                    keep_history=output.history,
                    quiet=output.quiet,
                    invocation=invocation(wanted.plan(wanted.lowest).seed),
                    kept=kept,
                )
                return await search(
                    wanted.lowest,
                    wanted.highest,
                    wanted.precision,
                    lambda level: probe(level, series),
                    whole=wanted.of == "concurrency",
                )

    not_put_back = None
    try:
        try:
            found = anyio.run(main, backend_options={"use_uvloop": True})
        finally:
            not_put_back = keeping.tell()
    except LoadTestError:
        discard(folder)
        raise
    except _Violated as violated:
        typer.echo(f"{violated.report.verdict.sentence}; see {violated.folder}")
        return VIOLATED
    if untested := sum(one.untested for one in found.probes):
        typer.echo(f"{untested:,} of {plural(len(found.probes), 'run')} {UNTESTED}: no win was contested", err=True)
    typer.echo(f"every level's report in {folder}", err=True)
    typer.echo(_sentence(wanted, found))
    if not_put_back is not None:
        raise not_put_back
    return SAFE if found.highest is not None else THRESHOLD_CROSSED


def _dry_run(wanted: Search, run_target: RunTarget) -> int:
    from loadtest.cli.dry_run import Runs, dry_run

    levels = doubled(wanted.lowest, wanted.highest)
    runs = [Runs(wanted.plan(level)) for level in levels] + [Runs(wanted.plan(wanted.highest), CONFIRMATIONS)]
    shown = ", ".join(f"{level:,.6g}" for level in levels)
    note = f"at {wanted.of} {shown}, and the last {CONFIRMATIONS} times more, if all hold; else others between them"
    return dry_run(runs, run_target, wanted.max_spend_usd, note)


def _probe(level: float, report: Report) -> Probe:
    crossed = [checked.sentence for checked in report.thresholds if not checked.holds]
    if report.verdict.status is not Status.SAFE and not report.verdict.untested:
        crossed.append(report.verdict.sentence)
    accepted = report.order_ms.get("accepted")
    p99 = f", p99 {accepted.p99:,.2f} ms" if accepted else ""
    how = f"does not hold ({'; '.join(crossed)})" if crossed else "holds"
    said = f"{level:,.6g}: {report.goodput_per_s:,.1f} accepted a second{p99}: {how}"
    untested = f"; it {UNTESTED}" if report.verdict.untested else ""
    bound = f" ({report.client.bound})" if report.client.bound else ""
    return Probe(level, not crossed, said + untested + bound, untested=report.verdict.untested)


def _sentence(wanted: Search, found: Found) -> str:
    held = " and ".join(wanted.thresholds)
    if found.highest is None:
        return f"{held} does not hold at {wanted.of} {found.probes[0].level:,.6g}; try a lower --from"
    if found.all_held:
        return f"{held} holds up to {wanted.of} {found.highest:,.6g}, the highest that was tried; try a higher --to"
    failed = min(one.level for one in found.probes if not one.holds and one.level > found.highest)
    return f"{held} holds up to {wanted.of} {found.highest:,.6g}, and no longer at {failed:,.6g}"
