"""The service time that loadtest reports against what a server of known delay really took. Prints a line of JSON.

`python -m benchmarks.service_time wire|sdk constant|mixed MILLISECONDS IN_FLIGHT SECONDS [busy]`. With `busy`, the
event loop is blocked for 5 of every 15 milliseconds by something else.
"""

import asyncio
import json
import subprocess
import sys
import time

import uvloop

from benchmarks.delay_server import PERCENTS
from benchmarks.servers import free_port
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.opening import open_transport
from loadtest.dynamodb.table import Table
from loadtest.events import Reason
from loadtest.measure.histogram import Histogram
from loadtest.workload.target import ClientKind


async def _measure(client: ClientKind, url: str, in_flight: int, seconds: float, busy: bool) -> Histogram:
    service = Histogram()
    connection = Connection(table="products", endpoint_url=url, anonymous=True, client=client, pool=in_flight)
    async with open_transport(connection) as transport:
        table = Table(transport, connection)

        async def write() -> None:
            values = {":quantity": {"N": "0"}, ":read_version": {"N": "1"}}
            answer = await table.update(
                "p#4", "SET quantity = :quantity", values, "version = :read_version", Reason.CONFLICT
            )
            service.record(answer.stamps.received_ns - answer.stamps.sent_ns)

        async def worker() -> None:
            while time.perf_counter() < end:
                await write()

        async def hog() -> None:
            while True:
                time.sleep(0.005)  # noqa: ASYNC251 - blocking the loop is the point
                await asyncio.sleep(0.01)

        await write()
        await transport.fill(in_flight)
        end = time.perf_counter() + seconds
        other = asyncio.ensure_future(hog()) if busy else None
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        if other is not None:
            other.cancel()
    return service


def main() -> None:
    client, kind, milliseconds, in_flight, seconds = sys.argv[1:6]
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.delay_server", str(port), kind, milliseconds],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(1.0)
    busy = "busy" in sys.argv
    service = uvloop.run(_measure(ClientKind(client), f"http://127.0.0.1:{port}", int(in_flight), float(seconds), busy))
    truth, _ = server.communicate("")
    reported = {str(percent): ns / 1e6 for percent, ns in service.percentiles(PERCENTS).items()}
    sys.stdout.write(json.dumps({"truth": json.loads(truth), "reported": reported, "count": service.count}) + "\n")


if __name__ == "__main__":
    main()
