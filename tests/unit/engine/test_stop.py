"""What ends a run: a signal, an error of a part, or its own end."""

import anyio
import pytest

from loadtest.engine.stop import Stop
from loadtest.errors import LoadTestError, TargetError

GONE, FULL = TargetError("the server is gone"), LoadTestError("the disk is full")


async def never() -> str:
    await anyio.sleep_forever()
    raise AssertionError


async def at_once() -> str:
    return "SIGTERM"


async def test_what_comes_to_its_own_end_was_stopped_by_nothing() -> None:
    stop, beside = Stop(), anyio.Event()

    async def watch() -> None:
        beside.set()
        await anyio.sleep_forever()

    with anyio.fail_after(20):
        async with stop.until(never, watch):
            await beside.wait()
    assert (stop.signal, stop.error, stop.reason) == (None, None, None)


async def test_a_signal_ends_the_block_and_not_whoever_waits_for_it() -> None:
    stop, ended = Stop(), False
    with anyio.fail_after(20):
        async with stop.until(at_once):
            await anyio.sleep_forever()
        ended = True
    assert (ended, stop.signal, stop.reason) == (True, "SIGTERM", "SIGTERM")


async def test_an_error_that_the_block_raises_is_told_and_not_raised() -> None:
    stop = Stop()
    async with stop.until(never):
        raise GONE
    assert (stop.error, stop.reason) == (GONE, str(GONE))


async def test_what_is_no_error_of_ours_comes_out() -> None:
    with pytest.RaisesGroup(ZeroDivisionError):
        async with Stop().until(never):
            raise ZeroDivisionError


async def test_of_several_errors_the_last_is_the_nearest_to_the_cause() -> None:
    stop = Stop()
    with anyio.fail_after(20):
        async with stop.until(never):
            stop.fail(FULL)
            try:
                await anyio.sleep_forever()
            finally:
                stop.fail(GONE)
    assert stop.error is GONE


async def test_what_is_noted_ends_nothing_and_hides_no_error() -> None:
    stop, went_on = Stop(), False
    async with stop.until(never):
        stop.note(FULL)
        await anyio.lowlevel.checkpoint()
        went_on = True
        stop.note(GONE)
    assert (went_on, stop.error) == (True, FULL)
    stop.fail(GONE)
    assert stop.error is GONE
