"""The embedded server: moto's DynamoDB in a child process, for one run."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from loadtest.dynamodb.endpoint import DEFAULT_REGION, Connection
from loadtest.system.server_process import ChildServer


def embedded_server(log: Path | None = None, key: str = "") -> ChildServer:
    """Start it, fresh and empty. With a key it serves only clients that have it as their access key."""
    return ChildServer(
        "the embedded server",
        "loadtest.targets.servers.moto_host",
        "--key-and-lifeline",
        log=log,
        briefing=f"{key}\n".encode(),
    )


@asynccontextmanager
async def started(base: Connection, log: Path | None = None) -> AsyncIterator[Connection]:
    """A server for this connection alone, for as long as the block runs. TargetError if it ended before that."""
    key = f"loadtest{secrets.token_hex(16)}"
    server = embedded_server(log, key)
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
            access_key=key,
            options=f"--endpoint-url {url}",
        )
    finally:
        server.stop()
