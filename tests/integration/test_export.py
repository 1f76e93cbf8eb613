"""`loadtest export` from stored runs to files."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.records import json_file
from loadtest.records.report import Report
from loadtest.render.export.hlog import hlog
from loadtest.render.export.prometheus import prometheus
from loadtest.render.export.tables import csv_tables
from tests.conftest import Cli
from tests.helpers.exported_reports import configured
from tests.helpers.register_search import histories, linearizable, parsed

OLD, NEW, OTHER = configured("version", 10, 1), configured("version", 10, 2), configured("conditional", 10, 3)

Stored = Callable[..., list[str]]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Stores reports in run folders and returns the folders as arguments."""

    def store(*reports: Report) -> list[str]:
        for report in reports:
            folder = tmp_path / "runs" / report.run_id
            folder.mkdir(parents=True)
            json_file.write(folder / "report.json", json_file.encode(report))
        return [f"runs/{report.run_id}" for report in reports]

    return store


def test_files_hold_what_the_functions_make(cli: Cli, tmp_path: Path, stored: Stored) -> None:
    first, last = stored(OLD, OTHER)
    done = cli("export", first, f"{last}/report.json", "--csv", "a/b", "--hlog", "a.hlog", "--prometheus", "a.prom")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        f"wrote {name}" for name in ("a/b/runs.csv", "a/b/per_second.csv", "a/b/latency.csv", "a.hlog", "a.prom")
    ]
    runs = [OLD, OTHER]
    for name, table in csv_tables(runs).items():
        assert (tmp_path / "a/b" / name).read_bytes() == table.encode()
    assert (tmp_path / "a.hlog").read_bytes() == hlog(runs).encode()
    assert (tmp_path / "a.prom").read_bytes() == prometheus(runs).encode()
    assert stat.S_IMODE((tmp_path / "a.prom").stat().st_mode) == 0o644
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "a", "a.hlog", "a.prom"}


def test_a_file_is_replaced(cli: Cli, tmp_path: Path, stored: Stored) -> None:
    (tmp_path / "a.prom").write_text("the old one")
    assert cli("export", *stored(OLD), "--prometheus", "a.prom").returncode == 0
    assert (tmp_path / "a.prom").read_text() == prometheus([OLD])


def test_standard_output_gets_nothing_else(cli: Cli, stored: Stored) -> None:
    done = cli("export", *stored(OLD), "--prometheus", "-")
    assert (done.stdout, done.stderr) == (prometheus([OLD]), "")


def test_a_run_given_twice_counts_once(cli: Cli, stored: Stored) -> None:
    (run,) = stored(OLD)
    assert cli("export", run, f"{run}/report.json", "runs", "--hlog", "-").stdout == hlog([OLD])


def test_it_is_said_how_many_runs_prometheus_does_not_get(cli: Cli, stored: Stored) -> None:
    done = cli("export", *stored(OLD, NEW, OTHER), "--prometheus", "-")
    assert done.stdout == prometheus([NEW, OTHER])
    (line,) = done.stderr.splitlines()
    assert line.startswith("loadtest: 1 of 3 runs are not in")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "--csv, --hlog, --prometheus, --otlp, --markdown or --edn"),
        (["--hlog", "a", "--prometheus", "a"], 2, "cannot both write a"),
        (["--hlog", "-", "--prometheus", "-"], 2, "cannot both write -"),
        (["--edn", "a", "--prometheus", "a"], 2, "--prometheus and --edn cannot both write a"),
        (["--edn", f"runs/{OLD.run_id}/history.jsonl"], 2, "it is one of the files to export"),
        (["--edn", "a.edn"], 2, "history.jsonl: No such file or directory"),
        (["--hlog", f"runs/{OLD.run_id}/report.json"], 2, "it is one of the files to export"),
        (["--csv", "tables", "--otlp", "localhost:4318"], 2, "http://localhost:4318"),
        (["--csv", f"runs/{OLD.run_id}/report.json"], 2, "cannot make the folder"),
        (["--hlog", "nowhere/a.hlog"], 3, "cannot write nowhere/a.hlog: No such file or directory"),
        (["--prometheus", "runs"], 3, "cannot write runs: Is a directory"),
        (["gone", "--hlog", "-"], 2, "cannot read gone"),
        ([str(Path(__file__).parent), "--hlog", "-"], 2, "there is no run in "),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], code: int, says: str, cli: Cli, tmp_path: Path, stored: Stored
) -> None:
    done = cli("export", *stored(OLD), *arguments)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (code, "")
    assert line.startswith("loadtest: ")
    assert says in line
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_the_histories_of_a_folder_of_runs_do_not_fit_together(cli: Cli, tmp_path: Path, stored: Stored) -> None:
    stored(OLD, NEW)
    done = cli("export", "runs", "--edn", "a.edn")
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("loadtest: --edn takes one run")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_damaged_report_writes_nothing(cli: Cli, tmp_path: Path, stored: Stored) -> None:
    (run,) = stored(OLD)
    path = tmp_path / run / "report.json"
    path.write_text(path.read_text().replace('"hdr": "HISTFAAAA', '"hdr": "HISTFBBBB'))
    done = cli("export", run, "--csv", "tables", "--hlog", "a.hlog")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        pytest.param(["--strategy", "version", "--attempts", "3"], True, id="version"),
        pytest.param(["--strategy", "conditional", "--stock", "2"], True, id="conditional"),
        pytest.param(["--strategy", "transaction", "--stock", "2"], True, id="transaction"),
        pytest.param(["--strategy", "unconditional"], False, id="unconditional"),
    ],
)
def test_another_checker_judges_a_real_race_as_this_one_does(
    options: list[str], holds: bool, cli: Cli, tmp_path: Path
) -> None:
    raced = cli("race", "-n", "6", "--rounds", "3", *options, "--quiet")
    assert raced.returncode in ((0, 4) if holds else (1,)), raced.stderr  # so few may not overlap
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / "report.json").unlink()  # a killed run has none
    done = cli("export", str(folder), "--edn", "race.edn")
    assert (done.returncode, done.stderr) == (0, "wrote race.edn\n")
    assert cli("export", str(folder / "history.jsonl"), "--edn", "-").stdout == (tmp_path / "race.edn").read_text()
    with (tmp_path / "race.edn").open() as lines:
        registers = histories(parsed(lines))
    assert list(registers) == [("p#4", "version"), ("p#4", "quantity")]
    assert [linearizable(ops) for ops in registers.values()] == [holds] * 2


def test_it_is_said_that_a_history_was_cut(cli: Cli, tmp_path: Path) -> None:
    assert cli("race", "-n", "5", "--quiet").returncode in (0, 4)
    (history,) = tmp_path.glob("runs/*/history.jsonl")
    history.write_bytes(b"".join(history.read_bytes().splitlines(keepends=True)[:-1]))
    done = cli("export", str(history), "--edn", "-")
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("loadtest: a round was cut short")
    (tmp_path / "half.jsonl").write_bytes(history.read_bytes() + b"rubbish\n")
    done = cli("export", "half.jsonl", "--edn", "a.edn")
    assert done.returncode == 2
    assert "half.jsonl, line 18" in done.stderr
    assert not (tmp_path / "a.edn").exists()
