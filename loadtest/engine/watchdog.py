"""What looks after a run while it goes on, and who follows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import anyio

from loadtest.errors import LoadTestError
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder

TICK_S = 0.25


class Watcher(Protocol):
    """Who follows a run while it goes on."""

    def show(self, recorder: Recorder, overhead: ClientOverhead) -> None:
        """Look at how far it is; called four times a second."""

    def announce(self, sentence: str) -> None:
        """Hear what it is about to do."""

    def hide(self) -> None:
        """Take away what is drawn anew in its place: something else is about to be printed."""

    def chore(self, what: str, done: int, of: int) -> None:
        """Hear how far it is with what it does to each product before or after the orders."""


class Watchdog:
    """Four times a second all checks are made, and if all hold, `show` is called.

    A check raises LoadTestError, which ends the run through `fail`: a disk that is full, a proxy that is gone, without
    which every order fails, but not what is read around them.
    """

    def __init__(self, show: Callable[[], None], fail: Callable[[LoadTestError], None]) -> None:
        self._show = show
        self._fail = fail
        self._checks: list[Callable[[], None]] = []

    @contextmanager
    def watching(self, check: Callable[[], None]) -> Iterator[None]:
        """Make this check, too, for as long as the block lasts."""
        self._checks.append(check)
        try:
            yield
        finally:
            self._checks.remove(check)

    def check(self) -> bool:
        """Make all checks; whether they hold."""
        try:
            for check in self._checks:
                check()
        except LoadTestError as error:
            self._fail(error)
            return False
        return True

    async def run(self) -> None:
        """For ever."""
        while True:
            await anyio.sleep(TICK_S)
            if self.check():
                self._show()
