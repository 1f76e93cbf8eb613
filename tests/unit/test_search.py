"""The search for the highest level that holds, against a limit that only the probe knows."""

import math
from collections import Counter
from collections.abc import Callable
from random import Random

import anyio
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadtest.search import Found, Probe, search

Holds = Callable[[float, int], bool]  # of a level, the so-many-th time that it is tried


def found(holds: Holds, lowest: float, highest: float, precision: float = 0.05, *, whole: bool = True) -> Found:
    tried: Counter[float] = Counter()

    async def probe(level: float) -> Probe:
        tried[level] += 1
        return Probe(level, holds(level, tried[level]), f"{level:g}")

    async def main() -> Found:
        return await search(lowest, highest, precision, probe, whole=whole)

    return anyio.run(main)


def below(limit: float) -> Holds:
    return lambda level, _: level <= limit


def at_most(lowest: float, highest: float, precision: float) -> float:
    """Levels to double, levels to halve the gap, and those that confirm; two more for what is rounded."""
    return math.log2(highest / lowest) + 1 + math.log2(1 / precision) + 2 + 2


levels = st.integers(1, 5_000)
precisions = st.sampled_from([0.001, 0.01, 0.05, 0.3, 1.0])


def in_order(level: st.SearchStrategy[float]) -> st.SearchStrategy[list[float]]:
    """The lowest level, the limit and the highest level."""
    return st.lists(level, min_size=3, max_size=3).map(sorted)


@given(in_order(levels.map(float)), precisions)
def test_the_level_found_holds_and_is_as_near_to_the_limit_as_was_asked(three: list[float], precision: float) -> None:
    lowest, limit, highest = three
    assume(limit < highest)
    made = found(below(limit), lowest, highest, precision)
    assert made.highest is not None
    assert lowest <= made.highest <= limit
    assert limit - made.highest < max(1, precision * made.highest)
    assert not made.all_held
    assert all(one.level.is_integer() and lowest <= one.level <= highest for one in made.probes)
    assert len(made.probes) <= at_most(lowest, highest, precision)


@given(in_order(st.floats(0.1, 5_000)), precisions)
def test_so_does_a_rate_which_is_no_whole_number(three: list[float], precision: float) -> None:
    lowest, limit, highest = three
    assume(limit < highest)
    made = found(below(limit), lowest, highest, precision, whole=False)
    assert made.highest is not None
    assert lowest <= made.highest <= limit < made.highest * (1 + precision) * (1 + 1e-12)
    assert len(made.probes) <= at_most(lowest, highest, precision)


@given(levels, levels)
def test_where_all_hold_the_highest_is_found_and_that_is_said(lowest: int, highest: int) -> None:
    assume(lowest <= highest)
    made = found(below(math.inf), lowest, highest)
    assert (made.highest, made.all_held) == (highest, True)
    assert [one.level for one in made.probes[-3:]] == [highest] * 3
    assert len({one.level for one in made.probes}) == len(made.probes) - 2


@pytest.mark.parametrize("lowest", [1, 7, 1000])
def test_where_not_even_the_lowest_holds_there_is_none_and_no_other_is_tried(lowest: int) -> None:
    made = found(below(0), lowest, 1000)
    assert (made.highest, made.all_held) == (None, False)
    assert [one.level for one in made.probes] == [lowest]


def test_a_level_is_doubled_until_one_does_not_hold_and_then_the_gap_is_halved() -> None:
    made = found(below(21), 1, 1000)
    assert [one.level for one in made.probes] == [1, 2, 4, 8, 16, 32, 24, 20, 22, 21, 21, 21]
    assert made.highest == 21


@pytest.mark.parametrize("outcomes", [(True, False), (False, True), (True, True)])
def test_one_more_that_holds_of_the_two_that_confirm_is_enough(outcomes: tuple[bool, bool]) -> None:
    made = found(lambda level, time: level <= 21 and (time == 1 or level < 21 or outcomes[time - 2]), 1, 1000)
    assert made.highest == 21


def test_a_level_that_held_once_by_luck_is_given_up_for_one_below_it() -> None:
    lucky = found(lambda level, time: level <= 20 or (level == 21 and time == 1), 1, 1000)
    assert lucky.highest == 20
    assert [one.level for one in lucky.probes].count(21) == 3
    assert not lucky.all_held


def test_the_highest_of_all_that_held_once_by_luck_is_given_up_too() -> None:
    made = found(lambda level, time: level <= 600 or time == 1, 1, 1000, 0.01)
    assert made.highest is not None
    assert 500 <= made.highest <= 600
    assert not made.all_held


@pytest.mark.parametrize(("lowest", "highest"), [(1, 1), (4, 4), (1, 1000)])
def test_where_every_level_holds_once_only_none_is_found(lowest: int, highest: int) -> None:
    made = found(lambda _, time: time == 1, lowest, highest)
    assert made.highest is None
    assert not made.all_held


@given(st.randoms(use_true_random=False), levels, levels, st.booleans(), precisions)
def test_a_search_ends_and_what_it_finds_held_in_two_of_three_whatever_the_noise(
    random: Random, lowest: int, highest: int, whole: bool, precision: float
) -> None:
    assume(lowest <= highest)
    middle = random.uniform(lowest, highest)
    made = found(
        lambda level, _: random.random() < 1 / (1 + (level / middle) ** 8), lowest, highest, precision, whole=whole
    )
    if made.highest is not None:
        held = [one.holds for one in made.probes if one.level == made.highest]
        assert held.count(True) >= 2
        assert lowest <= made.highest <= highest
        assert made.all_held == (made.highest == highest and all(one.holds for one in made.probes[:-2]))
