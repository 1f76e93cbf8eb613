"""A link to a server that loses answers and requests, of the tool's own as of the orders."""

import http.client
import socket
import sys
import threading
from contextlib import suppress
from random import Random
from typing import BinaryIO

WAYS = ("close", "reset", "half", "silence", "checksum", "500", "503")


class LossyLink:
    """Hands requests on to the server on that port of this machine; of each `one_in` one is lost.

    Half of the time the request is lost before the server had it, else the answer, in one of the WAYS.
    """

    def __init__(self, port: int, one_in: int, seed: int, route: str = "close", at_most: int = sys.maxsize) -> None:
        self._one_in = one_in
        self._route = route
        self._at_most = at_most
        self.lost_requests = self.lost_answers = 0
        self._server_port = port
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def lost(self) -> int:
        return self.lost_requests + self.lost_answers

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as requests, suppress(OSError):  # the tool may leave
            while request := _request(requests):
                loses_request, loses_answer = self._draw()
                if loses_request:
                    return
                status, answer = self._served(*request)
                if loses_answer:
                    self._lose(client, answer)
                    return
                client.sendall(_message(status, answer))

    def _draw(self) -> tuple[bool, bool]:
        with self._lock:
            loses = self.lost < self._at_most and self._random.randrange(self._one_in) == 0
            before = loses and self._random.random() < 0.5
            self.lost_requests += before
            self.lost_answers += loses and not before
        return before, loses and not before

    def _lose(self, client: socket.socket, answer: bytes) -> None:
        if self._route == "reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif self._route == "half":
            whole = _message(200, answer)
            client.sendall(whole[: len(whole) - len(answer) // 2])
        elif self._route == "silence":
            client.recv(1)  # until the tool gives up
        elif self._route == "checksum":
            client.sendall(_message(200, answer, "x-amz-crc32: 1"))
        elif self._route in ("500", "503"):
            client.sendall(_message(int(self._route), b"{}"))

    def _served(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        server = http.client.HTTPConnection("127.0.0.1", self._server_port)
        try:
            server.request("POST", "/", body, headers)
            response = server.getresponse()
            return response.status, response.read()
        finally:
            server.close()


def _message(status: int, body: bytes, *more: str) -> bytes:
    kind, length = "Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(body)}"
    return "\r\n".join([f"HTTP/1.1 {status} .", kind, length, *more, "", ""]).encode() + body


def _request(stream: BinaryIO) -> tuple[dict[str, str], bytes] | None:
    """Headers and body of the next request; None at the end of the stream."""
    if not stream.readline():
        return None
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        if name.lower() not in ("connection", "content-length"):
            headers[name] = value.strip()
        elif name.lower() == "content-length":
            length = int(value)
    return headers, stream.read(length)
