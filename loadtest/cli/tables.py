"""`loadtest populate` and `loadtest table …`: the table and its sample products."""

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import typer

from loadtest.cli import groups, options
from loadtest.cli.groups import grouped
from loadtest.errors import LoadTestError, TargetError, UsageError
from loadtest.targets import Target, TargetKind

if TYPE_CHECKING:
    from loadtest.dynamo.client import Connection, DynamoDBClient

Work = Callable[["DynamoDBClient", "Connection"], Awaitable[None]]


@grouped
def populate(
    place: groups.Place,
    target: options.RemoteTargetOption = None,
    allow_untagged_table: options.AllowUntagged = False,
    yes: options.Yes = False,
    debug: options.Debug = False,
) -> int:
    """Write the six sample products p#0 to p#5, making the table first if it is missing."""
    chosen = place.at(target, allow_untagged_table=allow_untagged_table)
    fill(chosen, yes=yes)
    return 0


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

    _on(chosen, work, changes=False)  # only what is not there yet
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

    _on(chosen, work, changes=False)
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

    chosen = place.at(target, allow_untagged_table=allow_untagged_table)

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


def fill(target: Target, *, yes: bool, quiet: bool = False) -> None:
    """Write the sample, making the table first if it is missing (on AWS only after a yes)."""
    from loadtest.dynamo import setup

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
        await setup.populate(client, connection)
        sample = ", ".join(f"{product.id} {product.quantity}" for product in setup.SAMPLE)
        say(f"wrote to table {target.table!r}: {sample} in stock")

    _on(target, work)


def _on(target: Target, work: Work, *, changes: bool = True) -> None:
    """Do the work on an endpoint or on AWS. See `opened` for `changes`."""
    if target.kind is TargetKind.EMBEDDED:
        raise UsageError(
            "say where the table is: --endpoint-url URL or --target aws (the embedded server makes its own)"
        )
    import anyio

    from loadtest.dynamo.client import connect
    from loadtest.targets import opened

    async def connected() -> None:
        async with opened(target, pool=10, changes=changes) as connection, connect(connection.patient()) as client:
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
