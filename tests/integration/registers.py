"""A server with registers that misbehaves in exactly one way. It runs in a thread of its own."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

from tests.helpers.scripted_server import Peer, Scripted, answer, in_a_thread, refusal

_TABLE = {
    "TableName": "products",
    "TableStatus": "ACTIVE",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}
_WRITE_S = 0.003  # so that writes meet
Item = dict[str, Any]


class Registers:
    """Serves what a probe asks. `fault` is what is wrong with it; without one, nothing is.

    `deaf`: no condition is ever false. `twice`: a write is applied twice, and answered once. `stale`: a read
    shows the version before. `forgetful`: writes are accepted and forgotten. `torn`: a transaction that is
    refused leaves its record. `silent`: every write is answered 500.
    `sticky`: nothing can be deleted.
    """

    def __init__(self, fault: str = "", *, clock_off_s: float | None = 0.0) -> None:
        self.items: dict[str, Item] = {}
        self._fault = fault
        self._clock_off_s = clock_off_s

    async def serve(self, peer: Peer) -> None:
        """The script of every connection."""
        while request := await peer.request():
            operation = request.headers["x-amz-target"].rpartition(".")[2]
            status, body = getattr(self, f"_{operation}")(json.loads(request.body))
            off_s = self._clock_off_s
            headers = {} if off_s is None else {"Date": formatdate(time.time() + off_s, usegmt=True)}
            if operation in ("UpdateItem", "TransactWriteItems"):
                await asyncio.sleep(_WRITE_S)
            peer.send(answer(body, status, headers))

    def _DescribeTable(self, _: Item) -> tuple[str, bytes]:  # noqa: N802 - named as the operation
        return _ok({"Table": _TABLE})

    def _PutItem(self, request: Item) -> tuple[str, bytes]:  # noqa: N802
        if self._fault != "forgetful":
            self.items[request["Item"]["id"]["S"]] = request["Item"]
        return _ok({})

    def _DeleteItem(self, request: Item) -> tuple[str, bytes]:  # noqa: N802
        if self._fault == "sticky":
            return "400 Bad Request", refusal("AccessDeniedException")
        self.items.pop(request["Key"]["id"]["S"], None)
        return _ok({})

    def _GetItem(self, request: Item) -> tuple[str, bytes]:  # noqa: N802
        item = self.items.get(request["Key"]["id"]["S"])
        if item is None:
            return _ok({})
        shown = int(item["version"]["N"]) - (self._fault == "stale" and int(item["version"]["N"]) > 1)
        return _ok({"Item": {**item, "version": {"N": str(shown)}}})

    def _UpdateItem(self, request: Item) -> tuple[str, bytes]:  # noqa: N802
        if self._fault == "silent":
            return "500 Internal Server Error", refusal("InternalServerError")
        if not self._holds(request):
            item = self.items.get(request["Key"]["id"]["S"], {})
            return "400 Bad Request", refusal("ConditionalCheckFailedException", Item=item)
        self._apply(request)
        return _ok({})

    def _TransactWriteItems(self, request: Item) -> tuple[str, bytes]:  # noqa: N802
        update, put = (next(iter(action.values())) for action in request["TransactItems"])
        holds = self._holds(update)
        if holds or self._fault == "torn":
            self.items[put["Item"]["id"]["S"]] = put["Item"]
        if holds:
            self._apply(update)
            return _ok({})
        reasons = [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]
        return "400 Bad Request", refusal("TransactionCanceledException", CancellationReasons=reasons)

    def _holds(self, update: Item) -> bool:
        item = self.items.get(update["Key"]["id"]["S"])
        if self._fault in ("deaf", "forgetful"):
            return True
        if update["ConditionExpression"] == "attribute_exists(id)":
            return item is not None
        return item is not None and item["version"] == update["ExpressionAttributeValues"][":version"]

    def _apply(self, update: Item) -> None:
        item = self.items.get(update["Key"]["id"]["S"])
        if item is None:
            return
        if update["UpdateExpression"].startswith("SET version = :version"):
            item["version"] = update["ExpressionAttributeValues"][":version"]
        else:
            item["version"] = {"N": str(int(item["version"]["N"]) + (2 if self._fault == "twice" else 1))}


def _ok(body: Item) -> tuple[str, bytes]:
    return "200 OK", json.dumps(body).encode()


@contextmanager
def opened(registers: Registers) -> Iterator[str]:
    """The URL of the registers while they are served."""
    with in_a_thread(Scripted(registers.serve)) as server:
        yield server.url
