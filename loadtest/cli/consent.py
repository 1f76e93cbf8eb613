"""What the tool did not make is changed only after a yes: the questions, and what they say."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from loadtest.checker.verdict import plural
from loadtest.errors import LoadTestError, TargetError, UsageError
from loadtest.system.foreign_text import visible
from loadtest.system.signals import run_interruptible
from loadtest.targets import opened
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import TargetKind

if TYPE_CHECKING:
    from loadtest.dynamodb.endpoint import Connection
    from loadtest.dynamodb.items import Item
    from loadtest.dynamodb.schema import TableSchema
    from loadtest.events import Product

_SHOWN = 3  # products in one question


def ask(question: str, *, yes: bool, otherwise: str = "add --yes") -> None:
    """Go on only after a yes. UsageError if nobody can be asked, LoadTestError if the answer is no.

    `otherwise` is what to do where nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question}? Nobody is there to ask: {otherwise}")
    if not typer.confirm(f"{visible(question)}?", err=True):
        raise LoadTestError("nothing was done")


def foreign_products(plan: Race | Load, *, yes: bool) -> list[str]:
    """The products of the plan that the tool did not make, once a person has agreed that the run changes them.

    What is no product is left out: the run refuses it. Raises as `ask` does, and TargetError if the table is not fit.
    """
    if plan.target.kind is TargetKind.EMBEDDED:
        return []
    connection, found = run_interruptible(_look, plan)
    if found:
        ask(_question(plan, connection, found), yes=yes)
    return list(found)


async def _look(plan: Race | Load) -> tuple["Connection", dict[str, "Item"]]:
    from loadtest.dynamodb.opening import open_transport

    async with opened(plan.target, pool=1) as connection:
        try:
            return connection, await _foreign(plan, connection)
        except TargetError:
            async with open_transport(connection):  # if the orders' own client is not possible, that says more
                raise


async def _foreign(plan: Race | Load, connection: "Connection") -> dict[str, "Item"]:
    from loadtest.dynamodb import admin
    from loadtest.dynamodb.client import connect
    from loadtest.dynamodb.foreign import foreign_items

    async with connect(connection.patient()) as client:
        table = admin.require_usable(await admin.describe_table(client, connection), connection)
        admin.require_ours(table, connection, allow_untagged=plan.target.allow_untagged_table)
        found = await foreign_items(client, connection, plan.product_ids)
    return {product_id: item for product_id, item in found.items() if _is_product(item, connection.schema)}


def _is_product(item: "Item", schema: "TableSchema") -> bool:
    from loadtest.dynamodb.items import to_product

    try:
        to_product(item, "", schema)
    except ValueError:
        return False
    return True


def _question(plan: Race | Load, connection: "Connection", found: Mapping[str, "Item"]) -> str:
    """What the run would overwrite, as a question but for its mark."""
    from loadtest.dynamodb.foreign import described

    first = list(found.items())[:_SHOWN]
    schema = connection.schema
    shown = "; ".join(
        f"{item_id!r}, which has {described(item, schema)}: {change(plan, item, schema)}" for item_id, item in first
    )
    more = f"; and {plural(len(found) - _SHOWN, 'product')} more" if len(found) > _SHOWN else ""
    those = f"{plural(len(found), 'product')} in table {connection.table!r} {connection.where} "
    those += "was" if len(found) == 1 else "were"
    return f"{those} not made by loadtest. The run changes {shown}{more}; afterwards it puts back what was there. Go on"


def change(plan: Race | Load, item: "Item", schema: "TableSchema") -> str:
    """What a run makes of a product, in words."""
    from loadtest.dynamodb.foreign import value_of

    def now(name: str) -> str:
        return f"{name} {value_of(item, name)}"

    last_restock = f", {now(schema.last_restock)} → a time" if plan.restocked else ""
    return (
        f"{now(schema.quantity)} → {plan.stock:,} and what the orders leave of it, "
        f"{now(schema.version)} → one more with each write, "
        f"{now(schema.last_order)} → an order's id{last_restock}"
    )


def overwriting(connection: "Connection", found: Mapping[str, "Item"], products: Sequence["Product"]) -> str:
    """The question before the products are written over items that the tool did not make."""
    from loadtest.dynamodb.foreign import described
    from loadtest.dynamodb.items import to_item

    schema = connection.schema
    new = {product.id: described(to_item(product, schema), schema) for product in products}
    each = "; ".join(f"{item_id!r}: {described(item, schema)} → {new[item_id]}" for item_id, item in found.items())
    return f"Overwrite in table {connection.table!r} {connection.where} what loadtest did not make: {each}"
