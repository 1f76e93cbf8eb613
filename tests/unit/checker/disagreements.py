"""Histories on which the checker and the reference do not agree, and the smallest that shows the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from loadtest.checker import Status, Verdict
from loadtest.events import Event, OrderEnded, Outcome, RoundStarted
from tests.helpers.shop_events import judge
from tests.unit.checker.small_histories import EVERYTHING, histories
from tests.unit.checker.small_world import Range
from tests.unit.checker.true_verdict import Truth, is_run, verdict_of

FALSE = "violated though explainable"
MISSED = "not violated though not explainable"
UNTRUE = "not violated though orders were not told what they earned"
NEEDLESS = "inconclusive though every explanation decides all lost writes"
GUESSED = "reconciled though explanations differ"
WRONG = "reconciled otherwise than in every explanation"
CUT = "safe though cut"


@dataclass(frozen=True)
class Disagreement:
    """A history, what was changed in it, and what either says of it."""

    kind: str
    changes: list[str]
    events: list[Event]
    verdict: Verdict
    truth: Truth


def disagreements(seed: int, count: int, range_: Range = EVERYTHING) -> Iterator[Disagreement]:
    """All of so many histories, half of them changed in one to three places."""
    for changes, events in histories(seed, count, range_, changes=(0, 1, 0, 2, 0, 3)):
        truth = verdict_of(events)
        if truth is not None:
            verdict = judge(events)
            for kind in _kinds(verdict, truth):
                yield Disagreement(kind, changes, events, verdict, truth)


def _kinds(verdict: Verdict, truth: Truth) -> Iterator[str]:
    violated = verdict.status is Status.VIOLATED
    if violated and truth.truthful and not truth.untold:
        yield FALSE
    if not violated and not truth.truthful:
        yield UNTRUE if truth.explainable else MISSED
    if truth.truthful and not violated:
        least, most = truth.unresolved
        if verdict.reconciled.unresolved > most and not truth.open:
            yield NEEDLESS
        elif verdict.reconciled.unresolved < least:
            yield GUESSED
        elif least == most == verdict.reconciled.unresolved and verdict.reconciled.accepted != _reconciled_as_accepted(
            truth
        ):
            yield WRONG
        if truth.cut and verdict.status is Status.SAFE:
            yield CUT


def _reconciled_as_accepted(truth: Truth) -> int:
    return sum(was is Outcome.ACCEPTED and order_id not in truth.told for order_id, was in truth.lost.items())


def smaller(one: Disagreement) -> Disagreement:
    """The same with as few events as dropping them one by one, or order by order, allows."""
    for events in _without_some(one.events):
        truth = verdict_of(events) if is_run(events) and events else None
        if truth is None or truth.cut != one.truth.cut:
            continue
        verdict = judge(events)
        if one.kind in _kinds(verdict, truth):
            return smaller(Disagreement(one.kind, one.changes, events, verdict, truth))
    return one


def _without_some(events: list[Event]) -> Iterator[list[Event]]:
    for n, event in enumerate(events):
        yield events[:n]
        yield [*events[:n], *events[n + 1 :]]
        if isinstance(event, OrderEnded):
            rest = [one for one in events if getattr(one, "order_id", "") != event.order_id]
            yield rest
            yield [_one_order_less(one, event) for one in rest]


def _one_order_less(event: Event, end: OrderEnded) -> Event:
    if isinstance(event, RoundStarted) and f"{event.prefix}-{event.orders}" == end.order_id:
        return replace(event, orders=event.orders - 1)
    return event


def shown(events: list[Event]) -> str:
    """A history to read."""
    return "\n".join(map(repr, events))
