"""How the embedded server treats its connections. Prints a line of JSON.

`python -m benchmarks.fairness PORT CONNECTIONS SECONDS`: each connection reads again as soon as it is answered; then
the answers of the least served one against the mean. With 0 seconds all connections are opened at once and read once.
"""

import asyncio
import json
import sys
import time

import uvloop

from benchmarks.servers import AUTHORIZATION
from loadtest.system.file_limits import connections_that_fit

_BODY = b'{"TableName":"products","Key":{"id":{"S":"p#4"}},"ConsistentRead":true}'
_REQUEST = (
    "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-amz-json-1.0\r\n"
    f"X-Amz-Target: DynamoDB_20120810.GetItem\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {len(_BODY)}\r\n\r\n"
).encode() + _BODY


async def _answers(port: int, until: float, opened: asyncio.Event) -> int:
    """How often one connection was answered; 0 if it was refused or cut."""
    answers = 0
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await opened.wait()
        while True:
            writer.write(_REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            answers += 1
            if time.monotonic() >= until:
                writer.close()
                return answers
    except (OSError, asyncio.IncompleteReadError):
        return answers


async def _measure(port: int, connections: int, seconds: float) -> None:
    opened = asyncio.Event()
    until = time.monotonic() + seconds + 1
    asyncio.get_running_loop().call_later(1 if seconds else 0, opened.set)
    answers = await asyncio.gather(*(_answers(port, until if seconds else 0, opened) for _ in range(connections)))
    mean = sum(answers) / connections
    result = {"answered": sum(count > 0 for count in answers), "least": min(answers), "mean": mean}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    connections_that_fit(int(sys.argv[2]))
    uvloop.run(_measure(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
