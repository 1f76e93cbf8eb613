"""The target made ready: its table is fit for a run and meant for load, and its products are there."""

from collections.abc import Iterable

from loadtest.dynamodb import admin
from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.patience import OnRepair, uncounted
from loadtest.engine.context import Done, for_each
from loadtest.events import Product
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import Target, TargetKind


async def find_table(
    target: Target, client: DynamoDBClient, connection: Connection, repaired: OnRepair = uncounted
) -> admin.TableDescription | None:
    """The table, None if there is none. TargetError for one that is not fit for a run, or not meant for load."""
    table = await admin.describe_table(client, connection, repaired)
    if table is not None:
        admin.require_usable(table, connection)
        admin.require_ours(table, connection, allow_untagged=target.allow_untagged_table)
    return table


async def make_ready(
    target: Target,
    client: DynamoDBClient,
    connection: Connection,
    products: Iterable[Product] = (),
    repaired: OnRepair = uncounted,
) -> admin.TableDescription:
    """The same, where a table must be. The embedded server is new: its table is made, with these products."""
    if target.kind is TargetKind.EMBEDDED:
        await admin.create_table(client, connection, repaired)
        await admin.populate(client, connection, products, repaired)
    return admin.require_usable(await find_table(target, client, connection, repaired), connection)


async def prepare(
    plan: Race | Load,
    client: DynamoDBClient,
    connection: Connection,
    repaired: OnRepair,
    done: Done,
) -> admin.TableDescription:
    """Make what the embedded server lacks, and refuse a table or a product that is not fit for the run.

    `done` hears how far it is with the products that are put where they were missing.
    """
    own = [] if plan.product in {product.id for product in admin.SAMPLE} else [plan.product]
    products = [*admin.SAMPLE, *(Product(name, name, plan.stock, 1) for name in own)]
    table = await make_ready(plan.target, client, connection, products, repaired)
    if len(plan.product_ids) > 1:

        async def put(product_id: str) -> None:
            await admin.put_if_missing(client, connection, product_id, plan.stock, repaired)

        await for_each(plan.product_ids, put, done)
    else:
        await admin.read_product(client, connection, plan.product, repaired)
    return table
