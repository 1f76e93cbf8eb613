"""What a test asks of the processes that it started."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def wait_for(found: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.02)
    pytest.fail(f"waited a minute in vain for {what}")


def _of_process(pid: int, file: str) -> str:
    """What the kernel tells of it; nothing of one that has ended: they come and go while a test looks."""
    try:
        return Path(f"/proc/{pid}/{file}").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _state(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on, of which the first is the state."""
    return _of_process(pid, "stat").rpartition(")")[2].split()


def children(pid: int, called: str = "") -> list[int]:
    """Process ids of all that a process started, theirs included; those with these words in their command line."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for child in map(int, _of_process(pid, f"task/{task.name}/children").split()):
            found += [child] * (called in _of_process(child, "cmdline"))
            found += children(child, called)
    return found


def in_order_of_start(pids: list[int]) -> list[int]:
    states = {pid: _state(pid) for pid in pids}
    return sorted((pid for pid in pids if states[pid]), key=lambda pid: int(states[pid][19]))


def is_gone(pid: int) -> bool:
    return _state(pid)[:1] in ([], ["Z"])
