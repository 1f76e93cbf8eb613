"""The proxy's side to its clients: HTTP/1.1 on one event loop, on each connection one request after another."""

import asyncio
import socket
import struct
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

import httptools
from msgspec import Struct

from loadtest.dynamodb.errors import CredentialsError
from loadtest.dynamodb.wire import OPERATIONS
from loadtest.errors import LoadTestError
from loadtest.faults.proxy import BEGIN, answers
from loadtest.faults.proxy.inject import After, Injector, Outgoing
from loadtest.system.guard import Guard

_TARGET = b"DynamoDB_20120810."
_LINGER_NOT = struct.pack("ii", 1, 0)  # on, for 0 seconds: closing resets


class Request(Struct, frozen=True, gc=False):
    """What matters of a request. Header names are in lower case."""

    path: str
    headers: dict[bytes, bytes]
    body: bytes
    keep_alive: bool


class Service:
    """Answers the requests of one run's client, which is known by its access key; nobody else's are passed on.

    `warm` is awaited before faults begin. `failed` gets the error that ends the proxy.
    """

    def __init__(self, injector: Injector, key: str, warm: Callable[[], Awaitable[None]]) -> None:
        self._injector = injector
        self._guard = Guard(key=key)
        self._warm = warm
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self, request: Request) -> Outgoing:
        """What the client gets. A request that the proxy itself trips over ends its connection, and goes to stderr."""
        if (refusal := self._guard.stranger(request.headers)) is not None:
            return Outgoing(answers.not_let_in(refusal))
        try:
            if request.path == BEGIN:
                await self._warm()
                self._injector.begin(request.body.decode())
                return Outgoing(answers.done())
            operation = request.headers.get(b"x-amz-target", b"").removeprefix(_TARGET).decode("latin-1")
            if operation not in OPERATIONS:
                return Outgoing(answers.not_passed_on(operation))
            return await self._injector.serve(operation, request.body)
        except CredentialsError as error:
            return Outgoing(answers.no_credentials(str(error)))
        except LoadTestError as error:
            if not self.failed.done():
                self.failed.set_exception(error)
        except Exception:  # noqa: BLE001 - one request must not end the proxy, whatever the SDK trips over
            traceback.print_exc()
        return Outgoing(b"", After.CLOSED)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Request] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._path = self._body = b""
        self._headers: dict[bytes, bytes] = {}

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read requests; whoever speaks no HTTP is left."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.close()

    # What the parser calls.

    def on_url(self, part: bytes) -> None:
        """A part of the path."""
        self._path += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.lower()] = value

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._body = self._body + part if self._body else part

    def on_message_complete(self) -> None:
        """A whole request."""
        keep_alive = self._parser.should_keep_alive()
        self._waiting.append(Request(self._path.decode("latin-1"), self._headers, self._body, keep_alive))
        self._path = self._body = b""
        self._headers = {}
        if self._serving is None:
            self._serving = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            outgoing = await self._service.serve(request)
            if self._transport.is_closing():  # the client has left; what it asked for was done all the same
                self._waiting.clear()
            elif outgoing.after is After.RESET:
                self._reset()
            else:
                self._transport.write(outgoing.data)
                if outgoing.after is After.CLOSED or not request.keep_alive:
                    self._transport.close()
        self._serving = None

    def _reset(self) -> None:
        plug: socket.socket = self._transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self._transport.abort()
