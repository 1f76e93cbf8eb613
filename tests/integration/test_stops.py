"""Runs that are cut: signals, a server that dies, a tool that is killed, a disk that is full."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.events import OrderEnded
from loadtest.records.history import read_history
from tests.conftest import Cli, Start, clean_environment
from tests.helpers.cut_runs import assert_all_ended, operations, the_report, wait_for_operations
from tests.helpers.processes import children, is_gone, wait_for


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        pytest.param(signal.SIGQUIT, marks=pytest.mark.slow),
        pytest.param(signal.SIGXCPU, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_run_with_a_report_marked_as_a_part(
    number: signal.Signals, start: Start, tmp_path: Path
) -> None:
    process = start("race", "-n", "200", "--rounds", "1000", "--strategy", "conditional")
    wait_for_operations(tmp_path, 300)
    servers = children(process.pid)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    report = the_report(tmp_path)
    assert process.returncode == 130
    assert (report["completed"], report["stopped_by"]) == (False, number.name)
    assert f"stopped early, so this is a part: {number.name}" in output
    assert_all_ended(report)
    assert report["verdict"]["status"] in ("safe", "inconclusive")
    ended = [event for event in read_history(next(tmp_path.glob("runs/*/history.jsonl"))) if type(event) is OrderEnded]
    assert len(ended) == report["orders"]["placed"]
    assert servers
    assert all(is_gone(pid) for pid in servers)


def test_whoever_lets_it_ignore_that_the_terminal_is_closed_is_heard(start: Start, tmp_path: Path) -> None:
    process = start("race", "-n", "200", "--rounds", "1000", wrapped_in="trap '' HUP")  # as nohup does
    wait_for_operations(tmp_path, 1)
    process.send_signal(signal.SIGHUP)
    wait_for_operations(tmp_path, operations(tmp_path) + 300)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert the_report(tmp_path)["stopped_by"] == "SIGTERM"


@pytest.mark.parametrize("more", [[], ["--processes", "2"]], ids=" ".join)
def test_a_terminal_that_is_closed_ends_the_run_with_its_results_kept(more: list[str], tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "loadtest", "race", "-n", "50", "--rounds", "10000", "-q", *more],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    wait_for_operations(tmp_path, 100)
    started = children(process.pid)
    os.close(ours)
    process.wait(timeout=60)
    report = the_report(tmp_path)
    assert (report["completed"], report["stopped_by"]) == (False, "SIGHUP")
    assert_all_ended(report)
    wait_for(lambda: all(is_gone(pid) for pid in started), "the end of all that it had started")


def test_a_signal_before_the_first_order_leaves_nothing_behind(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        process = start("race", "--endpoint-url", f"http://127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()  # the tool asks for the table and waits
        with connection:
            connection.recv(1)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "loadtest: interrupted"
    assert list(tmp_path.glob("runs/*")) == []


def test_the_embedded_server_goes_when_the_tool_is_killed(start: Start, tmp_path: Path) -> None:
    process = start("race", "-n", "200", "--rounds", "1000")
    wait_for_operations(tmp_path, 300)
    servers = children(process.pid)
    assert servers
    process.kill()
    process.communicate()
    wait_for(lambda: all(is_gone(pid) for pid in servers), "the end of the embedded server")
    assert operations(tmp_path) >= 300


def test_an_embedded_server_that_dies_ends_the_run_and_is_named(start: Start, tmp_path: Path) -> None:
    process = start("race", "-n", "200", "--rounds", "1000")
    wait_for_operations(tmp_path, 300)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    report = the_report(tmp_path)
    assert process.returncode == 3
    assert "the embedded server ended during the run" in errors.splitlines()[-1]
    assert not report["completed"]
    assert_all_ended(report)
    assert report["verdict"]["status"] == "inconclusive"


def test_a_full_disk_ends_the_run_with_one_line_and_blames_no_order(start: Start) -> None:
    process = start("race", "-n", "200", "--rounds", "50", wrapped_in="ulimit -f 100; trap '' XFSZ")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "cannot write the history" in errors.splitlines()[-1]
    assert "stopped early, so this is a part: cannot write the history" in output
    assert "violated" not in output


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_full_disk_hides_no_violation(processes: str, start: Start) -> None:
    command = ("race", "-n", "100", "--strategy", "unconditional", "--processes", processes)
    process = start(*command, wrapped_in="ulimit -f 60; trap '' XFSZ")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "violated" in output
    assert "cannot write the history" in errors.splitlines()[-1]


def not_progress(errors: str) -> list[str]:
    """The lines without those that a run prints every few seconds."""
    return [line for line in errors.splitlines() if "orders ended" not in line and ": about " not in line]


def test_a_reader_that_leaves_early_does_not_change_the_exit_code(cli: Cli, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", '"$0" -m loadtest race -n 5 -q | true; exit ${PIPESTATUS[0]}', sys.executable],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 4)  # with or without a contested win, as it would have been with a reader
    assert not_progress(done.stderr) == []


def test_whoever_hears_of_progress_may_leave_early(tmp_path: Path) -> None:
    """The run goes on, and says how it ended: an error of a pipe is no violation."""
    reader, writer = os.pipe()
    os.close(reader)
    command = 'ulimit -n 64; exec "$0" -m loadtest race -n 300'  # fewer at once than wanted, which is said first
    done = subprocess.run(
        ["bash", "-c", command, sys.executable],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=writer,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writer)
    assert done.returncode in (0, 4)  # few orders were in flight at once: perhaps none with the winner
    assert the_report(tmp_path)["completed"]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_standard_stream_that_is_closed_from_the_start_is_no_matter(
    closed: str, start: Start, tmp_path: Path
) -> None:
    process = start("race", "-n", "5", "-q", wrapped_in=f"exec {closed}")
    output, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 4), errors  # with or without a contested win
    assert not_progress(errors) == []
    assert ("1 of 5 orders won" in output) == (" >&-" not in f" {closed}")
    assert the_report(tmp_path)["completed"]
    assert len(list(read_history(next(tmp_path.glob("runs/*/history.jsonl"))))) > 5  # nothing else was written there
