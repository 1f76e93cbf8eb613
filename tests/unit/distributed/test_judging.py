"""Who judges a run is asked in the same way, here or beside; a signal ends the wait."""

import threading
from typing import Any, cast

import anyio
import pytest

from loadtest.checker import Checker, Status, Verdict
from loadtest.distributed.checker_process import Judgement
from loadtest.distributed.judging import JudgingBeside, JudgingHere, judging
from loadtest.engine.stop import Stop
from tests.helpers.shop_events import one_round

SAFE = Judgement(Verdict(Status.SAFE, "all is well"), [], cpu_ns=7)


async def never() -> str:
    await anyio.sleep_forever()
    raise AssertionError


class Beside:
    """The other process: answers when it is let, and is gone when it is killed."""

    def __init__(self, answer: Judgement | None) -> None:
        self.may_answer = threading.Event()
        self.unwritten = b""
        self._answer = answer

    def judgement(self, unwritten: bytes) -> Judgement | None:
        self.unwritten = unwritten
        self.may_answer.wait(20)
        return self._answer

    def kill(self) -> None:
        self._answer = None
        self.may_answer.set()


class History:
    def unwritten(self) -> bytes:
        return b"two lines"


def beside(judge: Beside) -> JudgingBeside:
    return JudgingBeside(cast("Any", judge), cast("Any", History()), print)


async def test_here_every_event_is_judged_as_it_happens() -> None:
    here = judging(Checker(), None, print, beside=True)  # where nothing is written, nobody can read it
    assert isinstance(here, JudgingHere)
    for event in one_round():
        for listener in here.listeners:
            listener(event)
    found = await here.judgement(Stop(), never)
    assert found.verdict.status is Status.SAFE


async def test_beside_the_judge_is_given_what_is_not_in_the_file() -> None:
    judge = Beside(SAFE)
    judge.may_answer.set()
    with anyio.fail_after(20):
        assert await beside(judge).judgement(Stop(), never) == SAFE
    assert judge.unwritten == b"two lines"
    assert not beside(judge).listeners


async def test_a_signal_ends_the_wait_and_nothing_is_said_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.distributed.judging.judged", _too_late)
    stop = Stop()

    async def at_once() -> str:
        return "SIGINT"

    with anyio.fail_after(20):
        found = await beside(Beside(SAFE)).judgement(stop, at_once)
    assert stop.signal == "SIGINT"
    assert (found.verdict.status, found.lost) == (Status.INCONCLUSIVE, [])
    assert found.verdict.sentence.startswith("stopped by SIGINT before all was judged")


async def _too_late(_history: Any, _unwritten: bytes) -> Judgement:
    await anyio.lowlevel.checkpoint()
    raise AssertionError("the wait has ended")
