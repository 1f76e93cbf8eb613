from collections.abc import Iterable
from fractions import Fraction
from math import ceil

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given
from hypothesis import strategies as st

from loadtest.measure.histogram import Histogram
from loadtest.records.hdr import HIGHEST_NS

PERCENTS = (1.0, 25.0, 50.0, 90.0, 99.0, 99.9, 100.0)

# The ends of buckets are where an index goes wrong, so they are drawn as often as anything else.
edges = st.builds(lambda power, delta: (1 << power) + delta, st.integers(0, 41), st.integers(-1, 1))
latencies = st.integers(0, HIGHEST_NS) | edges | st.just(HIGHEST_NS)
many = st.lists(latencies, max_size=30)
some = st.lists(latencies, min_size=1, max_size=30)


def histogram(values: Iterable[int]) -> Histogram:
    made = Histogram()
    for value in values:
        made.record(value)
    return made


def library(values: Iterable[int]) -> HdrHistogram:
    made = HdrHistogram(1, HIGHEST_NS, 3)
    for value in values:
        assert made.record_value(value)
    return made


def encoded(values: Iterable[int]) -> str:
    return str(library(values).encode().decode("ascii"))


def figures(made: Histogram) -> tuple[object, ...]:
    return made.encode(), made.count, made.sum_ns, made.min_ns, made.max_ns


@given(many)
@example([0])
@example([0, 2047, 2048, 2049, 4095, 4096, HIGHEST_NS])
def test_records_into_the_buckets_of_the_library(values: list[int]) -> None:
    assert histogram(values).encode() == encoded(values)


@given(latencies)
def test_a_value_is_kept_to_three_significant_digits(value: int) -> None:
    back = HdrHistogram.decode(histogram([value]).encode())
    assert back.get_total_count() == 1
    assert abs(back.get_value_at_percentile(100) - value) <= value / 1000


@given(some)
def test_a_percentile_is_the_bucket_of_the_value_that_so_many_do_not_exceed(values: list[int]) -> None:
    known, ranked = library(values), sorted(values)
    exact = {percent: ranked[ceil(Fraction(str(percent)) * len(values) / 100) - 1] for percent in PERCENTS}
    expected = {percent: min(known.get_highest_equivalent_value(value), ranked[-1]) for percent, value in exact.items()}
    assert histogram(values).percentiles(PERCENTS) == expected


def test_percentiles_of_a_thousand_known_values() -> None:
    made = histogram(range(1, 1001))
    assert made.percentiles((50.0, 90.0, 99.0, 99.9, 100.0)) == {
        50.0: 500,
        90.0: 900,
        99.0: 990,
        99.9: 999,
        100.0: 1000,
    }


@given(some)
def test_count_sum_and_extremes_are_exact(values: list[int]) -> None:
    made = histogram(values)
    assert (made.count, made.sum_ns) == (len(values), sum(values))
    assert (made.min_ns, made.max_ns) == (min(values), max(values))


@given(many, many)
def test_merged_is_one_histogram_of_all_values(left: list[int], right: list[int]) -> None:
    merged = histogram(left)
    merged.merge(histogram(right))
    assert figures(merged) == figures(histogram(left + right))


@given(many, many)
def test_merge_is_commutative(left: list[int], right: list[int]) -> None:
    one, other = histogram(left), histogram(right)
    one.merge(histogram(right))
    other.merge(histogram(left))
    assert figures(one) == figures(other)


@given(many, many, many)
def test_merge_is_associative(first: list[int], second: list[int], third: list[int]) -> None:
    left, right, tail = histogram(first), histogram(first), histogram(second)
    left.merge(histogram(second))
    left.merge(histogram(third))
    tail.merge(histogram(third))
    right.merge(tail)
    assert figures(left) == figures(right)


def test_merge_leaves_the_other_as_it_was() -> None:
    one, other = histogram([1]), histogram([2, 3])
    one.merge(other)
    one.record(4)
    assert figures(other) == figures(histogram([2, 3]))


@given(st.integers(min_value=HIGHEST_NS))
def test_longer_than_an_hour_counts_as_an_hour(value: int) -> None:
    assert figures(histogram([value])) == figures(histogram([HIGHEST_NS]))


@given(st.integers(max_value=-1))
def test_a_negative_latency_is_refused_and_not_counted(value: int) -> None:
    made = histogram([7])
    with pytest.raises(ValueError, match="a latency of -"):
        made.record(value)
    assert figures(made) == figures(histogram([7]))


def test_an_empty_histogram_encodes_as_an_empty_one() -> None:
    assert HdrHistogram.decode(Histogram().encode()).get_total_count() == 0
