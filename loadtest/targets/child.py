"""A server in a child process on a free loopback port, gone when this process ends in any way."""

import os
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import anyio

from loadtest.errors import TargetError
from loadtest.subprocesses import begin

READY_WITHIN_S = 20.0
_STOP_WITHIN_S = 3.0


class ChildServer:
    """Runs `python -m MODULE PORT …`; the module must end when its standard input closes.

    It finds the `briefing` there, for what is too long or too private for a command line.
    """

    def __init__(self, name: str, module: str, *arguments: str, log: Path | None = None, briefing: bytes = b"") -> None:
        self.port = free_port()
        self._name = name
        self._log = log
        self._was_ready = False
        with (log or Path(os.devnull)).open("ab") as output:
            self._process = begin(module, str(self.port), *arguments, stdout=output, stderr=output)
        self.pid = self._process.pid
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended at once, which `ready` tells
                self._process.stdin.write(briefing)
                self._process.stdin.flush()

    async def ready(self) -> None:
        """Wait until the server accepts connections. TargetError if it ends first or takes too long."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if (code := self._process.poll()) is not None:
                raise TargetError(f"{self._name} ended at once with code {code}{self._see_log()}{self._last_words()}")
            try:
                stream = await anyio.connect_tcp("127.0.0.1", self.port)
            except OSError:
                await anyio.sleep(0.01)
            else:
                await stream.aclose()
                self._was_ready = True
                return
        raise TargetError(f"{self._name} was not ready after {READY_WITHIN_S:.0f} s{self._see_log()}")

    def stop(self) -> None:
        """End the child, which has nothing to lose. TargetError if it had been ready but serves no longer."""
        served = not self._was_ready or self._listens()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if not served:
            raise self._has_ended()

    def require_alive(self) -> None:
        """TargetError if the child has ended."""
        if self._process.poll() is not None:
            raise self._has_ended()

    def _has_ended(self) -> TargetError:
        return TargetError(f"{self._name} ended during the run{self._see_log()}")

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), _STOP_WITHIN_S).close()
        except OSError:
            return False
        return True

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log else []
        return f": {lines[-1]}" if lines else ""

    def _see_log(self) -> str:
        return f"; its log is {self._log}" if self._log else ""


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
