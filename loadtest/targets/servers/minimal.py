"""The least a server can do: answers DynamoDB requests from memory, without looking into them.

`python -m loadtest.targets.servers.minimal PORT [--certificate FILE --key FILE]`. There is a table, a read finds a
product, a conditional write is refused, any other write and every transaction is accepted. It is what `loadtest
calibrate` and `scripts/bench` measure the client against: fast enough not to be what is measured.
"""

import argparse
import asyncio
import json
import os
import socket
import ssl
import threading
from typing import Any

from loadtest.dynamodb.schema import TableSchema
from loadtest.system import listening

_BACKLOG = 8192
_NAMES = TableSchema()
_ITEM = {
    _NAMES.key: {"S": "p#4"},
    _NAMES.name: {"S": "Last samovar"},
    _NAMES.quantity: {"N": "1"},
    _NAMES.version: {"N": "1"},
    _NAMES.made_by: {"S": "loadtest"},  # so that no command asks before it is bought
}
_REFUSAL = {
    "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
    "message": "The conditional request failed",
    "Item": _ITEM,
}


def answer(status: str, body: object) -> bytes:
    """A whole HTTP answer with a JSON body."""
    data = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"x-amzn-RequestId: 00000000-0000-0000-0000-000000000000\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


_READ = answer("200 OK", {"Item": _ITEM})
REFUSED = answer("400 Bad Request", _REFUSAL)
_ACCEPTED = answer("200 OK", {})
TABLE = answer(
    "200 OK",
    {
        "Table": {
            "TableName": "products",
            "TableStatus": "ACTIVE",
            "KeySchema": [{"AttributeName": _NAMES.key, "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": _NAMES.key, "AttributeType": "S"}],
        }
    },
)


class Protocol(asyncio.Protocol):
    """One connection; requests are cut out of what comes, and answered in turn."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        received = self._received + data if self._received else data
        while (end := received.find(b"\r\n\r\n")) >= 0:
            head = received[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(received) < end + 4 + length:
                break
            self.requested(head, received[end + 4 : end + 4 + length])
            received = received[end + 4 + length :]
        self._received = received

    def requested(self, head: bytes, body: bytes) -> None:
        """Answer one request."""
        if b".getitem" in head:
            self.transport.write(_READ)
        elif b".updateitem" in head and b'"ConditionExpression"' in body:
            self.transport.write(REFUSED)
        elif b".describetable" in head:
            self.transport.write(TABLE)
        else:
            self.transport.write(_ACCEPTED)


async def _serve(place: socket.socket, context: ssl.SSLContext | None) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Protocol, sock=place, ssl=context, backlog=_BACKLOG)
    await server.serve_forever()


def _end_when_stdin_closes() -> None:
    os.read(0, 1)
    os._exit(0)


def main() -> None:
    """The command line of the child process; it ends when its standard input closes."""
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    listening.add_argument(parser)
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    arguments = parser.parse_args()
    context = None
    if arguments.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.certificate, arguments.key)
    threading.Thread(target=_end_when_stdin_closes, daemon=True).start()
    uvloop.run(_serve(listening.listening_socket(arguments, _BACKLOG), context))


if __name__ == "__main__":
    main()
