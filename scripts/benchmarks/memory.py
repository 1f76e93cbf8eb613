"""Memory for each order in flight, when many are. Prints a line of JSON.

`python -m benchmarks.memory IN_FLIGHT`: a race whose reads are all under way at once, on a server that holds each
answer for some seconds.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import anyio
import uvloop

from benchmarks.servers import free_port
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import open_transport
from loadtest.dynamodb.table import Table
from loadtest.engine.orders import Runner
from loadtest.events import Event, Order
from loadtest.strategies import load
from loadtest.system.file_limits import connections_that_fit
from loadtest.workload.spec import Rules

_HOLD_MS = 8000


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def _measure(url: str, in_flight: int) -> float:
    connection = Connection(table="products", endpoint_url=url, anonymous=True, pool=in_flight)
    async with open_transport(connection) as transport:
        table = Table(transport, connection)
        seen: list[Event] = []
        runner = Runner(table, load("conditional"), Rules(1, in_flight, gate=True), seen.append, Random(0))
        orders = [Order(f"1-{n}", "p#4", 1, 1) for n in range(in_flight)]
        before = _resident()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runner.round, orders)
            most = before
            for _ in range(int(_HOLD_MS / 100) - 10):
                await asyncio.sleep(0.1)
                most = max(most, _resident())
            tasks.cancel_scope.cancel()
    return (most - before) / in_flight


def main() -> None:
    in_flight, port = int(sys.argv[1]), free_port()
    connections_that_fit(in_flight)
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.delay_server", str(port), "constant", str(_HOLD_MS)], stdin=subprocess.PIPE
    )
    time.sleep(1.0)
    each = uvloop.run(_measure(f"http://127.0.0.1:{port}", in_flight))
    server.kill()
    sys.stdout.write(json.dumps({"bytes_per_order": each}) + "\n")


if __name__ == "__main__":
    main()
