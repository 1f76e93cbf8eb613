"""The checker against the exhaustive search: on small histories of whole runs both must say the same.

`python -m tests.unit.checker.test_reference SEED COUNT` prints what they differ on, in groups, with a small example.
"""

import sys
from collections import Counter, defaultdict
from math import sqrt
from pathlib import Path

import pytest

from loadtest.checker import Status
from loadtest.events import Event, Kind, Operation, Outcome, Restocked, RoundEnded, RoundStarted, StockSet
from loadtest.records.history import read_history
from tests.helpers.shop_events import judge
from tests.unit.checker.disagreements import (
    CUT,
    FALSE,
    Disagreement,
    disagreements,
    shown,
    smaller,
)
from tests.unit.checker.exhaustive_search import Look, Search, State, Write
from tests.unit.checker.history_steps import Steps
from tests.unit.checker.known_limits import LIMITS, limit_of
from tests.unit.checker.small_histories import histories
from tests.unit.checker.small_world import Range
from tests.unit.checker.true_verdict import verdict_of

FOLDER = Path(__file__).parents[2] / "histories"
SEVERAL_PRODUCTS = {"fenced-in-the-second-product", "many-products", "one-of-many-products"}
BATCHES = [
    *((seed, 100) for seed in range(4)),
    *(pytest.param(100 + seed, 25_000, marks=pytest.mark.slow) for seed in range(8)),
]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(10, 20))])
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
    for _, events in histories(seed, 30, Range(cut=0), changes=(0, 0, 1)):
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
            every = steps.first[1] >= 0 and tried(steps.first, looks, writes, frozenset(), named=named)
            assert explained == every, shown(events)
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


@pytest.mark.parametrize(("seed", "count"), BATCHES)
def test_the_checker_and_the_reference_agree(seed: int, count: int) -> None:
    """But for what `known_limits.py` names; that stays as rare as it says."""
    found = [smaller(one) for one in disagreements(seed, count)]
    unnamed = sorted((one for one in found if limit_of(one) is None), key=lambda one: len(one.events))
    if unnamed:
        one = unnamed[0]
        said = f"{len(unnamed)} × {one.kind}, for example with {one.changes} changed: {one.verdict.sentence}"
        raise AssertionError(f"{said}\n{one.truth}\n{shown(one.events)}")
    for limit, times in Counter(limit_of(one) for one in found).items():
        assert limit is not None
        expected = limit.most * count
        assert times <= expected + 3 * sqrt(expected) + 1, limit.name


def test_no_limit_excuses_an_accusation_without_cause() -> None:
    assert not any({FALSE, CUT} & {*limit.kinds} for limit in LIMITS)


@pytest.mark.parametrize("room", [1, 2, 3])
@pytest.mark.parametrize(("seed", "count"), [(20, 100), pytest.param(200, 8_000, marks=pytest.mark.slow)])
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


def _report(seed: int, count: int) -> None:
    """Print how many disagreements there are of each kind and limit, by what the history has in it."""
    found: defaultdict[tuple[str, str], list[Disagreement]] = defaultdict(list)
    for one in map(smaller, disagreements(seed, count)):
        limit = limit_of(one)
        found[one.kind, limit.name if limit else "NOT NAMED"].append(one)
    for (kind, name), alike in sorted(found.items(), key=lambda item: -len(item[1])):
        print(f"\n== {len(alike)} × {kind}: {name} ({len(alike) / count:.1e})")
        for what, times in Counter(features(one.events) for one in alike).most_common(5):
            print(f"{times:6}  {what}")
        least = min(alike, key=lambda one: len(one.events))
        print(
            f"for example, with {least.changes} changed: {least.verdict.sentence}\n{least.truth}\n{shown(least.events)}"
        )


if __name__ == "__main__":
    _report(*map(int, sys.argv[1:3]))
