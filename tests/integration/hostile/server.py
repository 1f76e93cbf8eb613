"""What a server can answer that never ends, or should not: a script of `Scripted` for each."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any

from tests.helpers.scripted_server import Peer, Script, answer

JSON = "Content-Type: application/x-amz-json-1.0\r\n"
_PART = 65_536
CHUNK = b"10000\r\n" + b"7" * 0x10000 + b"\r\n"
FOLLOWED = b"HTTP/1.1 200 OK\r\n" + JSON.encode()


async def _flood(peer: Peer, head: bytes, parts: Iterator[bytes]) -> None:
    peer.send(head)
    for part in parts:
        peer.send(part)
        await peer.drained()


def flood(head: bytes, part: bytes, times: int | None = None) -> Script:
    """Answers every request with the head, and with the part so many times, or for ever."""

    async def script(peer: Peer) -> None:
        while await peer.request():
            await _flood(peer, head, repeat(part) if times is None else repeat(part, times))

    return script


def saying(body: bytes, **headers: str) -> Script:
    """Answers every request with that body."""

    whole = answer(body, headers=headers)

    async def script(peer: Peer) -> None:
        while await peer.request():
            for n in range(0, len(whole), _PART):
                peer.send(whole[n : n + _PART])
                await peer.drained()

    return script


async def dribble(peer: Peer) -> None:
    """One byte after another, for ever, never long enough apart for a time-out between two reads."""
    while await peer.request():
        peer.send(FOLLOWED + b"Content-Length: 1000000\r\n\r\n")
        while True:
            peer.send(b" ")
            await asyncio.sleep(0.05)


async def dribble_head(peer: Peer) -> None:
    """The same in the head."""
    while await peer.request():
        peer.send(FOLLOWED)
        while True:
            peer.send(b"X")
            await asyncio.sleep(0.05)


def item_of(attribute: object) -> bytes:
    """The body of a read that shows an item with one attribute besides its id."""
    return json.dumps({"Item": {"id": {"S": "1"}, "a": attribute}}).encode()


TOO_LARGE: dict[str, Script] = {
    "8 GiB of body": flood(FOLLOWED + b"Content-Length: 8589934592\r\n\r\n", b"7" * 65_536),
    "chunks without end": flood(FOLLOWED + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK),
    "a body that only the end of the connection ends": flood(FOLLOWED + b"\r\n", b"7" * 65_536),
    "a trailer without end": flood(FOLLOWED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 10_000),
    "a header without end": flood(FOLLOWED + b"X-Long: ", b"7" * 65_536),
    "headers without end": flood(FOLLOWED, b"".join(b"X-%d: y\r\n" % n for n in range(5_000))),
    "continue without end": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000),
    "very many lists": saying(item_of({"L": [{"L": []}] * 60_000})),
    "more text than any item has": saying(item_of({"S": "7" * 4_300_000})),
}
COSTLY: dict[str, bytes] = {
    "many lists": item_of({"L": [{"N": "12"}] * 45_000}),
    "wide text": item_of({"S": "\U0001f600" + "7" * 4_000_000}),
}
TOO_SLOW: dict[str, Script] = {"a byte at a time": dribble, "a head a byte at a time": dribble_head}


def honest(operation: str) -> bytes:
    """What a DynamoDB might answer to an operation of a run, in which the product is sold out."""
    product = {"id": {"S": "p#4"}, "name": {"S": "samovar"}, "quantity": {"N": "1"}, "version": {"N": "1"}}
    made = {**product, "made_by": {"S": "loadtest"}}
    key = {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    answers: dict[str, Any] = {
        "DescribeTable": {"Table": {"TableName": "products", "TableStatus": "ACTIVE", "ItemCount": 1, **key}},
        "GetItem": {"Item": made, "ConsumedCapacity": {"TableName": "products", "CapacityUnits": 1.0}},
        "BatchGetItem": {"Responses": {"products": [made]}, "UnprocessedKeys": {}},
        "Scan": {"Items": [made], "Count": 1, "ScannedCount": 1},
        "UpdateItem": {"Attributes": {"quantity": {"N": "0"}, "version": {"N": "2"}, "last_order": {"S": "a-1-1"}}},
        "ListTagsOfResource": {"Tags": [{"Key": "loadtest", "Value": "allowed"}]},
    }
    return json.dumps(answers.get(operation, {})).encode()


def instead(answers: Mapping[str, bytes], for_ever: bytes = b"") -> Script:
    """An honest server, but for the whole answers, head and all, that it gives to some operations.

    After each of those comes the other part, again and again.
    """

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            operation = request.headers["x-amz-target"].rpartition(".")[2]
            peer.send(answers.get(operation, answer(honest(operation))))
            while for_ever and operation in answers:
                peer.send(for_ever)
                await peer.drained()

    return script
