"""DynamoDB itself: the ordinary credential chain, region and profile."""

import os

from msgspec.structs import replace

from loadtest.dynamodb.endpoint import Connection


def connection(base: Connection) -> Connection:
    """The table in the user's account."""
    region = base.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    options = ["--target aws"]
    if base.region:
        options.append(f"--region {base.region}")
    if base.profile:
        options.append(f"--profile {base.profile}")
    options.append(f"--table {base.table}")
    return replace(base, region=region, options=" ".join(options))
