"""`compare`, `find` and `report` as a user runs them, on the embedded server and on what they left on disk."""

import html
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from loadtest.cli.app import app
from loadtest.errors import UsageError
from tests.conftest import Cli, Start, clean_environment
from tests.helpers.one_line import assert_one_line
from tests.helpers.processes import wait_for

SHORT = ("--duration", "300ms", "--warmup", "0s", "--repeats", "2")
RACE = ("--workload", "race", "--rounds", "2")


def stored_in(folder: Path) -> dict[str, Any]:
    """The comparison of the one command that was run there."""
    (path,) = folder.glob("runs/*/comparison.json")
    comparison: dict[str, Any] = json.loads(path.read_text())
    return comparison


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """A matrix of two levels, measured once for all tests that only read it: what was printed, and its folder."""
    where = tmp_path_factory.mktemp("measured")
    matrix = ["--concurrency", "1,2", "--strategy", "conditional", *SHORT, "--seed", "7", "--json", "-"]
    done = subprocess.run(
        [sys.executable, "-m", "loadtest", "compare", *matrix],
        cwd=where,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (folder,) = where.glob("runs/*")
    return done, folder


@pytest.fixture
def folder(measured: tuple[subprocess.CompletedProcess[str], Path]) -> Path:
    return measured[1]


def runs_in(folder: Path, level: int) -> list[Path]:
    """The folders of the runs of one level."""
    paths = sorted(folder.glob("*/report.json"))
    return [one.parent for one in paths if json.loads(one.read_text())["config"]["concurrency"] == level]


def test_a_matrix_of_loads(measured: tuple[subprocess.CompletedProcess[str], Path]) -> None:
    done, folder = measured
    assert done.returncode == 0, done.stderr
    comparison = json.loads(done.stdout)  # nothing else is there
    assert comparison == json.loads((folder / "comparison.json").read_text())
    assert (comparison["completed"], comparison["seed"]) == (True, 7)
    names = ["conditional, 1", "conditional, 2"]
    assert [cell["name"] for cell in comparison["cells"]] == names
    assert [sorted(comparison["order"][block : block + 2]) for block in (0, 2)] == [names, names]
    assert [cell["settings"] for cell in comparison["cells"]] == [
        {"strategy": "conditional", "concurrency": level} for level in (1, 2)
    ]
    assert {run for cell in comparison["cells"] for run in cell["runs"]} == {
        path.name for path in folder.iterdir() if path.is_dir()
    }
    assert [len(cell["runs"]) for cell in comparison["cells"]] == [2, 2]
    assert {(one["a"], one["b"]) for one in comparison["differences"]} == {tuple(names)}
    assert "4 runs: 4 put nothing to the test" in done.stderr  # without a condition that refuses
    assert [cell["untested"] for cell in comparison["cells"]] == [2, 2]
    assert not [warning for warning in comparison["warnings"] if "inconclusive" in warning]


def test_a_matrix_of_races_and_a_threshold_that_most_repeats_cross(cli: Cli, tmp_path: Path) -> None:
    matrix = ["--concurrency", "2,4", *RACE, "--repeats", "2", "--no-history"]
    done = cli("compare", *matrix, "--threshold", "orders.accepted == 0", "--junit", "junit.xml")
    assert done.returncode == 5, done.stderr
    comparison = stored_in(tmp_path)
    orders = [cell["orders"] for cell in comparison["cells"]]
    assert [one["placed"] for one in orders] == [2 * 2 * 2, 2 * 2 * 4]  # repeats, rounds, orders of a round
    assert [one["accepted"] for one in orders] == [4, 4]
    assert done.stdout.count("(crossed in 2 of 2 runs)") == 2
    assert "4 runs: 4 safe" in done.stdout
    assert not list(tmp_path.glob("runs/*/*/history.jsonl"))
    assert ET.parse(tmp_path / "junit.xml").findall(".//failure")


def test_a_cell_that_oversells_is_exit_code_1_whatever_the_thresholds_say(cli: Cli, tmp_path: Path) -> None:
    matrix = ["--strategy", "unconditional", "--concurrency", "20", *RACE, "--repeats", "1"]
    done = cli("compare", *matrix, "--threshold", "orders.accepted == 0")
    assert done.returncode == 1, done.stderr
    assert [cell["verdicts"] for cell in stored_in(tmp_path)["cells"]] == [{"violated": 1}]


def test_stored_runs_are_set_against_each_other(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (one, *_), (two, *_) = runs_in(folder, 1), runs_in(folder, 2)
    done = cli("compare", str(one / "report.json"), str(two / "report.json"), "--json", "out.json")
    assert done.returncode == 0, done.stderr
    comparison = json.loads((tmp_path / "out.json").read_text())
    assert [(cell["name"], cell["runs"]) for cell in comparison["cells"]] == [
        ("conditional, 1", [one.name]),
        ("conditional, 2", [two.name]),
    ]
    assert comparison["seed"] is None
    assert "2 runs: 2 put nothing to the test" in done.stdout
    assert not (tmp_path / "runs").exists()


def test_the_folder_of_a_comparison_is_compared_as_it_was(
    cli: Cli, measured: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    done = cli("compare", str(measured[1]), "--json", "-")
    assert done.returncode == 0, done.stderr
    before, after = json.loads(measured[0].stdout), json.loads(done.stdout)
    for key in ("cells", "differences", "test"):
        assert after[key] == before[key]


def test_stored_runs_against_a_baseline(cli: Cli, folder: Path) -> None:
    done = cli("compare", str(folder), "--baseline", str(folder), "--json", "-")
    assert done.returncode == 0, done.stderr
    comparison = json.loads(done.stdout)
    names = ["conditional, 1", "conditional, 2"]
    baseline = [f"{name} (baseline)" for name in names]
    assert [(cell["name"], cell["baseline"]) for cell in comparison["cells"]] == [
        *((name, True) for name in baseline),
        *((name, False) for name in names),
    ]
    assert {(one["a"], one["b"]) for one in comparison["differences"]} == set(zip(baseline, names, strict=True))
    assert not any(one["real"] for one in comparison["differences"])


def test_before_and_after_take_the_rest_from_the_baseline_and_name_what_was_changed(
    cli: Cli, folder: Path, tmp_path: Path
) -> None:
    before = runs_in(folder, 2)[0]
    done = cli("compare", "--strategy", "version", "--baseline", str(before), "--repeats", "3", "--json", "-")
    assert done.returncode == 0, done.stderr
    comparison = json.loads(done.stdout)
    names = ("conditional, 2 (baseline)", "version, 2")
    assert [cell["name"] for cell in comparison["cells"]] == list(names)
    assert {(one["a"], one["b"]) for one in comparison["differences"]} == {names}
    assert all(
        one["sentence"].endswith("one run against the spread of the others") for one in comparison["differences"]
    )
    assert comparison["test"].startswith("Changed: strategy (conditional → version). ")
    plans = [json.loads(path.read_text())["config"] for path in tmp_path.glob("runs/*/*/report.json")]
    assert [(plan["duration_s"], plan["warm_up_s"]) for plan in plans] == [(0.3, 0.0)] * 3
    assert not [warning for warning in comparison["warnings"] if "beside what is compared" in warning]


def test_thresholds_are_checked_on_stored_runs(cli: Cli, folder: Path) -> None:
    done = cli("compare", str(folder), "-q", "--threshold", "orders.accepted == 0", "--threshold", "orders.failed == 0")
    assert done.returncode == 5, done.stderr
    assert done.stdout.count("(crossed in 2 of 2 runs)") == 2
    assert done.stdout.splitlines()[-1] == "4 runs: 4 put nothing to the test"


def test_spending_ends_a_comparison_with_what_was_measured(cli: Cli, tmp_path: Path) -> None:
    # A dollar an order: 100 for the warm-up, and 30 for each run, of which the budget is below ten.
    (tmp_path / "spend.toml").write_text('command = "compare"\nwrite-unit-price = 1000000\nmax-spend = 200\n')
    arguments = ["--rate", "100/s,6060/m", "--strategy", "conditional", *SHORT[:4], "--repeats", "5"]
    done = cli("run", "spend.toml", *arguments)
    assert done.returncode == 3
    assert "--max-spend" in done.stderr.splitlines()[-1]
    assert "stopped early, so this is a part" in done.stdout
    comparison = stored_in(tmp_path)
    assert not comparison["completed"]
    assert 0 < len(comparison["order"]) < 10
    assert sum(cell["orders"]["accepted"] for cell in comparison["cells"]) <= 100


def test_a_signal_ends_a_comparison_with_what_was_measured(start: Start, tmp_path: Path) -> None:
    process = start("compare", "--concurrency", "1", *SHORT[:4], "--repeats", "100")
    wait_for(lambda: len(list(tmp_path.glob("runs/*/*/report.json"))) > 1, "two runs")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("loadtest: stopped by SIGINT")
    comparison = stored_in(tmp_path)
    assert not comparison["completed"]
    assert 0 < len(comparison["order"]) < 100
    assert comparison["order"] == ["version, 1"] * len(comparison["cells"][0]["runs"])
    assert "stopped early, so this is a part" in output


def test_a_comparison_from_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text(
        'command = "compare"\nconcurrency = "2"\nworkload = "race"\nrounds = 1\nrepeats = 9\nseed = 3\n'
    )
    done = cli("run", "sale.toml", "--repeats", "1")
    assert done.returncode == 0, done.stderr
    assert (stored_in(tmp_path)["seed"], stored_in(tmp_path)["order"]) == (3, ["version, 2"])


def changed(source: Path, target: Path, **changes: Any) -> None:
    target.write_text(json.dumps({**json.loads(source.read_text()), **changes}))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--concurrency", "1", "--strategy", "hope"], ["'hope'", "version, conditional"]),
        (["--concurrency", "1,x"], ["'1,x'", "no list like 1,10,100"]),
        (["--concurrency", "0"], ["above 0"]),
        (["--rate", "10", "--workload", "race"], ["--rate goes with --workload load"]),
        (["--concurrency", "1", "--repeats", "0"], ["--repeats"]),
        (["{run}"], ["one cell alone"]),
        (["{run}", "{run}", "--concurrency", "1"], ["--concurrency does not go with stored runs"]),
        (["{run}", "{run}", "--workload", "race"], ["--workload does not go with stored runs"]),
        (["{run}", "{run}", "-q", "--endpoint-url", "http://h:1"], ["--endpoint-url does not go with stored runs"]),
        (["no_cells.json"], ["nothing to compare"]),
        (["{run}", "other_schema.json"], ["loadtest.report/9", "not a loadtest.report/2"]),
        (["{run}", "truncated.json"], ["truncated.json", "is not a loadtest.report/2"]),
        (["{run}", "missing.json"], ["missing.json", "No such file"]),
    ],
)
def test_wrong_usage_of_compare(arguments: list[str], parts: list[str], cli: Cli, folder: Path, tmp_path: Path) -> None:
    report = runs_in(folder, 1)[0] / "report.json"
    changed(folder / "comparison.json", tmp_path / "no_cells.json", cells=[])
    changed(report, tmp_path / "other_schema.json", schema="loadtest.report/9")
    (tmp_path / "truncated.json").write_bytes(report.read_bytes()[:999])
    assert_one_line(cli("compare", *(one.format(run=report) for one in arguments)), 2, *parts)
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compare"], "nothing to compare: give --concurrency"),
        (["compare", "--concurrency", "1,,2"], "no list like"),
        (["compare", "--concurrency", ""], "no list like"),
        (["compare", "--concurrency", "1.5"], "no list like"),
        (["compare", "--concurrency", "1", "--strategy", ""], "there is no strategy ''; there are version"),
        (["compare", "--rate", "nan"], "above 0"),
        (["compare", "--rate", "10,-1"], "above 0"),
        (["compare", "--rate", "10", "--concurrency", "1"], "contradict one another"),
        (["compare", "--concurrency", "1", "--workload", "race", "--products", "3"], "go with --workload load"),
        (["compare", "--concurrency", "1", "--duration", "0s"], "--duration must be longer"),
        (["compare", "--concurrency", "1", "--threshold", "orders"], "orders"),
        (["compare", "--concurrency", "1", "--baseline", "missing"], "cannot read missing: No such file"),
        (["compare", "--concurrency", "1", "--baseline", "no_cells.json"], "the baseline has no run"),
        (["compare", "--concurrency", "1", "--json", "nowhere/x.json"], "nowhere is missing"),
        (["compare", "no_cells.json", "--repeats", "2"], "--repeats does not go with stored runs"),
        (["compare", "no_cells.json", "--rounds", "2"], "--rounds does not go with stored runs"),
        (["find"], "nothing to hold: give --p99-under"),
        (["find", "--p99-under", "soon"], "soon"),
        (["find", "--p99-under", "50ms", "--from", "0"], "--from 0"),
        (["find", "--p99-under", "50ms", "--from", "1.5"], "--from 1.5"),
        (["find", "--p99-under", "50ms", "--to", "inf"], "--to inf"),
        (["find", "--p99-under", "50ms", "--from", "nan"], "--from nan"),
        (["find", "--p99-under", "50ms", "--of", "rate", "--to", "1000001"], "--to 1e"),
        (["find", "--p99-under", "50ms", "--duration", "0s"], "--duration must be longer"),
        (["find", "--p99-under", "50ms", "--junit", "x.xml"], "--junit goes with"),
        (["find", "--p99-under", "50ms", "--within", "soon"], "--within"),
        (["report", "no_cells.json", "-o", "x.html"], "nothing to draw"),
        (["report", "no_cells.json", "-o", "."], "it is a folder"),
    ],
)
def test_nothing_is_run_after_a_wrong_usage(
    arguments: list[str], said: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changed(folder / "comparison.json", tmp_path / "no_cells.json", cells=[])
    with pytest.raises(UsageError) as refused:
        app(arguments, standalone_mode=False)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["no_cells.json"]


FIND = ("--from", "1", "--to", "4", "--precision", "1", *SHORT[:4])


def search_in(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("runs/*/search.json")
    search: dict[str, Any] = json.loads(path.read_text())
    return search


def test_find_tells_up_to_which_level_it_holds_and_the_page_says_so_too(cli: Cli, tmp_path: Path) -> None:
    done = cli("find", "--p99-under", "100s", *FIND)
    assert done.returncode == 0, done.stderr
    search = search_in(tmp_path)
    assert (search["completed"], search["sure"], search["of"]) == (True, True, "concurrency")
    assert (search["holds_at"], search["fails_at"]) == (4, None)
    assert [level["level"] for level in search["levels"]] == [1, 2, 4]
    assert search["order"] == sorted(search["order"])
    assert len(list(tmp_path.glob("runs/*/*/report.json"))) == len(search["order"]) >= 4
    *_, answer = done.stdout.splitlines()
    assert answer == search["sentence"]
    assert answer.startswith("p99(order.accepted) < 100s holds up to concurrency 4 (")
    assert answer.endswith("the highest that was tried; try a higher --to")
    assert f"{len(search['order'])} runs; medians of the runs" in done.stdout
    assert "put nothing to the test: no win was contested" in done.stdout  # those of one buyer
    (folder,) = tmp_path.glob("runs/*")
    drawn = cli("report", str(folder), "-o", "x.html")
    assert drawn.returncode == 0, drawn.stderr
    page = html.unescape((tmp_path / "x.html").read_text())
    assert answer in page
    assert "<title>loadtest: search</title>" in page
    assert page.count("concurrency 4") > 1  # the run at the limit, by its level


def test_find_where_nothing_holds_is_exit_code_5(cli: Cli, tmp_path: Path) -> None:
    never = ("--threshold", "orders.accepted == 0", "--of", "rate", "--from", "20", "--to", "40", "--precision", "1")
    done = cli("find", *never, *SHORT[:4], "-q", "--json", "-")
    assert done.returncode == 5, done.stderr
    search = json.loads(done.stdout)  # nothing else is there
    assert search == search_in(tmp_path)
    assert [(one["level"], any(not said for said in one["crossed"])) for one in search["levels"]] == [(20, False)]
    assert len(search["order"]) > 1  # one run decides nothing
    assert done.stderr.splitlines()[-1].startswith("orders.accepted == 0 does not hold at rate 20 (0 of ")


def test_a_search_begins_no_run_later_than_within(cli: Cli, tmp_path: Path) -> None:
    done = cli("find", "--p99-under", "100s", "--to", "1000", *SHORT[:4], "--within", "1ms")
    assert done.returncode == 0, done.stderr
    search = search_in(tmp_path)
    assert (len(search["order"]), search["sure"], search["holds_at"], search["fails_at"]) == (1, False, 1, None)
    assert done.stdout.splitlines()[-1] == (
        "p99(order.accepted) < 100s holds at concurrency 1 (1 of 1 runs); where it fails was not shown in 1 run"
    )


def test_a_signal_ends_a_search_with_what_was_measured(start: Start, tmp_path: Path) -> None:
    process = start("find", "--p99-under", "100s", *SHORT[:4])
    wait_for(lambda: len(list(tmp_path.glob("runs/*/*/report.json"))) > 1, "two runs")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("loadtest: stopped by SIGINT")
    assert "stopped early, so this is a part" in output
    assert not search_in(tmp_path)["completed"]


def test_a_search_that_meets_a_violation_says_so(cli: Cli, tmp_path: Path) -> None:
    done = cli("find", "--p99-under", "100s", "--strategy", "unconditional", "--from", "30", "--to", "60", *SHORT[:4])
    assert done.returncode == 1, done.stderr
    assert "; see runs" in done.stdout.splitlines()[-1]


def test_wrong_usage_of_find(cli: Cli, tmp_path: Path) -> None:
    assert_one_line(cli("find", "--p99-under", "50ms", "--from", "8", "--to", "4"), 2, "--from 8 to --to 4")
    assert not list(tmp_path.glob("runs/*"))


def test_a_report_of_a_run_is_one_page(cli: Cli, folder: Path, tmp_path: Path) -> None:
    done = cli("report", str(runs_in(folder, 1)[0]), "-o", "x.html")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "wrote x.html\n")
    page = (tmp_path / "x.html").read_text()
    assert page.lower().startswith("<!doctype html>")
    assert "conditional, 2" not in page


def test_a_report_of_a_comparison_is_a_page_and_pictures(cli: Cli, folder: Path, tmp_path: Path) -> None:
    done = cli("report", str(folder), "-o", "x.html", "--png", "pictures")
    assert done.returncode == 0, done.stderr
    assert "conditional, 2" in (tmp_path / "x.html").read_text()
    pictures = list((tmp_path / "pictures").iterdir())
    assert pictures
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    wrote = [line for line in done.stderr.splitlines() if line.startswith("wrote ")]  # between them: how long it takes
    assert wrote == ["wrote x.html", f"wrote {len(pictures)} pictures into pictures"]


def test_wrong_usage_of_report(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a_file").touch()
    assert_one_line(cli("report", str(folder), *map(str, runs_in(folder, 1))), 2, "give -o report.html")
    assert_one_line(cli("report", str(folder), "--png", "a_file"), 2, "cannot make the folder")
