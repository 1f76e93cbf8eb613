"""Histories with a few things changed: whether such a history can still be is for the reference to say."""

from collections.abc import Iterator
from random import Random
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
    StockSet,
)

# What carries no meaning for the verdict: how often was tried, what was said, what it cost, what was waited for.
WITHOUT_MEANING = {"attempt", "attempts", "capacity", "message", "scheduled_ns", "started_ns", "item_bytes", "type"}

_OUT_OF_PLACE = {"round", "product_id", "product.id"}  # mostly no history any more


def mutated(events: list[Event], random: Random, wanted: int) -> tuple[list[str], list[Event]]:
    """The same with so many changes, and what they were."""
    labels = []
    for _ in range(wanted):
        label, events = _change(events, random)
        labels.append(label)
    return labels, events


def _change(events: list[Event], random: Random) -> tuple[str, list[Event]]:
    start = next((n for n, event in enumerate(events) if isinstance(event, RoundStarted)), len(events))
    if start == len(events):
        return "nothing", events
    n = random.randrange(start, len(events))
    event, name, rest = events[n], type(events[n]).__name__, [*events[:n], *events[n + 1 :]]
    kind = random.random()
    if kind < 0.72:
        field, changed = random.choice(
            [one for one in field_changes(event, names_in(events)) if one[0] not in _OUT_OF_PLACE] or [("", event)]
        )
        return f"{name}.{field}", [*events[:n], changed, *events[n + 1 :]]
    if kind < 0.8:
        return f"{name} dropped", rest
    if kind < 0.84:
        return f"{name} doubled", [*events[:n], event, *events[n:]]
    if kind < 0.92:
        to = random.randint(start, len(rest))
        return f"{name} moved", [*rest[:to], event, *rest[to:]]
    return _swap(events, random)


def _swap(events: list[Event], random: Random) -> tuple[str, list[Event]]:
    ends = [n for n, event in enumerate(events) if isinstance(event, OrderEnded)]
    if len(ends) < 2:
        return "nothing", events
    one, other = random.sample(ends, 2)
    swapped, first, second = list(events), events[one], events[other]
    assert isinstance(first, OrderEnded)
    assert isinstance(second, OrderEnded)
    swapped[one] = replace(first, order_id=second.order_id)
    swapped[other] = replace(second, order_id=first.order_id)
    return "results swapped", swapped


def names_in(events: list[Event]) -> tuple[str, ...]:
    """Names that somebody may have left."""
    own = {event.name for event in events if isinstance(event, StockSet)}
    return (*sorted({event.order_id for event in events if isinstance(event, OrderEnded)} | own), "strange", RESTOCK)


def field_changes(event: Event, names: tuple[str, ...]) -> Iterator[tuple[str, Event]]:
    """The event with one field changed, each with what was changed."""
    for field in event.__struct_fields__:
        if field in WITHOUT_MEANING or (field == "at_ns" and isinstance(event, RecordsRead)):
            continue  # and records are read when all orders have ended
        old = getattr(event, field)
        for what, new in _others(field, old, names):
            changed = replace(event, **{field: new})
            if new != old and not _runs_backwards(changed):
                yield what, changed
    if isinstance(event, RoundEnded):
        yield "product", replace(event, product=None)


def _runs_backwards(event: Event) -> bool:
    """Stamps that no clock gives: nothing is said of them."""
    if isinstance(event, RoundEnded):
        return event.read_ns < event.ended_ns
    if isinstance(event, StockSet):
        return not event.read_ns <= event.sent_ns <= event.at_ns
    return isinstance(event, Operation) and (event.received_ns < event.sent_ns or event.clock_uncertainty_ns < 0)


def _others(field: str, old: Any, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(old, Product):
        for part in ("version", "quantity", "last_order", "id"):
            for _, new in _others(part, getattr(old, part), names):
                yield f"{field}.{part}", replace(old, **{part: new})
        return
    for new in _values(field, old, names):
        yield field, new


def _values(field: str, old: Any, names: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(old, bool):
        yield not old
    elif isinstance(old, Outcome | Kind):
        yield from type(old)
    elif field in ("sent_ns", "received_ns", "read_ns", "ended_ns", "at_ns"):
        yield from (old - 7, old - 3, old + 3, old + 7)
    elif isinstance(old, int):
        yield from (old - 1, old + 1)
    elif field in ("order_id", "last_order", "prefix", "name"):
        yield from names
    elif field in ("product_id", "id"):
        yield "p#5"
    elif field == "reason":
        yield from (Reason.SOLD_OUT, Reason.CONFLICT)
    elif isinstance(old, list):
        yield from ([*old[:n], *old[n + 1 :]] for n in range(len(old)))
        yield [*old, *old]
        yield from _with_other_records(old, names)


def _with_other_records(old: list[Any], names: tuple[str, ...]) -> Iterator[Any]:
    for n, record in enumerate(old):
        if isinstance(record, Record):
            for changes in ({"order_id": names[0]}, {"product_id": "p#5"}, {"units": record.units + 1}):
                yield [*old[:n], replace(record, **changes), *old[n + 1 :]]
        else:
            yield [*old[:n], names[0], *old[n + 1 :]]
