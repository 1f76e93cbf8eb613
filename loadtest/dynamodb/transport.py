"""One request in, an answer or what is known of its loss out: what lies between a table and whoever sends for it.

The wire is one implementation, the SDK another; a test may put its own in their place.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

Request = Mapping[str, Any]


class Answered(Struct, frozen=True, gc=False):
    """A whole answer in the SDK's form, a refusal too, and when it was sent for and received (monotonic clock)."""

    response: dict[str, Any]
    sent_ns: int
    received_ns: int

    @property
    def status(self) -> int:
        """Of HTTP."""
        status: int = self.response["ResponseMetadata"]["HTTPStatusCode"]
        return status


class NoAnswer(Struct, frozen=True):
    """No whole answer came, or none that a DynamoDB gives.

    `reason` is its name in reports, the same whoever sent: the SDK's for it, such as `ReadTimeoutError`; `text` says it
    in words. `sent` is False if surely no byte of the request was written; `sent_ns` is when, 0 if nobody knows.
    """

    reason: str
    text: str
    sent: bool = True
    sent_ns: int = 0
    cause: BaseException | None = None


class Served(Struct):
    """Who served the requests: by operation for the wire, by operation and reason for the SDK."""

    wire: Counter[str]
    sdk: Counter[str]


class Transport(Protocol):
    """Carries requests, each once. Nothing that a server or a network does to one is raised."""

    async def __call__(self, operation: str, request: Request) -> Answered | NoAnswer:
        """Send one request of an operation, such as `GetItem`."""

    async def fill(self, count: int) -> None:
        """Open up to `count` connections before the clock starts, if that can be done."""

    @property
    def opened(self) -> int | None:
        """How many connections were opened so far; None if it does not tell."""

    @property
    def stamped_by_reader(self) -> int:
        """How many answers have the time at which they were read where it could be the kernel's."""

    @property
    def served(self) -> Served | None:
        """What was served by the wire and what by the SDK; None without a wire."""
