"""Histories that differ from a given one in one step, and the rule by which one of them may still be called safe."""

from collections.abc import Iterator
from dataclasses import replace as with_fields
from itertools import product
from typing import Any

from msgspec.structs import replace

from loadtest.order import (
    RESTOCK,
    Event,
    Kind,
    Operation,
    OrderEnded,
    Outcome,
    Product,
    Reason,
    Record,
    RecordsRead,
    RoundEnded,
    RoundStarted,
)
from tests.unit.reference import Step, explainable, steps

# What carries no meaning for the verdict: how often was tried, what was said, what it cost, what was waited for.
WITHOUT_MEANING = {"attempt", "attempts", "capacity", "message", "scheduled_ns", "started_ns", "item_bytes", "type"}


def steps_away(events: list[Event]) -> Iterator[tuple[str, list[Event]]]:
    """Every history that is one step away, with a word on what was changed."""
    for n, event in enumerate(events):
        name = type(event).__name__
        for field, changed in _changes(event):
            yield f"{name}.{field}", [*events[:n], changed, *events[n + 1 :]]
        yield f"{name} dropped", [*events[:n], *events[n + 1 :]]
        yield f"{name} doubled", [*events[:n], event, *events[n:]]
        for to in {1, len(events) - 3, max(0, n - 2), n + 2} - {n}:
            rest = [*events[:n], *events[n + 1 :]]
            moved = [*rest[:to], event, *rest[to:]]
            if all(isinstance(one, RecordsRead) for one in moved[_first_records(moved) : -1]):
                yield f"{name} moved", moved
    yield from _swapped(events)


def _first_records(events: list[Event]) -> int:
    """Records are read when all orders have ended, and so they come last."""
    return next((n for n, event in enumerate(events) if isinstance(event, RecordsRead)), len(events))


def _swapped(events: list[Event]) -> Iterator[tuple[str, list[Event]]]:
    ends = [n for n, event in enumerate(events) if isinstance(event, OrderEnded)]
    for one in ends:
        for other in ends:
            first, second = events[one], events[other]
            if one < other and isinstance(first, OrderEnded) and isinstance(second, OrderEnded):
                swapped = list(events)
                swapped[one] = replace(first, order_id=second.order_id)
                swapped[other] = replace(second, order_id=first.order_id)
                yield "results swapped", swapped


def _changes(event: Event) -> Iterator[tuple[str, Event]]:
    for field in event.__struct_fields__:
        if field in WITHOUT_MEANING:
            continue
        old = getattr(event, field)
        for new in _others(field, old):
            changed = replace(event, **{field: new})
            if new != old and not _runs_backwards(changed):
                yield field, changed
    if isinstance(event, RoundEnded):
        yield "product", replace(event, product=None)


def _runs_backwards(event: Event) -> bool:
    """Stamps that no clock gives: nothing is said of them."""
    if isinstance(event, RoundEnded):
        return event.read_ns < event.ended_ns
    return isinstance(event, Operation) and event.received_ns < event.sent_ns


def _others(field: str, old: Any) -> Iterator[Any]:
    if isinstance(old, Product):
        for name in ("version", "quantity", "last_order", "id"):
            for new in _others(name, getattr(old, name)):
                yield replace(old, **{name: new})
    elif isinstance(old, bool):
        yield not old
    elif isinstance(old, Outcome | Kind):
        yield from type(old)
    elif field in ("sent_ns", "received_ns", "read_ns", "ended_ns"):
        yield from (old - 7, old - 3, old + 3, old + 7)
    elif isinstance(old, int):
        yield from (old - 1, old + 1)
    elif field in ("order_id", "last_order", "prefix"):
        yield from ("1-1", "1-2", "1-9", "strange", RESTOCK)
    elif field in ("product_id", "id"):
        yield "p#5"
    elif field == "reason":
        yield from (Reason.SOLD_OUT, Reason.CONFLICT)
    elif isinstance(old, list):
        yield from ([*old[:n], *old[n + 1 :]] for n in range(len(old)))
        yield [*old, *old]
        yield from (_with_other_records(old))


def _with_other_records(old: list[Any]) -> Iterator[Any]:
    for n, record in enumerate(old):
        if isinstance(record, Record):
            for changes in ({"order_id": "1-9"}, {"product_id": "p#5"}, {"units": record.units + 1}):
                yield [*old[:n], replace(record, **changes), *old[n + 1 :]]
        else:
            yield [*old[:n], "1-1", *old[n + 1 :]]


def may_be_safe(events: list[Event]) -> bool:
    """Whether the history of one round fits a correct server that told each order what its writes earned."""
    if not _in_frame(events) or not _each_order_once(events):
        return False
    told = {event.order_id: event.outcome for event in events if isinstance(event, OrderEnded)}
    won = {event.order_id for event in events if isinstance(event, Operation) and _is_accepted_write(event)}
    recorded = _recorded(events)
    if recorded is None or any(told.get(order_id) is not Outcome.ACCEPTED for order_id in won):
        return False
    first, todo = steps(events)
    if first[2] in told:
        return False  # it took units before it was placed
    fitting = [step for step in todo if step.must]
    forced: dict[str, list[Step]] = {}
    for step in todo:
        was = told.get(step.name)
        if step.must or step.name in won:
            continue
        if recorded.get(step.name, was is Outcome.ACCEPTED):
            forced.setdefault(step.name, []).append(with_fields(step, must=True))
        elif was is Outcome.UNKNOWN and step.name not in recorded:
            fitting.append(step)
    accepted = {order_id for order_id, outcome in told.items() if outcome is Outcome.ACCEPTED}
    owed = accepted | {order_id for order_id, found in recorded.items() if found}
    return owed <= won | set(forced) and any(explainable(first, [*fitting, *one]) for one in product(*forced.values()))


def _is_accepted_write(event: Event) -> bool:
    return isinstance(event, Operation) and event.kind is not Kind.READ and event.outcome is Outcome.ACCEPTED


def _in_frame(events: list[Event]) -> bool:
    """The round begins, everything is of it, it ends with a read of the product, and no stamp runs backwards."""
    start, end = events[0], events[-1]
    if not isinstance(start, RoundStarted) or not isinstance(end, RoundEnded) or end.product is None:
        return False
    if (
        any(isinstance(event, RoundStarted | RoundEnded) for event in events[1:-1])
        or end.product.id != start.product.id
    ):
        return False
    ids = {getattr(event, "product_id", start.product.id) for event in events}
    return ids == {start.product.id} and {event.round for event in events} == {start.round}


def _each_order_once(events: list[Event]) -> bool:
    start, end = events[0], events[-1]
    assert isinstance(start, RoundStarted)
    assert isinstance(end, RoundEnded)
    placed = {f"{start.prefix}-{n}" for n in range(1, start.orders + 1)}
    ended: set[str] = set()
    won: set[str] = set()
    for event in events:
        if not isinstance(event, Operation | OrderEnded):
            continue
        if event.order_id not in placed or event.units != start.units:
            return False
        if _is_accepted_write(event):
            if event.order_id in ended | won:
                return False
            won.add(event.order_id)
        if isinstance(event, OrderEnded):
            if event.order_id in ended:
                return False
            ended.add(event.order_id)
            left = end.product.quantity if end.product else 0
            if event.reason == Reason.SOLD_OUT and event.outcome is Outcome.REJECTED and left >= event.units:
                return False
    return ended == placed


def _recorded(events: list[Event]) -> dict[str, bool] | None:
    """Which orders have a record and which have none, None if that does not fit what they were told."""
    start = events[0]
    assert isinstance(start, RoundStarted)
    told = {event.order_id: event.outcome for event in events if isinstance(event, OrderEnded)}
    recorded: dict[str, bool] = {}
    for event in events:
        if not isinstance(event, RecordsRead):
            continue
        for record in event.found:
            fits = (record.product_id, record.units) == (start.product.id, start.units)
            if (
                record.order_id in recorded
                or not fits
                or told.get(record.order_id) not in (Outcome.ACCEPTED, Outcome.UNKNOWN)
            ):
                return None
            recorded[record.order_id] = True
        for order_id in (*event.missing, *event.barred):
            if told.get(order_id) is Outcome.ACCEPTED or recorded.get(order_id):
                return None
            recorded[order_id] = False
    return recorded
