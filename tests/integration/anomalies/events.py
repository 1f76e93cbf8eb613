"""Anomalies that happen to the server, or by others, whatever is asked."""

import time

from tests.integration.anomalies.common import MANY, begun, number, of, reads
from tests.integration.anomalies.expressions import Item
from tests.integration.anomalies.server import PRODUCT, Anomaly, Server
from tests.integration.anomalies.store import Answer, Call, Store, product


class RolledBack:
    """At a random one of so many moments, between rounds as well, all of the last milliseconds is gone."""

    def __init__(self, moments: int = MANY) -> None:
        self._moments = moments

    async def __call__(self, server: Server, call: Call) -> Answer:
        since_ns = time.perf_counter_ns() - server.random.choice((5, 15, 50)) * 1_000_000
        before = _as_of(server, since_ns)
        if begun(server) and before[PRODUCT] != server.store.items[PRODUCT] and server.turn(self._moments):
            gone = [
                entry.call for entry in server.log if entry.call and entry.at_ns > since_ns and _confirmed(entry.answer)
            ]
            server.tamper(before, *dict.fromkeys(call.name for call in gone if call.by_order))
        return server.serve_now(call)


class SplitBrain:
    """For some dozen calls there are two copies, each of which serves half of them. Then one of them is given up."""

    def __init__(self) -> None:
        self._other: Store | None = None
        self._calls = 0
        self._served: list[str] = []

    async def __call__(self, server: Server, call: Call) -> Answer:
        if self._other is None and begun(server) and server.turn(MANY):
            self._other, self._calls = server.store.copy(), server.random.randint(10, 40)
        self._calls -= 1
        if self._other is None or self._calls < 0 or server.random.random() < 0.5:
            return server.serve_now(call)
        prepared = self._other.prepare(call)
        self._served += [call.name] * call.by_order
        if prepared.accepted and call.key == PRODUCT:
            server.fire(*self._served)
        return server.act(prepared, store=self._other)


async def created_again(server: Server, call: Call) -> Answer:
    """Somebody deletes the product and writes it as it was at the very beginning."""
    fresh = product(of(server.begun.items[PRODUCT], "quantity"))
    if of(server.store.items[PRODUCT], "version") > 1 and begun(server) and server.turn(MANY):
        server.tamper({**server.store.items, PRODUCT: fresh})
    return server.serve_now(call)


def between_rounds(anomaly: Anomaly) -> Anomaly:
    """Only calls by which the tool reads the product for itself meet the anomaly."""

    async def rarely(server: Server, call: Call) -> Answer:
        if call.operation == "GetItem" and not reads(call):
            return await anomaly(server, call)
        return server.serve_now(call)

    return rarely


def written_by_somebody_else(moments: int = MANY, **changes: int | str) -> Anomaly:
    """Somebody who is not the tool changes the product: adds to its numbers, leaves another name."""

    async def anomaly(server: Server, call: Call) -> Answer:
        item = server.store.items[PRODUCT]
        enough = of(item, "quantity") + int(changes["quantity"]) >= 0
        if enough and begun(server) and server.turn(moments):
            changed: Item = {
                name: {"S": by} if isinstance(by, str) else number(of(item, name) + by) for name, by in changes.items()
            }
            server.tamper({**server.store.items, PRODUCT: {**item, **changed}})
        return server.serve_now(call)

    return anomaly


def _as_of(server: Server, at_ns: int) -> dict[str, Item]:
    return next((entry.items for entry in reversed(server.log) if entry.at_ns <= at_ns), server.begun.items)


def _confirmed(answer: Answer) -> bool:
    return answer[0] == 200
