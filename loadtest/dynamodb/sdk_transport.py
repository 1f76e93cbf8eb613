"""The SDK's client as a transport, and a transport as what the tool's own requests are made with."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.errors import NoAnswerError, no_answer, stumbled
from loadtest.dynamodb.transport import Answered, NoAnswer, Request, Served, Transport

_Method = Callable[..., Awaitable[dict[str, Any]]]


class SdkTransport:
    """Sends by the SDK. From its outside there are only call and return: these are the stamps."""

    opened: int | None = None
    stamped_by_reader = 0
    served: Served | None = None

    def __init__(self, client: DynamoDBClient) -> None:
        self._methods: dict[str, _Method] = {
            "GetItem": client.get_item,
            "PutItem": client.put_item,
            "UpdateItem": client.update_item,
            "DeleteItem": client.delete_item,
            "TransactWriteItems": client.transact_write_items,
        }

    async def __call__(self, operation: str, request: Request) -> Answered | NoAnswer:
        """Send one request."""
        sent_ns = time.perf_counter_ns()
        try:
            response = await self._methods[operation](**request)
        except ClientError as error:
            response = dict(error.response)
        except BotoCoreError as error:
            return no_answer(error, sent_ns)
        except Exception as error:  # noqa: BLE001 - the SDK trips over an answer that no DynamoDB gives
            return stumbled(error, sent_ns)
        return Answered(response, sent_ns, time.perf_counter_ns())

    async def fill(self, count: int) -> None:
        """The SDK opens a connection when it needs one."""


class Reader:
    """Reads by a transport as by a client of the SDK: what is no answer is raised, as NoAnswerError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get_item(self, **request: Any) -> dict[str, Any]:
        """GetItem. Raises ClientError too."""
        outcome = await self._transport("GetItem", request)
        if isinstance(outcome, NoAnswer):
            raise NoAnswerError(outcome)
        if outcome.status >= 300:
            raise ClientError(outcome.response, "GetItem")
        return outcome.response
