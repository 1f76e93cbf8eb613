"""The SDK's client, which takes all that the wire does not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import loadtest
from loadtest.dynamodb.endpoint import Connection


class DynamoDBClient(Protocol):
    """The calls of the SDK's client that are used here."""

    async def get_item(self, **request: Any) -> dict[str, Any]: ...
    async def batch_get_item(self, **request: Any) -> dict[str, Any]: ...
    async def put_item(self, **request: Any) -> dict[str, Any]: ...
    async def update_item(self, **request: Any) -> dict[str, Any]: ...
    async def delete_item(self, **request: Any) -> dict[str, Any]: ...
    async def scan(self, **request: Any) -> dict[str, Any]: ...
    async def transact_write_items(self, **request: Any) -> dict[str, Any]: ...
    async def create_table(self, **request: Any) -> dict[str, Any]: ...
    async def describe_table(self, **request: Any) -> dict[str, Any]: ...
    async def delete_table(self, **request: Any) -> dict[str, Any]: ...
    async def update_time_to_live(self, **request: Any) -> dict[str, Any]: ...
    async def list_tags_of_resource(self, **request: Any) -> dict[str, Any]: ...

    @property
    def meta(self) -> Any: ...


@asynccontextmanager
async def connect(connection: Connection) -> AsyncIterator[DynamoDBClient]:
    """An open client. Raises UsageError or TargetError if profile, region, credentials or settings are not fit."""
    from loadtest.dynamodb import sdk_session

    with sdk_session.understood(connection):
        client = await _client(connection)
        opened = await client.__aenter__()
    try:
        yield opened
    finally:
        await client.__aexit__(None, None, None)


async def _client(connection: Connection) -> Any:
    """The SDK's client, to be entered. Raises its errors as well."""
    from aiobotocore.config import AioConfig

    from loadtest.dynamodb import credentials, sdk_session

    session = sdk_session.begin(connection)
    if not connection.anonymous:
        await credentials.provide(session, connection)
    config = AioConfig(
        connect_timeout=connection.connect_timeout_s,
        read_timeout=connection.read_timeout_s,
        max_pool_connections=connection.pool,
        retries={"mode": "legacy", "total_max_attempts": connection.sdk_retries + 1},
        user_agent=f"loadtest/{loadtest.__version__}",  # a fixed one: building the SDK's own costs 13 % of its CPU
        proxies={} if connection.loopback else None,
    )
    return session.client(
        "dynamodb",
        endpoint_url=connection.endpoint_url,
        verify=sdk_session.authorities(connection, session),
        config=config,
    )
