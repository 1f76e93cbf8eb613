"""Histories with a few things changed: whether such a history can still be is for the reference to say."""

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

from msgspec.structs import replace

from loadtest.events import (
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
_ANSWER = ("outcome", "reason", "version", "quantity", "last_order")
Changed = tuple[str, list[Event]]  # what was changed, and the history then


def mutated(events: list[Event], random: Random, wanted: int) -> tuple[list[str], list[Event]]:
    """The same with so many changes from the first round on, and what they were."""
    labels: list[str] = []
    for _ in range(wanted):
        start = next((n for n, event in enumerate(events) if isinstance(event, RoundStarted)), len(events))
        if start < len(events):
            (change,) = random.choices(list(_CHANGES), list(_CHANGES.values()))
            label, events = change(events, random.randrange(start, len(events)), random)
            labels.append(label)
    return labels, events


def _field(events: list[Event], n: int, random: Random) -> Changed:
    changes = defaultdict(list)
    for field, changed in field_changes(events[n], names_in(events)):
        if field not in _OUT_OF_PLACE:
            changes[field].append(changed)
    if not changes:
        return "nothing", events
    field = random.choice(list(changes))
    return f"{_name(events[n])}.{field}", [*events[:n], random.choice(changes[field]), *events[n + 1 :]]


def _drop(events: list[Event], n: int, random: Random) -> Changed:
    return f"{_name(events[n])} dropped", [*events[:n], *events[n + 1 :]]


def _double(events: list[Event], n: int, random: Random) -> Changed:
    return f"{_name(events[n])} doubled", [*events[: n + 1], *events[n:]]


def _move(events: list[Event], n: int, random: Random) -> Changed:
    rest = [*events[:n], *events[n + 1 :]]
    to = random.randint(1, len(rest)) if rest else 0
    return f"{_name(events[n])} moved", [*rest[:to], events[n], *rest[to:]]


def _swap_results(events: list[Event], n: int, random: Random) -> Changed:
    return _swap("results", [n for n, event in enumerate(events) if isinstance(event, OrderEnded)], events, random)


def _swap_answers(events: list[Event], n: int, random: Random) -> Changed:
    return _swap("answers", [n for n, event in enumerate(events) if isinstance(event, Operation)], events, random)


def _swap(what: str, among: list[int], events: list[Event], random: Random) -> Changed:
    if len(among) < 2:
        return "nothing", events
    one, other = random.sample(among, 2)
    fields = [field for field in _ANSWER if field in events[one].__struct_fields__]
    first, second = ({field: getattr(events[n], field) for field in fields} for n in (one, other))
    swapped = list(events)
    swapped[one], swapped[other] = replace(events[one], **second), replace(events[other], **first)
    return f"{what} swapped", swapped


def _shift(events: list[Event], n: int, random: Random) -> Changed:
    """From here on every state has another version, or another quantity."""
    field, by = random.choice(["version", "quantity"]), random.choice([-1, 1])
    fields = ("version", "read_version") if field == "version" else ("quantity",)
    shifted = [_shifted(event, fields, by) for event in events[n:]]
    return f"{field} {by:+} from {_name(events[n])} on", [*events[:n], *shifted]


def _shifted(event: Event, fields: tuple[str, ...], by: int) -> Event:
    product = getattr(event, "product", None)
    if isinstance(event, RoundStarted | RoundEnded):
        return event if product is None else replace(event, product=_with(product, fields, by))
    return event if isinstance(event, StockSet) else _with(event, fields, by)


def _with(state: Any, fields: tuple[str, ...], by: int) -> Any:
    there = {field: getattr(state, field, None) for field in fields}
    return replace(state, **{field: old + by for field, old in there.items() if old is not None})


def _name(event: Event) -> str:
    return type(event).__name__


_CHANGES = {_field: 60, _drop: 8, _double: 4, _move: 8, _swap_results: 6, _swap_answers: 6, _shift: 8}


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
        return 0 < event.read_ns < event.ended_ns
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
