"""Before all ordinary processes for some milliseconds, where that is allowed: see sched(7)."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_lock = threading.Lock()
_holders = 0
_raised: list[int] = []  # threads


@contextmanager
def urgent() -> Iterator[None]:
    """Let all threads of this process run before those of others that share their cores, until the last block ends.

    All of them: one that waits for the interpreter's lock waits for whoever holds it. Where the process may not do
    that (it takes CAP_SYS_NICE or a limit of real-time priority above 0), or where it runs so already, nothing changes.
    """
    global _holders  # noqa: PLW0603 - a process has one priority, however many workers
    if sys.platform != "linux":
        yield
        return
    try:
        with _lock:
            _holders += 1
            if _holders == 1:
                _raise()
        yield
    finally:
        with _lock:
            _holders -= 1
            if not _holders:
                _lower()


def _threads() -> list[int]:
    try:
        return [int(path.name) for path in Path("/proc/self/task").iterdir()]
    except OSError:
        return []  # not every container shows them


def _raise() -> None:
    for thread in _threads():
        with suppress(OSError):  # it may not, or has just ended
            if os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER:
                os.sched_setscheduler(thread, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
                _raised.append(thread)


def _lower() -> None:
    while _raised:
        with suppress(OSError):  # only root may take the flag back
            os.sched_setscheduler(_raised.pop(), os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
