"""Scenario files and reports that somebody else wrote: what they lead to is nothing that nobody agreed to."""

import os
import pty
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.cli import execute
from loadtest.cli.app import app
from loadtest.cli.baseline import Baseline, completed
from loadtest.cli.matrix import Matrix
from loadtest.errors import UsageError
from loadtest.records.invocation import Invocation
from tests.conftest import Cli, clean_environment
from tests.helpers.one_line import assert_one_line
from tests.helpers.reports import a_report
from tests.helpers.stored_runs import put

TLS = "cluster = 'tls://h:1'\ncluster-ca = 'a.pem'\ncluster-cert = 'a.pem'\ncluster-key = 'a.pem'\n"
CLUSTER = "connect to the cluster 'tls://h:1', which can then run commands here as you"
ELSEWHERE = "endpoint-url = 'http://db.example:8000'\n"
UNTAGGED = "allow-untagged-table = true\n"


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The plans of the runs that would have begun; the current folder is empty but for a file for TLS."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pem").write_text("x")
    (tmp_path / "friendly_shop.py").write_text("async def mine(attempt): ...")
    monkeypatch.syspath_prepend(tmp_path)
    begun: list[Any] = []

    def begin(plan: Any, *_: Any) -> int:
        begun.append(plan)
        return 0

    monkeypatch.setattr(execute, "execute", begin)
    return begun


def run(text: str, *typed: str, command: str = "race") -> None:
    Path("friendly.toml").write_text(f"command = '{command}'\n{text}")
    assert app(["run", "friendly.toml", *typed], standalone_mode=False) in (0, None)


@pytest.mark.parametrize(
    ("text", "words", "options"),
    [
        (TLS, CLUSTER, "--cluster and --cluster-ca and --cluster-cert and --cluster-key"),
        ("cluster = 'tcp://127.0.0.1:1'", "connect to the cluster 'tcp://127.0.0.1:1'", "--cluster"),
        (ELSEWHERE, "send requests to 'http://db.example:8000', signed with your AWS credentials", "--endpoint-url"),
        (ELSEWHERE + UNTAGGED, "and to write to table 'products' even if", "--endpoint-url and --allow-untagged-table"),
        (f"target = 'aws'\ntable = 'shop'\n{UNTAGGED}", "write to table 'shop' even if", "--allow-untagged-table"),
        ("strategy = 'friendly_shop:mine'", "run the Python code 'friendly_shop:mine' as you", "--strategy"),
    ],
)
def test_what_harms_whoever_runs_it_is_asked(text: str, words: str, options: str, plans: list[Any]) -> None:
    with pytest.raises(UsageError) as refused:
        run(text)
    said = str(refused.value)
    assert said.startswith("friendly.toml wants to ")
    assert words in said
    assert said.endswith(f"Nobody is there to ask: type {options} after friendly.toml, or --yes")
    assert plans == []
    run(text, "--yes")
    assert len(plans) == 1


@pytest.mark.parametrize("command", ["race", "load", "find", "compare"])
def test_code_that_a_file_names_is_not_imported_before_somebody_agreed(
    command: str, plans: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "unfriendly.py").write_text("from pathlib import Path\nPath('ran').touch()")
    with pytest.raises(UsageError, match=r"wants to run the Python code 'unfriendly:mine' as you"):
        run(
            "strategy = 'version,unfriendly:mine'" if command == "compare" else "strategy = 'unfriendly:mine'",
            command=command,
        )
    assert plans == []
    assert not Path("ran").exists()


def test_code_that_a_baseline_ran_is_not_imported() -> None:
    config = {"strategy": "unfriendly:mine", "concurrency": 2}
    with pytest.raises(UsageError, match=r"the baseline ran code, 'unfriendly:mine': name it with --strategy"):
        completed(Matrix(), Baseline(reports=[a_report(config=config)]))


def test_what_was_typed_is_not_asked(plans: list[Any]) -> None:
    files = ("--cluster-ca", "a.pem", "--cluster-cert", "a.pem", "--cluster-key", "a.pem")
    run(TLS, "--cluster", "tls://h:2", *files)
    with pytest.raises(UsageError, match=r"wants to connect to the cluster .tls://h:2'.*: type --cluster-ca and"):
        run(TLS, "--cluster", "tls://h:2")  # the file would say whom to trust
    run(ELSEWHERE, "--endpoint-url", "http://db.example:8000")
    assert len(plans) == 2


@pytest.mark.parametrize("text", ["endpoint-url = 'http://127.0.0.1:8000'\n" + UNTAGGED, UNTAGGED, "rounds = 2"])
def test_what_stays_on_this_machine_is_not_asked(text: str, plans: list[Any]) -> None:
    run(text)
    assert len(plans) == 1


def test_the_help_asks_nothing(plans: list[Any]) -> None:
    run(TLS + ELSEWHERE, "--help")
    assert plans == []


@pytest.mark.parametrize("key", ["yes", "cluster-insecure", "cluster_insecure"])
def test_a_file_cannot_agree_for_whoever_runs_it(key: str, plans: list[Any]) -> None:
    with pytest.raises(UsageError, match=f"{key} is for who runs the file to say, not for the file: type --"):
        run(f"{TLS}{key} = true")
    assert plans == []


@pytest.mark.parametrize(
    "host", ["scheduler.example", "10.0.0.1", "127.1", "[::2]", "127.0.0.1.example", "localhost.x"]
)
def test_a_cluster_elsewhere_without_tls_is_refused(host: str, plans: list[Any]) -> None:
    text = f"cluster = 'tcp://{host}:8786'"
    typed = ("race", "--cluster", f"tcp://{host}:8786")
    with pytest.raises(UsageError, match="leads off this machine without TLS"):
        run(text, "--yes")
    with pytest.raises(UsageError, match="leads off this machine without TLS"):
        app(list(typed), standalone_mode=False)
    with pytest.raises(UsageError, match=r"friendly.toml wants to connect to the cluster"):
        run(text, "--cluster-insecure")
    assert plans == []
    app([*typed, "--cluster-insecure"], standalone_mode=False)
    assert len(plans) == 1


@pytest.mark.parametrize("address", ["tcp://127.0.0.1#x.example:1", "tcp://127.0.0.1?x:1", "tcp://\x1b[2J:1"])
def test_no_address_is_read_in_two_ways(address: str, plans: list[Any]) -> None:
    with pytest.raises(UsageError, match="is no address like") as refused:
        app(["race", "--cluster", address], standalone_mode=False)
    assert str(refused.value).isprintable()
    assert plans == []


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("cluster = 'tcp://[::1'", "race"),
        ("cluster = 5", "race"),
        ("endpoint-url = 'http://['", "race"),
        ("runs = ['a']\notlp = 'http://['", "export"),
    ],
)
def test_what_is_no_address_is_no_internal_error(text: str, command: str, plans: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"^friendly.toml(:| wants to) "):
        run(text, command=command)
    assert plans == []


def test_a_stored_run_asks_as_a_file_does(plans: list[Any], tmp_path: Path) -> None:
    scenario = {"command": "race", "cluster": "tcp://10.0.0.1:1", "cluster-insecure": True, "yes": True}
    put(tmp_path / "a", a_report(invocation=Invocation("loadtest race", scenario)))
    put(tmp_path / "b", a_report(invocation=Invocation("", {**scenario, "cluster": "tcp://127.0.0.1:1"})))
    with pytest.raises(UsageError, match="leads off this machine without TLS"):
        app(["rerun", "a"], standalone_mode=False)
    with pytest.raises(UsageError, match=r"b wants to connect to the cluster.*: type --cluster after b, or --yes"):
        app(["rerun", "b"], standalone_mode=False)
    assert plans == []
    app(["rerun", "b", "--yes"], standalone_mode=False)
    assert len(plans) == 1


def test_a_collector_elsewhere_gets_nobodys_headers(plans: list[Any]) -> None:
    text = "runs = ['a']\notlp = 'https://collector.example'"
    with pytest.raises(UsageError, match=r"with the headers.*: type --otlp after friendly.toml$"):
        run(text, command="export")


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """Somebody's server, on which nobody should call."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def assert_nobody_called(trap: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        trap.accept()


def test_a_file_and_a_report_connect_to_nobody(trap: socket.socket, cli: Cli, tmp_path: Path) -> None:
    place = f"127.1:{trap.getsockname()[1]}"  # leads here, and does not look like it
    (tmp_path / "f.toml").write_text(f"command = 'race'\nendpoint-url = 'http://{place}'\n{UNTAGGED}")
    scenario = {"command": "race", "cluster": f"tcp://127.0.0.1:{trap.getsockname()[1]}"}
    put(tmp_path / "a", a_report(invocation=Invocation("loadtest race", scenario)))
    assert_one_line(cli("run", "f.toml"), 2, f"f.toml wants to send requests to 'http://{place}'")
    assert_one_line(cli("rerun", "a"), 2, "a wants to connect to the cluster")
    assert_nobody_called(trap)


@pytest.mark.parametrize("answer", [b"n\n", pytest.param(b"y\n", marks=pytest.mark.slow)])
def test_on_a_terminal_it_asks(answer: bytes, trap: socket.socket, tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_text(f"command = 'race'\ncluster = 'tcp://127.0.0.1:{trap.getsockname()[1]}'")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", "run", "f.toml"],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=theirs,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.write(ours, answer)
    if answer == b"y\n":
        trap.settimeout(60)
        trap.accept()[0].close()
        process.kill()
    _, errors = process.communicate(timeout=60)
    os.close(ours)
    assert "f.toml wants to connect to the cluster" in errors
    assert "which can then run commands here as you. Go on? [y/N]" in errors
    if answer == b"n\n":
        assert process.returncode == 3
        assert_nobody_called(trap)
