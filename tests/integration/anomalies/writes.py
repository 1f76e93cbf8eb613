"""Anomalies of what a write does."""

from collections.abc import Callable

from msgspec.structs import replace

from tests.integration.anomalies.common import (
    FEW,
    INTERNAL,
    MANY,
    SOON,
    force,
    loses,
    number,
    of,
    once,
    owns,
    wins,
)
from tests.integration.anomalies.expressions import Item
from tests.integration.anomalies.server import PRODUCT, Anomaly, Server
from tests.integration.anomalies.store import Answer, Call, Prepared


@once(loses)
def condition_ignored(server: Server, prepared: Prepared) -> Answer:
    """A write is applied and confirmed though its condition does not hold."""
    return server.act(server.store.prepare(prepared.call, forced=True))


async def checked_before(server: Server, call: Call) -> Answer:
    """Conditions are checked first, and writes made some time after."""
    checked = server.store.prepare(call)
    if not wins(checked):
        return server.act(checked)
    await server.pause(2)
    now = server.store.prepare(call)
    if now.accepted or server.fired:
        return server.act(now)
    server.fire(call.name)
    return server.act(server.store.prepare(call, forced=True))


async def computed_before(server: Server, call: Call) -> Answer:
    """A write is computed from the item of some time before: what others wrote in between is lost."""
    computed = server.store.prepare(call)
    if not wins(computed):
        return server.act(computed)
    await server.pause(2)
    now = server.store.prepare(call)
    if now.items == computed.items or server.fired:
        return server.act(now)
    server.fire(call.name, server.store.items[PRODUCT].get("last_order", {}).get("S", ""))
    return server.act(computed)


@once(wins)
def applied_twice(server: Server, prepared: Prepared) -> Answer:
    """A write is applied twice at once, and confirmed as the first time left it."""
    answer = server.act(prepared)
    force(server, prepared.call)
    return answer


class AppliedAgainLater:
    """A write is applied again some calls later, whatever its condition says then: an order's, or one of the tool's."""

    def __init__(self, *, own: bool = False) -> None:
        self._own = own
        self._kept: Call | None = None

    async def __call__(self, server: Server, call: Call) -> Answer:
        kept = self._kept
        if kept is not None and _would_change(server, kept) and server.random.random() < SOON:
            self._kept = None
            server.fire(*[kept.name] * kept.by_order)
            force(server, kept)
        prepared = server.store.prepare(call)
        if (owns(prepared) if self._own else wins(prepared)) and server.turn(FEW):
            self._kept = call
        return server.act(prepared)


class TokenReplayed:
    """A transaction is served again with its token some calls later, and takes its units again if they are there."""

    def __init__(self) -> None:
        self._kept: Call | None = None

    async def __call__(self, server: Server, call: Call) -> Answer:
        if self._kept is not None and server.random.random() < SOON:
            take = Call("UpdateItem", dict(self._kept.actions[0][1]))
            again = server.store.prepare(take)
            if again.accepted:
                server.fire(take.name)
                server.act(replace(again, call=self._kept), INTERNAL)
                self._kept = None
        prepared = server.store.prepare(call)
        if wins(prepared) and server.turn(FEW):
            self._kept = call
        return server.act(prepared)


def half_of_transaction(kept: Callable[[str], bool]) -> Anomaly:
    """Of a transaction only the items of these keys are written, and it is confirmed."""

    @once(wins)
    def anomaly(server: Server, prepared: Prepared) -> Answer:
        return server.act(replace(prepared, items={key: item for key, item in prepared.items.items() if kept(key)}))

    return anomaly


def altered(change: Callable[[Item, Item], Item]) -> Anomaly:
    """A write leaves another item than it should, which is made of the one before and the right one, and says so."""

    @once(wins)
    def anomaly(server: Server, prepared: Prepared) -> Answer:
        item = change(server.store.items[PRODUCT], prepared.items[PRODUCT])
        status, content = prepared.answer
        if "Attributes" in content:
            content = {**content, "Attributes": {name: item[name] for name in content["Attributes"]}}
        return server.act(replace(prepared, items={**prepared.items, PRODUCT: item}, answer=(status, content)))

    return anomaly


def version_skipped(before: Item, after: Item) -> Item:
    """The version rises by two."""
    return {**after, "version": number(of(before, "version") + 2)}


def version_kept(before: Item, after: Item) -> Item:
    """The version does not rise."""
    return {**after, "version": before["version"]}


def units_doubled(before: Item, after: Item) -> Item:
    """Twice the units are taken."""
    return {**after, "quantity": number(2 * of(after, "quantity") - of(before, "quantity"))}


def below_zero(before: Item, after: Item) -> Item:
    """More is taken than there is."""
    del before
    return {**after, "quantity": number(-1)}


def name_kept(before: Item, after: Item) -> Item:
    """The name of the write before stays."""
    return {**after, "last_order": before.get("last_order", {"S": "somebody"})}


async def ghost_write(server: Server, call: Call) -> Answer:
    """After an error 500 a write is applied late, though its condition does not hold any more."""
    prepared = server.store.prepare(call)
    if not (call.by_order and server.turn(MANY)):
        return server.act(prepared)

    def late() -> None:
        if not server.store.prepare(call).accepted:
            server.fire(call.name)
            force(server, call)

    server.later(late, 0.005, 0.06)
    return server.act(prepared, INTERNAL, apply=False)


@once(owns)
def own_write_lost(server: Server, prepared: Prepared) -> Answer:
    """A write of the tool's own is confirmed and was not applied."""
    return server.act(prepared, apply=False)


async def own_write_applied_twice(server: Server, call: Call) -> Answer:
    """A write of the tool's own is applied twice."""
    prepared = server.store.prepare(call)
    answer = server.act(prepared)
    if owns(prepared) and _would_change(server, call) and server.turn(FEW):
        server.fire()
        force(server, call)
    return answer


def _would_change(server: Server, call: Call) -> bool:
    return server.store.prepare(call, forced=True).items.get(PRODUCT) != server.store.items[PRODUCT]
