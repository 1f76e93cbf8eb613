"""How an order becomes operations. A strategy is a coroutine that makes one attempt at an order.

It returns the attempt's result; a rejected conflict or a throttled attempt may be made again by the runner.
The names are in `loadtest.workload.strategies`.
"""

from collections.abc import Awaitable, Callable
from importlib import import_module
from inspect import iscoroutinefunction
from operator import attrgetter
from typing import Protocol

from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.table import Answer, Values
from loadtest.dynamodb.transport import Request
from loadtest.errors import LoadTestError, UsageError
from loadtest.events import Order, Reason, Result
from loadtest.workload.strategies import is_own, named


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
    """The strategy of that name, or `module:function`. UsageError if there is none, or its code is no coroutine.

    Importing runs code: a name that somebody else may have chosen is not for here (`loadtest.cli.trust`).
    """
    module, _, function = named(name).where.partition(":")
    try:
        found = attrgetter(function)(import_module(module))
    except Exception as error:  # whatever the user's own module does while it is imported
        raise UsageError(f"the strategy {name!r} cannot be imported: {type(error).__name__}: {error}") from error
    if not iscoroutinefunction(found):
        raise UsageError(f"the strategy {name!r} is no coroutine: write async def {function}(attempt)")
    return _checked(name, found) if is_own(name) else found


def _checked(name: str, strategy: Strategy) -> Strategy:
    """The user's own, whose mistakes end the run with a line that names it."""

    async def checked(attempt: Attempt) -> Result:
        try:
            result = await strategy(attempt)
        except LoadTestError:
            raise
        except Exception as error:
            raise LoadTestError(f"the strategy {name!r} failed: {type(error).__name__}: {error}") from error
        if not isinstance(result, Result):
            raise LoadTestError(f"the strategy {name!r} must return a Result, not {type(result).__name__}")
        return result

    return checked
