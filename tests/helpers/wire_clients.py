"""Clients of both kinds, and what became of a call in a form that can be compared."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from loadtest.dynamodb import errors, limits
from loadtest.dynamodb.client import connect
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import open_transport
from loadtest.dynamodb.sdk_answers import NotUnderstoodError
from loadtest.dynamodb.sdk_transport import SdkTransport
from loadtest.dynamodb.transport import NoAnswer, Served, Transport
from loadtest.dynamodb.wire import Wire
from loadtest.dynamodb.wire.signing import Template
from loadtest.workload.target import ClientKind

REGION = "eu-central-1"
STAMPS = "Stamps"  # where a WireClient says in an answer's metadata when it was sent for and received
KEYS = ("loadtest", "loadtest", None)
_WITHIN_S = 20
_ONLY_OF_ITS_TIME = {"date", "x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"}


@cache
def session(*, keys: tuple[str, str, str | None] | None = KEYS) -> aioboto3.Session:
    """A session for each keys; they are kept, as each reads the SDK's models anew."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return aioboto3.Session(**dict(zip(names, keys or (None, None, None), strict=True)))


class WireClient:
    """A transport as a client of the SDK, with its exceptions: both can be asked and compared alike."""

    def __init__(self, client: Any, transport: Transport) -> None:
        self.client = client
        self.wire: Any = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    async def get_item(self, **request: Any) -> dict[str, Any]:
        return await self.call("GetItem", request)

    async def put_item(self, **request: Any) -> dict[str, Any]:
        return await self.call("PutItem", request)

    async def update_item(self, **request: Any) -> dict[str, Any]:
        return await self.call("UpdateItem", request)

    async def delete_item(self, **request: Any) -> dict[str, Any]:
        return await self.call("DeleteItem", request)

    async def transact_write_items(self, **request: Any) -> dict[str, Any]:
        return await self.call("TransactWriteItems", request)

    async def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """One request, with the stamps in the answer's metadata."""
        outcome = await self.wire(operation, request)
        if isinstance(outcome, NoAnswer):
            raise sdk_error(outcome)
        response: dict[str, Any] = outcome.response
        response["ResponseMetadata"][STAMPS] = (outcome.sent_ns, outcome.received_ns)
        if outcome.status >= 300:
            raise self.client.exceptions.from_code(response.get("Error", {}).get("Code"))(response, operation)
        return response


def sdk_error(outcome: NoAnswer) -> BaseException:
    """The exception of that name, with what the transport knows: `sent_ns`, 0 if surely not sent, and `outcome`."""
    places = (exceptions, errors, limits)
    kind = next((getattr(place, outcome.reason) for place in places if hasattr(place, outcome.reason)), None)
    if kind is None and outcome.cause is not None:
        return outcome.cause
    error: Any = (kind or NotUnderstoodError).__new__(kind or NotUnderstoodError)
    Exception.__init__(error, outcome.text)
    error.kwargs = {"error": outcome.cause}
    error.sent_ns, error.outcome = outcome.sent_ns, outcome
    assert outcome.sent or outcome.sent_ns == 0
    return error  # type: ignore[no-any-return]


def transport_of(client: Any) -> Transport:
    """What such a client asks, and a transport of the SDK's for its own."""
    return client.wire if isinstance(client, WireClient) else SdkTransport(client)


@asynccontextmanager
async def connected(connection: Connection) -> AsyncIterator[Any]:
    """What carries the orders of a run, as a client of the SDK."""
    async with connect(connection) as client:
        if connection.client is ClientKind.SDK:
            yield client
            return
        async with open_transport(connection) as transport:
            yield WireClient(client, transport)


@asynccontextmanager
async def a_client(
    url: str | None,
    *,
    wired: bool = True,
    prepared: bool = True,
    keys: tuple[str, str, str | None] | None = KEYS,
    region: str = REGION,
    verify: str | bool | None = None,
    of: aioboto3.Session | None = None,
    within_s: float | None = _WITHIN_S,
    **config: Any,
) -> AsyncIterator[Any]:
    """An open client without retries, by the wire or as shipped. What is done with it must end in time."""
    settings = AioConfig(**{"retries": {"total_max_attempts": 1}, **config})
    made = (of or session(keys=keys)).client(
        "dynamodb", region_name=region, endpoint_url=url, config=settings, verify=verify
    )
    async with asyncio.timeout(within_s), made as client:
        if not wired:
            yield client
            return
        wire = Wire(client)
        try:
            if prepared:
                await wire.prepare()
            yield WireClient(client, wire)
        finally:
            wire.close()


async def template(client: Any, operation: str, params: dict[str, Any]) -> Template:
    """What the wire learns of an operation by a dry run."""
    learned: Template = await client.wire.template(operation, params, await client.wire.credentials())
    return learned


def served(client: Any) -> Served:
    """What the wire of a client has counted."""
    counted: Served = client.wire.served
    return counted


async def found(client: Any, key: str = "1") -> str:
    """Read the item of that key from a server that answers with the key it was asked for."""
    answer = await client.get_item(TableName="t", Key={"id": {"S": key}})
    text: str = answer["Item"]["id"]["S"]
    return text


async def write(client: Any, value: str = "v", key: str = "1") -> dict[str, Any]:
    """A conditional write."""
    answer: dict[str, Any] = await client.update_item(
        TableName="t",
        Key={"id": {"S": key}},
        UpdateExpression="SET v = :v",
        ConditionExpression="attribute_exists(id)",
        ExpressionAttributeValues={":v": {"S": value}},
    )
    return answer


class Outcome(Struct, frozen=True):
    """What a call returned or raised, without what differs from one moment to the next."""

    kind: str
    operation: str
    answer: Any


async def outcome(call: Awaitable[Any]) -> Outcome:
    """Wait for a call. An exception that is none of the SDK's goes on."""
    try:
        return Outcome("answer", "", lasting(await call))
    except ClientError as error:
        names = " < ".join(kind.__name__ for kind in type(error).__mro__)
        return Outcome(names, error.operation_name, lasting(error.response))
    except BotoCoreError as error:
        return Outcome(type(error).__name__, "", str(error))


def lasting(answer: Any) -> dict[str, Any]:
    """An answer without the moment it came at."""
    metadata = dict(answer["ResponseMetadata"])
    for name in ("RequestId", "MaxAttemptsReached", STAMPS):  # the second is the note of a retry that was not made
        metadata.pop(name, None)
    headers = {name: value for name, value in metadata["HTTPHeaders"].items() if name not in _ONLY_OF_ITS_TIME}
    return {**answer, "ResponseMetadata": {**metadata, "HTTPHeaders": headers}}
