"""Who judges a run: a checker in this process, or, where many workers tell of their events, one in a process beside it.

Both are asked in the same way when all has happened.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import anyio
from anyio import to_thread

from loadtest.checker import Checker, Status, Verdict
from loadtest.distributed.checker_process import Judge, Judgement, judged
from loadtest.engine.stop import Interrupt, Stop
from loadtest.events import Listener
from loadtest.records.history import HistoryWriter


class Judging(Protocol):
    """Who judges a run; its `listeners` hear of every event."""

    @property
    def listeners(self) -> Sequence[Listener]:
        """Who has to hear of every event for it."""

    async def judgement(self, stop: Stop, interrupt: Interrupt) -> Judgement:
        """Of all that has happened. A signal ends the wait for it, and is then in `stop`."""

    def close(self) -> None:
        """Give up what goes on beside this process."""


class JudgingHere:
    """Each event is judged as it happens."""

    def __init__(self, judging: Checker) -> None:
        self._checker = judging

    @property
    def listeners(self) -> Sequence[Listener]:
        """The checker."""
        return (self._checker,)

    async def judgement(self, stop: Stop, interrupt: Interrupt) -> Judgement:
        """At once."""
        return Judgement.of(self._checker)

    def close(self) -> None:
        """Nothing goes on."""


class JudgingBeside:
    """Another process reads the history while it grows; `announce` tells if it is judged again, as that one is gone."""

    def __init__(self, judge: Judge, history: HistoryWriter, announce: Callable[[str], None]) -> None:
        self._judge = judge
        self._history = history
        self._announce = announce

    @property
    def listeners(self) -> Sequence[Listener]:
        """None: it reads."""
        return ()

    async def judgement(self, stop: Stop, interrupt: Interrupt) -> Judgement:
        """When it has read all."""
        found, unwritten = None, self._history.unwritten()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._give_up, stop, interrupt, tasks.cancel_scope)
            found = await to_thread.run_sync(self._judge.judgement, unwritten)
            if found is None:
                self._announce("the process that judges is gone; judging again")
                found = await judged(self._history.path, unwritten)
            tasks.cancel_scope.cancel()
        if found is None:
            said = f"stopped by {stop.signal} before all was judged; loadtest check judges the history: inconclusive"
            return Judgement(Verdict(Status.INCONCLUSIVE, said), [])
        return found

    async def _give_up(self, stop: Stop, interrupt: Interrupt, waiting: anyio.CancelScope) -> None:
        await stop.hear(interrupt)
        self._judge.kill()
        waiting.cancel()

    def close(self) -> None:
        """End the process."""
        self._judge.close()


def judging(here: Checker, history: HistoryWriter | None, announce: Callable[[str], None], *, beside: bool) -> Judging:
    """A checker, or a process `beside` this one if that is wanted and can be: it needs a history to read."""
    if beside and history is not None:
        with suppress(OSError):  # there can be no further process
            return JudgingBeside(Judge(history.path), history, announce)
    return JudgingHere(here)
