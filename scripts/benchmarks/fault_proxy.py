"""What the fault proxy costs: refused writes to the minimal server, straight and through it. Prints lines of JSON.

`python -m benchmarks.fault_proxy [SECONDS]`. The client, the proxy and the server share the machine's CPUs.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import anyio
from msgspec.structs import replace

from benchmarks.servers import MINIMAL, cpu_s, running
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import open_transport
from loadtest.dynamodb.table import Table
from loadtest.faults.proxy import proxied
from loadtest.measure.histogram import Histogram
from loadtest.studies.calibrate import _closed_loop, _write
from loadtest.system.file_limits import connections_that_fit
from loadtest.workload.faults import Delay, Faults, Fixed

IN_FLIGHT = (1, 10, 100, 1000)
NEVER = Faults(faults=(Delay(rate=0.0, time=Fixed(1.0)),))


async def measure(connection: Connection, in_flight: int, seconds: float, pid: int | None) -> dict[str, float]:
    """Operations a second, the median service time, and the CPU of the process `pid` for each operation."""
    async with open_transport(replace(connection, pool=in_flight)) as transport:
        table, added = Table(transport, connection), Histogram()
        await _write(table)
        await transport.fill(in_flight)
        await _closed_loop(table, in_flight, 0.3, Histogram())
        before, started = cpu_s(pid) if pid else 0.0, time.perf_counter()
        await _closed_loop(table, in_flight, seconds, added)
        took = time.perf_counter() - started
        return {
            "operations_per_s": round(added.count / took),
            "latency_ms": round(in_flight * took / added.count * 1e3, 3),
            "proxy_cpu_us": round(((cpu_s(pid) if pid else 0.0) - before) / added.count * 1e6, 1),
        }


async def main(seconds: float) -> None:
    connections_that_fit(2 * max(IN_FLIGHT))
    with running(MINIMAL) as (url, _), tempfile.TemporaryDirectory() as folder:
        straight = Connection(table="products", endpoint_url=url, anonymous=True, pool=max(IN_FLIGHT))
        place = Path(folder)
        async with proxied(straight, NEVER, 1, region="us-east-1", run_id="benchmark", folder=place) as proxy:
            await proxy.begin("arn:aws:dynamodb:us-east-1:0:table/products")
            for in_flight in IN_FLIGHT:
                for name, route, pid in (("straight", straight, None), ("proxy", proxy.connection, proxy.pid)):
                    found = await measure(route, in_flight, seconds, pid)
                    sys.stdout.write(json.dumps({"way": name, "in_flight": in_flight, **found}) + "\n")


if __name__ == "__main__":
    anyio.run(main, float(sys.argv[1]) if len(sys.argv) > 1 else 3.0, backend_options={"use_uvloop": True})
