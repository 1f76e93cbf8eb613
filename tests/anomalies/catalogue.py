"""The anomalies, one at a time. Each is what happens to a call between its receipt and its answer, and fires once."""

import asyncio
import time
from collections.abc import Callable

from msgspec.structs import replace

from loadtest.order import is_own
from tests.anomalies.expressions import Item, condition
from tests.anomalies.server import PRODUCT, Anomaly, Server
from tests.anomalies.store import Answer, Call, Prepared, Store, cancelled, error, product, refused

FEW, MANY = 4, 30  # of how many moments one is chosen: of writes that are accepted there are few
_SOON = 0.2  # the chance that a call is the one
_INTERNAL = error("InternalServerError", 500)


# What a write is told, and what becomes of it


async def accepted_not_applied(server: Server, call: Call) -> Answer:
    """A write is confirmed and was not applied."""
    prepared = server.store.prepare(call)
    if not (_wins(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, apply=False)


def applied_and_told(answer: Answer) -> Anomaly:
    """A write is applied, and its order is told an error that says it was not."""

    async def anomaly(server: Server, call: Call) -> Answer:
        prepared = server.store.prepare(call)
        if not (_wins(prepared) and server.turn(FEW)):
            return server.act(prepared)
        server.fire(call.name)
        return server.act(prepared, answer)

    return anomaly


async def refused_and_applied(server: Server, call: Call) -> Answer:
    """A write is applied and refused, with the item as it was before."""
    prepared, before = server.store.prepare(call), server.store.items.get(PRODUCT)
    if not (_wins(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, _refusal(call, before))


async def refused_by_itself(server: Server, call: Call) -> Answer:
    """A write is applied and then served once more: it is refused by what it has done itself."""
    prepared = server.store.prepare(call)
    if not (_wins(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, _refusal(call, prepared.items[PRODUCT]))


async def spurious_refusal(server: Server, call: Call) -> Answer:
    """A write is refused, not applied, and shown the item that meets its condition."""
    prepared = server.store.prepare(call)
    if not (_wins(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, _refusal(call, server.store.items[PRODUCT]), apply=False)


async def blind_refusal(server: Server, call: Call) -> Answer:
    """A write is refused without a cause, not applied, and shown nothing."""
    prepared = server.store.prepare(call)
    if not (_wins(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, _refusal(call, None), apply=False)


async def refusal_shows_old_item(server: Server, call: Call) -> Answer:
    """A write is rightly refused and shown an item of before, which meets its condition."""
    prepared = server.store.prepare(call)
    if not _loses(prepared):
        return server.act(prepared)
    old = next((item for item in _older_items(server) if _meets(call, item)), None)
    if old is None or not server.turn(FEW):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, _refusal(call, old))


async def refusal_shows_torn_item(server: Server, call: Call) -> Answer:
    """A refusal shows the version of now with a quantity of before."""
    prepared = server.store.prepare(call)
    torn = _torn(server)
    if not (_loses(prepared) and torn and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(prepared, _refusal(call, torn))


class AnswersSwapped:
    """Of two writes in flight the accepted one gets the other's refusal, and the refused one its confirmation."""

    def __init__(self) -> None:
        self._first: tuple[Prepared, asyncio.Future[Answer]] | None = None

    async def __call__(self, server: Server, call: Call) -> Answer:
        prepared = server.store.prepare(call)
        if self._first is not None and _loses(prepared):
            (winner, told), self._first = self._first, None
            server.fire(winner.call.name, call.name)
            told.set_result(prepared.answer)
            return server.act(prepared, winner.answer)
        if self._first is not None or not (_wins(prepared) and server.turn(FEW)):
            return server.act(prepared)
        self._first = prepared, asyncio.get_running_loop().create_future()
        server.act(prepared)
        try:
            return await asyncio.wait_for(asyncio.shield(self._first[1]), 0.02)
        except TimeoutError:
            self._first = None
            server.turn_again()
            return prepared.answer


async def acknowledged_early(server: Server, call: Call) -> Answer:
    """A write is confirmed before it is applied."""
    prepared = server.store.prepare(call)
    if not (_wins(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    server.later(lambda: _force(server, call), 0.003, 0.015)
    return server.act(prepared, apply=False)


# What a write does


async def condition_ignored(server: Server, call: Call) -> Answer:
    """A write is applied and confirmed though its condition does not hold."""
    prepared = server.store.prepare(call)
    if not (_loses(prepared) and server.turn(FEW)):
        return server.act(prepared)
    server.fire(call.name)
    return server.act(server.store.prepare(call, forced=True))


async def checked_before(server: Server, call: Call) -> Answer:
    """Conditions are checked first, and writes made some time after."""
    checked = server.store.prepare(call)
    if not _wins(checked):
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
    if not _wins(computed):
        return server.act(computed)
    await server.pause(2)
    now = server.store.prepare(call)
    if now.items == computed.items or server.fired:
        return server.act(now)
    server.fire(call.name, server.store.items[PRODUCT].get("last_order", {}).get("S", ""))
    return server.act(computed)


async def applied_twice(server: Server, call: Call) -> Answer:
    """A write is applied twice at once, and confirmed as the first time left it."""
    prepared = server.store.prepare(call)
    if not (_wins(prepared) and server.turn(FEW)):
        return server.act(prepared)
    answer = server.act(prepared)
    server.fire(call.name)
    _force(server, call)
    return answer


class AppliedAgainLater:
    """A write is applied again some calls later, whatever its condition says then: an order's, or one of the tool's."""

    def __init__(self, *, own: bool = False) -> None:
        self._own = own
        self._kept: Call | None = None

    async def __call__(self, server: Server, call: Call) -> Answer:
        kept = self._kept
        if kept is not None and _would_change(server, kept) and server.random.random() < _SOON:
            self._kept = None
            server.fire(*[kept.name] * kept.by_order)
            _force(server, kept)
        prepared = server.store.prepare(call)
        if (_owns(prepared) if self._own else _wins(prepared)) and server.turn(FEW):
            self._kept = call
        return server.act(prepared)


class TokenReplayed:
    """A transaction is served again with its token some calls later, and takes its units again if they are there."""

    def __init__(self) -> None:
        self._kept: Call | None = None

    async def __call__(self, server: Server, call: Call) -> Answer:
        if self._kept is not None and server.random.random() < _SOON:
            take = Call("UpdateItem", dict(self._kept.actions[0][1]))
            again = server.store.prepare(take)
            if again.accepted:
                server.fire(take.name)
                server.act(replace(again, call=self._kept), _INTERNAL)
                self._kept = None
        prepared = server.store.prepare(call)
        if _wins(prepared) and server.turn(FEW):
            self._kept = call
        return server.act(prepared)


def half_of_transaction(kept: Callable[[str], bool]) -> Anomaly:
    """Of a transaction only the items of these keys are written, and it is confirmed."""

    async def anomaly(server: Server, call: Call) -> Answer:
        prepared = server.store.prepare(call)
        if not (_wins(prepared) and server.turn(FEW)):
            return server.act(prepared)
        server.fire(call.name)
        return server.act(replace(prepared, items={key: item for key, item in prepared.items.items() if kept(key)}))

    return anomaly


def altered(change: Callable[[Item, Item], Item]) -> Anomaly:
    """A write leaves another item than it should, which is made of the one before and the right one, and says so."""

    async def anomaly(server: Server, call: Call) -> Answer:
        prepared = server.store.prepare(call)
        if not (_wins(prepared) and server.turn(FEW)):
            return server.act(prepared)
        server.fire(call.name)
        item = change(server.store.items[PRODUCT], prepared.items[PRODUCT])
        status, content = prepared.answer
        if "Attributes" in content:
            content = {**content, "Attributes": {name: item[name] for name in content["Attributes"]}}
        return server.act(replace(prepared, items={**prepared.items, PRODUCT: item}, answer=(status, content)))

    return anomaly


def version_skipped(before: Item, after: Item) -> Item:
    """The version rises by two."""
    return {**after, "version": _number(_of(before, "version") + 2)}


def version_kept(before: Item, after: Item) -> Item:
    """The version does not rise."""
    return {**after, "version": before["version"]}


def units_doubled(before: Item, after: Item) -> Item:
    """Twice the units are taken."""
    return {**after, "quantity": _number(2 * _of(after, "quantity") - _of(before, "quantity"))}


def below_zero(before: Item, after: Item) -> Item:
    """More is taken than there is."""
    del before
    return {**after, "quantity": _number(-1)}


def name_kept(before: Item, after: Item) -> Item:
    """The name of the write before stays."""
    return {**after, "last_order": before.get("last_order", {"S": "somebody"})}


# What reads show


async def stale_read(server: Server, call: Call) -> Answer:
    """A consistent read of an order shows an item of before."""
    older = next((item for item in _older_items(server) if item != server.store.items[PRODUCT]), None)
    if not (_reads(call) and older and server.turn(MANY)):
        return server.serve_now(call)
    server.fire(shown=older)
    return server.act(server.store.prepare(call), (200, {"Item": older}))


async def torn_read(server: Server, call: Call) -> Answer:
    """A read of an order shows the version of now with a quantity of before."""
    torn = _torn(server)
    if not (_reads(call) and torn and server.turn(MANY)):
        return server.serve_now(call)
    server.fire(shown=torn)
    return server.act(server.store.prepare(call), (200, {"Item": torn}))


# What happens to the server


class RolledBack:
    """At a random moment, between rounds as well, all of the last milliseconds is gone."""

    async def __call__(self, server: Server, call: Call) -> Answer:
        since_ns = time.perf_counter_ns() - server.random.choice((5, 15, 50)) * 1_000_000
        gone = [entry for entry in server.log if entry.applied and entry.at_ns > since_ns]
        if gone and _changes(server, since_ns) and server.turn(MANY):
            names = dict.fromkeys(entry.call.name for entry in gone if entry.call and _applied(entry.answer))
            server.tamper(_as_of(server, since_ns), *(name for name in names if name and not is_own(name)))
        return server.serve_now(call)


class SplitBrain:
    """For some dozen calls there are two copies, each of which serves half of them. Then one of them is given up."""

    def __init__(self) -> None:
        self._other: Store | None = None
        self._calls = 0

    async def __call__(self, server: Server, call: Call) -> Answer:
        if self._other is None and server.turn(MANY):
            self._other, self._calls = server.store.copy(), server.random.randint(10, 40)
        self._calls -= 1
        if self._other is None or self._calls < 0 or server.random.random() < 0.5:
            return server.serve_now(call)
        prepared = self._other.prepare(call)
        if prepared.accepted and call.key == PRODUCT:
            server.fire(*[call.name] * call.by_order)
        return server.act(prepared, store=self._other)


async def created_again(server: Server, call: Call) -> Answer:
    """Somebody deletes the product and writes it as it was at the very beginning."""
    fresh = product(_of(server.begun.items[PRODUCT], "quantity"))
    if _of(server.store.items[PRODUCT], "version") > 1 and server.turn(MANY):
        server.tamper({**server.store.items, PRODUCT: fresh})
    return server.serve_now(call)


def written_by_somebody_else(**changes: int | str) -> Anomaly:
    """Somebody who is not the tool changes the product: adds to its numbers, or leaves another name."""

    async def anomaly(server: Server, call: Call) -> Answer:
        item = server.store.items[PRODUCT]
        if _of(item, "quantity") > 0 and server.turn(MANY):
            changed: Item = {
                name: {"S": by} if isinstance(by, str) else _number(_of(item, name) + by)
                for name, by in changes.items()
            }
            server.tamper({**server.store.items, PRODUCT: {**item, **changed}})
        return server.serve_now(call)

    return anomaly


# Writes of the tool's own


async def own_write_lost(server: Server, call: Call) -> Answer:
    """A write of the tool's own is confirmed and was not applied."""
    prepared = server.store.prepare(call)
    if not (_owns(prepared) and server.turn(3)):
        return server.act(prepared)
    server.fire()
    return server.act(prepared, apply=False)


async def own_write_applied_twice(server: Server, call: Call) -> Answer:
    """A write of the tool's own is applied twice."""
    prepared = server.store.prepare(call)
    answer = server.act(prepared)
    if _owns(prepared) and server.store.prepare(call, forced=True).items != prepared.items and server.turn(2):
        server.fire()
        _force(server, call)
    return answer


# After an error that leaves everything open


async def ghost_write(server: Server, call: Call) -> Answer:
    """After an error 500 a write is applied late, though its condition does not hold any more."""
    prepared = server.store.prepare(call)
    if not (call.by_order and server.turn(MANY)):
        return server.act(prepared)

    def late() -> None:
        if not server.store.prepare(call).accepted:
            server.fire(call.name)
            _force(server, call)

    server.later(late, 0.005, 0.06)
    return server.act(prepared, _INTERNAL, apply=False)


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
    return server.act(prepared, _INTERNAL, apply=False)


async def resent(server: Server, call: Call) -> Answer:
    """No anomaly: some transactions are served twice with their token, which does them once."""
    prepared = server.store.prepare(call)
    if _wins(prepared) and server.random.random() < 0.2:
        server.later(lambda: _late(server, call), 0.001, 0.01)
    return server.act(prepared)


def _late(server: Server, call: Call) -> None:
    server.act(server.store.prepare(call), _INTERNAL)


def _force(server: Server, call: Call) -> None:
    server.act(server.store.prepare(call, forced=True), _INTERNAL)


def _would_change(server: Server, call: Call) -> bool:
    return server.store.prepare(call, forced=True).items.get(PRODUCT) != server.store.items[PRODUCT]


def _wins(prepared: Prepared) -> bool:
    return prepared.accepted and prepared.call.by_order


def _loses(prepared: Prepared) -> bool:
    return not prepared.accepted and prepared.call.by_order and prepared.answer[0] == 400


def _owns(prepared: Prepared) -> bool:
    return prepared.accepted and prepared.call.by_tool


def _reads(call: Call) -> bool:
    return call.operation == "GetItem" and "ReturnConsumedCapacity" in call.request  # what only orders ask for


def _refusal(call: Call, item: Item | None) -> Answer:
    if call.operation == "TransactWriteItems":
        return cancelled(["ConditionalCheckFailed", "None"], item)
    return refused(item)


def _meets(call: Call, item: Item) -> bool:
    ((_, request), *_) = call.actions
    return condition(request["ConditionExpression"])(item, request["ExpressionAttributeValues"])


def _older_items(server: Server) -> list[Item]:
    """What the product was, the newest first."""
    found: list[Item] = []
    for entry in reversed(server.log[-200:]):
        if not found or entry.items[PRODUCT] is not found[-1]:
            found.append(entry.items[PRODUCT])
    return found[1:]


def _torn(server: Server) -> Item | None:
    """The product as it is, but for a quantity of before."""
    now = server.store.items[PRODUCT]
    old = next((item for item in _older_items(server) if item["quantity"] != now["quantity"]), None)
    return {**now, "quantity": old["quantity"]} if old else None


def _changes(server: Server, since_ns: int) -> bool:
    return _as_of(server, since_ns)[PRODUCT] != server.store.items[PRODUCT]


def _as_of(server: Server, at_ns: int) -> dict[str, Item]:
    return next((entry.items for entry in reversed(server.log) if entry.at_ns <= at_ns), server.begun.items)


def _applied(answer: Answer) -> bool:
    return answer[0] == 200


def _of(item: Item, name: str) -> int:
    return int(item[name]["N"])


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}
