"""`loadtest populate` and `loadtest table …`: the table and its sample products."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.cli.panels import Panel
from loadtest.errors import LoadTestError, TargetError, UsageError
from loadtest.targets import Target, TargetKind

if TYPE_CHECKING:
    from loadtest.dynamo.client import Connection, DynamoDBClient
    from loadtest.order import Product

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
    debug: options.Debug = False,
) -> int:
    """Write the six sample products p#0 to p#5, or those named, making the table first if it is missing."""
    chosen = place.at(target, allow_untagged_table=allow_untagged_table)
    fill(chosen, yes=yes, products=_wanted(product, quantity))
    return 0


def _wanted(ids: list[str] | None, quantity: int | None) -> "Sequence[Product]":
    from msgspec.structs import replace

    from loadtest.dynamo.setup import SAMPLE
    from loadtest.order import Product

    sample = {each.id: each for each in SAMPLE}
    wanted = [sample.get(id_, Product(id=id_, name=id_, quantity=_QUANTITY, version=1)) for id_ in ids or sample]
    return wanted if quantity is None else [replace(each, quantity=quantity) for each in wanted]


@grouped
def create(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
    yes: options.Yes = False,
    debug: options.Debug = False,
) -> int:
    """Make the table: key id (S), on-demand, tagged as the tool's own."""
    from loadtest.dynamo import setup

    chosen = place.at(target)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        _ask(chosen, connection, f"Make the on-demand table {place.table!r}", yes=yes)
        if await setup.describe_table(client, connection) is not None:
            raise setup.exists_already(connection)
        await setup.create_table(client, connection)
        typer.echo(f"made table {place.table!r} {connection.where}")

    _on(chosen, work)
    return 0


@grouped
def describe(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
    debug: options.Debug = False,
) -> int:
    """Say what the table is like and whether a run may use it."""
    from loadtest.dynamo import setup
    from loadtest.dynamo.errors import missing_table

    chosen = place.at(target)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        found = await setup.describe_table(client, connection)
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
            typer.echo(f"{name + ':':25}{value}")
        setup.require_ours(setup.require_usable(found, connection), connection, allow_untagged=False)
        typer.echo("a run may use it")

    _on(chosen, work)
    return 0


@grouped
def delete(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
    allow_untagged_table: options.AllowUntagged = False,
    yes: options.Yes = False,
    debug: options.Debug = False,
) -> int:
    """Delete the table with all that is in it."""
    from loadtest.dynamo import setup

    chosen = place.at(target)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        found = await setup.describe_table(client, connection)
        if found is None:
            raise TargetError(f"there is no table {place.table!r} {connection.where}")
        setup.require_ours(found, connection, allow_untagged=allow_untagged_table)
        _ask(chosen, connection, f"Delete table {place.table!r} with about {found.items:,} items", yes=yes)
        await setup.delete_table(client, connection)
        typer.echo(f"deleted table {place.table!r} {connection.where}")

    _on(chosen, work)
    return 0


def fill(target: Target, *, yes: bool, quiet: bool = False, products: "Sequence[Product] | None" = None) -> None:
    """Write the products, or the sample, making the table first if it is missing (on AWS only after a yes)."""
    from loadtest.dynamo import setup

    written = tuple(products or setup.SAMPLE)

    def say(message: str) -> None:
        if not quiet:
            typer.echo(message, err=True)

    async def work(client: "DynamoDBClient", connection: "Connection") -> None:
        found = await setup.describe_table(client, connection)
        if found is None:
            _ask(target, connection, f"Make the on-demand table {target.table!r}", yes=yes)
            await setup.create_table(client, connection)
            say(f"made table {target.table!r} {connection.where}")
        else:
            setup.require_usable(found, connection)
            setup.require_ours(found, connection, allow_untagged=target.allow_untagged_table)
        await setup.populate(client, connection, written)
        stock = ", ".join(f"{product.id} {product.quantity}" for product in written)
        say(f"wrote to table {target.table!r}: {stock} in stock")

    _on(target, work)


def _on(target: Target, work: Work) -> None:
    """Do the work on an endpoint or on AWS."""
    if target.kind is TargetKind.EMBEDDED:
        raise UsageError(
            "say where the table is: --endpoint-url URL or --target aws (the embedded server makes its own)"
        )
    import anyio

    from loadtest.dynamo.client import connect
    from loadtest.targets import opened

    async def connected() -> None:
        async with opened(target, pool=10) as connection, connect(connection.patient()) as client:
            await work(client, connection)

    anyio.run(connected)


def _ask(target: Target, connection: "Connection", question: str, *, yes: bool) -> None:
    """On AWS, go on only after a yes."""
    if target.kind is not TargetKind.AWS or yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{question} {connection.where}? Nobody is there to ask: add --yes")
    if not typer.confirm(f"{question} {connection.where}?", err=True):
        raise LoadTestError("nothing was done")
