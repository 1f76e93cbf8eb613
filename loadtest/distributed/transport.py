"""The way to a worker somewhere else, by its name."""

from typing import Any, Protocol


class LostError(Exception):
    """A worker ended, or gives no answer: why, in words that follow its name."""


class Transport(Protocol):
    """Calls a worker's methods, one after another."""

    name: str

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """What the method returns, or raises. LostError if there is no worker any more."""

    def end(self) -> None:
        """Make sure that it does nothing any more, as far as that can be done from here."""
