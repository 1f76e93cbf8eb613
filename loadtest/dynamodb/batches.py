"""Many items at a time, by consistent reads."""

from collections.abc import Sequence
from typing import Any

from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import explained
from loadtest.dynamodb.items import Item
from loadtest.dynamodb.patience import PATIENCE_S, OnRepair, Patience, patiently
from loadtest.dynamodb.sdk_answers import NotUnderstoodError
from loadtest.events import OwnRequest


async def read_batch(
    client: DynamoDBClient, connection: Connection, item_ids: Sequence[str], kind: OwnRequest, repaired: OnRepair
) -> list[Item]:
    """Those of at most a hundred different items that are there.

    TargetError if they are refused, or if some stay unread for PATIENCE_S.
    """
    found: list[Item] = []
    keys = [connection.schema.key_of(item_id) for item_id in item_ids]
    wanted: dict[str, Any] = {connection.table: {"Keys": keys, "ConsistentRead": True}}
    patience = Patience()
    with explained(connection):
        while True:
            answer = await patiently(client.batch_get_item, kind, repaired, RequestItems=wanted)
            items = answer.get("Responses", {}).get(connection.table, [])
            found += items
            if not (wanted := answer.get("UnprocessedKeys", {})):
                return found
            if len(found) > len(keys) or (patience.over and not items):
                raise NotUnderstoodError(f"{len(found):,} of {len(keys):,} items, and others left, in {PATIENCE_S:g} s")
            await patience.pause()
