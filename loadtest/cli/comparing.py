"""Making a comparison, from new runs or stored ones, and showing it."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.checker.verdict import plural
from loadtest.cli.baseline import Baseline
from loadtest.cli.execute import interrupts, prepare_table, write_documents
from loadtest.cli.exit_codes import INCONCLUSIVE, SAFE, THRESHOLD_CROSSED, VIOLATED
from loadtest.cli.folders import COMPARISON
from loadtest.cli.groups import Output, RunTarget
from loadtest.cli.invoked import invocation
from loadtest.cli.keeping import Keeping
from loadtest.cli.series import AROUND_S, Series
from loadtest.cli.stored import repeats, stored
from loadtest.compare import Repeats, compare
from loadtest.errors import UsageError
from loadtest.measure.thresholds import Threshold, check
from loadtest.records import json_file, run_folder
from loadtest.records.comparison import UNTESTED, Comparison
from loadtest.records.report import Report
from loadtest.render.comparison import print_comparison
from loadtest.render.own import briefly
from loadtest.render.progress import Progress
from loadtest.studies.sweep import RunEnded, Setting, Swept, sweep
from loadtest.system.signals import run_interruptible


def run_matrix(
    matrix: Sequence[Setting],
    times: int,
    seed: int,
    baseline: Baseline,
    run_target: RunTarget,
    output: Output,
    max_spend_usd: float | None = None,
) -> int:
    """Run every cell, compare, print, and say by the exit code how it ended."""
    thresholds = output.thresholds()
    if output.dry_run:
        return _dry_run(matrix, times, run_target, max_spend_usd)
    keeping = prepare_table(run_target, matrix[0].plan, quiet=output.quiet)
    started_at = datetime.now(UTC)
    comparison_id = run_folder.new_id(started_at)
    folder = run_folder.make_folder(output.runs_dir, comparison_id)
    try:
        swept = _sweep(matrix, times, seed, folder, thresholds, output, max_spend_usd, keeping)
    finally:
        not_put_back = keeping.tell()
    found = [report for one in swept.repeats for report in one.reports]
    comparison = compare(
        swept.repeats,
        comparison_id=comparison_id,
        started_at=started_at.isoformat(timespec="seconds"),
        completed=swept.error is None,
        config={"repeats": times, "cells": len(matrix)},
        environment=found[0].environment,
        seed=seed,
        order=swept.order,
        baseline=baseline.cells,
        baseline_reports=baseline.reports,
        beside=baseline.differs(found, {key for cell in matrix for key in cell.settings}),
        invocation=invocation(seed),
    )
    json_file.write(folder / COMPARISON, json_file.encode(comparison))
    crossed = _crossed(swept.repeats)
    show(comparison, found, output, folder, crossed)
    code = comparison_code(comparison, crossed)
    error = swept.error or not_put_back
    if error is not None and code != VIOLATED:
        raise error
    return code


def _dry_run(matrix: Sequence[Setting], times: int, run_target: RunTarget, max_spend_usd: float | None) -> int:
    from loadtest.cli.dry_run import Runs, dry_run

    runs = [Runs(matrix[0].plan.shortened()), *(Runs(cell.plan, times) for cell in matrix)]
    note = f"{plural(len(matrix), 'cell')}, each {times:,} times, after a short one that is thrown away"
    return dry_run(runs, run_target, max_spend_usd, note)


def compare_stored(paths: Sequence[Path], baseline: Baseline, output: Output) -> int:
    """Compare what is on disk."""
    thresholds = output.thresholds()
    cells = repeats(stored(paths, quiet=output.quiet), against_others=bool(baseline.cells))
    runs = [report for one in cells for report in one.reports]
    if not runs:
        raise UsageError("nothing to compare: the comparisons given have no runs beside them")
    if len(cells) == 1 and not baseline.cells:
        raise UsageError("one cell alone cannot be compared; give a second one, or --baseline")
    first = runs[0]
    comparison = compare(
        cells,
        comparison_id=run_folder.new_id(datetime.now(UTC)),
        started_at=first.started_at,
        completed=all(report.completed for report in runs),
        config={"stored": [str(path) for path in paths]},
        environment=first.environment,
        baseline=baseline.cells,
        baseline_reports=baseline.reports,
        beside=baseline.differs(runs, {key for one in cells for key in one.settings}),
    )
    crossed = _crossed([Repeats(one.name, one.settings, _checked(one.reports, thresholds)) for one in cells])
    show(comparison, runs, output, None, crossed)
    return comparison_code(comparison, crossed)


def show(
    comparison: Comparison, runs: Sequence[Report], output: Output, folder: Path | None, crossed: Sequence[str]
) -> None:
    """Print it, and write it and its runs where the user wants them."""
    print_comparison(comparison, folder, crossed, to_stdout=not output.document_to_stdout, quiet=output.quiet)
    write_documents(output, comparison, runs)


def comparison_code(comparison: Comparison, crossed: Sequence[str]) -> int:
    """The exit code: that of the worst verdict, then that of the thresholds.

    A run that only put nothing to the test measured all the same.
    """
    verdicts: Counter[str] = Counter()
    for one in comparison.cells:
        if not one.baseline:
            verdicts.update(one.counts)
    if verdicts[Status.VIOLATED]:
        return VIOLATED
    if verdicts[Status.INCONCLUSIVE]:
        return INCONCLUSIVE
    return THRESHOLD_CROSSED if crossed else SAFE


def _checked(found: Sequence[Report], thresholds: Sequence[Threshold]) -> list[Report]:
    return [replace(report, thresholds=[check(one, report) for one in thresholds]) for report in found]


def _crossed(cells: Sequence[Repeats]) -> list[str]:
    """A sentence for each threshold that most repeats of a cell crossed: one unlucky run is not a finding."""
    said = []
    for one in cells:
        crossed: Counter[str] = Counter()
        worst: dict[str, str] = {}
        for report in one.reports:
            for checked in report.thresholds:
                if not checked.holds:
                    crossed[checked.threshold] += 1
                    worst.setdefault(checked.threshold, checked.sentence)
        for threshold, count in crossed.items():
            if 2 * count > len(one.reports):
                said.append(f"{one.name}: {worst[threshold]} (crossed in {count} of {len(one.reports)} runs)")
    return said


def _sweep(
    matrix: Sequence[Setting],
    times: int,
    seed: int,
    folder: Path,
    thresholds: Sequence[Threshold],
    output: Output,
    max_spend_usd: float | None,
    keeping: Keeping,
) -> Swept:
    progress = Progress(quiet=output.quiet)
    telling = _Telling(progress, matrix, times, verbose=output.verbose)

    async def main() -> Swept:
        with interrupts() as interrupt:
            async with keeping.around(progress.hide) as kept:
                series = Series(
                    interrupt,
                    thresholds,
                    max_spend_usd,
                    progress,
                    telling.ahead,
                    keep_history=output.history,
                    quiet=output.quiet,
                    invocation=invocation(seed),
                    kept=kept,
                )
                return await sweep(matrix, times, seed, folder, series.run, telling)

    try:
        with progress:
            return run_interruptible(main, use_uvloop=True)
    except BaseException:
        run_folder.discard(folder)
        raise


class _Telling:
    """Tells how long a matrix takes: of loads before the first run, of races once there is one to tell by."""

    def __init__(self, progress: Progress, matrix: Sequence[Setting], times: int, *, verbose: bool) -> None:
        self._progress = progress
        self._verbose = verbose
        self._what = f"{plural(len(matrix), 'cell')}, {plural(len(matrix) * times + 1, 'run')} with the warm-up"
        self._begun_s = time.monotonic()
        known = [cell.plan.expected_s + AROUND_S for cell in matrix if cell.plan.expected_s is not None]
        self._loads_s = sum(known) * times
        self._told = len(known) == len(matrix)

    def ahead(self) -> None:
        """The first run has begun: no limit of spending refuses it."""
        if self._told:
            self._progress.ahead(self._what, self._loads_s)

    def __call__(self, ended: RunEnded) -> None:
        """One run more has ended."""
        report = ended.report
        accepted = report.order_ms.get("accepted")
        p99 = f", p99 {accepted.p99:,.1f} ms" if accepted else ""
        status = UNTESTED if report.verdict.untested else report.verdict.status
        each_s = (time.monotonic() - self._begun_s) / (ended.done + 1)  # the warm-up is none of them
        if not self._told:
            self._told = True
            self._progress.ahead(self._what, each_s * ended.of)
        figures = f"{report.goodput_per_s:,.1f} accepted a second{p99}, {status}"
        said = f"{ended.done:,} of {ended.of:,}: {ended.name}: {figures}{briefly(report, verbose=self._verbose)}"
        self._progress.say(said, each_s * (ended.of - ended.done))
