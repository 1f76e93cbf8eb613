"""The arithmetic of a comparison: Student's interval, Welch's test and Holm's correction.

Sources: Welch, "The generalization of Student's problem when several different population variances are involved",
Biometrika 34, 1947; Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6, 1979.

SciPy has the distributions, which are used. Its t-tests take no effective number of values, importing `scipy.stats` for
them costs more than a second, and Holm's correction is not in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Any

from loadtest.system.extras import require

LEVEL = 0.05
_SAME = 1e-9  # a relative spread below this is rounding, not variation


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of one figure on one side, at least two, and how many independent ones they are worth (at least two)."""

    values: tuple[float, ...]
    effective: float

    @classmethod
    def independent(cls, values: Sequence[float]) -> "Sample":
        """Values that do not depend on one another, such as those of separate runs."""
        return cls(tuple(values), float(len(values)))

    @property
    def positive(self) -> bool:
        """Whether all values have a logarithm."""
        return min(self.values) > 0

    @property
    def constant(self) -> bool:
        """Whether the values do not vary beyond rounding."""
        return max(self.values) - min(self.values) <= _SAME * max(map(abs, self.values))


@dataclass(frozen=True, slots=True)
class Tested:
    """How far `b` is above `a`, as a ratio if `relative`; `low` and `high` are its 95 % interval.

    The interval is None where neither side varies: there is nothing to tell it from.
    """

    relative: bool
    difference: float
    low: float | None
    high: float | None
    p: float


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Student's 95 % interval of the mean of two or more values."""
    mean, half = fmean(values), quantile(len(values) - 1) * math.sqrt(variance(values) / len(values))
    return mean - half, mean + half


def welch(a: Sample, b: Sample) -> Tested:
    """Welch's two-sided t-test of `b` against `a`: on logarithms if all values are positive, else on plain values.

    On logarithms noise that grows with the figure has one size, and the difference is a ratio.

    If neither side varies there is no noise to measure against. Equal values get p = 1. Different ones get the largest
    p that separation by chance can have (see `parted_by_chance`): two repeats on each side prove nothing, five do.
    """
    relative = a.positive and b.positive
    if a.constant and b.constant:
        return _without_variation(a, b, relative)
    (mean_a, square_a), (mean_b, square_b) = _mean_and_square(a, relative), _mean_and_square(b, relative)
    error = math.sqrt(square_a + square_b)
    share = square_a / (square_a + square_b)  # of side a, between 0 and 1: squares of squares would underflow
    freedom = 1 / (share**2 / (a.effective - 1) + (1 - share) ** 2 / (b.effective - 1))
    difference, half = mean_b - mean_a, quantile(freedom) * error
    p = probability(difference / error, freedom)
    low, high = difference - half, difference + half
    if relative:
        return Tested(True, exp(difference), exp(low), exp(high), p)
    return Tested(False, difference, low, high, p)


def against_one(one: float, others: Sample) -> Tested | None:
    """Whether a single value is one of these `others`, and how far they are above it; None if they do not vary.

    The single value is taken to vary as they do, so its own share of the error is one of theirs: the t of Crawford and
    Howell, "Comparing an individual's test score against norms derived from small samples", The Clinical
    Neuropsychologist 12, 1998, which is the prediction interval of one more value.
    """
    if others.constant:
        return None
    relative = one > 0 and others.positive
    values = [math.log(value) for value in others.values] if relative else list(others.values)
    count, difference = len(values), fmean(values) - (math.log(one) if relative else one)
    error = math.sqrt(variance(values) * (1 + 1 / count))
    half, p = quantile(count - 1) * error, probability(difference / error, count - 1)
    if relative:
        return Tested(True, exp(difference), exp(difference - half), exp(difference + half), p)
    return Tested(False, difference, difference - half, difference + half, p)


def turned(tested: Tested) -> Tested:
    """The same of `a` against `b`."""
    ends = (tested.high, tested.low)
    if tested.relative:
        low, high = (None if end is None else 1 / end for end in ends)
        return Tested(True, 1 / tested.difference, low, high, tested.p)
    low, high = (None if end is None else -end for end in ends)
    return Tested(False, -tested.difference, low, high, tested.p)


def holm(probabilities: Sequence[float]) -> list[float]:
    """The probabilities after Holm's correction, in the order given.

    The chance that any of those that fall below 5 % is false stays below 5 %, however the tests depend on each other.
    """
    adjusted = [1.0] * len(probabilities)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        highest = max(highest, min(1.0, (len(probabilities) - rank) * probabilities[index]))
        adjusted[index] = highest
    return adjusted


def parted_by_chance(a: int, b: int) -> float:
    """The most likely that one figure takes one value `a` times and then another value `b` times, by chance alone.

    With p_x the chance of value x that is the sum of p_x^a p_y^b over all x ≠ y, at most the sum of
    p_x * p_x^(a-1) (1-p_x)^b, and so at most the largest p^(a-1) (1-p)^b; the same with a and b exchanged.
    """

    def largest(i: int, j: int) -> float:
        return (i / (i + j)) ** i * (j / (i + j)) ** j

    return min(largest(a - 1, b), largest(b - 1, a))


def quantile(freedom: float) -> float:
    """What Student's t does not exceed, in size, in 95 % of all cases."""
    return float(_special().stdtrit(freedom, 1 - LEVEL / 2))


def probability(t: float, freedom: float) -> float:
    """How often Student's t is this large or larger, in size, where there is no difference."""
    return float(min(1.0, 2 * _special().stdtr(freedom, -abs(t))))


def _special() -> Any:
    """SciPy's special functions. Raises MissingExtraError where SciPy is not installed."""
    require("a comparison", "compare")
    from scipy import special

    return special


def exp(value: float) -> float:
    """Euler's number to the power of `value`, kept finite and above zero: JSON has no infinity."""
    return math.exp(min(max(value, -700.0), 700.0))


def _mean_and_square(sample: Sample, relative: bool) -> tuple[float, float]:
    """The mean and its squared standard error.

    With n values worth m independent ones the error is s² (n-1) / (n (m-1)): s²/n if m is n. Values that resemble
    their neighbours make s² too small as well as n too large; both are in it.
    """
    values = [math.log(value) for value in sample.values] if relative else sample.values
    count = len(values)
    return fmean(values), variance(values) * (count - 1) / (count * (sample.effective - 1))


def _without_variation(a: Sample, b: Sample, relative: bool) -> Tested:
    of_a, of_b = fmean(a.values), fmean(b.values)
    equal = abs(of_a - of_b) <= _SAME * max(abs(of_a), abs(of_b))
    p = 1.0 if equal else parted_by_chance(math.floor(a.effective), math.floor(b.effective))
    if relative:
        return Tested(True, 1.0 if equal else of_b / of_a, None, None, p)
    return Tested(False, 0.0 if equal else of_b - of_a, None, None, p)
