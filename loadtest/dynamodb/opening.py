"""What carries the orders, opened: the wire, or the SDK's client as shipped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from loadtest.dynamodb.client import connect
from loadtest.dynamodb.endpoint import Connection
from loadtest.errors import UsageError
from loadtest.workload.target import ClientKind

if TYPE_CHECKING:
    from loadtest.dynamodb.transport import Transport
    from loadtest.dynamodb.wire import Wire


@asynccontextmanager
async def open_transport(connection: Connection) -> AsyncIterator["Transport"]:
    """What carries the orders' requests, as the connection's `client` says. Raises as `connect` does."""
    if connection.client is ClientKind.WIRE:
        async with open_wire(connection) as wire:
            yield wire
    else:
        from loadtest.dynamodb.sdk_transport import SdkTransport

        async with connect(connection) as client:
            yield SdkTransport(client)


@asynccontextmanager
async def open_wire(connection: Connection) -> AsyncIterator["Wire"]:
    """The wire, beside a client of the SDK. UsageError if it cannot stand in for it: it never does so in part."""
    from loadtest.dynamodb import sdk_session
    from loadtest.dynamodb.wire import NotUnderstood, Wire

    async with connect(connection) as client:
        wire = Wire(client)
        try:
            with sdk_session.understood(connection):
                await wire.prepare()
        except NotUnderstood as reason:
            raise UsageError(f"the wire cannot serve this client: {reason}; add --client sdk") from reason
        try:
            yield wire
        finally:
            wire.close()


def stamps(client: ClientKind) -> str:
    """Whose receive times a client's stamps are: the kernel's, the reader's, or the SDK's caller's."""
    if client is ClientKind.SDK:
        return "sdk"
    from loadtest.dynamodb import wire

    return "kernel" if wire.kernel_stamps() else "reader"
