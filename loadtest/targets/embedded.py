"""The embedded server: moto's DynamoDB in a child process on a free loopback port, for one run."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from msgspec.structs import replace

from loadtest.dynamo.client import Connection
from loadtest.errors import TargetError

READY_WITHIN_S = 20.0
_STOP_WITHIN_S = 3.0


class EmbeddedServer:
    """A running child process. It ends with `stop`, and by itself when this process ends in any way."""

    def __init__(self, port: int, log: Path | None) -> None:
        self.port = port
        self._log = log
        self._was_ready = False
        with (log or Path(os.devnull)).open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "loadtest.targets.moto_host", str(port), "--until-stdin-closes"],
                stdin=subprocess.PIPE,  # the lifeline: it closes when this process ends, even by SIGKILL
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the tool; it still has to read the final stock
            )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    async def ready(self) -> None:
        """Wait until the server accepts connections. TargetError if it ends first or takes too long."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if (code := self._process.poll()) is not None:
                raise TargetError(f"the embedded server ended at once with code {code}{_see(self._log)}")
            try:
                stream = await anyio.connect_tcp("127.0.0.1", self.port)
            except OSError:
                await anyio.sleep(0.01)
            else:
                await stream.aclose()
                self._was_ready = True
                return
        raise TargetError(f"the embedded server was not ready after {READY_WITHIN_S:.0f} s{_see(self._log)}")

    def stop(self) -> bool:
        """End the child, which has nothing to lose. False if it had been ready but serves no longer."""
        served = not self._was_ready or self._listens()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return served

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), _STOP_WITHIN_S).close()
        except OSError:
            return False
        return True


def _see(log: Path | None) -> str:
    return f"; its log is {log}" if log else ""


@asynccontextmanager
async def started(base: Connection, log: Path | None = None) -> AsyncIterator[Connection]:
    """A fresh, empty server for as long as the block runs. TargetError if it ended before the block did."""
    server = EmbeddedServer(free_port(), log)
    try:
        await server.ready()
        url = f"http://127.0.0.1:{server.port}"
        yield replace(base, endpoint_url=url, anonymous=True, options=f"--endpoint-url {url}")
    finally:
        if not server.stop():
            raise TargetError(f"the embedded server ended during the run{_see(log)}")


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
