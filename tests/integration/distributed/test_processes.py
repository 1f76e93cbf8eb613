"""`--processes`: what several processes do together is what one does, and whoever is lost takes nothing along."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from loadtest.errors import UsageError
from loadtest.events import WORKER_LOST, Event, Operation, OrderDropped, OrderEnded, OrderPlaced, RoundStarted
from loadtest.records.history import read_history
from tests.conftest import Cli, Start, clean_environment, scenario
from tests.helpers.cut_runs import the_report
from tests.helpers.processes import children, in_order_of_start, is_gone, wait_for
from tests.helpers.sound_verdicts import is_sound_report
from tests.integration.distributed.test_judge import its_pid

SAFE_STRATEGIES = ("version", "transaction", "conditional")
Ran = Callable[..., dict[str, Any]]


def by_default(few: int, cases: Sequence[Any]) -> list[Any]:
    """The first few cases, and the others among the slow tests."""
    return [
        pytest.param(*(case if isinstance(case, Case) else [case]), marks=[] if n < few else pytest.mark.slow)
        for n, case in enumerate(cases)
    ]


class Case(tuple[Any, ...]):
    """The values of several parameters of a test."""


def folder_of(tmp_path: Path) -> Path:
    (folder,) = tmp_path.glob("runs/*")
    return folder


def history(tmp_path: Path) -> list[Event]:
    return list(read_history(folder_of(tmp_path) / "history.jsonl"))


def counted(events: list[Event]) -> dict[str, int]:
    """What the history says of orders, each of which ends once; a load's are placed before, a race's all at once."""
    ended = [event for event in events if isinstance(event, OrderEnded)]
    assert len({event.order_id for event in ended}) == len(ended)
    placed = sum(event.orders for event in events if isinstance(event, RoundStarted))
    placed += sum(isinstance(event, OrderPlaced) for event in events)
    assert placed == len(ended)
    counts = Counter(event.outcome.value for event in ended)
    dropped = sum(isinstance(event, OrderDropped) for event in events)
    return {
        "placed": placed,
        "dropped": dropped,
        **{name: counts[name] for name in ("accepted", "rejected", "unknown")},
    }


def assert_history_agrees(report: dict[str, Any], tmp_path: Path, cli: Cli) -> None:
    """Counts made again from the history, the verdict of `check` and the page of `report`."""
    counts = counted(history(tmp_path))
    assert counts == {name: report["orders"][name] for name in counts}
    shares = report["client"]["workers"]
    assert sum(one["orders"] for one in shares) == counts["placed"]
    checked = cli("check", str(folder_of(tmp_path)))
    assert checked.stdout.splitlines()[-1] == report["verdict"]["sentence"]


@pytest.fixture
def ran(cli: Cli) -> Ran:
    """Runs it with two processes to its good end and returns the report."""

    def run(*arguments: str, codes: tuple[int, ...] = (0,), **options: Any) -> dict[str, Any]:
        done = cli(*arguments, "--processes", "2", "--json", "-", **options)
        report: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode in codes or (0 in codes and is_sound_report(done.returncode, report)), done.stderr
        return report

    return run


@pytest.mark.parametrize("strategy", by_default(2, SAFE_STRATEGIES))
def test_the_last_item_is_won_once_a_round(strategy: str, ran: Ran, cli: Cli, tmp_path: Path) -> None:
    report = ran("race", "-n", "20", "--rounds", "20", "--strategy", strategy)
    assert report["rounds"] == {"count": 20, "winners": {"1": 20}}
    assert [one["orders"] for one in report["client"]["workers"]] == [200, 200]
    assert_history_agrees(report, tmp_path, cli)
    drawn = cli("report", str(folder_of(tmp_path)), "-o", "report.html")
    assert drawn.returncode == 0, drawn.stderr


@pytest.mark.slow
def test_without_a_condition_the_last_item_is_sold_many_times(ran: Ran) -> None:
    report = ran("race", "-n", "20", "--strategy", "unconditional", codes=(1,))
    assert report["verdict"]["status"] == "violated"


LOADS = [  # the first few by default
    ("--concurrency", "10", "--products", "5", "--skew", "1", "--stock", "100", "--restock", "--attempts", "5"),
    ("--rate", "80", "--poisson"),
    ("--rate", "80"),
    ("--concurrency", "10"),
    ("--stages", "500ms:80,500ms:0"),
    ("--concurrency", "4", "--client", "sdk"),
    ("--concurrency", "4", "--strategy", "transaction"),
]


@pytest.mark.parametrize("options", by_default(2, LOADS), ids=" ".join)
def test_a_load_is_counted_whole(options: tuple[str, ...], ran: Ran, cli: Cli, tmp_path: Path) -> None:
    duration = () if "--stages" in options else ("--duration", "1s")
    report = ran("load", *options, *duration)
    assert report["orders"]["placed"] + report["orders"]["dropped"] > 0
    if "--poisson" not in options and "--concurrency" not in options:
        due = 40 if "--stages" in options else 80
        assert report["orders"]["placed"] + report["orders"]["dropped"] == due
    if "--restock" in options:
        assert len(report["stock"]) == 5
    assert_history_agrees(report, tmp_path, cli)


FAULTS = """
[[fault]]
kind = "drop_answer"
rate = 0.1
"""


def test_faults_are_injected_on_the_requests_of_every_process(ran: Ran, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text(FAULTS)
    report = ran(*scenario(tmp_path, "race"), "-n", "40", "--rounds", "3", "--fault", "faults.toml", "--strategy",
                 "transaction", "--stock", "30", "--seed", "7", "--read-timeout", "2s")  # fmt: skip
    assert report["orders"]["unknown"] > 0
    assert report["verdict"]["reconciled"]["unresolved"] == 0
    assert_history_agrees(report, tmp_path, cli)


def test_spending_stops_all_processes_and_nothing_under_way_is_cut(cli: Cli, tmp_path: Path) -> None:
    done = cli("load", "--concurrency", "8", "--duration", "10m", "--max-spend", "0.0002", "--processes", "2",
               "--json", "-")  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "--max-spend" in done.stderr.splitlines()[-1]
    report = json.loads(done.stdout)
    assert report["orders"]["unknown"] == 0
    assert report["orders"]["placed"] > 0
    assert_history_agrees(report, tmp_path, cli)


@pytest.mark.slow
def test_a_comparison_from_two_processes(cli: Cli, tmp_path: Path) -> None:
    done = cli("compare", "--workload", "race", "--strategy", "version,conditional", "--concurrency", "6", "--rounds",
               "2", "--repeats", "2", "--processes", "2")  # fmt: skip
    assert done.returncode in (0, 4), done.stderr
    reports = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/*/report.json")]
    assert len(reports) == 4
    for report in reports:
        assert [one["orders"] for one in report["client"]["workers"]] == [6, 6]
        assert report["verdict"]["status"] == "safe" or report["verdict"]["untested"]


RACE = ("race", "-n", "100", "--rounds", "100000", "--strategy")
LOAD = ("load", "--concurrency", "20", "--duration", "10m")
OPEN = ("load", "--rate", "150", "--duration", "10m", "--products", "3", "--skew", "1")


def operations(tmp_path: Path) -> int:
    """How many are on disk so far, where perhaps nothing is yet."""
    with suppress(UsageError):
        return sum(isinstance(event, Operation) for event in history(tmp_path)) if list(tmp_path.glob("runs/*")) else 0
    return 0


def wait_for_operations(tmp_path: Path, count: int) -> None:
    wait_for(lambda: operations(tmp_path) >= count, f"{count} operations in the history")


def workers(pid: int) -> list[int]:
    """The processes that place orders, the first one first."""
    return in_order_of_start(children(pid, called="spawn_main"))


def wait_until_all_are_gone(pids: list[int]) -> None:
    assert pids
    wait_for(lambda: all(is_gone(pid) for pid in pids), "the end of all that it had started")


def ended(process: subprocess.Popen[str]) -> tuple[str, list[str]]:
    output, errors = process.communicate(timeout=60)
    # Without how far it was, and how long it would take.
    return output, [line for line in errors.splitlines() if not line[:1].isdigit() and ": about " not in line]


@pytest.mark.parametrize(
    ("command", "number", "whom"),
    by_default(
        2,
        [
            Case(((*RACE, "version"), signal.SIGINT, "all")),
            Case((LOAD, signal.SIGTERM, "the first")),
            Case((LOAD, signal.SIGINT, "all")),
            Case(((*RACE, "transaction"), signal.SIGTERM, "all")),
            Case(((*RACE, "conditional"), signal.SIGINT, "the first")),
            Case((LOAD, signal.SIGHUP, "all")),
        ],
    ),
)
def test_a_signal_ends_the_run_with_every_order_accounted_for(
    command: tuple[str, ...], number: signal.Signals, whom: str, tmp_path: Path
) -> None:
    process = in_a_group(*command, folder=tmp_path)
    try:
        wait_for_operations(tmp_path, 300)
        started = children(process.pid)
        if whom == "all":
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        output, errors = ended(process)
    finally:
        kill_group(process)
    assert (process.returncode, errors) == (130, [])
    report = the_report(tmp_path)
    assert (report["completed"], report["stopped_by"]) == (False, number.name)
    assert f"stopped early, so this is a part: {number.name}" in output
    assert_no_order_is_lost(report, tmp_path)
    assert report["verdict"]["status"] in ("safe", "inconclusive")
    assert [one["lost"] for one in report["client"]["workers"]] == [None, None]
    wait_until_all_are_gone(started)


def test_a_machine_without_room_for_another_process_is_one_line(start: Start) -> None:
    process = start("race", "-n", "10", "--processes", "2", wrapped_in="ulimit -n 24")
    _, errors = ended(process)
    assert process.returncode == 3
    assert errors[-1].startswith("loadtest: process 1 cannot begin: Too many open files")
    assert "internal error" not in errors[-1]


def test_whoever_waits_for_a_judge_that_does_nothing_can_end_it(tmp_path: Path) -> None:
    process = in_a_group(*LOAD, folder=tmp_path)
    try:
        wait_for_operations(tmp_path, 300)
        (judge,) = children(process.pid, called="checker_process")
        process.send_signal(signal.SIGINT)
        again = time.monotonic() + 3
        while process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(judge, signal.SIGSTOP)  # it is let go on before it is asked
            if time.monotonic() > again:
                process.send_signal(signal.SIGTERM)
                again += 60
        ended(process)
    finally:
        kill_group(process)
    assert process.returncode == 130
    report = the_report(tmp_path)
    assert report["stopped_by"] == "SIGTERM"
    assert report["verdict"]["status"] == "inconclusive"
    assert report["verdict"]["sentence"].startswith("stopped by SIGTERM before all was judged")
    assert_no_order_is_lost(report, tmp_path)
    assert is_gone(judge)


def in_a_group(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    """As a shell starts it: whoever it starts gets the signals of its terminal, too."""
    return subprocess.Popen(
        [sys.executable, "-m", "loadtest", *arguments, "--processes", "2"],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kill_group(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def assert_no_order_is_lost(report: dict[str, Any], tmp_path: Path) -> None:
    counts = counted(history(tmp_path))
    assert counts == {name: report["orders"][name] for name in counts}


@pytest.mark.parametrize("after_s", by_default(1, [0.2, 0.05, 0.6, 1.0]))
def test_a_signal_while_processes_begin_is_one_line(after_s: float, tmp_path: Path) -> None:
    process = in_a_group("race", "-n", "10", "--rounds", "100000", folder=tmp_path)
    try:
        wait_for(lambda: workers(process.pid), "its first process")
        started = children(process.pid)
        time.sleep(after_s)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = ended(process)
    finally:
        kill_group(process)
    assert process.returncode == 130
    assert len(errors) <= 1, errors
    wait_until_all_are_gone(started)


def test_when_the_first_process_is_killed_none_of_the_others_goes_on(start: Start, tmp_path: Path) -> None:
    process = start(*LOAD, "--processes", "2")
    wait_for_operations(tmp_path, 100)
    started = children(process.pid)
    process.kill()
    process.communicate()
    wait_until_all_are_gone(started)


@pytest.mark.parametrize("command", by_default(1, [Case(((*RACE, "version"),)), Case((LOAD,))]))
def test_if_the_process_that_judges_is_killed_its_run_is_judged_all_the_same(
    command: tuple[str, ...], start: Start, tmp_path: Path, cli: Cli
) -> None:
    process = start(*command, "--processes", "2")
    wait_for_operations(tmp_path, 300)
    os.kill(its_pid(process.pid), signal.SIGKILL)
    process.send_signal(signal.SIGINT)
    output, errors = ended(process)
    assert (process.returncode, errors) == (130, ["the process that judges is gone; judging again"])
    report = the_report(tmp_path)
    assert_no_order_is_lost(report, tmp_path)
    checked = cli("check", str(folder_of(tmp_path)))
    assert checked.stdout.splitlines()[-1] == report["verdict"]["sentence"] == output.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "number"),
    by_default(
        2,
        [
            Case(((*RACE, "version"), signal.SIGKILL)),
            Case(((*RACE, "transaction"), signal.SIGSTOP)),
            Case((OPEN, signal.SIGKILL)),
            Case(((*RACE, "transaction"), signal.SIGKILL)),
            Case(((*RACE, "conditional"), signal.SIGKILL)),
            Case(((*RACE, "version"), signal.SIGSTOP)),
            Case((LOAD, signal.SIGKILL)),
            Case((LOAD, signal.SIGSTOP)),
            Case((OPEN, signal.SIGSTOP)),
        ],
    ),
)
def test_a_process_that_is_lost_ends_the_run_and_its_orders_are_unknown(
    command: tuple[str, ...], number: signal.Signals, start: Start, tmp_path: Path, cli: Cli
) -> None:
    process = start(*command, "--processes", "2")
    wait_for_operations(tmp_path, 300)
    measured = operations(tmp_path)
    started = children(process.pid)
    begun_s = time.monotonic()
    os.kill(workers(process.pid)[1], number)
    output, errors = ended(process)
    assert time.monotonic() - begun_s < 40, "5 s until it is missed, 20 s to reconcile what it left, and a busy machine"
    why = "was killed by SIGKILL" if number == signal.SIGKILL else "gave no answer for 5 s"
    (line,) = errors
    assert line.removesuffix("; its orders without a result are unknown") == f"loadtest: process 2 {why}"
    report = the_report(tmp_path)
    assert (process.returncode, report["completed"]) == (3, False)
    assert [one["lost"] for one in report["client"]["workers"]] == [None, why]
    assert_lost_as_unknown(report, tmp_path, measured)
    checked = cli("check", str(folder_of(tmp_path)))
    assert checked.stdout.splitlines()[-1] == report["verdict"]["sentence"] == output.splitlines()[-1]
    wait_until_all_are_gone(started)


def assert_lost_as_unknown(report: dict[str, Any], tmp_path: Path, measured: int) -> None:
    """What is lost is unknown and reconciled from the table, or the run is not called safe."""
    events = history(tmp_path)
    assert_no_order_is_lost(report, tmp_path)
    assert sum(isinstance(event, Operation) for event in events) >= measured
    lost = {event.order_id for event in events if isinstance(event, OrderEnded) and event.reason == WORKER_LOST}
    assert report["orders"]["unknown"] >= len(lost)
    status, reconciled = report["verdict"]["status"], report["verdict"]["reconciled"]
    assert status in ("safe", "inconclusive"), report["verdict"]
    assert status == "inconclusive" or reconciled["unresolved"] == 0
    reconciled_as = reconciled["accepted"] + reconciled["rejected"] + reconciled["unresolved"]
    assert reconciled_as == report["orders"]["unknown"]
