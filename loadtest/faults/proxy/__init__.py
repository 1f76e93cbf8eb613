"""The way of the orders when a bad day is wanted: through a proxy on this machine, in a process of its own."""

import resource
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from loadtest.dynamodb.endpoint import Connection
from loadtest.errors import TargetError, UsageError
from loadtest.faults.proxy.journal import read_faults
from loadtest.records.report import Faults as InjectedFaults
from loadtest.records.run_folder import FAULT_JOURNAL, PROXY_LOG
from loadtest.system.server_process import ChildServer
from loadtest.workload.faults import AnyFault, Faults
from loadtest.workload.target import ClientKind

BEGIN = "/begin"  # the path of the command that ends the warm-up
_BEGIN_WITHIN_S = 60.0
_NAME = "the fault proxy"
_SPARE_FILES = 64
_LONGER_S = 60.0  # than the run's client, which gives up by itself


class Briefing(Struct, frozen=True, kw_only=True):
    """What the proxy's process is told: no credentials, it asks for them where the tool did.

    `key` is the made-up access key of the client that may use it. `server` is how it reaches the server itself.
    """

    run_id: str
    key: str
    seed: int
    faults: tuple[AnyFault, ...]
    server: Connection
    connections: int
    journal: str


class Proxy:
    """A proxy that runs; `connection` leads through it."""

    def __init__(self, child: ChildServer, connection: Connection) -> None:
        self.connection = connection
        self.pid = child.pid
        self._child = child

    async def begin(self, table_arn: str) -> None:
        """Let the faults begin: what was sent until now was warm-up. TargetError if the proxy does not answer."""
        arn = table_arn.encode()
        authorization = f"Authorization: Credential={self.connection.access_key}/\r\n"
        head = f"POST {BEGIN} HTTP/1.1\r\nHost: 127.0.0.1:{self._child.port}\r\n{authorization}"
        try:
            with anyio.fail_after(_BEGIN_WITHIN_S):
                async with await anyio.connect_tcp("127.0.0.1", self._child.port) as stream:
                    await stream.send(f"{head}Connection: close\r\nContent-Length: {len(arn)}\r\n\r\n".encode() + arn)
                    answer = await stream.receive()
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError) as error:
            raise TargetError(f"{_NAME} does not answer: {error}") from error
        if not answer.startswith(b"HTTP/1.1 200"):
            raise TargetError(f"{_NAME} does not begin: {answer[:100]!r}")

    def require_alive(self) -> None:
        """TargetError if it has ended."""
        self._child.require_alive()


def injected(folder: Path) -> InjectedFaults:
    """What a run's journal says was injected. LoadTestError if it cannot be read."""
    header, lines = read_faults(folder / FAULT_JOURNAL)
    return InjectedFaults(header.seed, dict(sorted(Counter(line.kind for line in lines).items())))


def _connections_to_server(clients: int) -> int:
    """More than clients, for one that gave up has left its request under way; UsageError if not even as many fit."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * clients + _SPARE_FILES
    if hard == resource.RLIM_INFINITY or clients + wanted + _SPARE_FILES <= hard:
        return wanted
    if 2 * clients + _SPARE_FILES > hard:
        raise UsageError(
            f"{_NAME} needs two open files for each of {clients:,} requests in flight, and may have {hard:,}; "
            "lower --concurrency, or raise the limit (ulimit -Hn shows it)"
        )
    return hard - clients - _SPARE_FILES


@asynccontextmanager
async def proxied(
    connection: Connection, faults: Faults, seed: int, *, region: str, run_id: str, folder: Path
) -> AsyncIterator[Proxy]:
    """A proxy in front of the table for as long as the block runs; its journal and its log go to the folder.

    The seed counts if the faults have none of their own. `region` is that of the table. UsageError if the limit of open
    files is too low for it; TargetError if the proxy cannot start, or ended before the block did.
    """
    key = f"loadtest{secrets.token_hex(16)}"
    briefing = Briefing(
        run_id=run_id,
        key=key,
        seed=seed if faults.seed is None else faults.seed,
        faults=faults.faults,
        server=replace(
            connection,
            region=region,
            client=ClientKind.WIRE,
            sdk_retries=0,
            read_timeout_s=connection.read_timeout_s + _LONGER_S,
            pool=_connections_to_server(connection.pool),
        ),
        connections=connection.pool,
        journal=str((folder / FAULT_JOURNAL).absolute()),
    )
    child = ChildServer(
        _NAME, "loadtest.faults.proxy", log=folder / PROXY_LOG, briefing=msgspec.json.encode(briefing) + b"\n"
    )
    try:
        await child.ready()
        url = f"http://127.0.0.1:{child.port}"
        through = replace(
            connection,
            endpoint_url=url,
            region=region,
            profile=None,
            anonymous=True,
            placeholders=False,
            isolated=True,
            access_key=key,
            authorities=None,
        )
        yield Proxy(child, through)
    finally:
        child.stop()
