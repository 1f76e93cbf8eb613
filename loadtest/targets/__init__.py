"""Where the orders go: the embedded server, an endpoint, or DynamoDB itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from loadtest.dynamodb.endpoint import Connection
from loadtest.workload.target import Target, TargetKind


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
