"""`loadtest populate` and `loadtest table …`: the table and its sample products."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.cli.panels import Panel
from loadtest.cli.streams import say
from loadtest.errors import TargetError, UsageError
from loadtest.workload.target import Target, TargetKind

if TYPE_CHECKING:
    from loadtest.dynamodb.admin import TableDescription
    from loadtest.dynamodb.client import DynamoDBClient
    from loadtest.dynamodb.endpoint import Connection
    from loadtest.events import Product

_QUANTITY = 10  # of a product that is not of the sample
Work = Callable[["DynamoDBClient", "Connection"], Awaitable[None]]


@grouped
def populate(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
    product: options.ProductIds = None,
    quantity: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How many of each.",
            show_default=f"as in the sample, else {_QUANTITY}",
            rich_help_panel=Panel.MAIN,
        ),
    ] = None,
    allow_untagged_table: options.AllowUntagged = False,
    yes: options.Yes = False,
) -> int:
    """Write the six sample products p#0 to p#5, or those named, making the table first if it is missing."""
    chosen = place.at(target, allow_untagged_table=allow_untagged_table)
    fill(chosen, yes=yes, spare_foreign=False, products=_wanted(product, quantity))
    return 0


def _wanted(ids: list[str] | None, quantity: int | None) -> "Sequence[Product]":
    from loadtest.dynamodb.admin import SAMPLE
    from loadtest.events import Product

    sample = {each.id: each for each in SAMPLE}
    wanted = [sample.get(id_, Product(id=id_, name=id_, quantity=_QUANTITY, version=1)) for id_ in ids or sample]
    return wanted if quantity is None else [replace(each, quantity=quantity) for each in wanted]


@grouped
def create(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
    yes: options.Yes = False,
) -> int:
    """Make the table: key id (S), on-demand, tagged as the tool's own."""
    from loadtest.dynamodb import admin

    chosen = place.at(target)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        _ask_on_aws(chosen, connection, f"Make the on-demand table {place.table!r}", yes=yes)
        if await admin.describe_table(client, connection) is not None:
            raise admin.exists_already(connection)
        _announce(chosen)
        await admin.create_table(client, connection)
        say(f"made table {place.table!r} {connection.where}")

    _on(chosen, work, changes=False)  # only what is not there yet
    return 0


@grouped
def describe(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
) -> int:
    """Say what the table is like and whether a run may use it."""
    from loadtest.dynamodb import admin
    from loadtest.dynamodb.errors import missing_table

    chosen = place.at(target)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        found = await admin.describe_table(client, connection)
        if found is None:
            raise TargetError(missing_table(connection))
        key = ", ".join(f"{attribute} ({type_}, {role})" for attribute, role, type_ in found.key)
        tagged = {True: "yes", False: "no", None: "not said"}[found.tagged]
        for name, value in (
            ("table", found.name),
            ("status", found.status),
            ("key", key),
            ("billing", found.billing),
            ("items", f"about {found.items:,}"),
            ("tagged loadtest=allowed", tagged),
        ):
            say(f"{name + ':':25}{value}")
        admin.require_ours(admin.require_usable(found, connection), connection, allow_untagged=False)
        say("a run may use it")

    _on(chosen, work, changes=False)
    return 0


@grouped
def delete(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
    allow_untagged_table: options.AllowUntagged = False,
    yes: options.Yes = False,
) -> int:
    """Delete the table with all that is in it."""
    from loadtest.cli.consent import ask
    from loadtest.dynamodb import admin

    chosen = place.at(target, allow_untagged_table=allow_untagged_table)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        found = await admin.describe_table(client, connection)
        if found is None:
            raise TargetError(f"there is no table {place.table!r} {connection.where}")
        admin.require_ours(found, connection, allow_untagged=allow_untagged_table)
        question = f"Delete table {place.table!r} with about {found.items:,} items"
        if chosen.kind is TargetKind.AWS:
            _ask_on_aws(chosen, connection, question, yes=yes)
        elif foreign := await _foreign_in(client, connection, found):
            ask(f"{foreign}. {question} {connection.where}", yes=yes)
        await admin.delete_table(client, connection)
        say(f"deleted table {place.table!r} {connection.where}")

    _on(chosen, work)
    return 0


async def _foreign_in(client: "DynamoDBClient", connection: "Connection", table: "TableDescription") -> str:
    """What of the table, or in it, the tool did not make, in a sentence; empty if all is its own."""
    from loadtest.dynamodb.admin import is_tagged
    from loadtest.dynamodb.foreign import foreign_item_in

    if not await is_tagged(client, connection, table.arn):
        return "This table was not made by loadtest"
    item_id = await foreign_item_in(client, connection)
    return "" if item_id is None else f"This table holds what was not made by loadtest, such as {item_id!r}"


def fill(
    target: Target,
    *,
    yes: bool,
    spare_foreign: bool,
    quiet: bool = False,
    products: "Sequence[Product] | None" = None,
) -> None:
    """Write the products, or the sample, making the table first if it is missing (on AWS only after a yes).

    What the tool did not make is overwritten only after a yes, or, with `spare_foreign`, left as it is.
    """
    from loadtest.cli.consent import ask, overwriting
    from loadtest.dynamodb import admin
    from loadtest.dynamodb.foreign import foreign_items
    from loadtest.dynamodb.put_back import by_hand
    from loadtest.engine.prepare import find_table

    wanted = tuple(products or admin.SAMPLE)

    def tell(message: str) -> None:
        if not quiet:
            say(message, err=True)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        if await find_table(target, client, connection) is None:
            _ask_on_aws(target, connection, f"Make the on-demand table {target.table!r}", yes=yes)
            if not quiet:
                _announce(target)
            await admin.create_table(client, connection)
            tell(f"made table {target.table!r} {connection.where}")
        foreign = await foreign_items(client, connection, [product.id for product in wanted])
        if foreign and not spare_foreign:
            ask(overwriting(connection, foreign, wanted), yes=yes)
            here = replace(connection, region=client.meta.region_name)
            for item_id, item in foreign.items():
                tell(f"{item_id!r} is overwritten; to have it again: {by_hand(here, item)}")
        written = [product for product in wanted if not (spare_foreign and product.id in foreign)]
        await admin.populate(client, connection, written, over=foreign)
        stock = ", ".join(f"{product.id} {product.quantity}" for product in written)
        tell(f"wrote to table {target.table!r}: {stock} in stock" if written else "wrote nothing")
        if spare_foreign and foreign:
            tell(f"left as they are, for loadtest did not make them: {', '.join(foreign)}")

    _on(target, work)


def _announce(target: Target) -> None:
    if target.kind is TargetKind.AWS:
        say(f"making table {target.table!r}: usually about 10 s", err=True)


def _on(target: Target, work: Work, *, changes: bool = True) -> None:
    """Do the work on an endpoint or on AWS. See `opened` for `changes`."""
    if target.kind is TargetKind.EMBEDDED:
        raise UsageError(
            "say where the table is: --endpoint-url URL or --target aws (the embedded server makes its own)"
        )
    from loadtest.dynamodb.client import connect
    from loadtest.system.signals import run_interruptible
    from loadtest.targets import opened

    async def connected() -> None:
        async with opened(target, pool=10, changes=changes) as connection, connect(connection.patient()) as client:
            await work(client, connection)

    run_interruptible(connected)


def _ask_on_aws(target: Target, connection: "Connection", question: str, *, yes: bool) -> None:
    """On AWS, go on only after a yes."""
    from loadtest.cli.consent import ask

    if target.kind is TargetKind.AWS:
        ask(f"{question} {connection.where}", yes=yes)
