"""The search for the highest level that holds, against a limit that only the runs know, and that some of them miss."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import anyio
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadtest.compare.limit import Belief
from loadtest.studies.find import Answer, levels_between, search, usual_runs
from tests.helpers.examples import examples

Holds = Callable[[float], bool | None]
MOST = 40


def answer(holds: Holds, levels: Sequence[float], precision: float = 0.05, most: int = MOST) -> Answer:
    async def run(level: float) -> bool | None:
        return holds(level)

    async def main() -> Answer:
        return await search(levels, precision, run, lambda runs: runs < most)

    return anyio.run(main)


def noisy(random: Random, limit: float, *, outliers: float, width: float) -> Holds:
    """Runs that hold with a known probability: half of them at the limit, and of the others some err."""

    def holds(level: float) -> bool:
        above = math.log(limit / level)
        far = max(-50.0, min(50.0, above / width)) if width else math.copysign(50.0, above)
        return random.random() < outliers + (1 - 2 * outliers) / (1 + math.exp(-far))

    return holds


def right(found: Answer, limit: float) -> bool:
    """Whether the limit lies where the search says."""
    below, above = found.holds_at, found.fails_at
    return (below is None or below <= limit) and (above is None or above > limit)


def apart(found: Answer) -> float:
    assert found.holds_at is not None
    assert found.fails_at is not None
    return found.fails_at - found.holds_at


precisions = st.sampled_from([0.01, 0.05, 0.3, 1.0])
ends = st.tuples(st.integers(1, 300), st.integers(1, 300)).map(sorted).filter(lambda both: both[0] < both[1])


@given(ends, precisions, st.booleans())
def test_levels_rise_from_end_to_end_in_steps_of_the_precision(both: list[int], precision: float, whole: bool) -> None:
    lowest, highest = map(float, both)
    levels = levels_between(lowest, highest, precision, whole=whole)
    assert (levels[0], levels[-1]) == (lowest, highest)
    rounded = 1.0 if whole else 1e-6
    assert all(0 < above - level <= precision * level + rounded for level, above in pairwise(levels))
    assert not whole or all(level.is_integer() for level in levels)


@examples(5, 15)
@given(ends, st.floats(0, 1), st.sampled_from([0.05, 0.3, 1.0]), st.booleans())
def test_without_noise_the_limit_is_found_to_the_precision_in_few_runs(
    both: list[int], at: float, precision: float, whole: bool
) -> None:
    lowest, highest = map(float, both)
    limit = lowest + at * (highest - lowest)
    assume(lowest <= limit < highest)
    levels = levels_between(lowest, highest, precision, whole=whole)
    found = answer(lambda level: level <= limit, levels, precision)
    assert found.sure
    assert right(found, limit)
    assert apart(found) <= max(1.0 if whole else 0.0, precision * (found.holds_at or 0.0)) * (1 + 1e-9) or not any(
        (found.holds_at or 0.0) < level < (found.fails_at or 0.0) for level in levels
    )
    assert len(found.tried) <= usual_runs(lowest, highest, precision) + 12


def test_the_usual_number_of_runs_is_that_of_a_search_without_noise() -> None:
    levels = levels_between(1, 300, 0.05, whole=True)
    limits = [1.2 * 1.7**step for step in range(11)]  # to 242
    runs = [len(answer(lambda level, limit=limit: level <= limit, levels).tried) for limit in limits]  # type: ignore[misc]
    assert abs(sum(runs) / len(runs) - usual_runs(1, 300, 0.05)) < 3


@pytest.mark.parametrize("outlier", range(6))
def test_no_level_is_more_than_the_double_of_one_that_held(outlier: int) -> None:
    runs = iter(range(MOST))
    found = answer(lambda level: (level <= 70) != (next(runs) == outlier), levels_between(1, 900, 0.05, whole=True))
    for number, one in enumerate(found.tried[1:], 1):
        held = [before.level for before in found.tried[:number] if before.holds]
        assert one.level <= max([1.0, *(2 * level for level in held)])


@pytest.mark.slow
@pytest.mark.parametrize(("outliers", "width"), [(0.05, 0.0), (0.05, 0.05), (0.05, 0.1)])
@pytest.mark.parametrize(("lowest", "highest", "whole"), [(1, 200, True), (10, 1000, False)])
def test_with_noise_the_interval_is_right_in_at_least_95_of_100_searches_and_the_runs_are_bounded(
    outliers: float, width: float, lowest: float, highest: float, whole: bool
) -> None:
    random, levels = Random(1), levels_between(lowest, highest, 0.05, whole=whole)
    draws, good = 60, 0
    for _ in range(draws):
        limit = math.exp(random.uniform(math.log(lowest / 1.5), math.log(highest * 1.5)))
        found = answer(noisy(random, limit, outliers=outliers, width=width), levels)
        good += right(found, limit)
        assert len(found.tried) <= MOST
    assert good >= 0.95 * draws


@pytest.mark.parametrize("outlier", range(0, 12, 3))
def test_one_outlier_decides_nothing(outlier: int) -> None:
    runs = iter(range(MOST))
    found = answer(lambda level: (level <= 21) != (next(runs) == outlier), levels_between(1, 64, 0.05, whole=True))
    assert (found.holds_at, found.fails_at, found.sure) == (21, 22, True)
    assert len(found.tried) <= 30


def test_it_begins_at_the_lowest_level_and_doubles_as_long_as_all_holds() -> None:
    levels = levels_between(1, 1000, 0.05, whole=True)
    found = answer(lambda level: level <= 20, levels)
    assert [one.level for one in found.tried[:6]] == [1, 2, 4, 8, 16, 32]
    assert (found.holds_at, found.fails_at) == (20, 21)


@pytest.mark.parametrize(("lowest", "highest"), [(1, 1), (4, 5), (1, 1000)])
def test_where_all_hold_the_highest_has_held_more_than_once(lowest: int, highest: int) -> None:
    found = answer(lambda _: True, levels_between(lowest, highest, 0.05, whole=True))
    assert (found.holds_at, found.fails_at, found.sure) == (highest, None, True)
    assert sum(one.level == highest for one in found.tried) > 1


@pytest.mark.parametrize("lowest", [1, 7, 999])
def test_where_not_even_the_lowest_holds_no_other_is_tried_but_it_is_tried_again(lowest: int) -> None:
    found = answer(lambda _: False, levels_between(lowest, 1000, 0.05, whole=True))
    assert (found.holds_at, found.fails_at, found.sure) == (None, lowest, True)
    assert {one.level for one in found.tried} == {lowest}
    assert 1 < len(found.tried) < 8


def test_runs_that_are_a_toss_everywhere_end_at_the_bound_and_claim_no_nearness() -> None:
    random = Random(3)
    found = answer(lambda _: random.random() < 0.5, levels_between(1, 1000, 0.05, whole=True))
    assert len(found.tried) == MOST
    assert not found.sure


@pytest.mark.parametrize("runs", [0, 1, 5])
def test_a_search_that_is_stopped_says_what_it_knows_until_then(runs: int) -> None:
    left = iter([*[True] * runs, None])
    found = answer(lambda _: next(left), levels_between(1, 1000, 0.05, whole=True))
    assert len(found.tried) == runs
    assert list(found.certainties) == [one.level for one in found.tried]
    assert not found.sure


@examples(5, 15)
@given(st.randoms(use_true_random=False), ends, st.booleans(), precisions)
def test_whatever_the_noise_what_is_claimed_was_run_and_most_runs_agree(
    random: Random, both: list[int], whole: bool, precision: float
) -> None:
    levels = levels_between(float(both[0]), float(both[1]), precision, whole=whole)
    found = answer(noisy(random, random.uniform(*both), outliers=0.1, width=0.2), levels, precision, most=20)
    assert len(found.tried) <= 20
    held = {level: [one.holds for one in found.tried if one.level == level] for level in found.certainties}
    assert found.holds_at is None or 2 * sum(held[found.holds_at]) > len(held[found.holds_at])
    assert found.fails_at is None or 2 * sum(held[found.fails_at]) < len(held[found.fails_at])
    assert found.holds_at is None or found.fails_at is None or found.holds_at < found.fails_at
    assert {one.level for one in found.tried} <= set(levels)


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=30))
def test_certainty_falls_with_the_level_and_does_not_depend_on_the_order_of_the_runs(
    runs: list[tuple[int, bool]],
) -> None:
    beliefs = [Belief([1, 2, 4, 8, 16]) for _ in range(2)]
    for belief, order in zip(beliefs, (runs, runs[::-1]), strict=True):
        for index, holds in order:
            belief.learn(index, holds=holds)
    forward, backward = (belief.certainties() for belief in beliefs)
    assert forward == sorted(forward, reverse=True)
    assert all(0 <= certainty <= 1 for certainty in forward)
    assert forward == pytest.approx(backward)


def test_a_run_that_holds_makes_every_level_below_it_more_certain() -> None:
    belief = Belief([1, 2, 4, 8, 16])
    before = belief.certainties()
    belief.learn(2, holds=True)
    assert all(now > then for now, then in zip(belief.certainties(), before, strict=True))
