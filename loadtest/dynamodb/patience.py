"""How the tool's own requests are made, those around the orders: one whose answer is lost is sent again.

An order's request is never sent like this: what becomes of it is what a run is about.
"""

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import anyio
from botocore.exceptions import HTTPClientError

from loadtest.dynamodb.errors import SDK_ERRORS, ForeignAnswerError, code_of, is_lost, is_throttled
from loadtest.events import OwnRequest

PATIENCE_S = 30.0  # from the first try; the last one begins before that
_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.6
_CONFLICTS = ("TransactionConflictException", "TransactionInProgressException")

OnRepair = Callable[[OwnRequest], None]


def uncounted(request: OwnRequest) -> None:
    """For who does not count lost answers."""


class Patience:
    """How long something is tried again, with pauses that grow."""

    def __init__(self) -> None:
        self._until_s = time.monotonic() + PATIENCE_S
        self._pause_s = _PAUSE_S

    @property
    def over(self) -> bool:
        """Whether no further try may begin."""
        return time.monotonic() + self._pause_s > self._until_s

    async def pause(self) -> None:
        """Wait before the next try."""
        await anyio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)


async def patiently(
    call: Callable[..., Awaitable[dict[str, Any]]],
    kind: OwnRequest,
    repaired: OnRepair,
    *,
    served: Collection[str] = (),
    **request: Any,
) -> dict[str, Any]:
    """The answer to a request that may be served twice.

    It is sent again if its answer was lost, which `repaired` hears, if it lacked capacity or if a transaction was under
    way. `served` are the error codes that show, after a lost answer, that the request had been served: then {}.
    The SDK's error if PATIENCE_S are over, and at once for any other.
    """
    patience, lost = Patience(), False
    while True:
        try:
            return await answered(call, **request)
        except SDK_ERRORS as error:
            if lost and code_of(error) in served:
                return {}
            if patience.over or not (is_lost(error) or is_throttled(error) or code_of(error) in _CONFLICTS):
                raise
            if is_lost(error):
                lost = True
                repaired(kind)
        await patience.pause()


async def answered(call: Callable[..., Awaitable[dict[str, Any]]], **request: Any) -> dict[str, Any]:
    """The answer to a request that is sent once.

    An SDK's error as well for what it trips over, such as half an answer, and for what is no DynamoDB's: a page.
    """
    try:
        response = await call(**request)
    except SDK_ERRORS:
        raise
    except Exception as error:
        raise HTTPClientError(error=error) from error
    content_type = response["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
    if "json" not in content_type:
        raise ForeignAnswerError(content_type=content_type or "that it does not say")
    return response
