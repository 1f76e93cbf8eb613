"""After a run: put the products back that the tool did not make.

A run changes four attributes of a product. They alone are put back, and only if they still are as the run left them:
what somebody else wrote meanwhile stays.
"""

import shlex
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct, field

from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import CONDITION_FAILED, SDK_ERRORS, code_of, explained, is_lost, is_throttled
from loadtest.dynamodb.foreign import as_json, described, value_of
from loadtest.dynamodb.items import Item, text_in, to_product
from loadtest.dynamodb.patience import Patience, answered, patiently, uncounted
from loadtest.dynamodb.schema import TableSchema
from loadtest.errors import TargetError
from loadtest.events import (
    RESTOCK,
    Event,
    Kind,
    Operation,
    Outcome,
    OwnRequest,
    Product,
    RoundEnded,
    RoundStarted,
    StockSet,
)

_MOST_RECORDS = 10_000  # remembered, to be deleted


class Kept(Struct):
    """Foreign products as they were before a run, or before several: `items` by id.

    A listener: it notes how the runs left them, and which orders left records. `runs` are the prefixes of the ids of
    the runs' orders, `others` the products that somebody else wrote during a run, and `late` those for which a write
    may yet come.
    """

    items: Mapping[str, Item]
    runs: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)
    left: dict[str, Product] = field(default_factory=dict)
    unresolved: set[str] = field(default_factory=set)
    records: dict[str, str] = field(default_factory=dict)
    records_more: int = 0

    def __call__(self, event: Event) -> None:
        """Take one event of a run."""
        if isinstance(event, Operation):
            if event.kind is not Kind.READ and event.product_id in self.items:
                self._wrote(event)
        elif isinstance(event, RoundEnded):
            if event.product is not None and event.product_id in self.items:
                self.left[event.product_id] = event.product
        elif isinstance(event, StockSet):
            self.left.pop(event.product_id, None)
            if event.outcome is Outcome.UNKNOWN:
                self.unresolved.add(event.product_id)
        elif isinstance(event, RoundStarted):
            self.left.pop(event.product.id, None)

    def _wrote(self, op: Operation) -> None:
        if op.outcome is Outcome.UNKNOWN:
            self.unresolved.add(op.product_id)
        if op.kind is Kind.TRANSACTION and op.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            if len(self.records) < _MOST_RECORDS:
                self.records[op.order_id] = op.product_id
            else:
                self.records_more += op.order_id not in self.records

    def left_by_run(self, item: Item, schema: TableSchema) -> bool:
        """Whether the item is as the runs left it: nobody else has written it since."""
        product_id = text_in(item, schema.key)
        product = to_product(item, product_id, schema)
        if product_id in self.others:
            return False
        left = self.left.get(product_id)
        if left is not None and (left.quantity, left.version, left.last_order) == (
            product.quantity,
            product.version,
            product.last_order,
        ):
            return True
        name = product.last_order or ""
        ours = any(name.startswith((f"{run}-", f"{RESTOCK}-{run}-")) for run in self.runs)
        return ours and (left is None or product_id in self.unresolved)  # a write without an answer may have come late


async def put_back(client: DynamoDBClient, connection: Connection, kept: Kept, product_id: str) -> None:
    """Put one product back. TargetError, with its item and how to write it by hand, if it cannot be."""
    before = kept.items[product_id]
    try:
        why = await _put_back(client, connection, kept, before)
    except TargetError as error:
        why = str(error)
    if why:
        raise TargetError(
            f"product {product_id!r} in table {connection.table!r} is not as it was before the run: {why}; "
            f"it was: {described(before, connection.schema)}; to write it as it was: {by_hand(connection, before)}"
        )


async def _put_back(client: DynamoDBClient, connection: Connection, kept: Kept, before: Item) -> str:
    """Why it could not be done; empty if it is done."""
    patience, schema = Patience(), connection.schema
    changed = schema.changed.values()
    key: dict[str, Any] = {"TableName": connection.table, "Key": {schema.key: before[schema.key]}}
    while True:
        with explained(connection):
            answer = await patiently(client.get_item, OwnRequest.READ, uncounted, **key, ConsistentRead=True)
        now: Item | None = answer.get("Item")
        if now is None:
            return "somebody else has deleted it"
        if all(now.get(name) == before.get(name) for name in changed):
            return ""
        try:
            if not kept.left_by_run(now, schema):
                return (
                    f"somebody else has written it ({', '.join(f'{name} {value_of(now, name)}' for name in changed)})"
                )
        except ValueError as error:
            return f"somebody else has written it ({error})"
        try:
            await answered(client.update_item, **key, **_changes(now, before, schema))
        except SDK_ERRORS as error:
            refused = isinstance(error, ClientError) and code_of(error) == CONDITION_FAILED
            if patience.over or not (refused or is_lost(error) or is_throttled(error)):
                with explained(connection):
                    raise
            await patience.pause()


def _changes(now: Item, before: Item, schema: TableSchema) -> dict[str, Any]:
    """The parts of an UpdateItem that makes the attributes what they were, if they are what they are."""
    names = schema.changed
    set_ = [f"#{field} = :before_{field}" for field, name in names.items() if name in before]
    removed = [f"#{field}" for field, name in names.items() if name not in before]
    conditions = [
        f"#{field} = :now_{field}" if name in now else f"attribute_not_exists(#{field})"
        for field, name in names.items()
    ]
    values = {f":before_{field}": before[name] for field, name in names.items() if name in before}
    values |= {f":now_{field}": now[name] for field, name in names.items() if name in now}
    return {
        **schema.expressions(
            UpdateExpression=f"SET {', '.join(set_)}" + (f" REMOVE {', '.join(removed)}" if removed else ""),
            ConditionExpression=" AND ".join(conditions),
        ),
        "ExpressionAttributeValues": values,
    }


def by_hand(connection: Connection, item: Item) -> str:
    """The command that writes the item whole."""
    return (
        f"aws dynamodb put-item --table-name {shlex.quote(connection.table)} --item {shlex.quote(as_json(item))}"
        f"{connection.aws_options}"
    )


async def remove_record(client: DynamoDBClient, connection: Connection, order_id: str, product_id: str) -> bool:
    """Delete the record of an order for a foreign product; False if there is none.

    What stands in its place to keep a lost transaction from coming late stays.
    """
    try:
        with explained(connection):
            try:
                await patiently(
                    client.delete_item,
                    OwnRequest.RECORDS,
                    uncounted,
                    TableName=connection.table,
                    Key=connection.schema.record_key(order_id),
                    **connection.schema.expressions(ConditionExpression="#record_product = :product"),
                    ExpressionAttributeValues={":product": {"S": product_id}},
                )
            except ClientError as error:
                if code_of(error) != CONDITION_FAILED:
                    raise
                return False
    except TargetError:
        return False
    return True
