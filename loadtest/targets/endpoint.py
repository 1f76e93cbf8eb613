"""A server at a URL: moto_server, MiniStack, dynalite, DynamoDB Local, a compatible database."""

import os

from msgspec.structs import replace

from loadtest.dynamodb.endpoint import Connection
from loadtest.errors import TargetError
from loadtest.workload.endpoint_url import in_ascii


def connection(base: Connection, url: str) -> Connection:
    """The table at that URL.

    If the user has chosen no credentials, a server on this machine gets made-up ones, and so does another that is not
    DynamoDB itself, if there are none.
    """
    options = [f"--endpoint-url {url}"]
    options += [f"--{name} {value}" for name, value in (("region", base.region), ("profile", base.profile)) if value]
    reached = replace(base, endpoint_url=in_ascii(url), options=" ".join([*options, f"--table {base.table}"]))
    chosen = base.profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID")
    if chosen or reached.of_aws:
        return reached
    return replace(reached, anonymous=reached.loopback, placeholders=not reached.loopback)


def require_meant(reached: Connection) -> None:
    """Refuse a server elsewhere, which has no tags to be asked for: TargetError before anything is sent to it."""
    if not (reached.loopback or reached.of_aws):
        raise TargetError(
            f"{reached.endpoint_url} is not on this machine: if table {reached.table!r} there is meant for load, "
            "add --allow-untagged-table"
        )
