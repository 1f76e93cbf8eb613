"""The checker against the exhaustive search: on small histories both must say the same."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from loadtest.checker import Checker
from loadtest.order import Event, Outcome
from tests.unit.builders import judge
from tests.unit.reference import State, Step, explainable, steps
from tests.unit.small import EVERYTHING, Range, doctored, history

# Where the checker is exact; docs/checker.md says what it lets pass outside.
EXACT = Range(fates=("answered", "answered", "answered", "lost", "resent"), units=(1,), restocks=False)

BATCHES = [
    *((seed, 150) for seed in range(8)),
    *(pytest.param(100 + seed, 4_000, marks=pytest.mark.slow) for seed in range(8)),
]


def histories(seed: int, count: int, range_: Range) -> Iterator[list[Event]]:
    """What a correct server leaves, and the same with one thing changed."""
    random = Random(seed)
    for _ in range(count):
        events = history(random, range_)
        yield events
        yield doctored(events, random)
        yield doctored(events, random)


def shown(events: list[Event]) -> str:
    return "\n".join(map(repr, events))


@pytest.mark.parametrize(("seed", "count"), BATCHES)
def test_whatever_can_be_explained_is_never_violated(seed: int, count: int) -> None:
    for events in histories(seed, count, EVERYTHING):
        kinds = {violation.kind for violation in judge(events).violations}
        if kinds - {"phantom_reject"}:  # that an order was told wrongly is no contradiction between its operations
            assert not explainable(*steps(events)), shown(events)


@pytest.mark.parametrize("room", [1, 2, 3])
@pytest.mark.parametrize(("seed", "count"), [(20, 200), pytest.param(200, 8_000, marks=pytest.mark.slow)])
def test_what_is_forgotten_can_hide_something_and_accuse_nobody(seed: int, count: int, room: int) -> None:
    hidden = 0
    for events in histories(seed, count, EVERYTHING):
        violated = {violation.kind for violation in judge(events, room).violations} - {"phantom_reject"}
        hidden += not violated and bool({one.kind for one in judge(events).violations} - {"phantom_reject"})
        if violated:
            assert not explainable(*steps(events)), shown(events)
    assert hidden < 3 * count / 10  # of three times as many histories


@pytest.mark.parametrize(("seed", "count"), BATCHES)
def test_whatever_cannot_be_explained_is_violated(seed: int, count: int) -> None:
    for events in histories(seed, count, EXACT):
        if not judge(events).violations:
            assert explainable(*steps(events)), shown(events)


def settled(events: list[Event]) -> dict[str, Outcome | None]:
    """What the checker made of each order with a lost write."""
    checker = Checker()
    for event in events:
        checker(event)
    checker.verdict()
    return {doubt.order_id: doubt.settled for doubt in checker.doubtful}


def truth(order_id: str, first: State, todo: list[Step]) -> Outcome | None:
    """Whether every explanation has the order's lost write applied, or none has; None if some have."""
    others = [step for step in todo if step.must or step.name != order_id]
    forced = [step if step.must or step.name != order_id else replace(step, must=True) for step in todo]
    may_not, may = explainable(first, others), explainable(first, forced)
    return None if may and may_not else Outcome.ACCEPTED if may else Outcome.REJECTED


@pytest.mark.parametrize(("seed", "count"), BATCHES)
def test_what_is_settled_is_true_in_every_explanation(seed: int, count: int) -> None:
    decided = 0
    for events in histories(seed, count, EVERYTHING):
        first, todo = steps(events)
        if not explainable(first, todo):
            continue
        for order_id, said in settled(events).items():
            if said is not None:
                decided += 1
                assert said is truth(order_id, first, todo), f"{order_id}\n{shown(events)}"
    assert decided


def test_a_correct_server_can_be_explained() -> None:
    random = Random(1)
    for _ in range(300):
        assert explainable(*steps(history(random)))
