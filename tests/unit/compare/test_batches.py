import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.compare import Sample, batches
from loadtest.compare.batches import effective
from loadtest.compare.welch import LEVEL, welch
from tests.helpers.reports import a_load, a_report, a_second


@given(st.lists(st.integers(1, 9), min_size=1, max_size=65))
def test_batches_are_whole_seconds_of_one_length(accepted: list[int]) -> None:
    found = batches(a_load(accepted))
    if len(accepted) < 4:
        assert found == {}
        return
    values = found["goodput_per_s"].values
    length = math.ceil(len(accepted) / 10)
    assert len(values) == len(accepted) // length <= 10
    used = accepted[len(accepted) % length :]
    assert values == tuple(sum(used[at : at + length]) / length for at in range(0, len(used), length))
    assert set(found["writes_per_accepted"].values) == {2.0}
    assert 2 <= found["goodput_per_s"].effective <= len(values)


def test_the_part_second_at_the_end_is_dropped() -> None:
    assert batches(a_load([5, 6, 5, 6, 1], 4.2))["goodput_per_s"].values == (5, 6, 5, 6)


def test_a_second_without_an_accepted_order_counts() -> None:
    found = batches(a_load([5, 0, 5, 6]))
    assert found["goodput_per_s"].values == (5, 0, 5, 6)
    assert "writes_per_accepted" not in found
    gap = a_report(per_second=[a_second(0, 5), a_second(3, 5)], duration_s=4.0)
    assert batches(gap)["goodput_per_s"].values == (5, 0, 0, 5)


def test_a_race_has_no_batches() -> None:
    assert batches(a_load([5] * 20, command="race")) == {}


def test_neighbours_that_resemble_each_other_are_worth_less() -> None:
    assert effective([1, 9, 2, 8, 1, 9, 2, 8]) == 8
    assert effective([5] * 6) == 6
    assert effective([1, 2, 3, 4, 5, 6, 7, 8]) == 2


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.5, 0.8])
def test_seconds_that_resemble_their_neighbours_show_no_false_difference(likeness: float) -> None:
    random, false, naive = Random(4), 0, 0

    def run() -> Sample:
        values, now = [], random.gauss(0, 1)
        for _ in range(10):
            values.append(100 + 5 * now)
            now = likeness * now + math.sqrt(1 - likeness**2) * random.gauss(0, 1)
        return Sample(tuple(values), effective(values))

    for _ in range(600):
        a, b = run(), run()
        false += welch(a, b).p < LEVEL
        naive += welch(Sample.independent(a.values), Sample.independent(b.values)).p < LEVEL
    assert false / 600 <= LEVEL + 0.02
    assert naive / 600 > 0.1 or likeness < 0.3  # the correction is needed
