"""Hosts moto's DynamoDB on one event loop: one process, one thread, and one queue that all connections share.

Moto's check-and-write is atomic only while nothing else runs. Answering as soon as data comes would let a few
connections have the loop for themselves, so each waits for its turn and gets one answer in it.
"""

import asyncio
import gc
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from http.client import responses
from typing import cast

import httptools
import orjson
import uvloop
from msgspec import Struct

from loadtest.system.guard import CONTENT_TYPE, Guard, Refusal

BACKLOG = 8192
_SLICE_S = 0.002
_MOST_WAITING = 64
_MALFORMED = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(Struct, frozen=True, gc=False):
    """A whole HTTP request. `url` is as it came, header names are in lower case."""

    method: bytes
    url: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    keep_alive: bool


class Reply(Struct, frozen=True, gc=False):
    """What to answer. The headers hold Content-Length, and neither Date nor Connection."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def serve(listening: socket.socket, guard: Guard, reply: Callable[[Request], Reply]) -> None:
    """Serve what the guard lets through, until SIGINT or SIGTERM. The socket need not listen yet."""

    def guarded(request: Request) -> Reply:
        refusal = guard.refusal(request.method, dict(request.headers))
        return reply(request) if refusal is None else _refused(refusal)

    gc.freeze()  # what moto and botocore have loaded stays: a full collection need not look at it again
    uvloop.run(_serve(listening, guarded))


async def _serve(listening: socket.socket, reply: Callable[[Request], Reply]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    turns = _Turns(loop, reply)
    server = await loop.create_server(lambda: _Connection(turns), sock=listening, backlog=BACKLOG)
    await stop.wait()
    server.close()


class _Turns:
    """Who is next. Between slices of about 2 ms the loop accepts connections and reads from them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reply: Callable[[Request], Reply]) -> None:
        self.reply = reply
        self._loop = loop
        self._waiting: deque[_Connection] = deque()
        self._scheduled = False

    def add(self, connection: "_Connection") -> None:
        """To the end of the queue."""
        self._waiting.append(connection)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._slice)

    def _slice(self) -> None:
        until = time.perf_counter() + _SLICE_S
        try:
            while self._waiting:
                self._waiting.popleft().take_turn()
                if time.perf_counter() >= until:
                    break
        finally:
            self._scheduled = bool(self._waiting)
            if self._scheduled:
                self._loop.call_soon(self._slice)


class _Connection(asyncio.Protocol):
    """One client. Its requests wait here, and its turn comes once for each."""

    def __init__(self, turns: _Turns) -> None:
        self._turns = turns
        self._parser = httptools.HttpRequestParser(self)
        self._pending: deque[Request | None] = deque()  # None stands for what is no HTTP
        self._queued = False
        self._unread = False  # the client does not read its answers
        self._deaf = False  # its requests are left in the socket
        self._ending = False
        self._url = self._body = b""
        self._headers: list[tuple[bytes, bytes]] = []

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ending = True  # the request is answered in HTTP/1.1; what follows it is in another protocol
        except httptools.HttpParserError:
            self._ending = True
            self._wait(None)
        if len(self._pending) >= _MOST_WAITING and not self._deaf:
            self._deaf = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ending = True
        return bool(self._pending)  # a client may shut down its side and still read

    def connection_lost(self, exc: Exception | None) -> None:
        self._pending.clear()

    def pause_writing(self) -> None:
        self._unread = True

    def resume_writing(self) -> None:
        self._unread = False
        self._queue()

    # What the parser calls.

    def on_url(self, part: bytes) -> None:
        self._url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        if (b"expect", b"100-continue") in self._headers and not self._pending:
            self._transport.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        self._body = self._body + part if self._body else part

    def on_message_complete(self) -> None:
        keep_alive = self._parser.should_keep_alive()  # after this call the parser no longer knows
        self._wait(Request(self._parser.get_method(), self._url, self._headers, self._body, keep_alive))
        self._url = self._body = b""
        self._headers = []

    # What the queue calls.

    def take_turn(self) -> None:
        """Answer the request that has waited longest."""
        self._queued = False
        if not self._pending or self._unread:
            return
        request = self._pending.popleft()
        last = request is None or not request.keep_alive or (self._ending and not self._pending)
        self._transport.write(_MALFORMED if request is None else _message(request, self._turns.reply(request), last))
        if last:
            self._ending = True
            self._pending.clear()
            self._transport.close()
        elif self._pending:
            self._queue()
        elif self._deaf:
            self._deaf = False
            self._transport.resume_reading()

    def _wait(self, request: Request | None) -> None:
        self._pending.append(request)
        self._queue()

    def _queue(self) -> None:
        if self._pending and not self._queued:
            self._queued = True
            self._turns.add(self)


def _refused(refusal: Refusal) -> Reply:
    body = orjson.dumps({"__type": refusal.code, "message": refusal.sentence})
    headers = [("Content-Type", CONTENT_TYPE.decode()), ("Content-Length", str(len(body)))]
    return Reply(refusal.status, headers, body)


def _message(request: Request, reply: Reply, last: bool) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in reply.headers])
    head = (
        f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}\r\n{lines}Date: {_date(int(time.time()))}\r\n"
        f"Connection: {'close' if last else 'keep-alive'}\r\n\r\n"
    )
    return head.encode("latin-1") + (b"" if request.method == b"HEAD" else reply.body)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
