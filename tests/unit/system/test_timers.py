import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import anyio
import pytest

from loadtest.system.timers import Timer, timer

Make = Callable[[], AbstractContextManager[Timer]]
both = pytest.mark.parametrize(
    "make", [timer, lambda: nullcontext(Timer())], ids=["as the platform can", "as the loop can"]
)
HOUR_NS = 3600 * 10**9


@both
@pytest.mark.parametrize("ahead_ns", [0, 1, 50_000, 3_000_000])
async def test_nobody_is_woken_too_early(make: Make, ahead_ns: int) -> None:
    with make() as clock, anyio.fail_after(20):
        for _ in range(20):
            moment_ns = time.perf_counter_ns() + ahead_ns
            await clock.until(moment_ns)
            assert time.perf_counter_ns() >= moment_ns


@both
async def test_a_moment_that_has_passed_is_not_waited_for(make: Make) -> None:
    with make() as clock, anyio.fail_after(20):
        await clock.until(time.perf_counter_ns() - HOUR_NS)
        await clock.until(0)


@both
async def test_who_gave_up_waiting_can_wait_for_another_moment(make: Make) -> None:
    with make() as clock, anyio.fail_after(20):
        with anyio.move_on_after(0.01) as given_up:
            await clock.until(time.perf_counter_ns() + HOUR_NS)
        assert given_up.cancelled_caught
        await clock.until(time.perf_counter_ns() + 1_000_000)


@both
async def test_others_go_on_meanwhile(make: Make) -> None:
    moment_ns = time.perf_counter_ns() + 20 * 10**9
    with make() as clock:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clock.until, moment_ns)
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert time.perf_counter_ns() < moment_ns
