import math
from itertools import pairwise
from random import Random
from statistics import fmean, stdev

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from loadtest.compare import Sample, differences, estimate, pairs
from loadtest.compare.welch import LEVEL, against_one, holm, parted_by_chance, turned, welch
from loadtest.records.comparison import Cell, Difference
from tests.helpers.examples import examples
from tests.helpers.reports import a_cell, sure

positive = st.floats(1e-6, 1e9)
figures = st.lists(positive, min_size=2, max_size=9)
TYPICAL = {
    "goodput_per_s": 900.0,
    "order_accepted_p50_ms": 20.0,
    "order_accepted_p99_ms": 90.0,
    "writes_per_accepted": 1.7,
    "usd_per_1000_accepted": 0.004,
}


def noisy(random: Random, name: str, goodput: float = 900.0, *, noise: float = 0.03, repeats: int = 5) -> Cell:
    """A cell whose figures vary as those of real runs do: by a share of themselves, the p99 three times as much."""
    values = {
        metric: [typical * math.exp(random.gauss(0, 3 * noise if "p99" in metric else noise)) for _ in range(repeats)]
        for metric, typical in {**TYPICAL, "goodput_per_s": goodput}.items()
    }
    return a_cell(name, None, **values)


def of_goodput(*values: list[float]) -> list[Difference]:
    cells = [a_cell(f"c{number}", goodput_per_s=one) for number, one in enumerate(values)]
    return differences(cells, list(pairwise(cells)))


@given(st.lists(st.none() | st.floats(-1e6, 1e6) | positive, max_size=12), st.randoms())
def test_an_interval_holds_the_median_in_any_order_of_the_repeats(values: list[float | None], random: Random) -> None:
    found = estimate(values)
    known = [value for value in values if value is not None]
    assert (found.median is None) == (not known)
    assert (found.low is None) == (found.high is None) == (len(known) < 2)
    if found.low is not None:
        assert -math.inf < found.low <= sure(found.median) <= sure(found.high) < math.inf
        assert not (min(known) >= 0 > found.low)
    random.shuffle(values)
    again = estimate(values)
    assert (again.median, again.low, again.high) == (found.median, found.low, found.high)


@given(st.lists(positive, min_size=2, max_size=6))
def test_up_to_six_repeats_the_interval_is_students_own(values: list[float]) -> None:
    found = estimate(values)
    logs = [math.log(value) for value in values]
    assume(stdev(logs) > 1e-3)
    low, high = stats.t.interval(0.95, len(logs) - 1, loc=fmean(logs), scale=stats.sem(logs))
    assert found.low == pytest.approx(math.exp(max(low, -700)), rel=1e-6)
    assert found.high == pytest.approx(math.exp(min(high, 700)), rel=1e-6)


@given(st.floats(0, 1e9), st.integers(2, 9))
def test_identical_repeats_have_an_interval_without_width(value: float, repeats: int) -> None:
    found = estimate([value] * repeats)
    assert (found.low, found.median, found.high) == (value, value, value)


@pytest.mark.parametrize("shift", [0, -100], ids=["logarithms", "plain"])
def test_coverage_is_95_percent(shift: float) -> None:
    random, covered = Random(1), 0
    for _ in range(2000):
        if shift:
            found = estimate([random.gauss(0, 5) + shift for _ in range(5)])
            typical = float(shift)
        else:
            found = estimate([80 * math.exp(random.gauss(0, 0.4)) for _ in range(5)])
            typical = 80.0
        covered += sure(found.low) <= typical <= sure(found.high)
    assert 0.93 <= covered / 2000 <= 0.97


@examples(20, 40)
@given(figures, figures)
def test_welch_is_that_of_scipy(a: list[float], b: list[float]) -> None:
    logs_a, logs_b = ([math.log(value) for value in side] for side in (a, b))
    side_a, side_b = Sample.independent(a), Sample.independent(b)
    assume(min(stdev(logs_a), stdev(logs_b)) > 1e-3)  # with less, the two round differently
    expected = stats.ttest_ind(logs_b, logs_a, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    found = welch(side_a, side_b)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    if abs(low) < 600 and abs(high) < 600:
        assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-6)


@given(figures, figures)
def test_exchanging_the_sides_inverts_the_ratio(a: list[float], b: list[float]) -> None:
    one, other = (
        welch(Sample.independent(a), Sample.independent(b)),
        welch(Sample.independent(b), Sample.independent(a)),
    )
    assert other.p == pytest.approx(one.p, rel=1e-6, abs=1e-12)
    assert other.difference == pytest.approx(1 / one.difference, rel=1e-6)
    if one.low is not None:
        assert other.low == pytest.approx(1 / sure(one.high), rel=1e-6)


@given(figures, figures, st.randoms())
def test_shuffling_the_repeats_changes_nothing(a: list[float], b: list[float], random: Random) -> None:
    before = of_goodput(a, b)
    random.shuffle(a)
    random.shuffle(b)
    after = of_goodput(a, b)
    assert after[0].p == pytest.approx(before[0].p, rel=1e-6, abs=1e-12)
    assert after[0].ratio == pytest.approx(before[0].ratio)


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.0, 5.0, 1e-12, 1e12]), max_size=6), max_size=5))
def test_no_values_whatever_break_it(values: list[list[float]]) -> None:
    for found in of_goodput(*values):
        assert 0 <= found.p <= found.p_adjusted <= 1
        assert found.real == (found.p_adjusted < 0.05)
        assert found.sentence
        if found.real and found.low is not None:
            assert not found.low <= 1 <= sure(found.high)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_by_its_definition(probabilities: list[float]) -> None:
    found = holm(probabilities)
    for level in (0.001, 0.01, LEVEL, 0.3, 0.999):
        rejected, count = set(), len(probabilities)
        for rank, index in enumerate(sorted(range(count), key=probabilities.__getitem__)):
            if (count - rank) * probabilities[index] > level:
                break
            rejected.add(index)
        assert {index for index, p in enumerate(found) if p <= level} == rejected


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@given(st.integers(2, 8), st.integers(2, 8), st.lists(st.floats(0.01, 1), min_size=2, max_size=4))
def test_no_distribution_parts_the_sides_more_often_than_is_said(a: int, b: int, weights: list[float]) -> None:
    chances = [weight / sum(weights) for weight in weights]
    parted = sum(x**a * y**b for i, x in enumerate(chances) for j, y in enumerate(chances) if i != j)
    assert parted <= parted_by_chance(a, b) + 1e-12


def test_without_any_variation_equal_is_equal_and_few_repeats_prove_nothing() -> None:
    assert of_goodput([2.0, 2.0], [2.0, 2.0])[0].p == 1.0
    two, five = of_goodput([1.0] * 2, [2.0] * 2)[0], of_goodput([1.0] * 5, [2.0] * 5)[0]
    assert not two.real
    assert five.real
    assert (five.ratio, five.low, five.high) == (2.0, None, None)
    assert two.sentence == (
        "goodput of c1 and c0: no real difference shown (+100.0 % in every repeat, but too few of them), p 0.15"
    )
    assert five.sentence == "goodput of c1 is 100.0 % higher than c0 (in every repeat), p 0.0021"


def test_a_difference_that_does_not_survive_the_correction_has_both_p() -> None:
    cells = [
        a_cell("a", goodput_per_s=[100.0, 102.0, 98.0], writes_per_accepted=[1.0, 1.1, 1.2]),
        a_cell("b", goodput_per_s=[104.0, 106.0, 105.0], writes_per_accepted=[1.1, 1.0, 1.2]),
    ]
    alone, together = of_goodput([100.0, 102.0, 98.0], [104.0, 106.0, 105.0])[0], differences(cells, pairs(cells))[0]
    assert alone.real
    assert not together.real
    assert together.p == alone.p
    assert together.sentence == (
        "goodput of b and a: no real difference shown (+0.7 % to +9.5 %), p 0.034 alone, 0.068 after the correction"
    )


def test_zeros_are_compared_as_they_are() -> None:
    (found,) = of_goodput([0.0, 1.0, 2.0], [20.0, 21.0, 22.0])
    assert found.ratio is None
    assert found.real
    assert found.sentence == (
        "goodput of c1 is 20 orders/s higher than c0 (+17.7 orders/s to +22.3 orders/s), p < 0.0001"
    )


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        (
            [100.0, 102.0, 98.0],
            [113.0, 112.0, 115.0],
            "goodput of c1 is 13.3 % higher than c0 (8.8 to 18.1 %), p 0.0015",
        ),
        (
            [100.0, 102.0, 98.0],
            [80.0, 81.0, 82.0],
            "goodput of c1 is 19.0 % lower than c0 (15.6 to 22.2 %), p 0.00032",
        ),
        (
            [100.0, 102.0, 98.0],
            [800.0, 810.0, 820.0],
            "goodput of c1 is 8.1 times that of c0 (7.78 to 8.44 times), p < 0.0001",
        ),
        (
            [100.0, 104.0, 97.0],
            [101.0, 99.0, 105.0],
            "goodput of c1 and c0: no real difference shown (-5.9 % to +9.2 %), p 0.64",
        ),
    ],
)
def test_sentences(a: list[float], b: list[float], sentence: str) -> None:
    assert of_goodput(a, b)[0].sentence == sentence


def test_a_metric_with_too_few_values_is_not_tested() -> None:
    cells = [a_cell("a", goodput_per_s=[1.0, None, 2.0]), a_cell("b", goodput_per_s=[1.0, None])]
    assert differences(cells, [(cells[0], cells[1])]) == []
    assert [one.metric for one in differences(cells, [(cells[0], cells[0])])] == ["goodput_per_s"]


@given(st.lists(st.floats(0.5, 500.0), min_size=4, max_size=9, unique=True))
def test_one_against_many_is_the_t_test_with_their_spread(values: list[float]) -> None:
    one, *others = values
    tested = against_one(one, Sample.independent(others))
    assume(tested is not None)
    assert tested is not None
    logs = [math.log(value) for value in others]
    expected = stats.ttest_ind(logs, [math.log(one)])  # the variance of one value is left to the others
    assert tested.p == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    back = turned(turned(tested))
    assert (back.difference, back.low, back.high) == pytest.approx((tested.difference, tested.low, tested.high))
    assert turned(tested).difference == pytest.approx(1 / tested.difference)


def test_where_the_others_do_not_vary_one_is_not_tested() -> None:
    assert against_one(1.0, Sample.independent([2.0, 2.0, 2.0])) is None


def test_a_pair_must_be_of_the_cells() -> None:
    with pytest.raises(ValueError, match="not both among"):
        differences([], [(a_cell("a"), a_cell("b"))])


def test_false_differences_are_rare() -> None:
    random, false = Random(2), 0
    for _ in range(100):
        cells = [noisy(random, name) for name in "abc"]
        false += any(found.real for found in differences(cells, pairs(cells)))
    assert false / 100 <= 0.05 + 0.02


def test_a_slowdown_of_a_tenth_is_found() -> None:
    random, shown = Random(3), 0
    for _ in range(100):
        cells = [noisy(random, "before"), noisy(random, "after", 810.0)]
        found = differences(cells, pairs(cells))[0]
        shown += found.real and sure(found.ratio) < 1
    assert shown / 100 >= 0.9
