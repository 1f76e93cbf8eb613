"""What the tool did not make: products that are not its own, and how they are shown to whoever is asked about them.

What it makes says so (`items.is_made_here`), but for the records of orders, which are known by their ids.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from loadtest.dynamodb.batches import read_batch
from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import explained
from loadtest.dynamodb.items import MAKER, Item, is_made_here, text_in
from loadtest.dynamodb.patience import OnRepair, patiently, uncounted
from loadtest.dynamodb.schema import TableSchema
from loadtest.events import OwnRequest
from loadtest.system.foreign_text import clean, escaped

_AT_ONCE = 8  # keys of one BatchGetItem: of the largest items, what fits into an answer
_SHOWN = 40  # characters of a value


async def foreign_items(
    client: DynamoDBClient, connection: Connection, item_ids: Sequence[str], repaired: OnRepair = uncounted
) -> dict[str, Item]:
    """Those of the items that are there and that the tool did not make, whole."""
    found = await items_of(client, connection, item_ids, repaired)
    return {item_id: item for item_id, item in found.items() if not is_made_here(item, connection.schema)}


async def items_of(
    client: DynamoDBClient, connection: Connection, item_ids: Sequence[str], repaired: OnRepair = uncounted
) -> dict[str, Item]:
    """Those of the items that are there, whole, by consistent reads. TargetError if refused."""
    if len(item_ids) == 1:  # as a run itself reads its product: not every server has more
        item = await _item(client, connection, item_ids[0], repaired)
        return {} if item is None else {item_ids[0]: item}
    found: dict[str, Item] = {}
    each = list(dict.fromkeys(item_ids))  # a batch must not name one twice
    for n in range(0, len(each), _AT_ONCE):
        items = await read_batch(client, connection, each[n : n + _AT_ONCE], OwnRequest.READ, repaired)
        with explained(connection):
            found |= {text_in(item, connection.schema.key): item for item in items}
    return {item_id: found[item_id] for item_id in each if item_id in found}


async def _item(client: DynamoDBClient, connection: Connection, item_id: str, repaired: OnRepair) -> Item | None:
    schema = connection.schema
    request: dict[str, Any] = {"TableName": connection.table, "Key": schema.key_of(item_id), "ConsistentRead": True}
    with explained(connection):
        answer = await patiently(client.get_item, OwnRequest.READ, repaired, **request)
        item: Item | None = answer.get("Item")
        if item is not None:
            text_in(item, schema.key)
    return item


async def foreign_item_in(client: DynamoDBClient, connection: Connection) -> str | None:
    """The id of an item in a table with the tool's key that the tool did not make; None if all are its own.

    Reads the table until there is one.
    """
    schema = connection.schema
    request: dict[str, Any] = {
        "TableName": connection.table,
        "ConsistentRead": True,
        **schema.expressions(
            ProjectionExpression="#key",
            FilterExpression="(attribute_not_exists(#made_by) OR #made_by <> :maker) AND NOT begins_with(#key, :order)",
        ),
        "ExpressionAttributeValues": {":maker": MAKER, ":order": {"S": schema.record_prefix}},
    }
    while True:
        with explained(connection):
            page = await patiently(client.scan, OwnRequest.TABLE, uncounted, **request)
            if page.get("Items"):
                return text_in(page["Items"][0], schema.key)
        if "LastEvaluatedKey" not in page:
            return None
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def described(item: Item, schema: TableSchema) -> str:
    """The attributes of an item but for its key, in words, long values cut: `name "Kettle", quantity 7`."""
    shown = [f"{clean(name)} {value_of(item, name)}" for name in sorted(item) if name != schema.key]
    return ", ".join(shown) or "no attributes"


def value_of(item: Item, name: str) -> str:
    """One attribute's value as a person reads it; `none` if the item does not have it."""
    if name not in item:
        return "none"
    ((kind, value),) = item[name].items()
    return clean(value if kind == "N" else msgspec.json.encode(value).decode(), _SHOWN)


def as_json(item: Item) -> str:
    """The item as the AWS command line takes it."""
    return escaped(msgspec.json.encode(item).decode())  # bytes in base 64, as there
