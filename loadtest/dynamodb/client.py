"""Where the operations go, and the aioboto3 client that takes them there."""

import ipaddress
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

import loadtest
from loadtest.dynamodb.schema import TableSchema
from loadtest.workload.target import ClientKind

DEFAULT_REGION = "us-east-1"


class DynamoDBClient(Protocol):
    """The calls of the SDK's client that are used here."""

    async def get_item(self, **request: Any) -> dict[str, Any]: ...
    async def batch_get_item(self, **request: Any) -> dict[str, Any]: ...
    async def put_item(self, **request: Any) -> dict[str, Any]: ...
    async def update_item(self, **request: Any) -> dict[str, Any]: ...
    async def delete_item(self, **request: Any) -> dict[str, Any]: ...
    async def scan(self, **request: Any) -> dict[str, Any]: ...
    async def transact_write_items(self, **request: Any) -> dict[str, Any]: ...
    async def create_table(self, **request: Any) -> dict[str, Any]: ...
    async def describe_table(self, **request: Any) -> dict[str, Any]: ...
    async def delete_table(self, **request: Any) -> dict[str, Any]: ...
    async def update_time_to_live(self, **request: Any) -> dict[str, Any]: ...
    async def list_tags_of_resource(self, **request: Any) -> dict[str, Any]: ...

    @property
    def meta(self) -> Any: ...


class Connection(Struct, frozen=True, kw_only=True):
    """How to reach one DynamoDB table, and what its attributes are called.

    `endpoint_url` None is AWS itself; `pool` is the number of connections.

    `anonymous` sends made-up credentials with this `access_key` (a server of the run's own knows it by that, others on
    this machine take any); otherwise the ordinary credential chain is asked, and with `placeholders` they are made up
    if it has none. If it is `isolated` it leads to a server of our own, for which nothing counts that the user has set
    for AWS. `authorities` is a file of certificates to trust instead of the usual ones. `options` are the command-line
    options that lead to the same table.
    """

    table: str
    schema: TableSchema = TableSchema()
    endpoint_url: str | None = None
    region: str | None = None
    profile: str | None = None
    anonymous: bool = False
    placeholders: bool = False
    isolated: bool = False
    access_key: str = "loadtest"
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    sdk_retries: int = 0
    client: ClientKind = ClientKind.WIRE
    authorities: str | None = None
    pool: int = 10
    options: str = ""

    @property
    def where(self) -> str:
        """The place in words, for messages."""
        return f"at {self.endpoint_url}" if self.endpoint_url else f"in {self.region or 'AWS'}"

    def patient(self) -> "Connection":
        """The same place for what is done around a run, whose time-outs and retries are for the run alone.

        The SDK sends nothing twice here either: only who makes a request knows whether it may be served twice. The
        time-out leaves room for a second try while the run waits.
        """
        return replace(self, connect_timeout_s=10.0, read_timeout_s=8.0, sdk_retries=0, pool=10, client=ClientKind.SDK)

    @property
    def aws_options(self) -> str:
        """The options with which the AWS command line reaches the same place, each after a space."""
        places = (("endpoint-url", self.endpoint_url), ("region", self.region), ("profile", self.profile))
        return "".join(f" --{option} {shlex.quote(value)}" for option, value in places if value)

    @property
    def loopback(self) -> bool:
        """Whether the endpoint is on this machine."""
        return on_this_machine(self.endpoint_url or "")

    @property
    def of_aws(self) -> bool:
        """Whether it is DynamoDB itself, which knows tags: at its own address, or at one in a private network."""
        host = urlsplit(self.endpoint_url or "").hostname or ""
        return self.endpoint_url is None or host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def on_this_machine(url: str) -> bool:
    """Whether the host of a URL or of an address like `tcp://127.0.0.1:8786` is this machine, as it stands there."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:  # brackets that do not close
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified  # 0.0.0.0 leads here as well


@asynccontextmanager
async def connect(connection: Connection) -> AsyncIterator[DynamoDBClient]:
    """An open client. Raises UsageError or TargetError if profile, region, credentials or settings are not fit."""
    from loadtest.dynamodb import sdk_session

    with sdk_session.understood(connection):
        client = await _client(connection)
        opened = await client.__aenter__()
    try:
        yield opened
    finally:
        await client.__aexit__(None, None, None)


async def _client(connection: Connection) -> Any:
    """The SDK's client, to be entered. Raises its errors as well."""
    from aiobotocore.config import AioConfig

    from loadtest.dynamodb import credentials, sdk_session

    session = sdk_session.begin(connection)
    if not connection.anonymous:
        await credentials.provide(session, connection)
    config = AioConfig(
        connect_timeout=connection.connect_timeout_s,
        read_timeout=connection.read_timeout_s,
        max_pool_connections=connection.pool,
        retries={"mode": "legacy", "total_max_attempts": connection.sdk_retries + 1},
        user_agent=f"loadtest/{loadtest.__version__}",  # a fixed one: building the SDK's own costs 13 % of its CPU
        proxies={} if connection.loopback else None,
    )
    return session.client(
        "dynamodb",
        endpoint_url=connection.endpoint_url,
        verify=sdk_session.authorities(connection, session),
        config=config,
    )
