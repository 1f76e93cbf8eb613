"""The records of orders, which `transaction` writes: read them after a run, and keep a lost one from coming late."""

from collections.abc import Sequence
from typing import Any

import anyio
from botocore.exceptions import ClientError

from loadtest.dynamo.client import Connection, DynamoDBClient
from loadtest.dynamo.errors import CONDITION_FAILED, code_of, explained
from loadtest.dynamo.items import Item, number
from loadtest.dynamo.numbers import whole
from loadtest.dynamo.patience import OnRepair, patiently
from loadtest.dynamo.setup import EXPIRES_AT, KEEP_S
from loadtest.errors import TargetError
from loadtest.foreign_text import clean
from loadtest.order import OwnRequest, Record

PREFIX = "order#"
_AT_ONCE = 100  # keys of one BatchGetItem: its limit
_WAIT_S = 0.05


async def read_records(
    client: DynamoDBClient, connection: Connection, order_ids: Sequence[str], repaired: OnRepair
) -> list[Record]:
    """The records there are of these orders, by consistent reads of a hundred at a time. TargetError if refused."""
    found: list[Record] = []
    for n in range(0, len(order_ids), _AT_ONCE):
        keys = [{"id": {"S": PREFIX + order_id}} for order_id in order_ids[n : n + _AT_ONCE]]
        wanted: dict[str, Any] = {connection.table: {"Keys": keys, "ConsistentRead": True}}
        while wanted:
            with explained(connection):
                answer = await patiently(client.batch_get_item, OwnRequest.RECORDS, repaired, RequestItems=wanted)
            found += [record for item in answer["Responses"].get(connection.table, ()) if (record := _record(item))]
            if wanted := answer.get("UnprocessedKeys", {}):
                await anyio.sleep(_WAIT_S)
    return found


async def bar(
    client: DynamoDBClient, connection: Connection, order_id: str, now_s: float, repaired: OnRepair
) -> Record | None:
    """Put something in the place of the order's record, so that its transaction can never be applied any more.

    The record, if it is there already: then nothing was put. What was put there before, the answer being lost, is no
    record. TargetError if the server refuses otherwise.
    """
    item = {"id": {"S": PREFIX + order_id}, "barred": {"BOOL": True}, EXPIRES_AT: number(int(now_s) + KEEP_S)}
    with explained(connection):
        try:
            await patiently(
                client.put_item,
                OwnRequest.RECORDS,
                repaired,
                TableName=connection.table,
                Item=item,
                ConditionExpression="attribute_not_exists(id)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if code_of(error) != CONDITION_FAILED:
                raise
            there = error.response.get("Item")
            found = [_record(there)] if there else await read_records(client, connection, [order_id], repaired)
            return found[0] if found else None
    return None


def _record(item: Item) -> Record | None:
    """The record that an item is; None for what stands in the place of one. TargetError for units that are none."""
    if "product_id" not in item or "units" not in item:
        return None
    order_id, units = item["id"]["S"].removeprefix(PREFIX), item["units"]["N"]
    try:
        return Record(order_id, item["product_id"]["S"], whole(units))
    except ValueError as error:
        raise TargetError(f"the record of order {order_id!r} has units {clean(units, 50)}, which is {error}") from error
