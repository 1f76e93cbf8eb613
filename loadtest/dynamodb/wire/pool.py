"""The connections to one server: at most `limit`, kept open, the last one used first."""

import asyncio
import ssl
from collections import deque
from typing import TYPE_CHECKING

from loadtest.dynamodb.room import Room
from loadtest.dynamodb.wire.addresses import Addresses
from loadtest.dynamodb.wire.connection import Connection, Lost, Reply

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

TIMED_OUT = "no answer in time"
_CLOSED = "the client is closed"
_OPENING_AT_ONCE = 64
_SWEEPS_PER_TIMEOUT = 20


class Pool:
    """Carries requests. A request waits, first come first served, while `limit` others are under way.

    Raises: OSError (ssl.SSLError included) and TimeoutError if no connection could be opened, Lost if a request
    was handed to one, or the pool was closed, and no whole answer came. Nothing is ever sent twice.
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
        self._host, self._context = host, context
        self._addresses = Addresses(host, port)
        self._connect_timeout_s, self._read_timeout_s = connect_timeout_s, read_timeout_s
        self._loop = asyncio.get_running_loop()
        self._places = limit  # a request holds one from before it has a connection until it has its answer
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._free: list[Connection] = []
        self._busy: set[Connection] = set()
        self._opening: set[asyncio.Timeout] = set()
        self.opened = 0  # so often a connection was asked for
        self.stamped_by_reader = 0  # answers whose time of receipt the kernel did not tell, or not credibly
        self.room = Room()  # for answers that did not come whole
        self._sweep: asyncio.TimerHandle | None = None
        self._keeps_alive = False
        self._closed = False

    async def request(self, data: bytes) -> Reply:
        """Send one request and wait for its answer."""
        if self._places and not self._waiting:
            self._places -= 1
        else:
            await self._place()
        try:
            connection = self._usable() or await self._open()
            future: asyncio.Future[Reply] = self._loop.create_future()
            self._busy.add(connection)
            connection.send(data, future, self._loop.time() + self._read_timeout_s)
            if self._sweep is None:
                self._sweep_later()
            try:
                return await future
            except asyncio.CancelledError:
                if connection.future is future:  # a late answer must not reach another request
                    connection.close()
                raise
        finally:
            self._give_back()

    async def fill(self, count: int) -> None:
        """Open connections until `count` are there, so that none is opened on the clock.

        Does nothing if the server's last answer did not keep its connection. A connection that cannot be opened
        now is left to the request that will need it, and so are all further ones if that took all the time it had.
        """
        if not self._keeps_alive:
            return
        slots = asyncio.Semaphore(_OPENING_AT_ONCE)
        late = False

        async def one() -> None:
            nonlocal late
            async with slots:
                if late or not self._places:  # requests came first and open their own
                    return
                self._places -= 1
                try:
                    self._free.append(await self._open())
                except (OSError, Lost) as error:
                    late = late or isinstance(error, TimeoutError)
                finally:
                    self._give_back()

        missing = min(count, self._places) - len(self._free)
        await asyncio.gather(*(one() for _ in range(missing)))

    async def _place(self) -> None:
        if self._closed:
            raise Lost(_CLOSED, 0)
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back()  # the place was given and is not used
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._places += 1

    def _usable(self) -> Connection | None:
        while self._free:
            connection = self._free.pop()
            if connection.usable():
                return connection
        return None

    async def _open(self) -> Connection:
        if self._closed:
            raise Lost(_CLOSED, 0)
        self.opened += 1
        try:
            async with asyncio.timeout(self._connect_timeout_s) as scope:
                self._opening.add(scope)
                try:
                    return await self._open_one()
                finally:
                    self._opening.discard(scope)
        except OSError:
            self._addresses.suspect()
            raise

    async def _open_one(self) -> Connection:
        """By an address that answers; the next one has its turn also if the first ends the TLS handshake."""
        refused: OSError | None = None
        without: frozenset[AddrInfoType] = frozenset()
        while True:
            try:
                connected, address = await self._addresses.connected(without)
            except OSError as error:
                raise refused or error from None
            connection = Connection(self, self._loop)
            try:
                await connection.open(connected, self._context, self._host)
            except ssl.SSLError:
                raise
            except OSError as error:
                refused, without = error, without | {address}
                self._addresses.avoid(address)
            else:
                return connection

    def release(self, connection: Connection, *, keep: bool) -> None:
        """A connection has carried its request."""
        self._keeps_alive = keep
        if keep:
            self._busy.discard(connection)
            self._free.append(connection)
        else:
            connection.close()

    def closed(self, connection: Connection) -> None:
        """A connection is gone."""
        self._busy.discard(connection)
        if connection in self._free:
            self._free.remove(connection)

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
        """Close every connection, and end whatever is under way, waits for a place or opens a connection."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(Lost(_CLOSED, 0))
        for scope in self._opening:
            scope.reschedule(self._loop.time())
        for connection in [*self._free, *self._busy]:
            connection.fail(_CLOSED)
