"""kill -9 of the tool and of its server at random moments: what had been shown is on disk, and can be read."""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from loadtest.events import Operation, OrderDropped, OrderEnded, RoundEnded
from loadtest.rebuild import rebuild
from loadtest.records.history import read_history
from tests.conftest import Cli, _command, clean_environment, free_port, wait_until_listening
from tests.helpers.one_line import assert_one_line
from tests.helpers.processes import children, wait_for
from tests.helpers.sound_verdicts import is_sound
from tests.integration.watched import Watched, watched

RACE = ("race", "-n", "100", "--rounds", "100000")
LOADS = (
    ("load", "--concurrency", "30", "--duration", "10m", "--attempts", "3"),
    ("load", "--rate", "400", "--poisson", "--duration", "10m", "--products", "5", "--max-in-flight", "20"),
)
# A server that is gone ends a race at once; a load goes on to its end.
SHORT_LOADS = tuple(tuple("4s" if word == "10m" else word for word in load) for load in LOADS)
MANY = 12


def moments(count: int, few: int, *arguments: tuple[str, ...]) -> list[Any]:
    """A moment each, the first few by default, the others among the slow tests."""
    return [
        pytest.param(seed, arguments[seed % len(arguments)], id=f"{seed}", marks=[] if seed < few else pytest.mark.slow)
        for seed in range(count)
    ]


def let_run(run: Watched, random: Random) -> None:
    """Until it has shown something and a random time longer; one of four times perhaps not so long."""
    if random.random() < 0.25:
        time.sleep(random.uniform(0.2, 2))
    else:
        wait_for(lambda: run.shown or run.process.poll() is not None, "the first counts shown")
        time.sleep(random.uniform(0, 2.5))


def on_disk(history: Path) -> Counter[str]:
    """What the history counts of the same names as the view."""
    found: Counter[str] = Counter()
    for event in read_history(history):
        if isinstance(event, OrderEnded):
            found.update((event.outcome.value, "ended"))
        elif isinstance(event, Operation):
            found["operations"] += 1
        elif isinstance(event, OrderDropped):
            found["dropped"] += 1
        elif isinstance(event, RoundEnded):
            found["rounds"] += 1
    return found


def assert_kept(shown: dict[str, int], history: Path) -> None:
    kept = on_disk(history)
    assert {name: kept[name] for name, count in shown.items() if count > kept[name]} == {}, shown


def assert_readable_as_a_part(folder: Path, cli: Cli, *, page: bool) -> None:
    """Of a killed run: every command that reads it does, and says that it is a part."""
    checked = cli("check", str(folder))
    assert checked.returncode in (0, 4), checked
    assert checked.stdout.startswith("partial: the history ends at 20")
    report = rebuild(folder / "history.jsonl")
    assert report.verdict.sentence == checked.stdout.splitlines()[-1]
    assert (report.completed, report.orders.accepted) == (False, on_disk(folder / "history.jsonl")["accepted"])
    if not page:
        return
    drawn = cli("report", str(folder), "-o", "report.html")
    assert drawn.returncode == 0, drawn.stderr
    assert "it is a part, the history ends at 20" in drawn.stderr
    drawn_page = (folder.parents[1] / "report.html").read_text()
    assert "stopped early, so this is a part" in drawn_page
    assert "what the tool itself cost is not in it" in drawn_page
    assert cli("export", str(folder), "--csv", "tables").returncode == 0
    (row,) = csv.DictReader((folder.parents[1] / "tables/runs.csv").read_text().splitlines())
    assert (row["completed"], row["accepted"]) == ("false", str(report.orders.accepted))
    assert row["stopped_by"] == report.stopped_by


@pytest.mark.parametrize(("seed", "command"), moments(MANY, 3, RACE, *LOADS))
def test_what_a_killed_run_had_shown_is_on_disk(seed: int, command: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    random = Random(seed)
    with watched(*command, folder=tmp_path) as run:
        let_run(run, random)
        run.kill()
        shown = run.shown
    folders = list(tmp_path.glob("runs/*"))
    if shown:
        assert_kept(shown, folders[0] / "history.jsonl")
        assert_readable_as_a_part(folders[0], cli, page=seed % 4 == 0)
    elif folders:  # killed at its very start: one line
        done = cli("export", str(folders[0]), "--csv", "tables")
        assert done.returncode == 0 or len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(("seed", "command"), moments(6, 0, RACE, *LOADS))
def test_lines_shown_where_there_is_no_terminal_are_on_disk(
    seed: int, command: tuple[str, ...], cli: Cli, tmp_path: Path
) -> None:
    with watched(*command, folder=tmp_path, plain=True) as run:
        wait_for(lambda: run.shown, "the first line")
        time.sleep(Random(seed).uniform(0, 6))
        run.kill()
        shown = run.shown
    (folder,) = tmp_path.glob("runs/*")
    assert_kept(shown, folder / "history.jsonl")
    assert_readable_as_a_part(folder, cli, page=seed == 0)


def assert_ended_by_its_server(run: Watched, output: str, cli: Cli, tmp_path: Path) -> None:
    """Results on disk, code 3, and the same verdict from the history as was shown."""
    (folder,) = tmp_path.glob("runs/*")
    report = json.loads((folder / "report.json").read_text())
    assert run.process.returncode == (1 if report["verdict"]["status"] == "violated" else 3), output
    assert not report["completed"]
    assert_kept(run.shown, folder / "history.jsonl")
    kept = on_disk(folder / "history.jsonl")
    assert {name: report["orders"][name] for name in ("accepted", "rejected", "failed", "unknown", "dropped")} == {
        name: kept[name] for name in ("accepted", "rejected", "failed", "unknown", "dropped")
    }
    checked = cli("check", str(folder))
    assert checked.stdout.startswith("partial: the history ends at 20")
    assert checked.stdout.splitlines()[-1] == report["verdict"]["sentence"] == output.splitlines()[-1]
    assert checked.returncode == {"violated": 1, "inconclusive": 4, "safe": 0}[report["verdict"]["status"]]


@pytest.mark.parametrize(("seed", "command"), moments(MANY, 1, RACE, *SHORT_LOADS))
def test_an_embedded_server_killed_at_any_moment(seed: int, command: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    with watched(*command, folder=tmp_path) as run:
        wait_for(lambda: run.shown, "the first counts shown")
        time.sleep(Random(seed).uniform(0, 2))
        os.kill(children(run.process.pid)[0], signal.SIGKILL)
        output = run.end()
    assert_ended_by_its_server(run, output, cli, tmp_path)


@pytest.mark.parametrize("name", ["moto_server", "ministack"])
@pytest.mark.parametrize(("seed", "command"), moments(4, 0, RACE, SHORT_LOADS[0]))
def test_another_server_killed_at_any_moment(
    seed: int, command: tuple[str, ...], name: str, cli: Cli, tmp_path: Path
) -> None:
    port = free_port()
    words, folder = _command(name, port)
    server = subprocess.Popen(
        words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_listening(server, port)
        where = ("--endpoint-url", f"http://127.0.0.1:{port}", "--populate-table", "--yes")
        with watched(*command, *where, folder=tmp_path) as run:
            wait_for(lambda: run.shown, "the first counts shown")
            time.sleep(Random(seed).uniform(0, 2))
            server.kill()
            output = run.end()
    finally:
        server.kill()
        server.wait()
    assert_ended_by_its_server(run, output, cli, tmp_path)


@pytest.mark.parametrize(("seed", "command"), moments(8, 0, RACE, *LOADS))
def test_a_disk_that_is_full_at_any_moment(seed: int, command: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    random = Random(seed)
    with watched(*command, folder=tmp_path) as run:
        wait_for(lambda: run.shown, "the first counts shown")
        (folder,) = tmp_path.glob("runs/*")
        room = (folder / "history.jsonl").stat().st_size + random.randrange(300_000)
        resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        output = run.end()
    assert run.process.returncode == 3, output
    assert "cannot write the history" in " ".join(run.text.split()[-50:])  # the terminal's lines are wrapped
    assert_kept(run.shown, folder / "history.jsonl")
    checked = cli("check", str(folder))
    assert checked.returncode in (0, 4), checked
    assert checked.stdout.startswith("partial: the history ends at 20")


KILLS_ITSELF = """
import os, signal, sys
os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
from loadtest.cli import main
main()
"""


def test_a_run_killed_while_it_writes_its_report_has_the_whole_history(cli: Cli, tmp_path: Path) -> None:
    """What was written of the report lies under another name and is in nobody's way."""
    done = subprocess.run(
        [sys.executable, "-c", KILLS_ITSELF, "race", "-n", "20", "--rounds", "3"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == ""
    (folder,) = tmp_path.glob("runs/*")
    assert not (folder / "report.json").exists()
    checked = cli("check", str(folder))
    assert (is_sound(checked), "partial" in checked.stdout) == (True, False)
    drawn = cli("report", str(folder), "-o", "report.html")
    assert (drawn.returncode, "a part" in drawn.stderr) == (0, False)
    report = rebuild(folder / "history.jsonl")
    assert (report.completed, report.orders.placed, report.rounds.count) == (True, 60, 3)


def test_a_comparison_that_was_killed_is_the_runs_it_had(cli: Cli, tmp_path: Path) -> None:
    arguments = ("compare", "--workload", "race", "--concurrency", "5,10", "--repeats", "200", "--rounds", "5")
    with watched(*arguments, folder=tmp_path) as run:
        wait_for(lambda: len(list(tmp_path.glob("runs/*/*/report.json"))) > 2, "runs that have ended")
        run.kill()
    (folder,) = tmp_path.glob("runs/*")
    assert not (folder / "comparison.json").exists()
    told = Counter(line.split(":")[1].strip() for line in run.text.splitlines() if " of 400: " in line)
    compared = cli("compare", str(folder))
    assert compared.returncode in (0, 4), compared.stderr
    assert "has no comparison.json: taking each run in it by itself" in compared.stderr
    assert all(name in compared.stdout for name in told)
    checked = cli("check", str(folder))
    assert checked.returncode in (0, 4)
    sentences = [line for line in checked.stdout.splitlines() if " orders won " in line]
    assert len(sentences) >= sum(told.values()) > 0


OLD = b'{"type":"history","schema":"loadtest.history/1","run_id":"x","unix_ns":1,"monotonic_ns":1}\n'


@pytest.mark.parametrize(
    ("files", "part"),
    [
        pytest.param({}, "there is no run in run", id="before its history"),
        pytest.param({"history.jsonl": b""}, "there is no run in run", id="before its header"),
        pytest.param({"history.jsonl": b'{"type":"history","schema":"loadte'}, "line 1", id="in its header"),
        pytest.param({"history.jsonl": OLD}, "has no order", id="in an earlier version"),
    ],
)
def test_a_run_killed_before_its_first_order_is_one_line(
    files: dict[str, bytes], part: str, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    for name, content in files.items():
        (tmp_path / "run" / name).write_bytes(content)
    assert_one_line(cli("report", "run", "-o", "report.html"), 2, part)
