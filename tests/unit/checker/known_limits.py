"""What the checker lets pass, by name, and how often that may be: docs/explanation/the-checker.md tells of each.

A limit is held against the smallest history that shows the disagreement. None excuses an accusation without cause.
"""

from collections.abc import Callable
from dataclasses import dataclass

from loadtest.events import (
    REJECTED_AFTER_RESEND,
    Event,
    Kind,
    Operation,
    OrderEnded,
    Outcome,
    Reason,
    RecordsRead,
    Restocked,
    RoundEnded,
    RoundStarted,
    StockSet,
)
from tests.unit.checker.disagreements import GUESSED, MISSED, NEEDLESS, UNTRUE, WRONG, Disagreement
from tests.unit.checker.true_verdict import WAITED_NS


@dataclass(frozen=True)
class Limit:
    """A name, which kinds of disagreement it excuses in which histories, and in which share of all at most."""

    name: str
    kinds: tuple[str, ...]
    fits: Callable[[Disagreement], bool]
    most: float


def _is_cut(one: Disagreement) -> bool:
    return one.truth.cut


def _has_uncertain_own_write(one: Disagreement) -> bool:
    """A write of the tool's own that was lost, or of which nobody knows which version it made."""
    return any(
        isinstance(event, StockSet | Restocked)
        and (event.outcome is Outcome.UNKNOWN or (isinstance(event, Restocked) and event.version is None))
        for event in one.events
    )


def _has_restock(one: Disagreement) -> bool:
    return any(isinstance(event, Restocked) for event in one.events)


def _ends_between_rounds(one: Disagreement) -> bool:
    return isinstance(one.events[-1], StockSet)


def _has_late_guest(one: Disagreement) -> bool:
    """An operation, or a record, of an order that was placed in an earlier round."""
    return any(order_id in earlier for earlier, order_id in _acts(one.events))


def _acts(events: list[Event]) -> list[tuple[set[str], str]]:
    """Who acts or has a record, with the orders of the rounds before."""
    before: set[str] = set()
    here: set[str] = set()
    found = []
    for event in events:
        if isinstance(event, RoundStarted):
            before, here = before | here, set()
        elif isinstance(event, Operation):
            here.add(event.order_id)
            found.append((before, event.order_id))
        elif isinstance(event, OrderEnded):
            here.add(event.order_id)
        elif isinstance(event, RecordsRead):
            names = [*(record.order_id for record in event.found), *event.missing, *event.fenced]
            found += [(before, name) for name in names]
    return found


def _is_sold_out_unseen(one: Disagreement) -> bool:
    """Somebody was told sold out, and no answer to it says so."""
    return any(
        isinstance(event, OrderEnded)
        and event.outcome is Outcome.REJECTED
        and event.reason == Reason.SOLD_OUT
        and not any(_is_short(op, event) for op in one.events)
        for event in one.events
    )


def _is_short(op: Event, end: OrderEnded) -> bool:
    if not isinstance(op, Operation) or op.order_id != end.order_id:
        return False
    refused = op.outcome is Outcome.REJECTED and op.reason == Reason.SOLD_OUT
    return refused or (op.quantity is not None and op.quantity < end.units)


def _lost(one: Disagreement) -> list[Operation]:
    return [
        event
        for event in one.events
        if isinstance(event, Operation) and event.kind is not Kind.READ and event.outcome is Outcome.UNKNOWN
    ]


def _has_lost(one: Disagreement) -> bool:
    return bool(_lost(one))


def _truth_would_tell(one: Disagreement) -> bool:
    """Some order with a lost write was told what it is only if that was not applied, or lost several."""
    names = [op.order_id for op in _lost(one)]
    ends = {event.order_id: event for event in one.events if isinstance(event, OrderEnded)}
    won = {event.order_id for event in one.events if isinstance(event, Operation) and _wins(event)}
    refused = any(op.reason == REJECTED_AFTER_RESEND for op in _lost(one))
    told = any(ends[name].outcome is not Outcome.UNKNOWN for name in names if name in ends)
    return refused or told or len(set(names)) < len(names) or bool(won & set(names))


def _wins(op: Operation) -> bool:
    return op.kind is not Kind.READ and op.outcome is Outcome.ACCEPTED


def _had_its_time(one: Disagreement) -> bool:
    """A write was lost long before the product was read."""
    read_ns = [event.read_ns for event in one.events if isinstance(event, RoundEnded)]
    return any(ns - op.ended_ns >= WAITED_NS for ns in read_ns for op in _lost(one))


def _is_unread(one: Disagreement) -> bool:
    return any(isinstance(event, RoundEnded) and event.product is None for event in one.events)


def _has_unnumbered(one: Disagreement) -> bool:
    """An accepted write whose answer does not say which version it made."""
    ops = [event for event in one.events if isinstance(event, Operation)]
    return any(_wins(op) and op.version is None and op.read_version is None for op in ops)


def _has_late_name(one: Disagreement) -> bool:
    """Nobody saw in the first round of several that orders leave their names."""
    first = next((n for n, event in enumerate(one.events) if isinstance(event, RoundEnded)), len(one.events))
    ids = {event.order_id for event in one.events if isinstance(event, Operation)}
    named = [getattr(event, "last_order", None) in ids for event in one.events]
    return any(named[first + 1 :]) and not any(named[: first + 1])


def _tells_no_sets(one: Disagreement) -> bool:
    """Several rounds, and not a word of what the tool wrote between them."""
    starts = sum(isinstance(event, RoundStarted) for event in one.events)
    return starts > 1 and not any(isinstance(event, StockSet) for event in one.events)


def _is_record_of_other_units(one: Disagreement) -> bool:
    units = {event.order_id: event.units for event in one.events if isinstance(event, OrderEnded)}
    records = [record for event in one.events if isinstance(event, RecordsRead) for record in event.found]
    return any(record.units != units.get(record.order_id, record.units) for record in records)


def _is_no_run(one: Disagreement) -> bool:
    """No tool writes that down: a refused read, a record that is there and missing, or that is read before its order
    acts, a name used twice.
    """
    sets = [event.name for event in one.events if isinstance(event, StockSet)]
    names = [event.product.last_order for event in one.events if isinstance(event, RoundStarted)][:1]
    acted: set[str] = set()
    for event in one.events:
        if isinstance(event, Operation):
            acted.add(event.order_id)
            if event.kind is Kind.READ and event.outcome is Outcome.REJECTED:
                return True
        if isinstance(event, RecordsRead):
            found = {record.order_id for record in event.found}
            if found & {*event.missing, *event.fenced} or found - acted:
                return True
    return len({*sets, *names}) < len([*sets, *names])


def _lost_different_units(one: Disagreement) -> bool:
    return len({op.units for op in _lost(one)}) > 1


def _wants_too_much(one: Disagreement) -> bool:
    """A lost write rests on the version that was left, and wants more than was left."""
    left = [event.product for event in one.events if isinstance(event, RoundEnded) and event.product is not None]
    return any(op.read_version == end.version and op.units > end.quantity for end in left for op in _lost(one))


def _misses_a_record(one: Disagreement) -> bool:
    return any(isinstance(event, RecordsRead) and event.missing for event in one.events)


_LATE = "an order that acts, or whose record is read, in a later round"
_OWN = "the tool's own writes that were lost, or say no version, taken together"
_TIME = "a lost write that had its time, though it may have been applied later"
_UNNUMBERED = "accepted writes that say no version, taken together"
_NO_RUN = "events as no tool writes them"
LIMITS = (
    Limit("when requests were sent that were in flight at a cut", (MISSED,), _is_cut, 4e-3),
    Limit(_LATE, (MISSED,), _has_late_guest, 2e-4),
    Limit("what only a request after the last round contradicts", (MISSED,), _ends_between_rounds, 3e-4),
    Limit("names that nobody sees before a round is over", (MISSED,), _has_late_name, 2e-4),
    Limit(_OWN, (MISSED,), _has_uncertain_own_write, 1e-3),
    Limit("own writes between rounds of which the history does not tell", (MISSED,), _tells_no_sets, 2e-4),
    Limit("refusals that show nothing in a round whose end nobody read", (MISSED,), _is_unread, 2e-4),
    Limit(_NO_RUN, (MISSED,), _is_no_run, 2e-4),
    Limit(_UNNUMBERED, (MISSED,), _has_unnumbered, 2e-4),
    Limit(_LATE, (UNTRUE,), _has_late_guest, 1e-3),
    Limit("told sold out without an answer that says so", (UNTRUE,), _is_sold_out_unseen, 1e-3),
    Limit("one of several orders was told otherwise, and nobody knows which", (UNTRUE,), _has_lost, 6e-4),
    Limit("a record with the units of another order", (UNTRUE,), _is_record_of_other_units, 2e-4),
    Limit(_NO_RUN, (UNTRUE,), _is_no_run, 2e-4),
    Limit("decided only if all orders were told the truth", (NEEDLESS,), _truth_would_tell, 2e-3),
    Limit(_OWN, (NEEDLESS,), _has_uncertain_own_write, 2e-3),
    Limit(_UNNUMBERED, (NEEDLESS,), _has_unnumbered, 3e-4),
    Limit("lost writes of different units, told apart by their sum", (NEEDLESS,), _lost_different_units, 2e-4),
    Limit("a lost write that would take more than is left", (NEEDLESS,), _wants_too_much, 2e-4),
    Limit("a record that was missing before two seconds were over", (NEEDLESS,), _misses_a_record, 3e-4),
    Limit(_TIME, (GUESSED, WRONG), _had_its_time, 6e-4),
    Limit("a last name that a lost write may have left", (MISSED,), _has_lost, 3e-4),
    Limit("others, rarer than one in ten thousand", (MISSED, UNTRUE, NEEDLESS), lambda _: True, 1e-4),
)


def limit_of(one: Disagreement) -> Limit | None:
    """The first limit that excuses a smallest history of this kind, if there is one."""
    return next((limit for limit in LIMITS if one.kind in limit.kinds and limit.fits(one)), None)
