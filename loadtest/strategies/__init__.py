"""How an order becomes operations. A strategy is a coroutine that makes one attempt at an order.

It returns the attempt's result; a rejected conflict or a throttled attempt may be made again by the runner.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.table import Answer, Values
from loadtest.dynamodb.transport import Request
from loadtest.events import Order, Reason, Result


class Attempt(Protocol):
    """What a strategy may do for its order. Each request becomes one Operation of the history."""

    @property
    def order(self) -> Order:
        """The order that the attempt is made for."""

    @property
    def schema(self) -> TableSchema:
        """What the table's attributes are called; in expressions `#quantity` and the like stand for it."""

    async def gate(self) -> None:
        """Wait until every order of the round has come this far: the race condition, on purpose."""

    async def read(self) -> Answer:
        """Read the product, consistently unless the run was told otherwise."""

    async def update(
        self,
        expression: str,
        values: Values,
        *,
        condition: str | None = None,
        refused: Reason = Reason.CONFLICT,
        read_version: int | None = None,
    ) -> Answer:
        """Change the product if the condition holds.

        `refused` is what it means if it does not; `read_version` is the version that the change rests on.
        """

    async def take_and_record(self, take: Request, record: Request) -> Answer:
        """In one transaction, update the product as `take` says and put the order's `record`."""


Strategy = Callable[[Attempt], Awaitable[Result]]


def load(name: str) -> Strategy:
    """The strategy of that name. Raises KeyError for one that does not exist."""
    from loadtest.strategies.conditional import conditional
    from loadtest.strategies.transaction import transaction
    from loadtest.strategies.unconditional import unconditional
    from loadtest.strategies.version import version

    return {
        "version": version,
        "conditional": conditional,
        "transaction": transaction,
        "unconditional": unconditional,
    }[name]
