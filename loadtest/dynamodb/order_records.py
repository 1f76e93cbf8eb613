"""The records of orders, which `transaction` writes: read them after a run, and keep a lost one from coming late."""

from collections.abc import Sequence

from botocore.exceptions import ClientError

from loadtest.dynamodb.batches import read_batch
from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import CONDITION_FAILED, code_of, explained
from loadtest.dynamodb.items import KEEP_S, Item, number, text_in
from loadtest.dynamodb.numbers import whole
from loadtest.dynamodb.patience import OnRepair, patiently
from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.sdk_answers import NotUnderstoodError
from loadtest.events import OwnRequest, Record

_AT_ONCE = 100  # keys of one BatchGetItem: its limit


async def read_records(
    client: DynamoDBClient, connection: Connection, order_ids: Sequence[str], repaired: OnRepair
) -> list[Record]:
    """The records there are of these orders, by consistent reads of a hundred at a time. TargetError if refused."""
    schema = connection.schema
    found: list[Record] = []
    for n in range(0, len(order_ids), _AT_ONCE):
        ids = [schema.record_prefix + order_id for order_id in order_ids[n : n + _AT_ONCE]]
        items = await read_batch(client, connection, ids, OwnRequest.RECORDS, repaired)
        with explained(connection):
            found += [record for item in items if (record := _record(item, schema))]
    return found


async def bar(
    client: DynamoDBClient, connection: Connection, order_id: str, now_s: float, repaired: OnRepair
) -> Record | None:
    """Put something in the place of the order's record, so that its transaction can never be applied any more.

    The record, if it is there already: then nothing was put. What was put there before, the answer being lost, is no
    record. TargetError if the server refuses otherwise.
    """
    schema = connection.schema
    item = {
        **schema.record_key(order_id),
        schema.fenced: {"BOOL": True},
        schema.expires_at: number(int(now_s) + KEEP_S),
    }
    with explained(connection):
        try:
            await patiently(
                client.put_item,
                OwnRequest.RECORDS,
                repaired,
                TableName=connection.table,
                Item=item,
                **schema.expressions(ConditionExpression="attribute_not_exists(#key)"),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if code_of(error) != CONDITION_FAILED:
                raise
            there = error.response.get("Item")
            found = [_record(there, schema)] if there else await read_records(client, connection, [order_id], repaired)
            return found[0] if found else None
    return None


def _record(item: Item, schema: TableSchema) -> Record | None:
    """The record that an item is; None for what stands in the place of one. NotUnderstoodError for anything else."""
    if schema.record_product not in item or schema.record_units not in item:
        return None
    try:
        units = whole(item[schema.record_units]["N"])
    except KeyError:
        raise NotUnderstoodError("the record of an order without a number of units") from None
    except ValueError as error:
        raise NotUnderstoodError(f"the record of an order with units that are {error}") from error
    order_id = text_in(item, schema.key).removeprefix(schema.record_prefix)
    return Record(order_id, text_in(item, schema.record_product), units)
