"""What this machine and client can do at most: a closed loop of rejected writes against the minimal server."""

import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
from msgspec import Struct

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import open_transport
from loadtest.dynamodb.table import Table
from loadtest.errors import TargetError
from loadtest.events import Outcome, Reason
from loadtest.measure.histogram import Histogram
from loadtest.system.certificates import Authority, write_private
from loadtest.system.server_process import ChildServer
from loadtest.workload.target import ClientKind

_PATIENCE_S = 120.0
IN_FLIGHT = (1, 10, 100, 1000, 5000)


class Ceiling(Struct, frozen=True):
    """One measurement: `in_flight` requests at a time, plain or TLS.

    `cpu_us` is this process's CPU time for one operation, `added_p50_ms` and `added_p99_ms` what this process adds
    to a latency: before its request leaves and after its answer has come (None: the SDK does not tell them apart).
    """

    tls: bool
    in_flight: int
    operations_per_s: float
    cpu_us: float
    added_p50_ms: float | None
    added_p99_ms: float | None


async def calibrate(
    client: ClientKind, levels: Sequence[int], seconds: float, done: Callable[[Ceiling], None]
) -> list[Ceiling]:
    """Measure each level for about `seconds`, plain and with TLS; `done` hears of each as it ends."""
    ceilings = []
    for tls in (False, True):
        async with _minimal_server(tls) as connection:
            for in_flight in levels:
                ceiling = await _measure(connection, client, in_flight, seconds)
                ceilings.append(ceiling)
                done(ceiling)
    return ceilings


async def _measure(base: Connection, client: ClientKind, in_flight: int, seconds: float) -> Ceiling:
    connection = Connection(
        table="products",
        endpoint_url=base.endpoint_url,
        authorities=base.authorities,
        anonymous=True,
        client=client,
        connect_timeout_s=_PATIENCE_S,
        read_timeout_s=_PATIENCE_S,
        pool=in_flight,
    )
    async with open_transport(connection) as transport:
        table = Table(transport, connection)
        await _write(table)
        await transport.fill(in_flight)
        await _closed_loop(table, in_flight, min(seconds, 0.3), Histogram())
        added = Histogram()
        cpu_ns, started_ns = time.process_time_ns(), time.perf_counter_ns()
        await _closed_loop(table, in_flight, seconds, added)
        cpu_ns, took_ns = time.process_time_ns() - cpu_ns, time.perf_counter_ns() - started_ns
    tells = client is ClientKind.WIRE
    percentiles = added.percentiles((50.0, 99.0))
    return Ceiling(
        tls=connection.authorities is not None,
        in_flight=in_flight,
        operations_per_s=added.count / took_ns * 1e9,
        cpu_us=cpu_ns / added.count / 1e3,
        added_p50_ms=percentiles[50.0] / 1e6 if tells else None,
        added_p99_ms=percentiles[99.0] / 1e6 if tells else None,
    )


async def _closed_loop(table: Table, in_flight: int, seconds: float, added: Histogram) -> None:
    deadline_ns = time.perf_counter_ns() + int(seconds * 1e9)

    async def worker() -> None:
        while True:
            called_ns = time.perf_counter_ns()
            stamps = await _write(table)
            added.record(stamps[2] - called_ns - (stamps[1] - stamps[0]))
            if stamps[2] >= deadline_ns:
                return

    async with anyio.create_task_group() as tasks:
        for _ in range(in_flight):
            tasks.start_soon(worker)


async def _write(table: Table) -> tuple[int, int, int]:
    """One conditional write that is refused: what most orders of a race end with."""
    values = {":quantity": {"N": "0"}, ":version": {"N": "2"}, ":read_version": {"N": "1"}}
    expression = "SET #quantity = :quantity, #version = :version"
    answer = await table.update("p#4", expression, values, "#version = :read_version", Reason.CONFLICT)
    if answer.result.outcome is not Outcome.REJECTED:
        raise TargetError(f"the minimal server answered otherwise: {answer.result.message}")
    return answer.stamps.sent_ns, answer.stamps.received_ns, answer.stamps.ended_ns


@asynccontextmanager
async def _minimal_server(tls: bool) -> AsyncIterator[Connection]:
    with _certificates() as (authority, certificate, key):
        arguments = ["--certificate", str(certificate), "--key", str(key)] if tls else []
        server = ChildServer("the minimal server", "loadtest.targets.servers.minimal", *arguments)
        try:
            await server.ready()
            url = f"{'https' if tls else 'http'}://127.0.0.1:{server.port}"
            yield Connection(table="products", endpoint_url=url, authorities=str(authority) if tls else None)
        finally:
            server.stop()


@contextmanager
def _certificates() -> Iterator[tuple[Path, Path, Path]]:
    """Files with an authority, a certificate of it for this machine, and the key of that."""
    authority = Authority("loadtest calibrate")
    pair = authority.sign("server", server=True, client=False, addresses=["127.0.0.1"])
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "authority.pem"), Path(folder, "certificate.pem"), Path(folder, "key.pem")
        for file, content in zip(files, (authority.certificate, pair.certificate, pair.key), strict=True):
            write_private(file, content)
        yield files
