"""What the anomalies share: which calls they meet, when they fire, and what a server needs to lie."""

from collections.abc import Callable

from tests.integration.anomalies.expressions import Item, condition
from tests.integration.anomalies.server import PRODUCT, Anomaly, Server
from tests.integration.anomalies.store import Answer, Call, Prepared, cancelled, error, refused

FEW, MANY = 4, 30  # of how many moments one is chosen: of writes that are accepted there are few
SOON = 0.2  # the chance that a call is the one, where something is done some calls later
INTERNAL = error("InternalServerError", 500)

Effect = Callable[[Server, Prepared], Answer]


def once(meets: Callable[[Prepared], bool]) -> Callable[[Effect], Anomaly]:
    """An anomaly that one of the calls meets that could do it; all others are served as is right."""

    def decorate(effect: Effect) -> Anomaly:
        async def anomaly(server: Server, call: Call) -> Answer:
            prepared = server.store.prepare(call)
            if not (meets(prepared) and server.turn(FEW)):
                return server.act(prepared)
            server.fire(*[call.name] * call.by_order)
            return effect(server, prepared)

        return anomaly

    return decorate


def wins(prepared: Prepared) -> bool:
    """Whether it is an order's write that is right to accept."""
    return prepared.accepted and prepared.call.by_order


def loses(prepared: Prepared) -> bool:
    """Whether it is an order's write that is right to refuse."""
    return not prepared.accepted and prepared.call.by_order and prepared.answer[0] == 400


def owns(prepared: Prepared) -> bool:
    """Whether it is a write of the tool's own that is right to accept."""
    return prepared.accepted and prepared.call.by_tool


def reads(call: Call) -> bool:
    """Whether an order reads: only orders ask what it consumed."""
    return call.operation == "GetItem" and "ReturnConsumedCapacity" in call.request


def begun(server: Server) -> bool:
    """Whether an order has come: what happens before, no history tells of."""
    return any(entry.call is not None and (entry.call.by_order or reads(entry.call)) for entry in server.log)


def refusal(call: Call, item: Item | None) -> Answer:
    """What the call is told if its condition does not hold, and what it is shown."""
    if call.operation == "TransactWriteItems":
        return cancelled(["ConditionalCheckFailed", "None"], item)
    return refused(item)


def met_by(call: Call, item: Item) -> bool:
    """Whether the item meets the call's condition."""
    ((_, request), *_) = call.actions
    return condition(request["ConditionExpression"])(item, request["ExpressionAttributeValues"])


def older_items(server: Server) -> list[Item]:
    """What the product was, the newest first."""
    found: list[Item] = []
    for entry in reversed(server.log[-200:]):
        if not found or entry.items[PRODUCT] is not found[-1]:
            found.append(entry.items[PRODUCT])
    return [item for item in found if item != server.store.items[PRODUCT]]


def torn(server: Server) -> Item | None:
    """The product as it is, but for a quantity of before."""
    now = server.store.items[PRODUCT]
    old = next((item for item in older_items(server) if item["quantity"] != now["quantity"]), None)
    return {**now, "quantity": old["quantity"]} if old else None


def force(server: Server, call: Call) -> None:
    """Apply it, whatever its condition says, and tell nobody."""
    server.act(server.store.prepare(call, forced=True), INTERNAL)


def of(item: Item, name: str) -> int:
    """A number of an item."""
    return int(item[name]["N"])


def number(value: int) -> dict[str, str]:
    """A number for an item."""
    return {"N": str(value)}
