"""`loadtest runs`: what is said of what lies in a folder."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from loadtest.checker import Status
from loadtest.cli.app import app
from loadtest.errors import UsageError
from loadtest.records.invocation import Invocation
from loadtest.records.report import ReportedVerdict
from loadtest.render.listing import Summary, print_listing
from tests.helpers.reports import a_report
from tests.helpers.stored_runs import put, put_comparison, two_cells

HISTORIES = Path(__file__).parents[2] / "histories"
DAYS = [f"2026-11-{day}T09-31-28Z-0000000000" for day in range(20, 28)]
UNTESTED = ReportedVerdict(Status.INCONCLUSIVE, "nothing was contested", [], [], untested=True)
VIOLATED = ReportedVerdict(Status.VIOLATED, "two won", [], [])
FIND = Invocation("loadtest find --p99-under 50ms", {"command": "find", "p99-under": "50ms", "seed": 1})


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs"
    folder.mkdir()
    return folder


def put_run(folder: Path, **changes: Any) -> None:
    put(folder, a_report(run_id=folder.name, **changes))


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    """The lines of the list, without its heading, as the cells in them."""
    assert app(["runs", *arguments], standalone_mode=False) == 0
    return [[cell.strip() for cell in line.split("  ") if cell] for line in capsys.readouterr().out.splitlines()[1:]]


def test_each_kind_of_folder_has_a_line_the_newest_last(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = [f"2026-11-{day}T09:31:28+00:00" for day in range(20, 28)]
    put_run(runs / DAYS[1], started_at=started[1], verdict=VIOLATED, completed=False)
    put_run(runs / "monday", started_at=started[0])
    put_comparison(runs / DAYS[2], two_cells(), started_at=started[2])
    for level, verdict in (("1", UNTESTED), ("2", a_report().verdict)):
        put_run(runs / DAYS[3] / level, started_at=started[3], verdict=verdict, invocation=FIND)
    (runs / DAYS[4]).mkdir()
    history = (HISTORIES / "inconclusive" / "cut.jsonl").read_bytes()
    (runs / DAYS[4] / "history.jsonl").write_bytes(history)
    (runs / DAYS[5]).mkdir()
    (runs / DAYS[5] / "report.json").write_text('{"schema": "loadtest.report/1"}')
    (runs / DAYS[6]).mkdir()  # cut before its first order
    rows = listed(capsys)
    assert [row for row in rows if len(row) == 4 and row[3] != f"runs/{DAYS[4]}"] == [
        ["2026-11-20 09:31:28", "load", "safe", "runs/monday"],
        ["2026-11-21 09:31:28", "load", "violated, stopped early", f"runs/{DAYS[1]}"],
        ["2026-11-22 09:31:28", "compare, 4 runs", "safe", f"runs/{DAYS[2]}"],
        ["2026-11-23 09:31:28", "find, 2 runs", "safe", f"runs/{DAYS[3]}"],
    ]
    (unfinished,) = (row for row in rows if row[-1] == f"runs/{DAYS[4]}")
    assert "unfinished" in unfinished
    assert rows[-2:] == [
        ["2026-11-25 09:31:28", "unreadable", f"runs/{DAYS[5]}"],
        [f"runs/{DAYS[5]}/report.json is a loadtest.report/1, not a loadtest.report/2"],
    ]


def test_the_list_as_json(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_run(runs / DAYS[0], started_at="2026-11-20T09:31:28+00:00", invocation=FIND)
    assert app(["runs", "--json", "-"], standalone_mode=False) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "when": "2026-11-20T09:31:28+00:00",
            "command": "load",
            "verdict": "safe",
            "folder": f"runs/{DAYS[0]}",
            "completed": True,
            "runs": 1,
            "typed": "loadtest find --p99-under 50ms",
        }
    ]


@pytest.mark.parametrize("there", [True, False])
def test_where_nothing_is_stored_yet_it_says_what_stores_something(
    there: bool, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not there:
        runs.rmdir()
    assert app(["runs"], standalone_mode=False) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "no runs in runs: loadtest race makes one\n")
    with pytest.raises(UsageError, match="there is no folder nowhere"):
        app(["runs", "nowhere"], standalone_mode=False)


@pytest.mark.parametrize(("columns", "lines"), [(200, 2), (60, 4)])
def test_a_folder_is_never_cut(
    columns: int, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich a terminal
    monkeypatch.setattr(shutil, "get_terminal_size", lambda **_: os.terminal_size((columns, 24)))
    print_listing([Summary("2026-11-20T09:31:28+00:00", "load", "safe", f"runs/{DAYS[0]}", completed=True, runs=1)])
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    assert printed[-1].endswith(f"runs/{DAYS[0]}")
