"""The target that is being asked: clients, and products of its own that are deleted afterwards."""

import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
from msgspec.structs import replace

from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import explained
from loadtest.dynamodb.items import number, to_item
from loadtest.dynamodb.opening import open_transport
from loadtest.dynamodb.sdk_transport import Reader
from loadtest.dynamodb.table import Answer, Table, no_such_product
from loadtest.dynamodb.transport import Transport
from loadtest.errors import LoadTestError, TargetError
from loadtest.events import Product

_ANSWER_WITHIN_S = 5.0
_DELETE_WITHIN_S = 20.0
_KEEP_S = 24 * 3600
EXISTS = "attribute_exists(#key)"  # of every write: one that comes late must not make an item that was deleted


@contextmanager
def understood(connection: Connection) -> Iterator[None]:
    """Turn the SDK's errors, and its stumbling over what no DynamoDB answers, into TargetErrors."""
    try:
        with explained(connection):
            yield
    except LoadTestError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise TargetError(f"the server {connection.where} answers as no DynamoDB does ({what})") from error


def version_in(read: Answer) -> int | None:
    """The version that a read shows, 0 if it shows no item, None if it shows nothing at all."""
    if read.product is not None:
        return read.product.version
    return 0 if read.result.reason == no_such_product("").reason else None


class Subject:
    """A target under question. `one` is its table over one connection."""

    def __init__(self, connection: Connection, admin_client: DynamoDBClient, transport: Transport) -> None:
        self.one = Table(transport, connection)
        self._reader = Reader(transport)
        self.left_behind: list[str] = []
        self._connection = connection
        self._admin_client = admin_client
        self._tables = [self.one]
        self._others: Counter[str] = Counter()
        self._prefix = f"probe#{secrets.token_hex(5)}"
        self._count = 0
        self._products: list[str] = []
        self._records: list[str] = []

    @property
    def requests(self) -> Counter[str]:
        """What was asked of it, by operation."""
        return sum((table.calls for table in self._tables), self._others)

    def record_id(self) -> str:
        """The id of an item that a transaction may put, which shall be deleted then."""
        self._records.append(self._new_id())
        return self._records[-1]

    def item(self, product_id: str, version: int = 1) -> dict[str, Any]:
        """A product that vanishes in a day by time to live, should nobody be left to delete it."""
        return {
            **to_item(Product(product_id, "probe", 1, version), self._connection.schema),
            self._connection.schema.expires_at: number(int(time.time()) + _KEEP_S),
        }

    async def product(self) -> str:
        """Put a new product with version 1 and return its id. Raises TargetError if the table does not take it."""
        product_id = self._new_id()
        self._products.append(product_id)
        self._others["PutItem"] += 1
        with anyio.CancelScope(shield=True), understood(self._connection):  # cut short, it could outlive its deletion
            await self._admin_client.put_item(TableName=self._connection.table, Item=self.item(product_id))
        return product_id

    @asynccontextmanager
    async def table(self, pool: int) -> AsyncIterator[tuple[Table, Transport]]:
        """The table through a transport of its own with at most `pool` connections, none of them open yet."""
        async with open_transport(replace(self._connection, pool=pool)) as transport:
            self._tables.append(Table(transport, self._connection))
            yield self._tables[-1], transport

    async def headers(self, product_id: str) -> dict[str, str]:
        """The headers of the answer to a read; none if there was no such answer."""
        self._others["GetItem"] += 1
        try:
            with understood(self._connection):
                key = self._connection.schema.key_of(product_id)
                answer = await self._reader.get_item(TableName=self._connection.table, Key=key)
        except TargetError:
            return {}
        return dict(answer["ResponseMetadata"]["HTTPHeaders"])

    async def clean(self) -> None:
        """Delete every item that may have been made, also when this task is being cancelled.

        Records last: a transaction that is still in flight puts none once its product is gone.
        """
        self.left_behind = [*self._products, *self._records]
        with anyio.move_on_after(_DELETE_WITHIN_S, shield=True):
            for made in (self._products, self._records):
                async with anyio.create_task_group() as tasks:
                    for item_id in made:
                        tasks.start_soon(self._delete, item_id)

    async def _delete(self, item_id: str) -> None:
        self._others["DeleteItem"] += 1
        try:
            with understood(self._connection):
                key = self._connection.schema.key_of(item_id)
                await self._admin_client.delete_item(TableName=self._connection.table, Key=key)
        except TargetError:
            return
        self.left_behind.remove(item_id)

    def _new_id(self) -> str:
        self._count += 1
        return f"{self._prefix}#{self._count}"


@asynccontextmanager
async def under_question(connection: Connection, admin_client: DynamoDBClient) -> AsyncIterator[Subject]:
    """The target for as long as the block asks; then everything that the questions put there is deleted."""
    hasty = replace(
        connection,
        pool=1,
        connect_timeout_s=min(connection.connect_timeout_s, _ANSWER_WITHIN_S),
        read_timeout_s=min(connection.read_timeout_s, _ANSWER_WITHIN_S),
    )
    async with open_transport(hasty) as transport:
        subject = Subject(hasty, admin_client, transport)
        try:
            yield subject
        finally:
            await subject.clean()
