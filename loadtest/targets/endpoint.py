"""A server at a URL: moto_server, MiniStack, dynalite, DynamoDB Local, a compatible database."""

import os

from msgspec.structs import replace

from loadtest.dynamo.client import Connection
from loadtest.targets.url import in_ascii


def connection(base: Connection, url: str) -> Connection:
    """The table at that URL. A server on this machine takes any credentials if the user has set none."""
    reached = replace(base, endpoint_url=in_ascii(url), options=f"--endpoint-url {url} --table {base.table}")
    chosen = base.profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID")
    return replace(reached, anonymous=reached.loopback and not chosen)
