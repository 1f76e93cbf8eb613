"""A correct little DynamoDB of one product that takes a known time for every answer, or stops for a while.

`python -m benchmarks.shop_server PORT MILLISECONDS [STALL_AFTER_S STALL_S]`: the stall begins so long after the first
order. It knows the strategy `conditional`, and there is stock without end.
"""

import asyncio
import json
import sys
import time

import uvloop

from loadtest.targets.servers.minimal import TABLE, Protocol, answer

_STOCK = 1_000_000


class Shop:
    """The product, and when answers leave."""

    def __init__(self, delay_s: float, stall_after_s: float, stall_s: float) -> None:
        self.quantity, self.version = _STOCK, 1
        self._set_by: dict[str, str] = {}
        self._delay_s, self._stall_after_s, self._stall_s = delay_s, stall_after_s, stall_s
        self._first_s = 0.0

    def item(self, **more: str) -> dict[str, dict[str, str]]:
        counted = {"quantity": {"N": str(self.quantity)}, "version": {"N": str(self.version)}}
        return {**{name: {"S": value} for name, value in more.items()}, **counted}

    def read(self) -> dict[str, dict[str, str]]:
        return self.item(id="p#4", name="Samovar", made_by="loadtest", **self._set_by)

    def set(self, quantity: int, name: str) -> None:
        self.quantity, self.version, self._set_by = quantity, self.version + 1, {"last_order": name}

    def take(self) -> bytes:
        self.quantity, self.version, self._set_by = self.quantity - 1, self.version + 1, {}
        return answer("200 OK", {"Attributes": self.item()})

    def wait_s(self) -> float:
        now_s = time.perf_counter()
        self._first_s = self._first_s or now_s
        begins_s = self._first_s + self._stall_after_s
        stalled_s = begins_s + self._stall_s - now_s if begins_s <= now_s < begins_s + self._stall_s else 0.0
        return max(self._delay_s, stalled_s)


class Connection(Protocol):
    """Answers after the shop's time."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self._shop = shop

    def requested(self, head: bytes, body: bytes) -> None:
        shop = self._shop
        if b".describetable" in head:
            self.transport.write(TABLE)
        elif b".getitem" in head:
            self.transport.write(answer("200 OK", {"Item": shop.read()}))
        elif b"ConditionExpression" in body and b":units" in body:
            asyncio.get_running_loop().call_later(shop.wait_s(), lambda: self.transport.write(shop.take()))
        else:
            values = json.loads(body)["ExpressionAttributeValues"]
            shop.set(int(values[":quantity"]["N"]), values[":name"]["S"])
            self.transport.write(answer("200 OK", {}))


async def _serve() -> None:
    port, milliseconds, *stall = sys.argv[1:]
    after_s, stall_s = map(float, stall or ("0", "0"))
    shop = Shop(float(milliseconds) / 1e3, after_s, stall_s)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(shop), "127.0.0.1", int(port), backlog=8192
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
