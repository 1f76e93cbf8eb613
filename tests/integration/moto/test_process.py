"""One process, one thread, gone with its lifeline; other versions of moto as a whole."""

import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli, free_port, wait_until_listening
from tests.integration.moto.pair import answers, post, request


@pytest.mark.parametrize(("strategy", "rounds"), [("version", 100), ("conditional", 100), ("transaction", 20)])
def test_of_thirty_racers_for_the_last_item_one_wins_each_round(
    strategy: str, rounds: int, cli: Cli, server_urls: Callable[[str], str]
) -> None:
    done = cli("race", "--rounds", str(rounds), "-n", "30", "-q", "--strategy", strategy, "--endpoint-url",
               server_urls("embedded"), "--table", f"t-{uuid.uuid4().hex[:12]}", "--populate-table")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"in each of {rounds} rounds 1 of 30 orders won the last item" in done.stdout


Start = Callable[..., tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a host by its command line, to which a port is added, and waits until it listens."""
    started = []

    def run(*arguments: str) -> tuple["subprocess.Popen[str]", int]:
        port = free_port()
        command = [sys.executable, *(str(port) if argument == "PORT" else argument for argument in arguments)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        wait_until_listening(process, port)  # type: ignore[arg-type]  # text or bytes, it only polls
        return process, port

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_one_thread_of_one_process_serves(start: Start) -> None:
    process, port = start("-m", "loadtest.targets.servers.moto_host", "PORT")
    assert post(f"http://127.0.0.1:{port}", "DescribeLimits", b"{}")[0] == 200
    if sys.platform == "linux":
        (task,) = Path(f"/proc/{process.pid}/task").iterdir()
        assert (task / "children").read_text() == ""
        assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH  # it gives way to a client in mid-burst


def test_it_goes_when_its_lifeline_closes(start: Start) -> None:
    process, _port = start("-m", "loadtest.targets.servers.moto_host", "PORT", "--key-and-lifeline")
    _, errors = process.communicate("\n", timeout=60)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_quietly_also_while_clients_are_connected(number: signal.Signals, start: Start) -> None:
    process, port = start("-m", "loadtest", "serve", "--port", "PORT")
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(request("DescribeLimits", {}))
        assert next(answers(connection))[0] == 200
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(errors.splitlines()) == 1


def test_a_moto_that_was_not_compared_is_served_as_a_whole(start: Start, server_urls: Callable[[str], str]) -> None:
    program = (
        "import sys; from loadtest.targets.servers import moto_host; moto_host.COMPARED_MOTO = frozenset({'0.0'}); "
        "moto_host.main(); assert 'loadtest.targets.servers.moto_direct' not in sys.modules"
    )
    process, port = start("-c", program, "PORT")
    url = f"http://127.0.0.1:{port}"
    assert post(url, "DescribeLimits", b"{}")[0] == 200
    read = b'{"TableName": "nowhere", "Key": {"id": {"S": "a"}}}'
    assert post(url, "GetItem", read) == post(server_urls("embedded"), "GetItem", read)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert re.fullmatch(r"moto \S+ is served as a whole, more slowly: .* only with 0\.0\n", errors)
