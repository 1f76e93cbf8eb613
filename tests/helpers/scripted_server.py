"""Servers that do exactly what a test says, on the test's own event loop or on that of a thread."""

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

_BACKLOG = 512
_WITHIN_S = 30


class Request(Struct, frozen=True):
    """A whole request, and on which connection it came (they are numbered from 1)."""

    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def key(self) -> str:
        """The id of the item that is asked for."""
        text: str = json.loads(self.body)["Key"]["id"]["S"]
        return text


class Peer:
    """One connection, as the server has it."""

    def __init__(
        self, server: "Scripted", reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.reader = reader
        self.number = number
        self._server = server
        self._writer = writer

    async def head(self) -> dict[str, str] | None:
        """The headers of the next request; None at the end of the connection."""
        try:
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return None
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:]) if name}

    async def request(self) -> Request | None:
        """The next request, which the server remembers; None at the end of the connection."""
        headers = await self.head()
        if headers is None:
            return None
        body = await self.reader.readexactly(int(headers["content-length"]))
        request = Request(headers, body, self.number)
        self._server.requests.append(request)
        return request

    def send(self, *parts: bytes) -> None:
        """Put something on its way."""
        self._writer.write(b"".join(parts))

    async def drained(self) -> None:
        """Wait until the other side has taken what was put on its way."""
        await self._writer.drain()

    async def sent(self) -> None:
        """Let the event loop have a turn or two, so that one part travels before the next."""
        await self._writer.drain()
        await asyncio.sleep(0.002)

    def close(self) -> None:
        """End the connection in good order."""
        self._writer.close()

    def reset(self) -> None:
        """End the connection by a reset."""
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SOL_SOCKET, SO_LINGER: at once
        self._writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class Scripted:
    """A server that runs the script on every connection. It counts connections and keeps the requests."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.accepted = 0
        self.open = 0
        self.most_open = 0
        self.requests: list[Request] = []
        self._script = script
        self._tls = tls
        self._host = host
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed: list[BaseException] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=self._tls, backlog=_BACKLOG)
        self.port: int = self._server.sockets[0].getsockname()[1]
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self.url = f"{'https' if self._tls else 'http'}://{shown}:{self.port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        if self._failed and error is None:
            raise self._failed[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self.accepted += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            with suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await self._script(Peer(self, reader, writer, self.accepted))
        except Exception as error:  # noqa: BLE001 - the test shall see it
            self._failed.append(error)
        finally:
            self.open -= 1
            writer.transport.abort()
            self._tasks.discard(task)


@contextmanager
def in_a_thread(server: Scripted) -> Iterator[Scripted]:
    """The server on an event loop of its own, which goes on while the test's is held up."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(_WITHIN_S)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(_WITHIN_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_WITHIN_S)
        loop.close()


def answer(body: bytes = b"{}", status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer."""
    fields = {"Content-Type": "application/x-amz-json-1.0", **(headers or {}), "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def item(key: str) -> bytes:
    """The body that shows an item with that key."""
    return json.dumps({"Item": {"id": {"S": key}}}).encode()


def echo(request: Request, headers: Mapping[str, str] | None = None) -> bytes:
    """A read's answer that tells which request it belongs to; a write's is empty."""
    reads = request.headers["x-amz-target"].endswith(".GetItem")
    return answer(item(request.key) if reads else b"{}", headers=headers)


async def answering(peer: Peer) -> None:
    """The script of an ordinary server that keeps connections open."""
    while request := await peer.request():
        peer.send(echo(request))


def refusal(code: str, **more: Any) -> bytes:
    """The body of an error."""
    return json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", **more}).encode()
