"""A process that may is urgent as long as it says, with all its threads, and whatever it begins meanwhile is not."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from loadtest.system.real_time import urgent

ORDINARY, FIFO = os.SCHED_OTHER, os.SCHED_FIFO


def policy(thread: int = 0) -> int:
    return os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK


def may_be_urgent() -> bool:
    try:
        os.sched_setscheduler(0, FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, ORDINARY, os.sched_param(0))
    return True


allowed = pytest.mark.skipif(not may_be_urgent(), reason="this user may not have real-time priority")


@contextmanager
def another_thread() -> Iterator[int]:
    begun, over = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        over.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        begun.wait()
        assert thread.native_id is not None
        yield thread.native_id
    finally:
        over.set()
        thread.join()


@allowed
def test_all_threads_are_urgent_until_the_last_block_ends() -> None:
    with another_thread() as thread:
        first, second = ExitStack(), ExitStack()
        seen = [(policy(), policy(thread))]
        acts: list[Callable[[], object]] = [
            lambda: first.enter_context(urgent()),
            lambda: second.enter_context(urgent()),
            first.close,
            second.close,
        ]
        for act in acts:
            act()
            seen.append((policy(), policy(thread)))
    assert seen == [(ORDINARY, ORDINARY), *3 * [(FIFO, FIFO)], (ORDINARY, ORDINARY)]


@allowed
def test_what_begins_meanwhile_is_ordinary() -> None:
    with urgent(), another_thread() as thread:
        assert (policy(), policy(thread)) == (FIFO, ORDINARY)
        asked = "import os; print(os.sched_getscheduler(0))"
        said = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout
        assert int(said) & ~os.SCHED_RESET_ON_FORK == ORDINARY


@allowed
def test_who_was_so_before_stays_so() -> None:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    try:
        with urgent():
            assert policy() == os.SCHED_RR
        assert policy() == os.SCHED_RR
    finally:
        os.sched_setscheduler(0, ORDINARY, os.sched_param(0))


def test_who_may_not_goes_on_as_before() -> None:
    asked = "import os; from loadtest.system.real_time import urgent\nwith urgent(): print(os.sched_getscheduler(0))"
    forbidden = ["setpriv", "--bounding-set", "-sys_nice"] if os.geteuid() == 0 else []
    command = ["sh", "-c", 'ulimit -r 0; exec "$@"', "sh", *forbidden, sys.executable, "-c", asked]
    said = subprocess.run(command, capture_output=True, check=True, text=True)
    assert said.stdout == f"{ORDINARY}\n"
