"""What really happened, from the server's own log: the same calls in the same order at a store that is correct."""

from collections.abc import Iterable

from loadtest.events import Event, Kind, Operation, RoundEnded, RoundStarted, StockSet
from tests.integration.anomalies.expressions import Item
from tests.integration.anomalies.server import Entry, Fired, Server
from tests.integration.anomalies.store import THROTTLED, Answer, Store

_REASONS = "CancellationReasons"


def first_difference(server: Server) -> Entry | None:
    """The first thing that the server did otherwise than a correct one would have; None if there is none."""
    correct = server.begun.copy()
    done: set[int] = set()
    return next((entry for entry in server.log if _differs(entry, correct, done)), None)


def _differs(entry: Entry, correct: Store, done: set[int]) -> bool:
    """Whether the correct store does otherwise; a call that was `done` before has nothing more to do."""
    if not entry.applied and _surely_not_applied(entry.answer):
        return False
    if entry.call is not None and entry.applied and id(entry.call) not in done:
        done.add(id(entry.call))
        right = correct.handle(entry.call)
        if right != entry.answer and not _may_mean_anything(entry.answer):
            return True
    elif not _may_mean_anything(entry.answer):
        return True
    return entry.items != correct.items


def _surely_not_applied(answer: Answer) -> bool:
    """Whether it is an error that a correct server may give at any time to what it does not apply."""
    return answer[1].get("__type", "").rpartition("#")[2] in THROTTLED


def _may_mean_anything(answer: Answer) -> bool:
    return answer[0] in (0, 500)


def looked_at(server: Server, events: Iterable[Event]) -> bool:
    """Whether the anomaly fell into the time that the history tells of: what nobody looks at, no history shows.

    That begins with the first write of the tool's own, or the first round, and ends with the last read of the product.
    """
    begun_ns = next(
        event.sent_ns if isinstance(event, StockSet) else event.started_ns
        for event in events
        if isinstance(event, StockSet | RoundStarted)
    )
    if not server.fired or server.fired[0].at_ns < begun_ns:
        return False
    last_ns = server.fired[-1].at_ns
    return any(
        entry.call is not None and entry.call.operation == "GetItem" and entry.at_ns > last_ns for entry in server.log
    )


def orders_hit(server: Server, events: Iterable[Event]) -> set[str]:
    """The orders that the anomaly was about: those whose writes it met, and those that read what it showed."""
    events = list(events)
    names = {name for fired in server.fired for name in fired.names}
    return names.union(*({op.order_id for op in readers_of(fired, events)} for fired in server.fired))


def shown_at_two_versions(server: Server) -> bool:
    """Whether anybody was shown two versions that one write of the anomaly made: the order's own answer counts."""
    shown: dict[str, set[str]] = {}
    for entry in server.log:
        for item in _shown(entry.answer):
            if "last_order" in item:
                shown.setdefault(item["last_order"]["S"], set()).add(item["version"]["N"])
    return any(len(shown.get(name, ())) > 1 for fired in server.fired for name in fired.names)


def _shown(answer: Answer) -> list[Item]:
    content = answer[1]
    found = [content.get("Attributes"), content.get("Item"), *(one.get("Item") for one in content.get(_REASONS, ()))]
    return [item for item in found if item]


def readers_of(fired: Fired, events: Iterable[Event]) -> list[Operation]:
    """The reads that may be the one that was shown the item: such a read was under way then, and shows it."""
    if fired.shown is None:
        return []
    version, quantity = int(fired.shown["version"]["N"]), int(fired.shown["quantity"]["N"])
    return [
        event
        for event in events
        if isinstance(event, Operation)
        and event.kind is Kind.READ
        and event.sent_ns <= fired.at_ns <= event.received_ns
        and (event.version, event.quantity) == (version, quantity)
    ]


def seen_newer_before(events: Iterable[Event], op: Operation) -> bool:
    """Whether a newer version than the operation shows was seen before it was sent."""
    return any(version > (op.version or 0) for version, at_ns in _sightings(events) if at_ns < op.sent_ns)


def _sightings(events: Iterable[Event]) -> Iterable[tuple[int, int]]:
    for event in events:
        if isinstance(event, Operation) and event.version is not None:
            yield event.version, event.received_ns
        elif isinstance(event, RoundStarted):
            yield event.product.version, event.started_ns
        elif isinstance(event, StockSet):
            yield event.before.version, event.sent_ns
        elif isinstance(event, RoundEnded) and event.product is not None:
            yield event.product.version, event.read_ns
