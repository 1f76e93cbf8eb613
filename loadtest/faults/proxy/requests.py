"""What a request and its answer say: which items are written, of what size, and for which product and order.

The items are those of the tool's own tables, whose key is one attribute.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from msgspec import Struct

from loadtest.dynamodb.items import item_bytes
from loadtest.dynamodb.schema import TableSchema

Item = tuple[str, str]  # a table and an id in it


class Asked(Struct, frozen=True):
    """A request. `items` are those that it is about, in its order, with the size of one that it puts whole, else 0.

    `order_id` is None where nothing tells it: a read, or a write of somebody else's making.
    """

    items: list[tuple[Item, int]]
    product_id: str | None
    order_id: str | None


NOTHING = Asked([], None, None)


def asked(body: bytes, schema: TableSchema) -> Asked:
    """What the request says; NOTHING if it is none that DynamoDB would understand."""
    try:
        content = orjson.loads(body)
        actions = list(_actions(content))
        items = [(_item(action, schema), item_bytes(action["Item"]) if "Item" in action else 0) for action in actions]
        return Asked(items, items[0][0][1] if items else None, _order_id(content, actions, schema))
    except (ValueError, KeyError, TypeError, AttributeError):
        return NOTHING


def shown_bytes(body: bytes) -> int:
    """The size of the whole item that an answer shows: what a read found, or what refused a write. 0 if none."""
    try:
        return item_bytes(orjson.loads(body)["Item"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0


def _actions(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "TransactItems" not in content:
        yield content
        return
    for one in content["TransactItems"]:
        yield from one.values()


def _item(action: dict[str, Any], schema: TableSchema) -> Item:
    key = action["Key"] if "Key" in action else action["Item"]
    return str(action["TableName"]), str(key[schema.key]["S"])


def _order_id(content: dict[str, Any], actions: list[dict[str, Any]], schema: TableSchema) -> str | None:
    """The order that an action writes as the last one, or records; else the token that the client gave."""
    for action in actions:
        if order := action.get("ExpressionAttributeValues", {}).get(":order"):
            return str(order["S"])
    for action in actions:
        item_id = str(action.get("Item", {}).get(schema.key, {}).get("S", ""))
        if item_id.startswith(schema.record_prefix):
            return item_id.removeprefix(schema.record_prefix)
    token = content.get("ClientRequestToken")
    return None if token is None else str(token)
