"""The order of a matrix, what counts as a repeat, and what stops a sweep. Nothing is run."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.errors import InterruptedRunError, LoadTestError, TargetError
from loadtest.run import Ended
from loadtest.studies.sweep import RunEnded, Setting, Swept, sweep
from loadtest.workload.spec import Load, Race
from tests.helpers.reports import a_report, a_verdict

LEVELS = (1, 10, 100)
Change = Callable[[Ended], Ended]


def cells(*strategies: str) -> list[Setting]:
    return [
        Setting({"strategy": name, "concurrency": level}, Load(strategy=name, concurrency=level))
        for name in strategies
        for level in LEVELS
    ]


class Runs:
    """Runs nothing, and makes reports; `changes` are what becomes of a run, by its number from 0, the warm-up."""

    def __init__(self, folder: Path, changes: dict[int, Change | Exception] | None = None) -> None:
        self.folder = folder
        self.plans: list[Load | Race] = []
        self.told: list[RunEnded] = []
        self._changes = changes or {}
        self._numbers = count()

    async def __call__(self, plan: Load | Race, folder: Path) -> Ended:
        number = next(self._numbers)
        if number == 1:
            assert not (folder / "run-0").exists()  # thrown away before the first that counts
        self.plans.append(plan)
        change = self._changes.get(number)
        if isinstance(change, Exception):
            raise change
        made = folder / f"run-{number}"
        made.mkdir()
        (made / "report.json").touch()
        ended = Ended(a_report(run_id=made.name), made)
        return ended if change is None else change(ended)

    def sweep(self, matrix: list[Setting], repeats: int, seed: int = 7) -> Swept:
        async def main() -> Swept:
            return await sweep(matrix, repeats, seed, self.folder, self, self.told.append)

        return anyio.run(main)

    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


def incomplete(status: Status = Status.SAFE, **stopped: Any) -> Change:
    def change(ended: Ended) -> Ended:
        return replace(ended, report=replace(ended.report, completed=False, verdict=a_verdict(status)), **stopped)

    return change


def blocks(order: list[str], size: int) -> list[list[str]]:
    return [order[start : start + size] for start in range(0, len(order), size)]


@given(seed=st.integers(0, 2**32), repeats=st.integers(1, 4), strategies=st.sampled_from([("a",), ("a", "b")]))
def test_every_block_has_every_cell_once(
    seed: int, repeats: int, strategies: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    matrix, runs = cells(*strategies), Runs(tmp_path_factory.mktemp("runs"))
    swept = runs.sweep(matrix, repeats, seed)
    every = [f"{name}, {level}" for name in strategies for level in LEVELS]
    assert [sorted(block) for block in blocks(swept.order, len(every))] == [sorted(every)] * repeats
    assert [one.name for one in swept.repeats] == every
    assert [len(one.reports) for one in swept.repeats] == [repeats] * len(every)
    assert [(plan.strategy, plan.concurrency) for plan in runs.plans[1:]] == [
        (name, int(level)) for name, level in (called.split(", ") for called in swept.order)
    ]
    assert swept.error is None


def swept_with(seed: int, folder: Path) -> tuple[list[str], list[int]]:
    folder.mkdir()
    runs = Runs(folder)
    swept = runs.sweep(cells("a", "b"), 5, seed)
    return swept.order, [plan.seed for plan in runs.plans[1:]]


def test_the_order_and_the_seeds_of_the_runs_repeat_with_the_seed_and_differ_with_another(tmp_path: Path) -> None:
    order, seeds = swept_with(1, tmp_path / "a")
    assert (order, seeds) == swept_with(1, tmp_path / "b")
    other_order, other_seeds = swept_with(2, tmp_path / "c")
    assert order != other_order
    assert not set(seeds) & set(other_seeds)
    assert len(set(seeds)) == len(seeds) == 30


def test_the_blocks_are_shuffled_anew(tmp_path: Path) -> None:
    order, _ = swept_with(1, tmp_path / "a")
    assert len({tuple(block) for block in blocks(order, 6)}) > 1


def test_the_reports_lie_with_the_cell_that_was_run(tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    swept = runs.sweep(cells("a"), 3)
    numbers = {called: [f"run-{n}" for n, one in enumerate(swept.order, 1) if one == called] for called in swept.order}
    assert {one.name: [report.run_id for report in one.reports] for one in swept.repeats} == numbers
    assert [(told.done, told.of, told.name, told.report.run_id) for told in runs.told] == [
        (n, 9, called, f"run-{n}") for n, called in enumerate(swept.order, 1)
    ]


@pytest.mark.parametrize(
    ("plan", "short"),
    [
        (Load(duration_s=60.0, warm_up_s=9.0, concurrency=3), Load(duration_s=1.0, warm_up_s=0.0, concurrency=3)),
        (Race(rounds=50, number_of_requests=9), Race(rounds=1, number_of_requests=9)),
    ],
)
def test_one_short_run_before_all_others_is_thrown_away(plan: Load | Race, short: Load | Race, tmp_path: Path) -> None:
    runs = Runs(tmp_path)
    swept = runs.sweep([Setting({"strategy": "version"}, plan)], 2)
    assert runs.plans[0] == short
    assert [replace(one, seed=0) for one in runs.plans[1:]] == [plan, plan]
    assert runs.left() == {"run-1", "run-2"}
    assert [report.run_id for report in swept.repeats[0].reports] == ["run-1", "run-2"]


@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize("how", ["signal", "error", "raised"])
def test_what_stops_a_sweep_leaves_what_was_measured_before(how: str, n: int, tmp_path: Path) -> None:
    broken = TargetError("the server is gone")
    stops: dict[str, Change | Exception] = {
        "signal": incomplete(signal="SIGINT"),
        "error": incomplete(error=broken),
        "raised": broken,
    }
    runs = Runs(tmp_path, {n + 1: stops[how]})
    kind: type[LoadTestError] = InterruptedRunError if how == "signal" else TargetError
    if n == 0:
        with pytest.raises(kind):
            runs.sweep(cells("a"), 2)
        return
    swept = runs.sweep(cells("a"), 2)
    assert type(swept.error) is kind
    assert how == "signal" or swept.error is broken
    assert len(swept.order) == len(runs.told) == n
    assert sum(len(one.reports) for one in swept.repeats) == n
    assert len(runs.plans) == n + 2
    assert all(one.reports for one in swept.repeats)  # cells without a run are no cells
    assert {one.name for one in swept.repeats} == set(swept.order)


@pytest.mark.parametrize("how", [incomplete(signal="SIGTERM"), incomplete(error=LoadTestError("no"))])
def test_what_stops_the_warm_up_stops_all_and_leaves_nothing(how: Change, tmp_path: Path) -> None:
    runs = Runs(tmp_path, {0: how})
    with pytest.raises(LoadTestError):
        runs.sweep(cells("a"), 2)
    assert len(runs.plans) == 1
    assert runs.left() == set()


@pytest.mark.parametrize(("status", "counted"), [(Status.SAFE, 2), (Status.INCONCLUSIVE, 2), (Status.VIOLATED, 3)])
def test_half_a_run_is_no_repeat_unless_it_shows_a_violation(status: Status, counted: int, tmp_path: Path) -> None:
    runs = Runs(tmp_path, {3: incomplete(status, error=LoadTestError("stopped"))})
    swept = runs.sweep(cells("a"), 2)
    assert len(swept.order) == counted
    assert [told.report.verdict.status for told in runs.told].count(Status.VIOLATED) == counted - 2
    assert str(swept.error) == "stopped"


@pytest.mark.parametrize("status", [Status.VIOLATED, Status.INCONCLUSIVE])
def test_a_whole_run_is_a_repeat_whatever_its_verdict_and_the_sweep_goes_on(status: Status, tmp_path: Path) -> None:
    runs = Runs(tmp_path, {2: lambda ended: replace(ended, report=replace(ended.report, verdict=a_verdict(status)))})
    swept = runs.sweep(cells("a"), 2)
    assert (len(swept.order), swept.error) == (6, None)
    assert [told.report.verdict.status for told in runs.told].count(status) == 1


def test_cells_of_the_same_settings_are_kept_apart(tmp_path: Path) -> None:
    same = Setting({"strategy": "version"}, Load())
    swept = Runs(tmp_path).sweep([same, same], 3)
    assert {one.name: len(one.reports) for one in swept.repeats} == {"version": 3, "version (2)": 3}
