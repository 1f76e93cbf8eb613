"""The checker against the exhaustive search: on small histories of whole runs both must say the same.

`python -m tests.unit.test_reference SEED COUNT` prints what they differ on, in groups, with a small example of each.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from loadtest.checker import Status, Verdict
from loadtest.history import read_history
from loadtest.order import Event, Kind, Operation, OrderEnded, Outcome, Restocked, RoundEnded, RoundStarted, StockSet
from tests.unit.builders import judge
from tests.unit.history_steps import Steps
from tests.unit.reference import Look, Search, State, Write
from tests.unit.small import EVERYTHING, histories
from tests.unit.small_world import Range
from tests.unit.truth import Truth, is_history, verdict_of

FOLDER = Path(__file__).parent.parent / "histories"
SEVERAL_PRODUCTS = {"barred-in-the-second-product", "many-products", "one-of-many-products"}
BATCHES = [
    *((seed, 100) for seed in range(8)),
    *(pytest.param(100 + seed, 25_000, marks=pytest.mark.slow) for seed in range(8)),
]


@dataclass(frozen=True)
class Difference:
    """A history on which the checker and the reference do not agree."""

    kind: str
    changes: list[str]
    events: list[Event]
    verdict: Verdict
    truth: Truth


def differences(seed: int, count: int, range_: Range = EVERYTHING) -> Iterator[Difference]:
    """All of so many histories, half of them changed in one to three places."""
    for changes, events in histories(seed, count, range_, changes=(0, 1, 0, 2, 0, 3)):
        truth = verdict_of(events)
        if truth is not None:
            verdict = judge(events)
            for kind in _kinds(verdict, truth):
                yield Difference(kind, changes, events, verdict, truth)


all_differences = lru_cache(maxsize=1)(lambda seed, count: list(differences(seed, count)))

FALSE = "violated though explainable"
MISSED = "not violated though not explainable"
UNTRUE = "not violated though orders were not told what they earned"
NEEDLESS = "inconclusive though every explanation decides all lost writes"
GUESSED = "settled though explanations differ"
WRONG = "settled otherwise than in every explanation"
CUT = "safe though cut"


def _kinds(verdict: Verdict, truth: Truth) -> Iterator[str]:
    violated = verdict.status is Status.VIOLATED
    if violated and truth.truthful and not truth.untold:
        yield FALSE
    if not violated and not truth.truthful:
        yield UNTRUE if truth.explainable else MISSED
    if truth.truthful and not violated:
        least, most = truth.unresolved
        if verdict.settled.unsettled > most and not truth.open:
            yield NEEDLESS
        elif verdict.settled.unsettled < least:
            yield GUESSED
        elif least == most == verdict.settled.unsettled and verdict.settled.accepted != _settled_as_accepted(truth):
            yield WRONG
        if truth.cut and verdict.status is Status.SAFE:
            yield CUT


def _settled_as_accepted(truth: Truth) -> int:
    return sum(was is Outcome.ACCEPTED and order_id not in truth.told for order_id, was in truth.lost.items())


def shown(events: list[Event]) -> str:
    return "\n".join(map(repr, events))


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(n, marks=pytest.mark.slow) for n in range(10, 20))])
def test_a_correct_server_can_be_explained(seed: int) -> None:
    cut = decided = 0
    for _, events in histories(seed, 150, changes=(0,)):
        truth = verdict_of(events)
        assert truth is not None
        assert truth.explainable, shown(events)
        cut += truth.cut
        decided += any(truth.lost.values())
    assert cut
    assert decided


@pytest.mark.parametrize("seed", [50, *(pytest.param(n, marks=pytest.mark.slow) for n in range(51, 60))])
def test_every_beginning_of_what_can_be_explained_can_be_explained(seed: int) -> None:
    for _, events in histories(seed, 60, Range(cut=0), changes=(0, 0, 1)):
        whole = verdict_of(events)
        if whole is None or not whole.truthful:
            continue
        for n in range(1, len(events)):
            truth = verdict_of(events[:n])
            assert truth is not None
            assert truth.truthful, shown(events[:n])
            assert judge(events[:n]).status is not Status.VIOLATED, shown(events[:n])


def test_the_tool_and_the_server_leave_every_kind_of_history() -> None:
    wanted = {"rounds", "cut", "unread", "sets", "restocks", "stale", "lost", "blind", "transactions", "units"}
    for name in wanted:
        assert sum(name in features(events).split() for _, events in histories(1, 300, changes=(0,))) > 10, name


STORED = sorted(path for path in FOLDER.glob("**/*.jsonl") if path.stem not in SEVERAL_PRODUCTS)


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_reference_says_the_same_of_stored_histories(path: Path) -> None:
    events = list(read_history(path))
    truth = verdict_of(events)
    assert truth is not None
    assert truth.truthful == (path.parent.name != "violated")
    if path.parent.name == "safe":
        assert truth.unresolved[0] == 0
        assert not truth.cut


@pytest.mark.parametrize("seed", [30, *(pytest.param(n, marks=pytest.mark.slow) for n in range(31, 40))])
def test_the_search_finds_what_trying_every_order_finds(seed: int) -> None:
    found = Counter[bool]()
    for _, events in histories(seed, 300, Range(rounds=(1, 1, 2), most=3), changes=(0, 1, 2)):
        steps = Steps(events)
        looks, writes = [*steps.looks, *steps.told()], steps.writes()
        if steps.first is None or len(looks) + len(writes) > 8:
            continue
        for named in (True, False):
            explained = Search(looks, writes, named=named).explains(steps.first)
            found[explained] += 1
            assert explained == tried(steps.first, looks, writes, frozenset(), named=named), shown(events)
    assert min(found[True], found[False]) > 10


def tried(state: State, looks: list[Look], writes: list[Write], applied: frozenset[Write], *, named: bool) -> bool:
    """Whether any order at all explains the rest, after those that were `applied`: without a short cut."""
    if not looks and not any(write.must for write in writes):
        return True
    by = min([look.received for look in looks] + [write.received for write in writes if write.must])
    groups = {group for write in applied for group in write.groups}
    for look in looks:
        had = (not look.applied or look.applied in groups) and look.missing not in groups
        rest = [one for one in looks if one is not look]
        if look.sent <= by and had and look.fits(state) and tried(state, rest, writes, applied, named=named):
            return True
    ahead = {look.name for look in looks}
    for write in writes:
        after = write.left(state, named=named)
        once = write.once not in {one.once for one in applied}
        in_turn = (not write.before or write.before in ahead) and (not write.after or write.after not in ahead)
        left = [one for one in writes if one is not write]
        possible = write.sent <= by and once and in_turn
        if possible and after is not None and tried(after, looks, left, applied | {write}, named=named):
            return True
    return False


@pytest.mark.parametrize("path", sorted((FOLDER / "whole_runs").glob("*/*.jsonl")), ids=lambda path: path.stem)
def test_a_whole_run_is_judged_as_what_it_is(path: Path) -> None:
    assert judge(read_history(path)).status == path.parent.name


@pytest.mark.parametrize(
    "kinds", [(FALSE,), (MISSED, UNTRUE), (GUESSED, WRONG), (NEEDLESS,), (CUT,)], ids=lambda kinds: kinds[0]
)
@pytest.mark.parametrize(("seed", "count"), BATCHES)
def test_the_checker_and_the_reference_agree(seed: int, count: int, kinds: tuple[str, ...]) -> None:
    found = [one for one in all_differences(seed, count) if one.kind in kinds]
    if found:
        one = min(map(smaller, found[:5]), key=lambda one: len(one.events))
        said = f"{len(found)} × {one.kind}, for example with {one.changes} changed: {one.verdict.sentence}"
        raise AssertionError(f"{said}\n{one.truth}\n{shown(one.events)}")


@pytest.mark.parametrize("room", [1, 2, 3])
@pytest.mark.parametrize(("seed", "count"), [(20, 200), pytest.param(200, 8_000, marks=pytest.mark.slow)])
def test_what_is_forgotten_can_hide_something_and_accuse_nobody(seed: int, count: int, room: int) -> None:
    hidden = caught = 0
    for changes, events in histories(seed, count):
        truth = verdict_of(events)
        if truth is None:
            continue
        violated = judge(events, room).status is Status.VIOLATED
        assert not (violated and truth.truthful), f"changed: {changes}\n{shown(events)}"
        hidden += not violated and not truth.truthful
        caught += violated
    assert hidden < caught


def features(events: list[Event]) -> str:
    """What is in a history, to group by."""
    ops = [event for event in events if isinstance(event, Operation)]
    starts = [event for event in events if isinstance(event, RoundStarted)]
    ends = [event for event in events if isinstance(event, RoundEnded)]
    writes = [op for op in ops if op.kind is not Kind.READ]
    found = {
        "rounds": len(starts) > 1,
        "cut": len(ends) < len(starts),
        "unread": any(end.product is None for end in ends),
        "sets": any(isinstance(event, StockSet) for event in events),
        "restocks": any(isinstance(event, Restocked) for event in events),
        "stale": not all(op.consistent for op in ops),
        "lost": any(op.outcome is Outcome.UNKNOWN for op in writes),
        "blind": any(op.outcome is Outcome.REJECTED and op.version is None for op in writes),
        "transactions": any(op.kind is Kind.TRANSACTION for op in writes),
        "units": len({op.units for op in ops}) > 1,
    }
    return " ".join(name for name, there in found.items() if there)


def smaller(one: Difference) -> Difference:
    """The same difference with as few events as dropping them one by one, or order by order, allows."""
    for events in _without_some(one.events):
        truth = verdict_of(events) if is_history(events) and events else None
        if truth is None or truth.cut != one.truth.cut:
            continue
        verdict = judge(events)
        if one.kind in _kinds(verdict, truth):
            return smaller(Difference(one.kind, one.changes, events, verdict, truth))
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


def _report(seed: int, count: int) -> None:
    """Print how many differences there are of each kind, by what was changed and by what the history has in it."""
    found = list(differences(seed, count))
    for kind, n in Counter(one.kind for one in found).most_common():
        of_kind = [one for one in found if one.kind == kind]
        print(f"\n== {n} × {kind}")
        for group in (_changed, lambda one: features(one.events)):
            for what, k in Counter(map(group, of_kind)).most_common(12):
                print(f"{k:6}  {what}")
        smallest = min(map(smaller, of_kind[:20]), key=lambda one: len(one.events))
        print(f"for example: {smallest.verdict.sentence}\n{smallest.truth}\n{shown(smallest.events)}")


def _changed(one: Difference) -> str:
    return f"changed: {', '.join(one.changes) or 'nothing'}"


if __name__ == "__main__":
    _report(*map(int, sys.argv[1:3]))
