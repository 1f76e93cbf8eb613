"""Histories that differ from a given one in one step, and the rule by which one of them may still be called safe."""

from collections.abc import Iterator

from msgspec.structs import replace

from loadtest.events import RESTOCK, Event, Operation, OrderEnded, RecordsRead, RoundEnded, RoundStarted
from tests.unit.checker.mutated_histories import field_changes
from tests.unit.checker.true_verdict import is_answer, verdict_of

_NAMES = ("1-1", "1-2", "1-9", "strange", RESTOCK)


def steps_away(events: list[Event]) -> Iterator[tuple[str, list[Event]]]:
    """Every history that is one step away, with a word on what was changed."""
    assert isinstance(events[0], RoundStarted)
    for n, event in enumerate(events):
        name = type(event).__name__
        for field, changed in field_changes(event, _NAMES):
            if isinstance(changed, Operation) and (changed.sent_ns < events[0].started_ns or not is_answer(changed)):
                continue  # before its round began, or an answer that none is
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


def may_be_safe(events: list[Event]) -> bool:
    """Whether the history of one round fits a correct server that told each order what its writes earned."""
    starts = [event for event in events if isinstance(event, RoundStarted)]
    ends = [event for event in events if isinstance(event, RoundEnded)]
    if len(starts) != 1 or len(ends) != 1 or events[-1] != ends[0] or ends[0].product is None:
        return False
    truth = verdict_of(events)
    return truth is not None and truth.truthful
