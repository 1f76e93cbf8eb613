"""What ends a run before its end: a signal from outside, or an error of one of its parts."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio

from loadtest.errors import LoadTestError

Interrupt = Callable[[], Awaitable[str]]
"""Returns, with the signal's name, when what goes on shall stop."""
Beside = Callable[[], Coroutine[Any, Any, None]]


class Stop:
    """Whoever has a reason to end the run says so here; `signal` and `error` tell afterwards what it was."""

    def __init__(self) -> None:
        self.signal: str | None = None
        self.error: LoadTestError | None = None
        self._scope = anyio.CancelScope()

    @property
    def reason(self) -> str | None:
        """What stopped it, in words; None if it came to its own end."""
        return self.signal or (str(self.error) if self.error is not None else None)

    def fail(self, error: LoadTestError) -> None:
        """End it at once."""
        self.error = error  # the last one is the nearest to the cause: a server that ended explains no answer
        self._scope.cancel()

    def note(self, error: LoadTestError) -> None:
        """It ends before its end because of this, but what is under way goes on."""
        self.error = self.error or error

    async def hear(self, interrupt: Interrupt) -> None:
        """Wait for a signal, and end it then."""
        self.signal = await interrupt()
        self._scope.cancel()

    @asynccontextmanager
    async def until(
        self, interrupt: Interrupt, *beside: Callable[[], Coroutine[Any, Any, None]]
    ) -> AsyncIterator[None]:
        """The block runs to its end, or until something stops it; what goes on `beside` it ends when it has ended."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.hear, interrupt)
            for each in beside:
                tasks.start_soon(each)
            with self._scope:
                try:
                    yield
                except LoadTestError as error:
                    self.fail(error)
            tasks.cancel_scope.cancel()
