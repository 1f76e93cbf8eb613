"""Everything around a run: make, describe and delete the table, write the sample, set and read the stock.

The SDK's errors come out as TargetErrors that say what to do.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from botocore.exceptions import ClientError
from msgspec import Struct

from loadtest.dynamo.client import ClientKind, Connection, DynamoDBClient, fill
from loadtest.dynamo.errors import CONDITION_FAILED, explained, is_throttled, missing_table
from loadtest.dynamo.items import item_bytes, number, to_item, to_product
from loadtest.dynamo.table import Table
from loadtest.errors import TargetError
from loadtest.order import RESTOCK, Product

TAG = {"Key": "loadtest", "Value": "allowed"}
_PASSING = ("TransactionConflictException", "TransactionInProgressException")
_WAITS_S = (0.1, 0.2, 0.4, 0.8, 1.6)
KEEP_S = 24 * 3600
EXPIRES_AT = "expires_at"  # the table's time-to-live attribute: order records vanish by themselves
SAMPLE = tuple(
    Product(id=f"p#{n}", name=name, quantity=quantity, version=1)
    for n, (name, quantity) in enumerate(
        (("Kettle", 10), ("Teapot", 4), ("Teacup", 2), ("Saucer", 6), ("Last samovar", 1), ("Sold-out strainer", 0))
    )
)


class TableDescription(Struct, frozen=True):
    """What matters of a table: its state, key, billing and whether it carries the tool's tag (None: not said)."""

    name: str
    status: str
    arn: str
    key: tuple[tuple[str, str, str], ...]  # attribute, HASH or RANGE, type
    billing: str
    items: int
    tagged: bool | None


async def patiently(call: Callable[..., Awaitable[dict[str, Any]]], **request: Any) -> dict[str, Any]:
    """The call's answer; one that lacks capacity or has a transaction under way is asked again."""
    for wait_s in _WAITS_S:
        try:
            return await call(**request)
        except ClientError as error:
            if not is_throttled(error) and error.response["Error"]["Code"] not in _PASSING:
                raise
        await anyio.sleep(wait_s)
    return await call(**request)


async def describe_table(client: DynamoDBClient, connection: Connection) -> TableDescription | None:
    """The table as it is, or None if it does not exist."""
    with explained(connection):
        try:
            table = (await patiently(client.describe_table, TableName=connection.table))["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    arn = table.get("TableArn", "")
    return TableDescription(
        name=connection.table,
        status=table["TableStatus"],
        arn=arn,
        key=tuple((k["AttributeName"], k["KeyType"], types[k["AttributeName"]]) for k in table["KeySchema"]),
        billing=table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        items=table.get("ItemCount", 0),
        tagged=await _is_tagged(client, connection, arn),
    )


async def _is_tagged(client: DynamoDBClient, connection: Connection, arn: str) -> bool | None:
    if connection.loopback:
        return None
    request: dict[str, Any] = {"ResourceArn": arn}
    with explained(connection):
        while True:
            try:
                page = await client.list_tags_of_resource(**request)
            except ClientError as error:
                if error.response["Error"]["Code"] in ("UnknownOperationException", "AccessDeniedException"):
                    return None
                raise
            if TAG in page.get("Tags", []):
                return True
            if "NextToken" not in page:
                return False
            request["NextToken"] = page["NextToken"]


async def create_table(client: DynamoDBClient, connection: Connection) -> None:
    """Create the table on demand, tagged as the tool's own, and wait until it is active."""
    name = connection.table
    with explained(connection):
        try:
            await client.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                Tags=[TAG],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceInUseException":
                raise TargetError(f"table {name!r} exists already {connection.where}") from error
            raise
        delay_s = 0.1 if connection.loopback else 2
        await client.get_waiter("table_exists").wait(
            TableName=name, WaiterConfig={"Delay": delay_s, "MaxAttempts": 150}
        )
        try:
            ttl = {"Enabled": True, "AttributeName": EXPIRES_AT}
            await client.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
        except ClientError as error:
            if error.response["Error"]["Code"] != "UnknownOperationException":  # dynalite has no time to live
                raise


async def delete_table(client: DynamoDBClient, connection: Connection) -> None:
    """Delete the table."""
    with explained(connection):
        await client.delete_table(TableName=connection.table)


def require_ours(table: TableDescription, connection: Connection, *, allow_untagged: bool) -> None:
    """Refuse a table that nobody has marked as meant for load: TargetError with the command that marks it."""
    if connection.loopback or allow_untagged or table.tagged:
        return
    why = "does not carry the tag loadtest=allowed" if table.tagged is False else "does not tell its tags"
    places = (
        ("endpoint-url", connection.endpoint_url),
        ("region", connection.region),
        ("profile", connection.profile),
    )
    where = "".join(f" --{option} {value}" for option, value in places if value)
    raise TargetError(
        f"table {table.name!r} {connection.where} {why}, so it is left alone; mark it with: "
        f"aws dynamodb tag-resource --resource-arn {table.arn} --tags Key=loadtest,Value=allowed{where} "
        "(or run with --allow-untagged-table)"
    )


def require_usable(table: TableDescription | None, connection: Connection) -> TableDescription:
    """Refuse a table that is missing, not active or keyed otherwise: TargetError."""
    if table is None:
        raise TargetError(missing_table(connection))
    if table.key != (("id", "HASH", "S"),):
        has = ", ".join(f"{attribute} ({type_}, {role})" for attribute, role, type_ in table.key)
        raise TargetError(
            f"table {table.name!r} has the key {has}; it must be id (S, HASH) alone: give another --table"
        )
    if table.status not in ("ACTIVE", "UPDATING"):
        raise TargetError(f"table {table.name!r} {connection.where} is {table.status}; wait until it is ACTIVE")
    return table


async def populate(client: DynamoDBClient, connection: Connection, products: tuple[Product, ...] = SAMPLE) -> None:
    """Write the products whole, over whatever is there under their ids."""
    with explained(connection):
        for product in products:
            await patiently(client.put_item, TableName=connection.table, Item=to_item(product))


class Stocked(Struct, frozen=True):
    """A product as a consistent read shows it, and the size that its item is charged by."""

    product: Product
    item_bytes: int


async def read_product(client: DynamoDBClient, connection: Connection, product_id: str) -> Product:
    """The product as a consistent read shows it. TargetError if it is missing or not a product."""
    return (await read_stock(client, connection, product_id)).product


async def read_stock(client: DynamoDBClient, connection: Connection, product_id: str) -> Stocked:
    """The same with its item's size."""
    with explained(connection):
        key = {"id": {"S": product_id}}
        response = await patiently(client.get_item, TableName=connection.table, Key=key, ConsistentRead=True)
    remedy = f"write the sample with: loadtest populate {connection.options}"
    if product_id not in {product.id for product in SAMPLE}:
        remedy = f"put it there with quantity and version, or give one of p#0 to p#{len(SAMPLE) - 1} as --product"
    if "Item" not in response:
        raise TargetError(f"there is no product {product_id!r} in table {connection.table!r}; {remedy}")
    try:
        return Stocked(to_product(response["Item"], product_id), item_bytes(response["Item"]))
    except ValueError as error:
        raise TargetError(f"{error} in table {connection.table!r}; {remedy}") from error


async def set_stock(client: DynamoDBClient, connection: Connection, product_id: str, quantity: int) -> Stocked:
    """Bring the product's quantity to `quantity` and return it as it is then.

    The version goes on rising, so that a straggler of an earlier round cannot pass for a fresh write.
    TargetError if somebody else writes the product at the same moment.
    """
    stocked = await read_stock(client, connection, product_id)
    product = stocked.product
    if product.quantity == quantity:
        return stocked
    with explained(connection):
        try:
            await patiently(
                client.update_item,
                TableName=connection.table,
                Key={"id": {"S": product_id}},
                UpdateExpression="SET quantity = :quantity, version = :next, last_order = :restock",
                ConditionExpression="version = :version",
                ExpressionAttributeValues={
                    ":quantity": number(quantity),
                    ":version": number(product.version),
                    ":next": number(product.version + 1),
                    ":restock": {"S": RESTOCK},
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != CONDITION_FAILED:
                raise
            raise TargetError(f"somebody else is writing product {product_id!r}; a run needs it alone") from error
    return await read_stock(client, connection, product_id)


async def put_if_missing(client: DynamoDBClient, connection: Connection, product_id: str, quantity: int) -> None:
    """Write a product of that quantity, unless there is one."""
    product = Product(product_id, product_id, quantity, 1)
    with explained(connection):
        try:
            await patiently(
                client.put_item,
                TableName=connection.table,
                Item=to_item(product),
                ConditionExpression="attribute_not_exists(id)",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != CONDITION_FAILED:
                raise


async def add_stock(client: DynamoDBClient, connection: Connection, product_id: str, units: int) -> None:
    """Add units to a product, whoever else is writing it."""
    with explained(connection):
        await patiently(
            client.update_item,
            TableName=connection.table,
            Key={"id": {"S": product_id}},
            UpdateExpression="SET quantity = quantity + :units, version = version + :one, last_order = :restock",
            ExpressionAttributeValues={":units": number(units), ":one": number(1), ":restock": {"S": RESTOCK}},
        )


async def warm_up(table: Table, client: DynamoDBClient, connection: Connection, product_id: str) -> None:
    """One read through a run's own client, which must work, and then as many connections as the run will use."""
    await read_product(client, connection, product_id)
    table.calls["GetItem"] += 1
    if connection.client is ClientKind.WIRE:
        await fill(client, connection.pool)
