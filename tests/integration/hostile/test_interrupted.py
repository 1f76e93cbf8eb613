"""A second Ctrl-C ends every command within two seconds, wherever a server holds it up."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import clean_environment
from tests.helpers.scripted_server import Peer, Scripted, in_a_thread

WITHIN_S = 2.0
ENDED = (130, -signal.SIGINT)  # the latter if the first had ended it all but for the interpreter
SLACK_S = 1.0  # of a busy machine, on which a process ends late
NO_RESOLVER = """
import pathlib, socket, time

def hang(*_, **__):
    pathlib.Path("{marker}").touch()
    time.sleep(60)

socket.getaddrinfo = hang
"""
Interrupted = Callable[..., tuple[int, float, str]]


async def mute(peer: Peer) -> None:
    """Takes everything and says nothing."""
    while await peer.reader.read(65_536):
        pass


COMMANDS = (
    "race -n 5",
    pytest.param("load --rate 5 --duration 5s", marks=pytest.mark.slow),
    pytest.param("populate", marks=pytest.mark.slow),
    "table describe",
    pytest.param("probe", marks=pytest.mark.slow),
)


@pytest.fixture
def interrupted(tmp_path: Path) -> Interrupted:
    """Runs a command, presses Ctrl-C twice when it is held up, and returns how and how soon it ended after that."""

    def run(command: str, url: str, held_up: Callable[[], bool], **environment: str) -> tuple[int, float, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "loadtest", *command.split(), "--endpoint-url", url],
            cwd=tmp_path,
            env=clean_environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline_s = time.monotonic() + 60
        while not held_up() and process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        time.sleep(1)  # well after the time within which two are taken for one, on a busy machine too
        pressed_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            _out, err = process.communicate(timeout=20)
            took_s = time.monotonic() - pressed_s
        finally:
            process.kill()
            process.communicate()
        return process.returncode, took_s, err

    return run


def require_soon(code: int, took_s: float, err: str) -> None:
    assert code in ENDED, err
    assert "Traceback" not in err
    assert took_s < WITHIN_S + SLACK_S


@pytest.mark.parametrize("command", COMMANDS)
def test_held_up_in_an_answer(command: str, interrupted: Interrupted) -> None:
    with in_a_thread(Scripted(mute)) as server:
        end = interrupted(command, server.url, lambda: server.accepted > 0)
    require_soon(*end)


@pytest.mark.parametrize("command", ["race -n 5 --allow-untagged-table", "table describe"])
def test_held_up_in_a_name(command: str, interrupted: Interrupted, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(NO_RESOLVER.format(marker=tmp_path / "asked"))
    path = f"{tmp_path}:{Path(__file__).parents[3]}"
    end = interrupted(command, "http://dynamodb.example.org", (tmp_path / "asked").exists, PYTHONPATH=path)
    require_soon(*end)


def test_held_up_in_a_handshake(interrupted: Interrupted) -> None:
    with in_a_thread(Scripted(mute)) as server:
        end = interrupted("table describe", server.url.replace("http:", "https:"), lambda: server.accepted > 0)
    require_soon(*end)
