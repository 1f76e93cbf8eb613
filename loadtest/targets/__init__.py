"""Where the orders go: the embedded server, an endpoint, or DynamoDB itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from loadtest.dynamo.client import ClientKind, Connection
from loadtest.errors import UsageError
from loadtest.faults import Faults
from loadtest.targets.url import require_usable


class TargetKind(StrEnum):
    """The three kinds of target."""

    EMBEDDED = "embedded"
    ENDPOINT = "endpoint"
    AWS = "aws"


class Target(Struct, frozen=True, kw_only=True):
    """A target as the user names it. With `faults` the orders go there through a proxy, `loadtest.targets.faulty`."""

    kind: TargetKind = TargetKind.EMBEDDED
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    table: str = "products"
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    sdk_retries: int = 0
    client: ClientKind = ClientKind.WIRE
    allow_untagged_table: bool = False
    faults: Faults | None = None

    def __post_init__(self) -> None:
        if self.sdk_retries and self.client is ClientKind.WIRE:
            raise UsageError("--sdk-retries goes with --client sdk: the wire never sends anything twice")
        if self.kind is TargetKind.ENDPOINT:
            if self.endpoint_url is None:
                raise UsageError("--target endpoint needs --endpoint-url, for example http://127.0.0.1:8000")
            require_usable(self.endpoint_url)
        elif self.endpoint_url is not None:
            raise UsageError(f"--endpoint-url does not go with --target {self.kind}")


@asynccontextmanager
async def opened(
    target: Target, pool: int, log: Path | None = None, *, changes: bool = True
) -> AsyncIterator[Connection]:
    """Start the target if it is the embedded server (its log goes to `log`), and say how to reach it.

    TargetError for an endpoint elsewhere that nobody has said is meant for load, if what is there is to be changed.
    """
    base = Connection(
        table=target.table,
        region=target.region,
        profile=target.profile,
        connect_timeout_s=target.connect_timeout_s,
        read_timeout_s=target.read_timeout_s,
        sdk_retries=target.sdk_retries,
        client=target.client,
        pool=pool,
    )
    if target.kind is TargetKind.EMBEDDED:
        from loadtest.targets import embedded

        async with embedded.started(base, log) as connection:
            yield connection
    elif target.kind is TargetKind.ENDPOINT:
        from loadtest.targets import endpoint

        reached = endpoint.connection(base, target.endpoint_url or "")
        if target.allow_untagged_table:
            reached = replace(reached, options=f"{reached.options} --allow-untagged-table")
        elif changes:
            endpoint.require_meant(reached)
        yield reached
    else:
        from loadtest.targets import aws

        yield aws.connection(base)
