"""The connections to one server: at most `limit`, kept open, the last one used first."""

import asyncio
import socket
import ssl
from collections import deque
from contextlib import suppress

from loadtest.dynamo.wire.connection import Connection, Lost, Reply

_OPENING_AT_ONCE = 64
_SWEEPS_PER_TIMEOUT = 20


class Pool:
    """Carries requests. A request waits, first come first served, while `limit` others are under way.

    Raises: OSError (ssl.SSLError included) and TimeoutError if no connection could be opened, Lost if a request
    was handed to one and no whole answer came. Nothing is ever sent twice.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        *,
        limit: int,
        connect_timeout_s: float,
        read_timeout_s: float,
    ) -> None:
        self._host, self._port, self._context = host, port, context
        self._limit = limit
        self._connect_timeout_s, self._read_timeout_s = connect_timeout_s, read_timeout_s
        self._loop = asyncio.get_running_loop()
        self._free: list[Connection] = []
        self._busy: set[Connection] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._opening = 0
        self._addresses: list[tuple[int, tuple[str, int]]] = []
        self._sweep: asyncio.TimerHandle | None = None
        self._keeps_alive = False

    async def request(self, data: bytes) -> Reply:
        """Send one request and wait for its answer."""
        free = self._free
        connection = free.pop() if free and free[-1].usable() else await self._acquire()
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._busy.add(connection)
        connection.send(data, future, self._loop.time() + self._read_timeout_s)
        if self._sweep is None:
            self._sweep_later()
        try:
            return await future
        except asyncio.CancelledError:
            connection.future = None
            connection.close()  # a late answer must not reach another request
            raise

    async def fill(self, count: int) -> None:
        """Open connections until `count` are there, so that none is opened on the clock.

        Does nothing if the server's last answer did not keep its connection. A connection that cannot be opened
        now is left to the request that will need it.
        """
        if not self._keeps_alive:
            return
        slots = asyncio.Semaphore(_OPENING_AT_ONCE)

        async def one() -> None:
            async with slots:
                with suppress(OSError):
                    self._free.append(await self._open())

        missing = min(count, self._limit) - len(self._free) - len(self._busy) - self._opening
        await asyncio.gather(*(one() for _ in range(missing)))

    async def _acquire(self) -> Connection:
        while True:
            while self._free:
                connection = self._free.pop()
                if connection.usable():
                    return connection
            if len(self._busy) + self._opening < self._limit:
                return await self._open()
            turn: asyncio.Future[None] = self._loop.create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._next()  # the turn was given and is not used
                raise

    async def _open(self) -> Connection:
        self._opening += 1
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                if not self._addresses:
                    self._addresses = await self._resolve()
                for number, (family, address) in enumerate(self._addresses, 1):
                    connection = Connection(self, self._loop)
                    try:
                        await connection.open(family, address, self._context, self._host)
                    except ssl.SSLError:
                        raise
                    except OSError:
                        if number == len(self._addresses):
                            raise
                    else:
                        self._addresses.append(self._addresses.pop(0))  # the next one goes to the next address
                        return connection
                raise OSError(f"{self._host} has no address")
        except BaseException:
            self._next()
            raise
        finally:
            self._opening -= 1

    async def _resolve(self) -> list[tuple[int, tuple[str, int]]]:
        found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return [(family, (str(address[0]), int(address[1]))) for family, _, _, _, address in found]

    def release(self, connection: Connection, *, keep: bool) -> None:
        """A connection has carried its request."""
        self._keeps_alive = keep
        if not keep:
            connection.close()
            return
        self._busy.discard(connection)
        connection.idle_since = self._loop.time()
        self._free.append(connection)
        self._next()

    def closed(self, connection: Connection) -> None:
        """A connection is gone, and with it its place."""
        self._busy.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        self._next()

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _sweep_later(self) -> None:
        self._sweep = self._loop.call_later(self._read_timeout_s / _SWEEPS_PER_TIMEOUT, self._fail_late)

    def _fail_late(self) -> None:
        """One timer for all requests: each is given up at most a twentieth of the time-out too late."""
        now = self._loop.time()
        for connection in [connection for connection in self._busy if connection.deadline < now]:
            connection.fail(TIMED_OUT)
        self._sweep = None
        if self._busy:
            self._sweep_later()

    def close(self) -> None:
        """Close every connection, whatever is under way."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in [*self._free, *self._busy]:
            connection.fail("the client was closed")


TIMED_OUT = "no answer in time"
__all__ = ["TIMED_OUT", "Lost", "Pool", "Reply"]
