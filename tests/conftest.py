"""Real servers for the tests, started once a session, and the command line as a user runs it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tests.helpers.examples  # noqa: F401 - it sets how many examples every property gets

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / ".tools"
DYNAMODB_LOCAL_URL = (
    "LOADTEST_DYNAMODB_LOCAL_URL"  # of one that the user has, under its vendor's terms: nothing here fetches it
)
ATOMIC = ("embedded", "ministack", "dynamodb_local")  # conditional writes, and transactions
SERVERS = (*ATOMIC, "moto_server", "dynalite")

# moto's server without its threads: with them, its check and its write are two steps.
_MOTO_SERIAL = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""

Cli = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


def missing(what: str) -> None:
    """Skip on a user's machine, fail in CI: there, everything must be installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI lacks {what}")
    pytest.skip(f"{what} is not installed")


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without the user's AWS settings, and never asking a network for credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull}
    return {**kept, **nowhere, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "COLUMNS": "120", **more}


def scenario(folder: Path, command: str) -> tuple[str, str]:
    """`run FILE` instead of the command: after a file, the options that stand in files only are understood too."""
    (folder / f"{command}.toml").write_text(f'command = "{command}"\n')
    return "run", f"{command}.toml"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `loadtest …` in an empty folder."""

    def run(*arguments: str, timeout_s: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "loadtest", *arguments],
            cwd=tmp_path,
            env=clean_environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `loadtest …` in an empty folder and does not wait for it."""
    started = []

    def run(*arguments: str, wrapped_in: str = "") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "loadtest", *arguments]
        if wrapped_in:
            command = ["bash", "-c", f'{wrapped_in}; exec "$@"', "bash", *command]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"{process.args!r} ended at once with code {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"{process.args!r} does not listen")


def _command(name: str, port: int) -> tuple[list[str], Path]:
    if name == "embedded":
        return [sys.executable, "-m", "loadtest.targets.servers.moto_host", str(port)], ROOT
    if name == "moto_server":
        program = Path(sys.executable).with_name("moto_server")
        return ["env", "MOTO_ALLOW_NONEXISTENT_REGION=true", str(program), "-p", str(port)], ROOT  # as the embedded one
    if name == "moto_server_serial":
        return [sys.executable, "-c", _MOTO_SERIAL, str(port)], ROOT
    if name == "ministack":
        program = TOOLS / "ministack/bin/ministack"
        if not program.exists():
            missing("MiniStack (scripts/test integration installs it)")
        return ["env", f"GATEWAY_PORT={port}", "BIND_HOST=127.0.0.1", str(program)], ROOT
    program = TOOLS / "dynalite/node_modules/dynalite/cli.js"
    if not shutil.which("node") or not program.exists():
        missing("dynalite (scripts/test integration fetches it with npm)")
    return ["node", str(program), "--port", str(port), "--createTableMs", "0"], ROOT


@pytest.fixture(scope="session")
def server_urls() -> Iterator[Callable[[str], str]]:
    """Starts a server by name on first use and returns its URL; ends them all after the session.

    DynamoDB Local is not started: who has one that runs, names its URL.
    """
    running: dict[str, tuple[subprocess.Popen[bytes], str]] = {}

    def url(name: str) -> str:
        if name == "dynamodb_local":
            return os.environ.get(DYNAMODB_LOCAL_URL) or pytest.skip(f"{DYNAMODB_LOCAL_URL} names no DynamoDB Local")
        if name not in running:
            port = free_port()
            command, folder = _command(name, port)
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            running[name] = process, f"http://127.0.0.1:{port}"
            wait_until_listening(process, port)
        return running[name][1]

    yield url
    for process, _ in running.values():
        process.terminate()
    for process, _ in running.values():
        process.wait(20)


@pytest.fixture(scope="session")
def strict_moto() -> Iterator[str]:
    """A moto_server that checks who asks."""
    port = free_port()
    command, folder = _command("moto_server", port)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until_listening(process, port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


@pytest.fixture(params=SERVERS)
def any_server(request: pytest.FixtureRequest, server_urls: Callable[[str], str]) -> tuple[str, str]:
    """Each server in turn: its name and URL."""
    return request.param, server_urls(request.param)
