"""Running a search for the highest level, and saying what it found."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from loadtest.checker import Status
from loadtest.checker.verdict import plural
from loadtest.cli.execute import interrupts, prepare_table
from loadtest.cli.exit_codes import INCONCLUSIVE, SAFE, THRESHOLD_CROSSED, VIOLATED
from loadtest.cli.folders import SEARCH
from loadtest.cli.groups import Output, RunTarget
from loadtest.cli.invoked import invocation
from loadtest.cli.keeping import Keeping
from loadtest.cli.series import AROUND_S, Series
from loadtest.cli.streams import deliver, say
from loadtest.errors import InterruptedRunError, LoadTestError, UsageError
from loadtest.measure.thresholds import Threshold, parse
from loadtest.records import json_file, run_folder
from loadtest.records.report import Report
from loadtest.records.search import SCHEMA, Found, Level
from loadtest.render.found import print_found
from loadtest.render.own import briefly
from loadtest.render.progress import Progress, about
from loadtest.studies.find import CONFIDENCE, Answer, levels_between, search, usual_runs
from loadtest.system.signals import run_interruptible
from loadtest.workload.spec import Load

if TYPE_CHECKING:
    from loadtest.run import Ended

_RATE_HOLDS = ("orders.dropped == 0", "late.p99 < 100ms")
_MOST_RUNS = 40


class Wanted(Struct, frozen=True):
    """What to raise (`of`), the load of a level, the limits, the thresholds as text, and what all may cost and take.

    Without `within_s` there are at most 40 runs; with it, none that would begin so many seconds after the first.
    """

    of: str
    plan: Callable[[float], Load]
    lowest: float
    highest: float
    precision: float
    thresholds: list[str]
    max_spend_usd: float | None
    within_s: float | None


def run_search(wanted: Wanted, run_target: RunTarget, output: Output) -> int:
    """Search, print what was found, and return the exit code. Raises the error that stopped it."""
    if output.junit is not None:
        raise UsageError("--junit goes with race, load and compare: a search has no verdict of its own")
    output.thresholds()
    texts = [*wanted.thresholds, *(_RATE_HOLDS if wanted.of == "rate" else ())]
    thresholds = [parse(text) for text in texts]
    if output.dry_run:
        return _dry_run(wanted, run_target)
    keeping = prepare_table(run_target, wanted.plan(wanted.lowest), quiet=output.quiet)
    started_at = datetime.now(UTC)
    folder = run_folder.make_folder(output.runs_dir, run_folder.new_id(started_at))
    with Progress(quiet=output.quiet) as progress:
        going = _Going(wanted, folder, progress, verbose=output.verbose)
        try:
            answer = going.search(thresholds, output, keeping)
        except BaseException:
            run_folder.discard(folder)
            raise
        finally:
            going.error = going.error or keeping.tell()
    if not going.made:
        run_folder.discard(folder)
        return _exit_code(None, going, folder, output)
    found = _found(wanted, answer, going, folder, started_at)
    json_file.write(folder / SEARCH, json_file.encode(found))
    print_found(found, folder, to_stdout=not output.document_to_stdout, quiet=output.quiet)
    if output.json is not None:
        deliver(output.json, json_file.encode(found))
    return _exit_code(found, going, folder, output)


class _Going:
    """A search under way: its runs with their levels, and what stopped it early: a violation, a signal, an error."""

    def __init__(self, wanted: Wanted, folder: Path, progress: Progress, *, verbose: bool) -> None:
        self.made: list[tuple[float, Report]] = []
        self.violated: Ended | None = None
        self.signal: str | None = None
        self.error: LoadTestError | None = None
        self._wanted = wanted
        self._folder = folder
        self._progress = progress
        self._verbose = verbose
        self._usual = usual_runs(wanted.lowest, wanted.highest, wanted.precision)
        self._begun_s = time.monotonic()

    @property
    def stopped(self) -> bool:
        """Whether it ended before its answer."""
        return self.violated is not None or self.signal is not None or self.error is not None

    def search(self, thresholds: Sequence[Threshold], output: Output, keeping: Keeping) -> Answer:
        """Run levels until the limit is found, or until something stops it."""
        wanted = self._wanted
        levels = levels_between(wanted.lowest, wanted.highest, wanted.precision, whole=wanted.of == "concurrency")

        async def main() -> Answer:
            with interrupts() as interrupt:
                async with keeping.around(self._progress.hide) as kept:
                    series = Series(
                        interrupt,
                        thresholds,
                        wanted.max_spend_usd,
                        self._progress,
                        self._announce,
                        keep_history=output.history,
                        quiet=output.quiet,
                        invocation=invocation(wanted.plan(wanted.lowest).seed),
                        kept=kept,
                    )

                    async def run(level: float) -> bool | None:
                        return await self._run(level, series)

                    return await search(levels, wanted.precision, run, self._may_go_on)

        return run_interruptible(main, use_uvloop=True)

    def _announce(self) -> None:
        plan, within_s = self._wanted.plan(self._wanted.lowest), self._wanted.within_s
        each_s = plan.expected_s + AROUND_S
        most = f"at most {_MOST_RUNS} ({about(_MOST_RUNS * each_s)})"
        if within_s is not None:
            most = f"none begun later than {within_s:g} s after the first"
        expected_s = min(self._usual * each_s, within_s or math.inf)
        self._progress.ahead(f"usually {self._usual} runs of {each_s:.1f} s, {most}", expected_s)

    async def _run(self, level: float, series: Series) -> bool | None:
        try:
            ended = await series.run(self._wanted.plan(level), self._folder)
        except LoadTestError as error:
            self.error = error
            return None
        violated = ended.report.verdict.status is Status.VIOLATED
        if ended.signal or violated or ended.error is not None:
            self.signal, self.error = ended.signal, ended.error
            self.violated = ended if violated else None
            return None
        self.made.append((level, ended.report))
        holds = not _crossed(ended.report)
        self._tell(level, ended.report, holds=holds)
        return holds

    def _tell(self, level: float, report: Report, *, holds: bool) -> None:
        done, gone_s = len(self.made), time.monotonic() - self._begun_s
        longest_s = (_MOST_RUNS - done) * gone_s / done
        if self._wanted.within_s is not None:
            longest_s = max(0.0, self._wanted.within_s - gone_s)
        usual_s, late = (self._usual - done) * gone_s / done, done >= self._usual
        said = f"run {done}: {self._wanted.of} {_figures(level, report)}: {'holds' if holds else 'does not hold'}"
        said += briefly(report, verbose=self._verbose)
        self._progress.say(said, longest_s if late else min(usual_s, longest_s), at_most=late)

    def _may_go_on(self, runs: int) -> bool:
        if self._wanted.within_s is None:
            return runs < _MOST_RUNS
        return time.monotonic() - self._begun_s < self._wanted.within_s


def _dry_run(wanted: Wanted, run_target: RunTarget) -> int:
    from loadtest.cli.dry_run import Runs, dry_run

    levels = levels_between(wanted.lowest, wanted.highest, wanted.precision, whole=wanted.of == "concurrency")
    most = _MOST_RUNS if wanted.within_s is None else usual_runs(wanted.lowest, wanted.highest, wanted.precision)
    note = f"{wanted.of} {levels[0]:,.6g} to {levels[-1]:,.6g}, {'at most' if wanted.within_s is None else 'about'} "
    note += f"{most} runs; reckoned as if all were at the highest"
    runs, first = [Runs(wanted.plan(wanted.highest), most)], wanted.plan(wanted.lowest)
    return dry_run(runs, run_target, wanted.max_spend_usd, note, first)


def _crossed(report: Report) -> list[str]:
    crossed = [checked.sentence for checked in report.thresholds if not checked.holds]
    if report.verdict.status is not Status.SAFE and not report.verdict.untested:
        crossed.append(report.verdict.sentence)
    return crossed


def _figures(level: float, report: Report) -> str:
    accepted = report.order_ms.get("accepted")
    p99 = f", p99 {accepted.p99:,.2f} ms" if accepted else ""
    bound = f" ({report.client.bound})" if report.client.bound else ""
    return f"{level:,.6g}: {report.goodput_per_s:,.1f} accepted a second{p99}{bound}"


def _found(wanted: Wanted, answer: Answer, going: _Going, folder: Path, started_at: datetime) -> Found:
    levels = [_level(level, going.made, certainty) for level, certainty in answer.certainties.items()]
    return Found(
        schema=SCHEMA,
        search_id=folder.name,
        started_at=started_at.isoformat(timespec="seconds"),
        completed=not going.stopped,
        of=wanted.of,
        thresholds=wanted.thresholds,
        lowest=wanted.lowest,
        highest=wanted.highest,
        precision=wanted.precision,
        confidence=CONFIDENCE,
        holds_at=answer.holds_at,
        fails_at=answer.fails_at,
        sure=answer.sure,
        sentence=_sentence(wanted, answer, {one.level: one for one in levels}),
        order=[report.run_id for _, report in going.made],
        levels=levels,
        config=going.made[0][1].config,
        environment=going.made[0][1].environment,
        invocation=invocation(wanted.plan(wanted.lowest).seed),
    )


def _level(level: float, made: Sequence[tuple[float, Report]], certainty: float) -> Level:
    reports = [report for at, report in made if at == level]
    accepted = [report.order_ms.get("accepted") for report in reports]
    return Level(
        level=level,
        runs=[report.run_id for report in reports],
        crossed=["; ".join(_crossed(report)) for report in reports],
        certainty=round(certainty, 6),
        goodput_per_s=[report.goodput_per_s for report in reports],
        p99_ms=[None if latency is None else latency.p99 for latency in accepted],
        verdicts=dict(Counter(report.verdict.status.value for report in reports)),
        untested=sum(report.verdict.untested for report in reports),
    )


def _sentence(wanted: Wanted, answer: Answer, levels: dict[float, Level]) -> str:
    """The answer in words."""
    held = " and ".join(wanted.thresholds)
    good, bad = (
        None if level is None else f"{wanted.of} {level:,.6g} ({levels[level].share} runs)"
        for level in (answer.holds_at, answer.fails_at)
    )
    if good is not None and answer.holds_at == wanted.highest:
        return f"{held} holds up to {good}, the highest that was tried; try a higher --to"
    if bad is not None and answer.fails_at == wanted.lowest:
        return f"{held} does not hold at {bad}, the lowest that was tried; try a lower --from"
    wide = "" if answer.sure else "; not as near as --precision: runs in between differ, or there were too few"
    if good is not None and bad is not None:
        return f"{held} holds at {good} and fails at {bad}; the limit lies between ({CONFIDENCE:.0%}){wide}"
    if good is not None:
        return f"{held} holds at {good}; where it fails was not shown in {plural(len(answer.tried), 'run')}"
    if bad is not None:
        return f"{held} fails at {bad}; where it holds was not shown in {plural(len(answer.tried), 'run')}"
    return f"{held}: neither where it holds nor where it fails was shown in {plural(len(answer.tried), 'run')}"


def _exit_code(found: Found | None, going: _Going, folder: Path, output: Output) -> int:
    """How the search ended; `found` is None if no run did. Raises what stopped it, unless an invariant was."""
    if going.violated is not None:
        say(f"{going.violated.report.verdict.sentence}; see {going.violated.folder}", err=output.document_to_stdout)
        return VIOLATED
    if going.signal is not None:
        raise InterruptedRunError(f"stopped by {going.signal}; the levels measured are in {folder}")
    if going.error is not None or found is None:
        raise going.error or LoadTestError("no run was made")
    if found.holds_at is not None:
        return SAFE
    return THRESHOLD_CROSSED if found.fails_at == found.lowest else INCONCLUSIVE
