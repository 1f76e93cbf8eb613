"""Many configurations, each run several times, in an order that spares none of them the machine's moods."""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.compare import Repeats, names
from loadtest.errors import InterruptedRunError, LoadTestError
from loadtest.records.report import Report
from loadtest.run import Ended
from loadtest.workload.spec import Load, Race

RunOne = Callable[[Race | Load, Path], Awaitable[Ended]]


class Setting(Struct, frozen=True):
    """One cell: what tells it from the others, and what is run."""

    settings: dict[str, Any]
    plan: Race | Load


class Swept(Struct, frozen=True):
    """What was measured: the repeats of each cell, the cells in the order they were run, and what stopped it early."""

    repeats: list[Repeats]
    order: list[str]
    error: LoadTestError | None = None


class RunEnded(Struct, frozen=True):
    """One run more has ended."""

    done: int
    of: int
    name: str
    report: Report


async def sweep(
    cells: Sequence[Setting],
    repeats: int,
    seed: int,
    folder: Path,
    run_one: RunOne,
    tell: Callable[[RunEnded], None],
) -> Swept:
    """Run each cell `repeats` times: all of them once, shuffled, then all again, shuffled anew.

    The stock is set anew before each run, and an embedded server is a fresh one. One run before them all is thrown
    away: it pays for what is only done once. A signal or an error ends the sweep; what was measured until then stays.
    """
    called = names(cell.settings for cell in cells)
    found: dict[str, list[Report]] = {name: [] for name in called}
    random, order, error = Random(seed), list[str](), None
    try:
        await _warm_up(cells[0].plan, folder, run_one)
        for _ in range(repeats):
            for index in random.sample(range(len(cells)), len(cells)):
                ended = await run_one(replace(cells[index].plan, seed=random.getrandbits(32)), folder)
                report = ended.report
                if report.completed or report.verdict.status is Status.VIOLATED:  # half a run is no repeat
                    order.append(called[index])
                    found[called[index]].append(report)
                    tell(RunEnded(len(order), repeats * len(cells), called[index], report))
                _raise(ended)
    except LoadTestError as stopped:
        if not order:
            raise
        error = stopped
    measured = [Repeats(name, cell.settings, found[name]) for name, cell in zip(called, cells, strict=True)]
    return Swept([one for one in measured if one.reports], order, error)


async def _warm_up(plan: Race | Load, folder: Path, run_one: RunOne) -> None:
    ended = await run_one(plan.shortened(), folder)
    shutil.rmtree(ended.folder)
    _raise(ended)


def _raise(ended: Ended) -> None:
    """What stopped a run early also stops the sweep."""
    if ended.signal:
        raise InterruptedRunError(f"stopped by {ended.signal}")
    if ended.error is not None:
        raise ended.error
