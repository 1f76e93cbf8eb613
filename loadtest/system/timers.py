"""Waking at a moment, to some ten microseconds where the platform can.

The event loop's own timers come to the millisecond. Linux has timers that are files (timerfd_create(2)) and tell the
loop by themselves; elsewhere the loop's have to do.
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

_MONOTONIC = 1  # the clock that time.perf_counter_ns reads
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE = 1


class Timer:
    """Wakes one task at a time."""

    async def until(self, moment_ns: int) -> None:
        """Return at that moment of time.perf_counter_ns, or a little later; at once if it has passed."""
        while (ahead_ns := moment_ns - time.perf_counter_ns()) > 0:  # noqa: ASYNC110 - time is what is waited for
            await anyio.sleep(max(ahead_ns / 1e9, 0.001))


class _FileTimer(Timer):
    def __init__(self, file: int, libc: ctypes.CDLL) -> None:
        self._file = file
        self._libc = libc
        self._setting = (ctypes.c_long * 4)()  # interval and moment, each in seconds and nanoseconds
        self._waiter: asyncio.Future[None] | None = None

    async def until(self, moment_ns: int) -> None:
        while moment_ns > time.perf_counter_ns():
            self._setting[2], self._setting[3] = divmod(moment_ns, 1_000_000_000)
            self._libc.timerfd_settime(self._file, _ABSOLUTE, self._setting, None)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def fired(self) -> None:
        """The file can be read: the moment has come."""
        try:
            os.read(self._file, 8)
        except BlockingIOError:  # set anew in the meantime
            return
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


@contextmanager
def timer() -> Iterator[Timer]:
    """A timer on the running event loop."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    file = libc.timerfd_create(_MONOTONIC, _NONBLOCK_CLOEXEC) if libc is not None else -1
    if libc is None or file < 0:
        yield Timer()
        return
    loop = asyncio.get_running_loop()
    try:
        precise = _FileTimer(file, libc)
        loop.add_reader(file, precise.fired)
        yield precise
    finally:
        loop.remove_reader(file)
        os.close(file)
