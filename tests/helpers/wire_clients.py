"""Clients of both kinds, and what became of a call in a form that can be compared."""

# ruff: noqa: SLF001 - the dry run is the client's own
import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from loadtest.dynamodb import wire
from loadtest.dynamodb.client import STAMPS
from loadtest.dynamodb.wire.signing import Template

REGION = "eu-central-1"
KEYS = ("loadtest", "loadtest", None)
_WITHIN_S = 20
_ONLY_OF_ITS_TIME = {"date", "x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"}


@cache
def session(*, wired: bool, keys: tuple[str, str, str | None] | None = KEYS) -> aioboto3.Session:
    """A session of each kind; they are kept, as each reads the SDK's models anew."""
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    made = aioboto3.Session(**dict(zip(names, keys or (None, None, None), strict=True)))
    if wired:
        wire.install(made)
    return made


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
    made = (of or session(wired=wired, keys=keys)).client(
        "dynamodb", region_name=region, endpoint_url=url, config=settings, verify=verify
    )
    async with asyncio.timeout(within_s), made as client:
        if wired and prepared:
            await wire.prepare(client)
        yield client


async def template(client: Any, operation: str, params: dict[str, Any]) -> Template:
    """What the wire learns of an operation by a dry run."""
    learned: Template = await client._template(operation, params, await client._credentials())
    return learned


def served(client: Any) -> wire.Served:
    """What the wire of a client has counted."""
    counted = wire.served(client)
    assert counted is not None
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
