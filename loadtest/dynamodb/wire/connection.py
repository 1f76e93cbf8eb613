"""One HTTP/1.1 connection on a socket of its own: bytes leave at once, and the kernel says when bytes came.

A transport of the event loop may hold a write until the loop's next turn and stamps what it reads when it reads
it; under load both are off by tens of milliseconds (docs/explanation/performance.md).
"""

import asyncio
import select
import socket
import ssl
import time
from contextlib import suppress
from typing import Protocol

import httptools
from msgspec import Struct

from loadtest.dynamodb.limits import HEAD_BYTES, HEADERS, too_large, too_many_values
from loadtest.dynamodb.room import Room
from loadtest.dynamodb.wire.stamps import ANCILLARY_SIZE, arrival_ns, ask_for_stamps

_READ_SIZE = 16_384  # nearly every answer comes whole; what does not is counted, and so may not be much
_NAMES: dict[bytes, str] = {}  # header names in lower case; servers send the same few for ever
_NAMES_KEPT = 256


class Reply(Struct, frozen=True, gc=False):
    """A whole answer and when it was sent for and received, on the monotonic clock."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent_ns: int
    received_ns: int


class Lost(Exception):  # noqa: N818 - a fact about one request, told apart by the client
    """No whole answer came. `sent_ns` is 0 if not one byte of the request was written."""

    def __init__(self, cause: str, sent_ns: int) -> None:
        super().__init__(cause)
        self.sent_ns = sent_ns


class TooLarge(Lost):
    """The same for an answer that was given up because it was larger than any may be; the message says how large."""


class Owner(Protocol):
    """Who has connections, and hears what becomes of them: a pool."""

    room: Room
    stamped_by_reader: int

    def release(self, connection: "Connection", *, keep: bool) -> None:
        """A connection has carried its request."""

    def closed(self, connection: "Connection") -> None:
        """A connection is gone."""


class Connection:
    """An open connection of a pool; carries one request at a time."""

    __slots__ = (
        "_body", "_by_kernel", "_complete", "_fd", "_headers", "_incoming", "_keep_alive", "_loop", "_outgoing",
        "_parser", "_poll", "_pool", "_received", "_received_ns", "_sent_ns", "_socket", "_status", "_tls", "_unsent",
        "closed", "deadline", "future",
    )  # fmt: skip

    def __init__(self, pool: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._loop = loop
        self._tls: ssl.SSLObject | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._unsent = b""
        self._sent_ns = self._received_ns = 0
        self._by_kernel = False
        self._received = 0  # bytes of an answer that did not come whole
        self.future: asyncio.Future[Reply] | None = None
        self.deadline = 0.0
        self.closed = True
        self._body: bytes | bytearray = b""
        self._reset()

    async def open(self, connected: socket.socket, context: ssl.SSLContext | None, host: str) -> None:
        """Take over a connected socket, with TLS if there is a context. Raises OSError, ssl.SSLError included."""
        self._socket = connected
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                await self._handshake(context, host)
            with suppress(OSError):  # where the kernel does not stamp, the reader does
                ask_for_stamps(self._socket)
        except BaseException:
            self._socket.close()
            raise
        self._fd = self._socket.fileno()
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN | select.POLLHUP | select.POLLERR)
        self.closed = False
        self._loop.add_reader(self._fd, self._readable)

    async def _handshake(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host.rstrip("."))
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                data = await self._loop.sock_recv(self._socket, _READ_SIZE)
                if not data:
                    raise ConnectionResetError("the server ended the TLS handshake") from None
                self._incoming.write(data)
            except ssl.SSLError:
                await self._flush()  # tell the server why
                raise
            else:
                await self._flush()
                self._tls = tls
                return

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._loop.sock_sendall(self._socket, data)

    def send(self, request: bytes, future: "asyncio.Future[Reply]", deadline: float) -> None:
        """Write the request now; the future gets the Reply, or Lost."""
        self._reset()
        self.future, self.deadline = future, deadline
        if self._tls is not None:
            self._tls.write(request)
            request = self._outgoing.read()
        self._sent_ns = time.perf_counter_ns()
        try:
            written = self._socket.send(request)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._sent_ns = 0
            self.fail(str(error))
            return
        if written < len(request):
            self._unsent = request[written:]
            self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        try:
            written = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(str(error))
            return
        self._unsent = self._unsent[written:]
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def usable(self) -> bool:
        """Whether a request may be written: nothing unasked has come, and the server has not closed."""
        if not self.closed and self._poll.poll(0):
            self._readable()
            if not self.closed and (self._tls is None or self._poll.poll(0)):
                self.close()
        return not self.closed

    def fail(self, cause: str, kind: type[Lost] = Lost) -> None:
        """Close, and tell whoever waits that no whole answer came."""
        future, self.future = self.future, None
        self.close()
        if future is not None and not future.done():
            future.set_exception(kind(cause, self._sent_ns))

    def close(self) -> None:
        """Close now, whatever is under way."""
        if not self.closed:
            self.closed = True
            self._drop()
            self._loop.remove_reader(self._fd)
            self._loop.remove_writer(self._fd)
            self._socket.close()
            self._pool.closed(self)

    def _readable(self) -> None:
        try:
            data, ancillary, _flags, _address = self._socket.recvmsg(_READ_SIZE, ANCILLARY_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(str(error))
            return
        if not data:
            self._ended()
            return
        arrived_ns = arrival_ns(ancillary, self._sent_ns)
        self._by_kernel = arrived_ns is not None
        self._received_ns = time.perf_counter_ns() if arrived_ns is None else arrived_ns
        if self._tls is None:
            self._feed(data)
            return
        self._incoming.write(data)
        try:
            while not self.closed:
                if not (plain := self._tls.read(_READ_SIZE)):
                    self._ended()
                    return
                self._feed(plain)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.fail(str(error))

    def _feed(self, data: bytes) -> None:
        future = self.future
        if future is None or future.done():  # bytes that nobody asked for must not answer the next request
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keep_alive = False
            if not self._complete:
                upgraded = isinstance(error, httptools.HttpParserUpgrade)
                self.fail("it goes on in another protocol" if upgraded else f"no HTTP: {error}")
                return
        if self._complete:
            self._deliver(future)
        else:
            self._received += len(data)
            self._pool.room.take(self, len(data))
            if size := self._too_large():
                self.fail(size, TooLarge)

    def pause(self) -> None:
        """Read no more for now: others have their turn."""
        self._loop.remove_reader(self._fd)

    def resume(self) -> None:
        """Read on."""
        self._loop.add_reader(self._fd, self._readable)

    def _drop(self) -> None:
        """Keep nothing of an answer that came in parts, however long somebody keeps the connection."""
        if self._received:
            received, self._received = self._received, 0
            self._pool.room.leave(self, received)
        self._body = b""

    def _too_large(self) -> str | None:
        """What is too much of an answer that is not whole yet."""
        if len(self._headers) > HEADERS:
            return f"more than {HEADERS} headers"
        if not self._status and self._received > HEAD_BYTES:
            return f"more than {HEAD_BYTES >> 10} KiB of headers"
        return too_large(self._received)

    def _ended(self) -> None:
        """The server has closed: an answer without a length is whole then, any other is not."""
        future = self.future
        endless = self._status >= 200 and not {"content-length", "transfer-encoding"} & self._headers.keys()
        if endless and future is not None and not future.done():
            self._deliver(future)
        else:
            self.fail("the server closed the connection")

    def _deliver(self, future: "asyncio.Future[Reply]") -> None:
        body = bytes(self._body)
        if self._received:
            self._drop()
            if size := too_many_values(body):
                self.fail(size, TooLarge)
                return
        self.future = None
        if not self._by_kernel:
            self._pool.stamped_by_reader += 1
        future.set_result(Reply(self._status, self._headers, body, self._sent_ns, self._received_ns))
        self._pool.release(self, keep=self._keep_alive and not self._unsent)

    def _reset(self) -> None:
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body = b""
        self._complete = self._keep_alive = False

    # What the parser calls.

    def on_message_begin(self) -> None:
        """The start of an answer. A second one to one request is an error, and not ours."""
        if self._complete:
            raise ValueError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        known = _NAMES.get(name)
        if known is None:
            known = name.decode("latin-1").lower()
            if len(_NAMES) < _NAMES_KEPT:
                _NAMES[name] = known
        self._headers[known] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The end of an answer's headers."""
        self._status = self._parser.get_status_code()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        if not self._body:
            self._body = part
        elif isinstance(self._body, bytearray):
            self._body += part
        else:
            self._body = bytearray(self._body + part)

    def on_message_complete(self) -> None:
        """The end of an answer. Keep-alive must be asked for here: afterwards the parser no longer knows."""
        if self._status < 200:
            self._reset()
        else:
            self._complete, self._keep_alive = True, self._parser.should_keep_alive()
