"""Workers in processes of this machine, each at the end of a pipe."""

import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection as Pipe
from typing import Any

import anyio

from loadtest.distributed.transport import LostError, Transport
from loadtest.errors import LoadTestError
from loadtest.system.signals import ending

_END_S = 5.0


@asynccontextmanager
async def processes(count: int) -> AsyncIterator[list[Transport]]:
    """So many workers, which end with the block. LoadTestError if the machine has no room for them."""
    workers: list[_Process] = []
    try:
        try:
            workers += (_Process(f"process {n}") for n in range(1, count + 1))
        except OSError as error:
            limits = "ulimit -n and ulimit -u show the limits"
            raise LoadTestError(f"process {len(workers) + 1} cannot begin: {error.strerror} ({limits})") from error
        yield list(workers)
    finally:
        for worker in workers:
            worker.end()


class _Process:
    """One of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name=name, daemon=True)
        # Ctrl-C comes to all processes, and the first one tells the others, which must not hear it from the very start.
        # The tracker would be started on the way to the first of them, and unblocks the signals when it has been.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ending())
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._turn = anyio.Lock()

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """See `Transport`."""
        async with self._turn:
            done, answer = await anyio.to_thread.run_sync(self._ask, (method, arguments, named), abandon_on_cancel=True)
        if done:
            return answer
        raise answer

    def _ask(self, request: tuple[str, tuple[Any, ...], dict[str, Any]]) -> tuple[bool, Any]:
        try:
            self._pipe.send(request)
            answer: tuple[bool, Any] = self._pipe.recv()
        except (EOFError, OSError) as error:
            self._process.join(_END_S)
            code = self._process.exitcode
            how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with code {code}"
            raise LostError(how) from error
        return answer

    def end(self) -> None:
        """See `Transport`."""
        if self._process.is_alive():
            self._process.kill()
        self._process.join(_END_S)


def _serve(pipe: Pipe) -> None:
    from loadtest.distributed.worker import Worker

    for number in ending():  # for the first process alone
        signal.signal(number, signal.SIG_IGN)
    worker = Worker()
    while True:
        try:
            method, arguments, named = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)  # nobody is left to place orders for
        try:
            answer = True, getattr(worker, method)(*arguments, **named)
        except LoadTestError as error:
            answer = False, error
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            answer = False, RuntimeError(f"{method}: {type(error).__name__}: {error}")
        pipe.send(answer)
