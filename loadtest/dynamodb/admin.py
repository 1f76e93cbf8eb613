"""Everything around a run: make, describe and delete the table, write the sample, read the stock.

A request whose answer is lost is sent again; `repaired` hears of each such answer. The SDK's errors come out as
TargetErrors that say what to do.
"""

import shlex
import time
from collections.abc import Collection, Iterable
from typing import Any

import anyio
from botocore.exceptions import ClientError
from msgspec import Struct

from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import CONDITION_FAILED, code_of, explained, missing_table
from loadtest.dynamodb.items import MAKER, Item, item_bytes, restock_stamp, to_item, to_product
from loadtest.dynamodb.patience import OnRepair, patiently, uncounted
from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.sdk_answers import NotUnderstoodError
from loadtest.dynamodb.sdk_transport import Reader
from loadtest.dynamodb.table import Table
from loadtest.dynamodb.transport import Transport
from loadtest.errors import TargetError
from loadtest.events import OwnRequest, Product
from loadtest.system.foreign_text import clean

TAG = {"Key": "loadtest", "Value": "allowed"}
_MARK_ID = "loadtest#table"  # of the item that stands for the tag in a table of a server that keeps no tags
_ACTIVE_WITHIN_S = 300.0  # a new table
_MOST_PAGES = 50  # of tags: DynamoDB lets a table have 50
SAMPLE = tuple(
    Product(id=f"p#{n}", name=name, quantity=quantity, version=1)
    for n, (name, quantity) in enumerate(
        (("Kettle", 10), ("Teapot", 4), ("Teacup", 2), ("Saucer", 6), ("Last samovar", 1), ("Sold-out strainer", 0))
    )
)


class TableDescription(Struct, frozen=True):
    """What matters of a table: its state, key, billing and whether it carries the tool's tag (None: not said).

    Where the server keeps no tags, the item that the tool puts into a table of its own counts as one.
    """

    name: str
    status: str
    arn: str
    key: tuple[tuple[str, str, str], ...]  # attribute, HASH or RANGE, type
    billing: str
    items: int
    tagged: bool | None


async def describe_table(
    client: DynamoDBClient, connection: Connection, repaired: OnRepair = uncounted
) -> TableDescription | None:
    """The table as it is, or None if it does not exist."""
    with explained(connection):
        table = await _described(client, connection, repaired)
    if table is None:
        return None
    arn = table.get("TableArn", "")
    return TableDescription(
        name=connection.table,
        status=table["TableStatus"],
        arn=arn,
        key=table["Key"],
        billing=table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        items=table.get("ItemCount", 0),
        tagged=await is_tagged(client, connection, arn, repaired) if connection.of_aws else None,
    )


async def _described(client: DynamoDBClient, connection: Connection, repaired: OnRepair) -> dict[str, Any] | None:
    """What the server says of the table, and its `Key`: attribute, HASH or RANGE, type. None if there is none."""
    try:
        answer = await patiently(client.describe_table, OwnRequest.TABLE, repaired, TableName=connection.table)
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise
    table: dict[str, Any] = answer.get("Table", {})
    try:
        types = {of["AttributeName"]: of["AttributeType"] for of in table["AttributeDefinitions"]}
        key = tuple((of["AttributeName"], of["KeyType"], types[of["AttributeName"]]) for of in table["KeySchema"])
        return {**table, "TableStatus": table["TableStatus"], "Key": key}
    except KeyError as missing:
        raise NotUnderstoodError(f"a table without {missing}") from None


async def is_tagged(
    client: DynamoDBClient, connection: Connection, arn: str, repaired: OnRepair = uncounted
) -> bool | None:
    """Whether the table is the tool's, or marked by its owner as meant for load; None if the server does not say."""
    tagged = await _has_tag(client, connection, arn, repaired)
    if tagged or connection.endpoint_url is None:
        return tagged
    with explained(connection):
        mark = _mark(connection.schema)
        key: dict[str, Any] = {
            "TableName": connection.table,
            "Key": connection.schema.key_of(_MARK_ID),
            "ConsistentRead": True,
        }
        try:
            answer = await patiently(client.get_item, OwnRequest.TABLE, repaired, **key)
        except ClientError as error:
            if code_of(error) != "ValidationException":  # another key than the tool's tables have
                raise
            return tagged
    return answer.get("Item") == mark or tagged


def _mark(schema: TableSchema) -> Item:
    return {**schema.key_of(_MARK_ID), schema.made_by: MAKER}


async def _has_tag(client: DynamoDBClient, connection: Connection, arn: str, repaired: OnRepair) -> bool | None:
    if not arn:
        return None
    request: dict[str, Any] = {"ResourceArn": arn}
    with explained(connection):
        for _ in range(_MOST_PAGES):
            try:
                page = await patiently(client.list_tags_of_resource, OwnRequest.TABLE, repaired, **request)
            except ClientError as error:
                unsaid = ("UnknownOperationException", "AccessDeniedException")
                if connection.endpoint_url or code_of(error) in unsaid:  # each server has its own way to say no
                    return None
                raise
            if TAG in page.get("Tags", []):
                return True
            if "NextToken" not in page:
                return False
            request["NextToken"] = page["NextToken"]
        raise NotUnderstoodError(f"more than {_MOST_PAGES} pages of tags")


async def create_table(client: DynamoDBClient, connection: Connection, repaired: OnRepair = uncounted) -> None:
    """Create the table on demand, tagged as the tool's own, and wait until it is active.

    TargetError if it exists, unless an answer was lost: then it is taken for the one that was just made. Where that
    must not be, see first whether it exists.
    """
    name, schema = connection.table, connection.schema
    with explained(connection):
        try:
            await patiently(
                client.create_table,
                OwnRequest.TABLE,
                repaired,
                served=("ResourceInUseException",),
                TableName=name,
                KeySchema=[{"AttributeName": schema.key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": schema.key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                Tags=[TAG],
            )
        except ClientError as error:
            if code_of(error) == "ResourceInUseException":
                raise exists_already(connection) from error
            raise
        table = await _until_active(client, connection, repaired)
        await _mark_where_tags_are_lost(client, connection, table.get("TableArn", ""), repaired)
        try:
            ttl = {"Enabled": True, "AttributeName": schema.expires_at}  # records vanish by themselves
            await patiently(
                client.update_time_to_live,
                OwnRequest.TABLE,
                repaired,
                served=("ValidationException",),  # it is enabled already
                TableName=name,
                TimeToLiveSpecification=ttl,
            )
        except ClientError as error:
            if code_of(error) != "UnknownOperationException":  # dynalite has no time to live
                raise


async def _mark_where_tags_are_lost(
    client: DynamoDBClient, connection: Connection, arn: str, repaired: OnRepair
) -> None:
    if connection.endpoint_url is not None and not await _has_tag(client, connection, arn, repaired):
        mark = _mark(connection.schema)
        await patiently(client.put_item, OwnRequest.TABLE, repaired, TableName=connection.table, Item=mark)


def exists_already(connection: Connection) -> TargetError:
    """The error of making a table that is there."""
    return TargetError(f"table {connection.table!r} exists already {connection.where}")


async def _until_active(client: DynamoDBClient, connection: Connection, repaired: OnRepair) -> dict[str, Any]:
    until_s = time.monotonic() + _ACTIVE_WITHIN_S
    while True:
        table = await _described(client, connection, repaired)  # None: it may take a while until it can be seen
        if table is not None and table["TableStatus"] == "ACTIVE":
            return table
        if time.monotonic() > until_s:
            raise TargetError(f"table {connection.table!r} {connection.where} is not active after 5 minutes")
        await anyio.sleep(0.1 if connection.loopback else 2)


async def delete_table(client: DynamoDBClient, connection: Connection) -> None:
    """Delete the table."""
    gone = ("ResourceNotFoundException", "ResourceInUseException")  # or going
    with explained(connection):
        await patiently(client.delete_table, OwnRequest.TABLE, uncounted, served=gone, TableName=connection.table)


def require_ours(table: TableDescription, connection: Connection, *, allow_untagged: bool) -> None:
    """Refuse a table that nobody has marked as meant for load: TargetError with the command that marks it."""
    if connection.loopback or allow_untagged or table.tagged:
        return
    if not connection.of_aws:
        raise TargetError(
            f"table {table.name!r} {connection.where} is not on this machine: if it is meant for load, "
            "add --allow-untagged-table"
        )
    why = "does not carry the tag loadtest=allowed" if table.tagged is False else "does not tell its tags"
    raise TargetError(
        f"table {table.name!r} {connection.where} {why}, so it is left alone; mark it with: "
        f"aws dynamodb tag-resource --resource-arn {table.arn} --tags Key=loadtest,Value=allowed"
        f"{connection.aws_options} (or run with --allow-untagged-table)"
    )


def require_usable(table: TableDescription | None, connection: Connection) -> TableDescription:
    """Refuse a table that is missing, not active or keyed otherwise: TargetError."""
    if table is None:
        raise TargetError(missing_table(connection))
    key = connection.schema.key
    if table.key != ((key, "HASH", "S"),):
        has = ", ".join(f"{clean(attribute)} ({clean(type_)}, {clean(role)})" for attribute, role, type_ in table.key)
        raise TargetError(
            f"table {table.name!r} has the key {has}; it must be {key} (S, HASH) alone: give another --table"
        )
    if table.status not in ("ACTIVE", "UPDATING"):
        raise TargetError(f"table {table.name!r} {connection.where} is {clean(table.status)}; wait until it is ACTIVE")
    return table


async def populate(
    client: DynamoDBClient,
    connection: Connection,
    products: Iterable[Product] = SAMPLE,
    repaired: OnRepair = uncounted,
    *,
    over: Collection[str] = (),
) -> None:
    """Write the products whole, over what the tool itself made under their ids, and under those in `over` over all.

    TargetError if anything else is there.
    """
    table, schema = connection.table, connection.schema
    unless_foreign: dict[str, Any] = {
        **schema.expressions(ConditionExpression="attribute_not_exists(#key) OR #made_by = :loadtest"),
        "ExpressionAttributeValues": {":loadtest": MAKER},
    }
    with explained(connection):
        for product in products:
            request: dict[str, Any] = {"TableName": table, "Item": to_item(product, schema)}
            request |= {} if product.id in over else unless_foreign
            try:
                await patiently(client.put_item, OwnRequest.POPULATE, repaired, **request)
            except ClientError as error:
                if code_of(error) != CONDITION_FAILED:
                    raise
                raise TargetError(f"item {product.id!r} in table {table!r} is not loadtest's own") from error


class Stocked(Struct, frozen=True):
    """A product as a consistent read shows it, the size that its item is charged by, and its last restock's number."""

    product: Product
    item_bytes: int
    last_restock: int = 0


def to_stocked(item: Item, product_id: str, schema: TableSchema) -> Stocked:
    """The same from the whole item. ValueError, in words, for what is no product."""
    product = to_product(item, product_id, schema)
    return Stocked(product, item_bytes(item), restock_stamp(item, product_id, schema))


async def read_product(
    client: DynamoDBClient | Reader, connection: Connection, product_id: str, repaired: OnRepair = uncounted
) -> Product:
    """The product as a consistent read shows it. TargetError if it is missing or not a product."""
    return (await read_stock(client, connection, product_id, repaired)).product


async def read_stock(
    client: DynamoDBClient | Reader, connection: Connection, product_id: str, repaired: OnRepair = uncounted
) -> Stocked:
    """The same with what else its item tells."""
    schema = connection.schema
    request: dict[str, Any] = {"TableName": connection.table, "Key": schema.key_of(product_id), "ConsistentRead": True}
    with explained(connection):
        response = await patiently(client.get_item, OwnRequest.READ, repaired, **request)
    remedy = f"write the sample with: loadtest populate {connection.options}"
    own = product_id not in {product.id for product in SAMPLE}
    if "Item" not in response:
        if own:
            remedy = f"write it with: loadtest populate --product {shlex.quote(product_id)} {connection.options}"
        raise TargetError(f"there is no product {product_id!r} in table {connection.table!r}; {remedy}")
    if own:
        needed = f"{schema.quantity} and {schema.version}"
        remedy = f"put it there with {needed}, or give one of p#0 to p#{len(SAMPLE) - 1} as --product"
    try:
        return to_stocked(response["Item"], product_id, schema)
    except (ValueError, RecursionError) as error:
        raise TargetError(f"{error} in table {connection.table!r}; {remedy}") from error


async def put_if_missing(
    client: DynamoDBClient, connection: Connection, product_id: str, quantity: int, repaired: OnRepair = uncounted
) -> None:
    """Write a product of that quantity, unless there is one."""
    product = Product(product_id, product_id, quantity, 1)
    with explained(connection):
        try:
            await patiently(
                client.put_item,
                OwnRequest.POPULATE,
                repaired,
                TableName=connection.table,
                Item=to_item(product, connection.schema),
                **connection.schema.expressions(ConditionExpression="attribute_not_exists(#key)"),
            )
        except ClientError as error:
            if code_of(error) != CONDITION_FAILED:
                raise


async def warm_up(
    table: Table, transport: Transport, connection: Connection, product_id: str, repaired: OnRepair = uncounted
) -> None:
    """One read by what will carry the orders, which must work, and then as many connections as the run will use."""
    await read_product(Reader(transport), connection, product_id, repaired)
    table.calls["GetItem"] += 1
    await transport.fill(connection.pool)
