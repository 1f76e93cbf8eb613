"""Anomalies of what somebody is told or shown, whatever becomes of it."""

import asyncio

from tests.integration.anomalies.common import (
    FEW,
    INTERNAL,
    MANY,
    force,
    loses,
    met_by,
    older_items,
    once,
    reads,
    refusal,
    torn,
    wins,
)
from tests.integration.anomalies.server import PRODUCT, Anomaly, Server
from tests.integration.anomalies.store import Answer, Call, Prepared


@once(wins)
def accepted_not_applied(server: Server, prepared: Prepared) -> Answer:
    """A write is confirmed and was not applied."""
    return server.act(prepared, apply=False)


def applied_and_told(answer: Answer) -> Anomaly:
    """A write is applied, and its order is told an error that says it was not."""
    return once(wins)(lambda server, prepared: server.act(prepared, answer))


@once(wins)
def refused_and_applied(server: Server, prepared: Prepared) -> Answer:
    """A write is applied and refused, with the item as it was before."""
    return server.act(prepared, refusal(prepared.call, server.store.items[PRODUCT]))


@once(wins)
def refused_by_itself(server: Server, prepared: Prepared) -> Answer:
    """A write is applied and then served once more: it is refused by what it has done itself."""
    return server.act(prepared, refusal(prepared.call, prepared.items[PRODUCT]))


@once(wins)
def spurious_refusal(server: Server, prepared: Prepared) -> Answer:
    """A write is refused, not applied, and shown the item that meets its condition."""
    return server.act(prepared, refusal(prepared.call, server.store.items[PRODUCT]), apply=False)


@once(wins)
def blind_refusal(server: Server, prepared: Prepared) -> Answer:
    """A write is refused without a cause, not applied, and shown nothing."""
    return server.act(prepared, refusal(prepared.call, None), apply=False)


@once(wins)
def acknowledged_early(server: Server, prepared: Prepared) -> Answer:
    """A write is confirmed before it is applied."""
    server.later(lambda: force(server, prepared.call), 0.003, 0.015)
    return server.act(prepared, apply=False)


async def refusal_shows_old_item(server: Server, call: Call) -> Answer:
    """A write is rightly refused and shown an item of before, which meets its condition."""
    prepared = server.store.prepare(call)
    fitting = [item for item in older_items(server) if loses(prepared) and met_by(call, item)]
    if not (fitting and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, refusal(call, fitting[0]))


async def refusal_shows_torn_item(server: Server, call: Call) -> Answer:
    """A refusal shows the version of now with a quantity of before."""
    prepared, item = server.store.prepare(call), torn(server)
    if not (item and loses(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, refusal(call, item))


async def stale_read(server: Server, call: Call) -> Answer:
    """A consistent read of an order shows an item of before."""
    older = older_items(server)
    if not (reads(call) and older and server.turn(MANY)):
        return server.serve_now(call)
    server.fire(shown=older[0])
    return server.act(server.store.prepare(call), (200, {"Item": older[0]}))


async def torn_read(server: Server, call: Call) -> Answer:
    """A read of an order shows the version of now with a quantity of before."""
    item = torn(server)
    if not (reads(call) and item and server.turn(MANY)):
        return server.serve_now(call)
    server.fire(shown=item)
    return server.act(server.store.prepare(call), (200, {"Item": item}))


class AnswersSwapped:
    """Of two writes in flight the accepted one gets the other's refusal, and the refused one its confirmation."""

    def __init__(self) -> None:
        self._first: tuple[Prepared, asyncio.Future[Answer]] | None = None

    async def __call__(self, server: Server, call: Call) -> Answer:
        prepared = server.store.prepare(call)
        if self._first is not None and loses(prepared):
            (winner, told), self._first = self._first, None
            server.fire(winner.call.name, call.name)
            told.set_result(prepared.answer)
            return server.act(prepared, winner.answer)
        if self._first is not None or not (wins(prepared) and server.turn(FEW)):
            return server.act(prepared)
        return await self._wait(server, prepared)

    async def _wait(self, server: Server, prepared: Prepared) -> Answer:
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._first = prepared, told
        server.act(prepared)
        try:
            return await asyncio.wait_for(asyncio.shield(told), 0.02)
        except TimeoutError:
            self._first = None
            server.turn_again()
            return prepared.answer


def answered_otherwise(answer: Answer, share: float, *, applied: bool = True, own: bool = False) -> Anomaly:
    """No anomaly: a share of the orders' writes, or of the tool's own, is answered otherwise, applied or not."""

    async def anomaly(server: Server, call: Call) -> Answer:
        prepared = server.store.prepare(call)
        if (call.by_tool if own else call.by_order) and server.random.random() < share:
            return server.act(prepared, answer, apply=applied)
        return server.act(prepared)

    return anomaly


async def applied_late(server: Server, call: Call) -> Answer:
    """No anomaly: some writes are answered with an error 500 and applied late, if their condition holds then."""
    prepared = server.store.prepare(call)
    if not (call.by_order and server.random.random() < 0.1):
        return server.act(prepared)
    server.later(lambda: _late(server, call), 0.001, 0.03)
    return server.act(prepared, INTERNAL, apply=False)


async def resent(server: Server, call: Call) -> Answer:
    """No anomaly: some transactions are served twice with their token, which does them once."""
    prepared = server.store.prepare(call)
    if wins(prepared) and server.random.random() < 0.2:
        server.later(lambda: _late(server, call), 0.001, 0.01)
    return server.act(prepared)


def _late(server: Server, call: Call) -> None:
    server.act(server.store.prepare(call), INTERNAL)
