"""Where the operations go: how one table is reached."""

import ipaddress
import shlex
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from loadtest.dynamodb.schema import TableSchema
from loadtest.workload.target import ClientKind

DEFAULT_REGION = "us-east-1"


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
