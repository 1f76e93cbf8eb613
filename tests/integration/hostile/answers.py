"""A server in the test's own process, which answers what the test says."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

Answer = tuple[int, Mapping[str, Any]]
ACTIVE: dict[str, Any] = {
    "TableName": "products",
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}


@contextmanager
def answering(answer: Callable[[str, Any], Answer]) -> Iterator[str]:
    """The URL of a server that calls `answer` with each operation and its parameters."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, document = answer(self.headers["x-amz-target"].rpartition(".")[2], asked)
            body = json.dumps(document).encode()
            self.send_response(status)
            for name, value in (
                ("content-type", "application/x-amz-json-1.0"),
                ("content-length", len(body)),
                ("x-amz-crc32", crc32(body)),
            ):
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def a_table(item: Mapping[str, Any], written: Answer) -> Callable[[str, Any], Answer]:
    """A table with one item, which is all that is ever read; each write is answered alike."""

    def answer(operation: str, _: Any) -> Answer:
        match operation:
            case "DescribeTable":
                return 200, {"Table": ACTIVE}
            case "GetItem":
                return 200, {"Item": item}
            case _:
                return written

    return answer
