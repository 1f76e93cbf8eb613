"""What looks after a run: checks come before anything is shown, and none outlives its part."""

import anyio
import pytest

from loadtest.engine.watchdog import Watchdog
from loadtest.errors import LoadTestError

FULL = LoadTestError("the disk is full")


class Disk:
    """What is checked; `full` refuses."""

    def __init__(self) -> None:
        self.full = False
        self.checks = 0

    def flush(self) -> None:
        self.checks += 1
        if self.full:
            raise FULL


def test_a_check_is_made_as_long_as_its_part_lasts() -> None:
    disk, dog = Disk(), Watchdog(lambda: None, _never)
    with dog.watching(disk.flush):
        assert dog.check()
    disk.full = True
    assert dog.check()
    assert disk.checks == 1


async def test_what_is_not_on_disk_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.engine.watchdog.TICK_S", 0)
    disk, errors = Disk(), list[LoadTestError]()
    shown: list[int] = []

    def show() -> None:
        shown.append(disk.checks)
        disk.full = len(shown) == 3

    dog = Watchdog(show, errors.append)
    with dog.watching(disk.flush), anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(dog.run)
            while not errors:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert shown == [1, 2, 3]  # the fourth check failed
    assert set(errors) == {FULL}


def _never(error: LoadTestError) -> None:
    raise AssertionError(error)
