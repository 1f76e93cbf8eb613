"""One client in one process: conditional writes that are refused, in a closed loop. Prints one line of JSON.

`python -m benchmarks.clients CLIENT IN_FLIGHT OPERATIONS URL`
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Write = Callable[[], Awaitable[Any]]
Measured = Callable[[Write], Awaitable[None]]

REQUEST: dict[str, Any] = {
    "TableName": "products",
    "Key": {"id": {"S": "p#4"}},
    "UpdateExpression": "SET quantity = :quantity, version = :version",
    "ConditionExpression": "version = :read_version",
    "ExpressionAttributeValues": {
        ":quantity": {"N": "0"},
        ":version": {"N": "2"},
        ":read_version": {"N": "1"},
    },
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
KEYS = {"aws_access_key_id": "loadtest", "aws_secret_access_key": "loadtest"}


async def wire(url: str, in_flight: int, measured: Measured) -> None:
    """The wire as `loadtest race` uses it: a refusal is a value."""
    from loadtest.dynamodb.endpoint import Connection
    from loadtest.dynamodb.opening import open_transport

    connection = Connection(table="products", endpoint_url=url, anonymous=True, pool=in_flight)
    async with open_transport(connection) as transport:

        async def write() -> None:
            outcome: Any = await transport("UpdateItem", REQUEST)
            if outcome.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise AssertionError("not refused")

        await write()
        await transport.fill(in_flight)
        await measured(write)


async def aioboto3(url: str, in_flight: int, measured: Measured) -> None:
    """aioboto3 as shipped, but for a pool that is large enough."""
    import aioboto3
    from aiobotocore.config import AioConfig

    config = AioConfig(max_pool_connections=in_flight)
    async with aioboto3.Session(**KEYS).client(
        "dynamodb", region_name="us-east-1", endpoint_url=url, config=config
    ) as client:

        async def write() -> None:
            try:
                await client.update_item(**REQUEST)
            except Exception as error:
                _require_refusal(error)

        await measured(write)


async def aiodynamo(url: str, in_flight: int, measured: Measured) -> None:
    """Aiodynamo on aiohttp."""
    from aiodynamo.client import Client
    from aiodynamo.credentials import Key, StaticCredentials
    from aiodynamo.errors import ConditionalCheckFailed
    from aiodynamo.expressions import F
    from aiodynamo.http.aiohttp import AIOHTTP
    from aiohttp import ClientSession, TCPConnector
    from yarl import URL

    async with ClientSession(connector=TCPConnector(limit=in_flight)) as session:
        credentials = StaticCredentials(Key("loadtest", "loadtest"))
        table = Client(AIOHTTP(session), credentials, "us-east-1", endpoint=URL(url)).table("products")

        async def write() -> None:
            try:
                change = F("quantity").set(0) & F("version").set(2)
                await table.update_item({"id": "p#4"}, change, condition=F("version").equals(1))
            except ConditionalCheckFailed:
                return
            raise AssertionError("not refused")

        await measured(write)


async def aiohttp_post(url: str, in_flight: int, measured: Measured) -> None:
    """An aiohttp POST of a ready-made body, neither signed nor read as JSON."""
    from aiohttp import ClientSession, TCPConnector

    body = json.dumps(REQUEST).encode()
    headers = {"X-Amz-Target": "DynamoDB_20120810.UpdateItem", "Content-Type": "application/x-amz-json-1.0"}
    async with ClientSession(connector=TCPConnector(limit=in_flight)) as session:

        async def write() -> None:
            async with session.post(url, data=body, headers=headers) as response:
                await response.read()
                if response.status != 400:
                    raise AssertionError("not refused")

        await measured(write)


async def boto3_threads(url: str, in_flight: int, measured: Measured) -> None:
    """boto3, a thread for each request in flight."""
    import boto3
    from botocore.config import Config

    config = Config(max_pool_connections=in_flight)
    client = boto3.client("dynamodb", region_name="us-east-1", endpoint_url=url, config=config, **KEYS)

    def write_blocking() -> None:
        try:
            client.update_item(**REQUEST)
        except Exception as error:
            _require_refusal(error)

    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(in_flight) as threads:

        async def write() -> None:
            await loop.run_in_executor(threads, write_blocking)

        await measured(write)


def _require_refusal(error: Exception) -> None:
    if type(error).__name__ != "ConditionalCheckFailedException":
        raise error


async def _measure(client: str, in_flight: int, operations: int, url: str) -> None:
    async def measured(write: Write) -> None:
        async def worker(count: int) -> None:
            for _ in range(count):
                await write()

        async def closed_loop(count: int) -> None:
            await asyncio.gather(*(worker(max(1, count // in_flight)) for _ in range(in_flight)))

        await closed_loop(2 * in_flight)
        cpu_ns, started_ns = time.process_time_ns(), time.perf_counter_ns()
        await closed_loop(operations)
        cpu_ns, took_ns = time.process_time_ns() - cpu_ns, time.perf_counter_ns() - started_ns
        done = max(1, operations // in_flight) * in_flight
        sys.stdout.write(json.dumps({"cpu_us": cpu_ns / done / 1e3, "operations_per_s": done / took_ns * 1e9}) + "\n")

    clients = {"wire": wire, "aioboto3": aioboto3, "aiodynamo": aiodynamo, "aiohttp POST": aiohttp_post,
               "boto3 in threads": boto3_threads}  # fmt: skip
    await clients[client](url, in_flight, measured)


if __name__ == "__main__":
    import uvloop

    uvloop.run(_measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
