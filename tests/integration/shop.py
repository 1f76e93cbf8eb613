"""A correct server for a few products that answers late, or not at all for a while. It runs in a thread of its own."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from loadtest.dynamodb.items import MAKER
from tests.helpers.scripted_server import Peer, Request, Scripted, answer, in_a_thread, refusal

_TABLE = {
    "Table": {
        "TableName": "products",
        "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
}


class Shop:
    """Sells p#4 by conditional writes. Each answer to a write takes `delay_s`.

    From write number `stall_at` on, nothing is answered for `stall_s`.
    """

    def __init__(self, *, delay_s: float = 0.0, stall_at: int = 0, stall_s: float = 0.0) -> None:
        self.quantity = 1
        self.version = 1
        self.last_order: dict[str, Any] = {}
        self.writes = 0
        self._delay_s = delay_s
        self._stall_at = stall_at
        self._stall_s = stall_s
        self._opens_at = 0.0

    async def serve(self, peer: Peer) -> None:
        """The script of every connection."""
        loop = asyncio.get_running_loop()
        while request := await peer.request():
            made = self._handle(request, loop.time())
            if request.headers["x-amz-target"].endswith(".UpdateItem"):
                await asyncio.sleep(self._delay_s)
            await asyncio.sleep(max(0.0, self._opens_at - loop.time()))
            peer.send(made)

    def _handle(self, request: Request, now_s: float) -> bytes:
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        if operation == "DescribeTable":
            return answer(json.dumps(_TABLE).encode())
        if operation == "GetItem":
            return answer(json.dumps({"Item": self._item()}).encode())
        self.writes += 1
        if self.writes == self._stall_at:
            self._opens_at = now_s + self._stall_s
        return self._update(json.loads(request.body))

    def _update(self, body: dict[str, Any]) -> bytes:
        given = body["ExpressionAttributeValues"]
        values = {name: int(value["N"]) for name, value in given.items() if "N" in value}
        if body["ConditionExpression"] == "version = :version":  # the tool sets the stock
            self.quantity, self.version = values[":quantity"], values[":next"]
            self.last_order = {"last_order": given[":name"]}
        elif self.quantity < values[":units"]:
            return answer(refusal("ConditionalCheckFailedException", Item=self._item()), "400 Bad Request")
        else:
            self.quantity, self.version = self.quantity - values[":units"], self.version + 1
            self.last_order = {"last_order": given[":order"]}
        shown = {name: value for name, value in self._item().items() if name != "id"}
        return answer(json.dumps({"Attributes": shown}).encode())

    def _item(self) -> dict[str, Any]:
        counted = {"quantity": {"N": str(self.quantity)}, "version": {"N": str(self.version)}}
        return {"id": {"S": "p#4"}, **counted, **self.last_order, "made_by": MAKER}


@contextmanager
def opened(shop: Shop) -> Iterator[str]:
    """The URL of the shop while it is open."""
    with in_a_thread(Scripted(shop.serve)) as server:
        yield server.url
