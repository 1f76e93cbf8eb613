"""Every command that reads stored runs takes the same names for them."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.cli.app import app
from loadtest.cli.folders import Group, Run, entries, named
from loadtest.errors import UsageError
from tests.helpers.stored_runs import a_run, put, put_comparison, two_cells

EARLY, LATE = "2026-11-23T09-31-28Z-0000000000", "2026-11-24T09-31-28Z-0000000000"
HISTORIES = Path(__file__).parents[2] / "histories"
COMPARED = ["conditional-0", "conditional-1", "version-0", "version-1"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `runs` of somebody who raced, compared and was interrupted twice, as the current folder has it."""
    folder = tmp_path / "runs"
    put(folder / EARLY, a_run(EARLY))
    put_comparison(folder / LATE, two_cells())
    (folder / "2026-11-25T09-31-28Z-0000000000").mkdir()
    (folder / "2026-11-25T09-31-28Z-0000000000" / "server.log").write_text("a word\n")
    (folder / "2026-11-26T09-31-28Z-0000000000").mkdir()
    (folder / "2026-11-26T09-31-28Z-0000000000" / "history.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    return folder


def exported(*arguments: str) -> list[str]:
    """The ids of the runs that `export` wrote."""
    assert app(["export", *arguments, "--csv", "tables"], standalone_mode=False) == 0
    with Path("tables/runs.csv").open(newline="") as file:
        return sorted(row["run_id"] for row in csv.DictReader(file))


def globbed(runs: Path) -> list[str]:
    """What a shell makes of `runs/*`."""
    return [f"runs/{path.name}" for path in sorted(runs.iterdir())]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        pytest.param([f"runs/{EARLY}"], [EARLY], id="run"),
        pytest.param([f"runs/{EARLY}/report.json"], [EARLY], id="report"),
        pytest.param([f"runs/{LATE}"], COMPARED, id="comparison"),
        pytest.param([f"runs/{LATE}/comparison.json"], COMPARED, id="its-file"),
        pytest.param([f"runs/{LATE}/version-1"], ["version-1"], id="run-of-a-comparison"),
        pytest.param(["runs"], [EARLY, *COMPARED], id="folder"),
        pytest.param(["latest"], COMPARED, id="latest"),
        pytest.param(["runs/latest"], COMPARED, id="latest-of-a-folder"),
        pytest.param([f"runs/{LATE}/latest", f"runs/{EARLY}"], [EARLY, "version-1"], id="latest-of-a-comparison"),
        pytest.param(["runs", "latest", f"runs/{EARLY}/report.json"], [EARLY, *COMPARED], id="each-once"),
    ],
)
def test_a_run_has_many_names(arguments: list[str], ids: list[str], runs: Path) -> None:
    for n, name in enumerate(COMPARED):  # the newest of them is the last that was written
        os.utime(runs / LATE / name / "report.json", (n, n))
    assert exported(*arguments) == sorted(ids)


def test_what_a_cut_run_or_a_page_leaves_is_passed_over_in_a_glob(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "all.html").write_text("a page")
    assert exported(*globbed(runs)) == sorted([EARLY, *COMPARED])
    assert [line for line in capsys.readouterr().err.splitlines() if "left out" in line] == [
        "loadtest: left out: runs/2026-11-25T09-31-28Z-0000000000: its run ended before the first order",
        "loadtest: left out: runs/2026-11-26T09-31-28Z-0000000000: its run ended before the first order",
        "loadtest: left out: runs/all.html: it is a page",
    ]
    with pytest.raises(UsageError, match="there is no run in runs/2026-11-25"):
        named([Path("runs/2026-11-25T09-31-28Z-0000000000")])
    with pytest.raises(UsageError, match="there is no run in what was given"):
        named([Path("runs/2026-11-25T09-31-28Z-0000000000"), Path("runs/2026-11-26T09-31-28Z-0000000000")])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: (path / "tables").mkdir(parents=True), "there is no run in runs/other"),
        (lambda path: path.write_text("a note"), "runs/other is not a loadtest.report/2"),
    ],
)
def test_what_is_unknown_is_refused_in_a_glob(make: Callable[[Path], object], said: str, runs: Path) -> None:
    make(runs / "other")
    with pytest.raises(UsageError, match=said):
        exported(*globbed(runs))


def test_check_judges_what_it_is_given_and_says_what_has_no_history(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verdict, folder in (("inconclusive", EARLY), ("violated", f"{LATE}/version-0")):
        history = min((HISTORIES / verdict).glob("*.jsonl"))
        (runs / folder / "history.jsonl").write_bytes(history.read_bytes())
    assert app(["check", "runs"], standalone_mode=False) == 1
    printed = capsys.readouterr()
    assert [line for line in printed.out.splitlines() if line in (f"{EARLY}:", "version-0:")] == [
        f"{EARLY}:",
        "version-0:",
    ]
    assert printed.err.count("its history was not kept") == 3
    assert app(["check", f"runs/{EARLY}/report.json"], standalone_mode=False) == 4


def test_a_folder_lists_its_runs_by_their_start(runs: Path) -> None:
    put(runs / "2026-01-01T00-00-00Z-0000000000", a_run("first"))
    found = entries(runs)
    assert [one.name for one in found] == ["2026-01-01T00-00-00Z-0000000000", EARLY, LATE]
    assert [type(one) for one in found] == [Run, Run, Group]


def test_a_comparison_without_its_runs_has_none_to_export(runs: Path) -> None:
    (runs / LATE / "comparison.json").rename(runs / "alone.json")
    with pytest.raises(UsageError, match=r"no run of runs/alone\.json lies beside it"):
        exported("runs/alone.json")
