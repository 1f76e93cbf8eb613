"""A link to a server that loses answers and requests, of the tool's own as of the orders."""

import http.client
import socket
import threading
from contextlib import suppress
from random import Random
from typing import BinaryIO


class LossyLink:
    """Hands requests on to the server on that port of this machine; of each `one_in` one is lost.

    Half of the time the request is lost before the server had it, else the answer: the connection is closed in both
    cases. A `one_in` of 0 loses nothing.
    """

    def __init__(self, port: int, one_in: int, seed: int) -> None:
        self.one_in = one_in
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
                answer = self._served(*request)
                if loses_answer:
                    return
                client.sendall(answer)

    def _draw(self) -> tuple[bool, bool]:
        with self._lock:
            loses = self.one_in > 0 and self._random.randrange(self.one_in) == 0
            before = loses and self._random.random() < 0.5
            self.lost_requests += before
            self.lost_answers += loses and not before
        return before, loses and not before

    def _served(self, headers: dict[str, str], body: bytes) -> bytes:
        server = http.client.HTTPConnection("127.0.0.1", self._server_port)
        try:
            server.request("POST", "/", body, headers)
            response = server.getresponse()
            answer = response.read()
        finally:
            server.close()
        kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_ONE_CONNECTION]
        lines = [f"HTTP/1.1 {response.status} {response.reason}", *(f"{name}: {value}" for name, value in kept)]
        return "\r\n".join([*lines, f"Content-Length: {len(answer)}", "", ""]).encode() + answer


_OF_ONE_CONNECTION = ("connection", "keep-alive", "content-length", "transfer-encoding")


def _request(stream: BinaryIO) -> tuple[dict[str, str], bytes] | None:
    """Headers and body of the next request; None at the end of the stream."""
    if not stream.readline():
        return None
    headers = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode().partition(":")
        if name.lower() not in _OF_ONE_CONNECTION:
            headers[name] = value.strip()
        elif name.lower() == "content-length":
            length = int(value)
    return headers, stream.read(length)
