"""An interrupt while an event loop runs."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from loadtest.system import signals


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(signals, "_received", [])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever began the tests may let it be ignored
    signals.leave_at_second_interrupt()
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("use_uvloop", [False, True])
def test_it_cancels_what_runs_and_no_task_has_an_exception_of_its_own(use_uvloop: bool) -> None:
    cleaned, reported = [], []

    async def somebody_elses() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(1000))  # where Python takes notice of the signal

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        task = asyncio.create_task(somebody_elses())
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # also what waits while it cleans up goes on
            cleaned.append(task.exception())

    with pytest.raises(KeyboardInterrupt):
        signals.run_interruptible(main, use_uvloop=use_uvloop)
    assert cleaned == [None]
    assert reported == []


def test_a_cancellation_of_another_kind_stays_one() -> None:
    async def main() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        signals.run_interruptible(main)
