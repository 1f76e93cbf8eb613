"""A server in a child process on a free loopback port, gone when this process ends in any way.

The port is bound here and handed over, so it is the child's for as long as the child lives, and nobody else's: who
answers there is the child if it still lived afterwards.
"""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import anyio

from loadtest.errors import TargetError
from loadtest.system.child_process import begin
from loadtest.system.listening import bound

READY_WITHIN_S = 20.0
_STOP_WITHIN_S = 3.0


class ChildServer:
    """Runs `python -m MODULE --bound FILE_DESCRIPTOR …`; the module must end when its standard input closes.

    It finds the `briefing` there, for what is too long or too private for a command line.
    """

    def __init__(self, name: str, module: str, *arguments: str, log: Path | None = None, briefing: bytes = b"") -> None:
        self._name = name
        self._log = log
        self._was_ready = False
        with (log or Path(os.devnull)).open("ab") as output, bound() as place:
            self.port: int = place.getsockname()[1]
            self._process = begin(
                module,
                "--bound",
                str(place.fileno()),
                *arguments,
                stdout=output,
                stderr=output,
                pass_fds=(place.fileno(),),
            )
        self.pid = self._process.pid
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended at once, which `ready` tells
                self._process.stdin.write(briefing)
                self._process.stdin.flush()

    async def ready(self) -> None:
        """Wait until the server accepts connections. TargetError if it ends first or takes too long."""
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            listens = await self._listens()
            if (code := self._process.poll()) is not None:  # whoever listens, it is somebody else
                raise TargetError(f"{self._name} ended at once with code {code}{self._see_log()}{self._last_words()}")
            if listens:
                self._was_ready = True
                return
            await anyio.sleep(0.01)
        raise TargetError(f"{self._name} was not ready after {READY_WITHIN_S:.0f} s{self._see_log()}")

    def stop(self) -> None:
        """End the child, which has nothing to lose. TargetError if it had been ready but had ended before."""
        ended_before = self._process.poll() is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            ended_before |= self._process.wait(_STOP_WITHIN_S) != 0  # as who was killed just now, and not yet gone
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if ended_before and self._was_ready:
            raise self._has_ended()

    def require_alive(self) -> None:
        """TargetError if the child has ended."""
        if self._process.poll() is not None:
            raise self._has_ended()

    def _has_ended(self) -> TargetError:
        return TargetError(f"{self._name} ended during the run{self._see_log()}")

    async def _listens(self) -> bool:
        try:
            stream = await anyio.connect_tcp("127.0.0.1", self.port)
        except OSError:
            return False
        await stream.aclose()
        return True

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines() if self._log else []
        return f": {lines[-1]}" if lines else ""

    def _see_log(self) -> str:
        return f"; its log is {self._log}" if self._log else ""
