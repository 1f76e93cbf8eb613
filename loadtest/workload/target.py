"""Where the orders are to go, as the user names it."""

from enum import StrEnum

from msgspec import Struct

from loadtest.errors import UsageError
from loadtest.workload.endpoint_url import require_usable
from loadtest.workload.faults import Faults


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
    """A target as the user names it. With `faults` the orders go there through a proxy, `loadtest.faults.proxy`."""

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
