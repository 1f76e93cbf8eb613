"""The target that is being asked: clients, and products of its own that are deleted afterwards."""

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
from msgspec.structs import replace

from loadtest.dynamo.client import Connection, DynamoDBClient, connect
from loadtest.dynamo.errors import SDK_ERRORS, explained
from loadtest.dynamo.items import number, to_item
from loadtest.dynamo.setup import EXPIRES_AT
from loadtest.dynamo.table import Table, no_such_product
from loadtest.order import Product

_ANSWER_WITHIN_S = 5.0
_DELETE_WITHIN_S = 20.0
_KEEP_S = 24 * 3600
NO_SUCH_PRODUCT = no_such_product("").reason
EXISTS = "attribute_exists(id)"  # of every write: one that comes late must not make an item that was deleted


class Subject:
    """A target under question. `requests` counts what was asked of it, by operation."""

    def __init__(self, connection: Connection, clerk: DynamoDBClient) -> None:
        self.requests: Counter[str] = Counter()
        self.left_behind: list[str] = []
        self._connection = replace(
            connection,
            connect_timeout_s=min(connection.connect_timeout_s, _ANSWER_WITHIN_S),
            read_timeout_s=min(connection.read_timeout_s, _ANSWER_WITHIN_S),
        )
        self.client = connection.client
        self._clerk = clerk
        self._prefix = f"probe#{secrets.token_hex(5)}"
        self._made: list[str] = []

    def new_id(self) -> str:
        """The id of an item that may come to be, and shall be deleted then."""
        self._made.append(f"{self._prefix}#{len(self._made) + 1}")
        return self._made[-1]

    def item(self, product_id: str, version: int = 1) -> dict[str, Any]:
        """A product that vanishes in a day by time to live, should nobody be left to delete it."""
        return {
            **to_item(Product(product_id, "probe", 1, version)),
            EXPIRES_AT: number(int(time.time()) + _KEEP_S),
        }

    async def product(self) -> str:
        """Put a new product with version 1 and return its id. Raises TargetError if the table does not take it."""
        product_id = self.new_id()
        self.requests["PutItem"] += 1
        with anyio.CancelScope(shield=True), explained(self._connection):  # cut short, it could outlive its deletion
            await self._clerk.put_item(TableName=self._connection.table, Item=self.item(product_id))
        return product_id

    @asynccontextmanager
    async def table(self, pool: int) -> AsyncIterator[tuple[Table, DynamoDBClient]]:
        """The table through a client of its own with at most `pool` connections, none of them open yet."""
        async with connect(replace(self._connection, pool=pool)) as client:
            table = Table(client, self._connection.table, self._connection.sdk_retries)
            try:
                yield table, client
            finally:
                self.requests += table.calls

    async def headers(self, client: DynamoDBClient, product_id: str) -> dict[str, str]:
        """The headers of the answer to a read; none if there was no such answer."""
        self.requests["GetItem"] += 1
        try:
            answer = await client.get_item(TableName=self._connection.table, Key={"id": {"S": product_id}})
        except SDK_ERRORS:
            return {}
        except Exception:  # noqa: BLE001 - the SDK trips over an answer that no DynamoDB gives
            return {}
        return dict(answer["ResponseMetadata"]["HTTPHeaders"])

    async def clean(self) -> None:
        """Delete every item that may have been made, also when this task is being cancelled."""
        with anyio.move_on_after(_DELETE_WITHIN_S, shield=True):
            async with anyio.create_task_group() as tasks:
                for product_id in self._made:
                    self.left_behind.append(product_id)
                    tasks.start_soon(self._delete, product_id)

    async def _delete(self, product_id: str) -> None:
        self.requests["DeleteItem"] += 1
        try:
            await self._clerk.delete_item(TableName=self._connection.table, Key={"id": {"S": product_id}})
        except SDK_ERRORS:
            return
        self.left_behind.remove(product_id)
