"""The embedded server: moto's DynamoDB in a child process, for one run."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from loadtest.dynamo.client import DEFAULT_REGION, Connection
from loadtest.targets.child import ChildServer


def embedded_server(log: Path | None = None) -> ChildServer:
    """Start it, fresh and empty."""
    return ChildServer("the embedded server", "loadtest.targets.moto_host", "--until-stdin-closes", log=log)


@asynccontextmanager
async def started(base: Connection, log: Path | None = None) -> AsyncIterator[Connection]:
    """A server for as long as the block runs. TargetError if it ended before the block did."""
    server = embedded_server(log)
    try:
        await server.ready()
        url = f"http://127.0.0.1:{server.port}"
        yield replace(
            base,
            endpoint_url=url,
            region=DEFAULT_REGION,
            profile=None,
            anonymous=True,
            isolated=True,
            options=f"--endpoint-url {url}",
        )
    finally:
        server.stop()
