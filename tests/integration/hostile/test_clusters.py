"""Clusters and who attacks them: a scheduler that wants the client's machine, others that want in."""

import os
import re
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli, Start, clean_environment, free_port, missing, wait_until_listening
from tests.helpers.certificates import Authority
from tests.helpers.one_line import assert_one_line
from tests.helpers.sound_verdicts import is_sound


@pytest.fixture(autouse=True)
def dask() -> None:
    if find_spec("distributed") is None:
        missing("the package distributed (extra cluster)")


# A scheduler whose first answer is an object that runs a command when it is read. Arguments: port, file to make.
HOSTILE = """
import asyncio, os, sys
from distributed.core import Server
from distributed.protocol.serialize import ToPickle

class Answer:
    def __reduce__(self):
        return os.system, (f"touch {sys.argv[2]}",)

async def identity(n_workers=0):
    return {"type": "Scheduler", "id": "s", "address": server.address, "services": {}, "started": 0, "workers": {},
            "answer": ToPickle(Answer())}

async def main():
    global server
    server = await Server({"identity": identity})
    await server.listen(f"tcp://127.0.0.1:{sys.argv[1]}")
    await asyncio.sleep(600)

asyncio.run(main())
"""


@contextmanager
def hostile_scheduler(made: Path) -> Iterator[str]:
    """Its address."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", HOSTILE, str(port), str(made)], env=clean_environment())
    try:
        wait_until_listening(process, port)
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(20)


@pytest.mark.slow
def test_a_schedulers_answer_runs_a_command_only_where_somebody_agreed(cli: Cli, tmp_path: Path) -> None:
    made = tmp_path / "made"
    with hostile_scheduler(made) as address:
        (tmp_path / "friendly.toml").write_text(f"command = 'race'\ncluster = '{address}'\n")
        assert_one_line(cli("run", "friendly.toml"), 2, "which can then run commands here as you")
        assert not made.exists()
        cli("race", "--cluster", address)
        assert made.exists()  # so the attack is one, and docs/how-to/use-a-cluster.md says that the client is at risk


class Local:
    """A `loadtest cluster local` that is up."""

    def __init__(self, start: Start) -> None:
        self.port = free_port()
        self.process = start("cluster", "local", "--workers", "1", "--port", str(self.port))
        assert self.process.stderr is not None
        self.said = self.process.stderr.readline()
        *_, self.command = self.process.stderr.readline().partition("loadtest race ")
        self.folder = Path(re.findall(r"--cluster-key (\S+)/client\.key", self.command)[0])

    def end(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        self.process.communicate(timeout=60)


def listening(pid: int) -> set[tuple[str, int]]:
    """Where this process and those that it began listen."""
    psutil: Any = import_module("psutil")  # Dask needs it
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    found = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found |= {each.laddr for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN}
    return {(address.ip, address.port) for address in found}


def greeted(port: int, context: ssl.SSLContext | None, greeting: bytes = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") -> bytes:
    """What comes back; OSError if nobody there wants to speak."""
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        if context is None:
            plain.sendall(greeting)
            return plain.recv(4096)
        with context.wrap_socket(plain) as stream:
            stream.sendall(greeting)
            return stream.recv(4096)


def caller(files: tuple[Path, Path] | None = None, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Trusts anybody, and shows a certificate if it has one and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode, context.maximum_version = False, ssl.CERT_NONE, most
    if files is not None:
        context.load_cert_chain(*files)
    return context


@pytest.mark.slow
def test_a_local_cluster_lets_in_only_who_has_its_files(start: Start, cli: Cli, tmp_path: Path) -> None:
    local = Local(start)
    assert local.said == f"1 worker at tls://127.0.0.1:{local.port}; Ctrl-C ends them\n"
    assert is_sound(cli("race", "-q", "-n", "10", *local.command.split()))

    assert stat.S_IMODE(local.folder.stat().st_mode) == 0o700
    for name in ("ca.crt", "client.crt", "client.key"):
        assert stat.S_IMODE((local.folder / name).stat().st_mode) == 0o600
        if os.geteuid() == 0:  # then somebody else can be asked
            other_user = subprocess.run(["cat", local.folder / name], user="nobody", capture_output=True, check=False)
            assert (other_user.returncode, other_user.stdout) == (1, b"")

    everywhere = listening(local.process.pid)
    assert {address for address, _ in everywhere} == {"127.0.0.1"}
    ports = {port for _, port in everywhere}
    assert local.port in ports
    assert len(ports) == 3, ports  # scheduler, nanny and worker: no HTTP server
    assert 8787 not in ports
    known = local.folder / "client.crt", local.folder / "client.key"
    other = Authority.founded(tmp_path, "another authority")
    strangers = [None, caller(), caller((other.server_certificate, other.server_key))]
    for port in ports:
        assert greeted(port, caller(known)) != b""
        for context in (*strangers, caller(known, most=ssl.TLSVersion.TLSv1_2)):
            with suppress(OSError):  # as a refusal shows in TLS 1.3
                assert greeted(port, context) == b""

    local.end(signal.SIGHUP)
    assert local.process.returncode == 0
    assert not local.folder.exists()
