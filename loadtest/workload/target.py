"""Where the orders are to go, as the user names it."""

from enum import StrEnum

from msgspec import Struct

from loadtest.errors import UsageError
from loadtest.workload.endpoint_url import require_usable


class ClientKind(StrEnum):
    """Who sends the hot operations: the wire, or the SDK as shipped."""

    WIRE = "wire"
    SDK = "sdk"


class TargetKind(StrEnum):
    """The three kinds of target."""

    EMBEDDED = "embedded"
    ENDPOINT = "endpoint"
    AWS = "aws"


class Target(Struct, frozen=True, kw_only=True):
    """A target as the user names it."""

    kind: TargetKind = TargetKind.EMBEDDED  #: `embedded`, `endpoint` or `aws`
    endpoint_url: str | None = None  #: as given, without user name and password
    region: str | None = None  #: as given; null: what the environment says
    profile: str | None = None  #: its name
    table: str = "products"  #: name of the table
    connect_timeout_s: float = 10.0  #: seconds
    read_timeout_s: float = 30.0  #: seconds
    sdk_retries: int = 0  #: how often the SDK may send again; 0: never
    client: ClientKind = ClientKind.WIRE  #: who sends the requests of the orders
    allow_untagged_table: bool = False  #: whether the rule that a table must carry a tag was switched off

    def __post_init__(self) -> None:
        if self.sdk_retries and self.client is ClientKind.WIRE:
            raise UsageError("--sdk-retries goes with --client sdk: the wire never sends anything twice")
        if self.kind is TargetKind.ENDPOINT:
            if self.endpoint_url is None:
                raise UsageError("--target endpoint needs --endpoint-url, for example http://127.0.0.1:8000")
            require_usable(self.endpoint_url)
        elif self.endpoint_url is not None:
            raise UsageError(f"--endpoint-url does not go with --target {self.kind}")
