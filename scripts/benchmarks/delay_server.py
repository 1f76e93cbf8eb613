"""A server that holds every answer for a known time and knows exactly how long it really held it.

`python -m benchmarks.delay_server PORT constant|mixed MILLISECONDS`. A hold is from the kernel's receive time of the
request to just before the answer is written. When standard input closes it prints the holds' percentiles as JSON.
"""

import asyncio
import json
import os
import random
import select
import socket
import struct
import sys
import threading
import time
from contextlib import suppress

import uvloop

from loadtest.measure.histogram import Histogram
from loadtest.targets.servers.minimal import REFUSED

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")
PERCENTS = (50.0, 99.0, 99.9)


class Held:
    """One connection; each whole request is answered when its time has come."""

    def __init__(self, connection: socket.socket, server: "DelayServer") -> None:
        self._socket, self._server = connection, server
        self._received = b""
        self._loop = asyncio.get_running_loop()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._loop.add_reader(connection.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data, ancillary, _, _ = self._socket.recvmsg(65_536, 64)
        except OSError:
            data, ancillary = b"", []
        if not data:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            return
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]):
            self._received = b""
            came_ns = time.time_ns()
            if ancillary:  # there is none for bytes that came before the stamps were asked for
                seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
                came_ns = seconds * 1_000_000_000 + nanoseconds
            wait_s = self._server.delay_s() - (time.time_ns() - came_ns) / 1e9
            self._loop.call_later(max(0.0, wait_s), self._answer, came_ns)

    def _answer(self, came_ns: int) -> None:
        self._server.holds.record(time.time_ns() - came_ns)
        with suppress(OSError):
            self._socket.send(REFUSED)


class DelayServer:
    """Accepts connections and draws delays: constant, or log-normal with one in a hundred ten times as long."""

    def __init__(self, kind: str, milliseconds: float) -> None:
        self._kind, self._seconds = kind, milliseconds / 1e3
        self._random = random.Random(1)
        self.holds = Histogram()

    def delay_s(self) -> float:
        if self._kind == "constant":
            return self._seconds
        slow = 10 if self._random.random() < 0.01 else 1
        return self._seconds * slow * self._random.lognormvariate(0, 0.5)

    async def serve(self, port: int) -> None:
        listener = socket.create_server(("127.0.0.1", port), backlog=8192)
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            Held(connection, self)


def _print_when_asked(server: DelayServer) -> None:
    select.select([0], [], [])
    sys.stdout.write(json.dumps({str(p): ns / 1e6 for p, ns in server.holds.percentiles(PERCENTS).items()}) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    the_server = DelayServer(sys.argv[2], float(sys.argv[3]))
    threading.Thread(target=_print_when_asked, args=(the_server,), daemon=True).start()
    uvloop.run(the_server.serve(int(sys.argv[1])))
