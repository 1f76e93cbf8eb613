import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.compare import fit
from loadtest.records.comparison import Scaling
from tests.helpers.examples import examples
from tests.helpers.reports import sure

LEVELS = (1, 2, 5, 10, 20, 50, 100, 200)


def law(level: float, gamma: float, alpha: float, beta: float) -> float:
    return gamma * level / (1 + alpha * (level - 1) + beta * level * (level - 1))


def measured(
    random: Random, gamma: float, alpha: float, beta: float, *, noise: float = 0.03, repeats: int = 3
) -> list[tuple[float, list[float]]]:
    return [
        (level, [law(level, gamma, alpha, beta) * math.exp(random.gauss(0, noise)) for _ in range(repeats)])
        for level in LEVELS
    ]


def figures(found: Scaling) -> list[float | None]:
    return [found.gamma, found.alpha, found.beta, found.error, found.peak_at, found.peak_per_s]


@examples(8, 25)
@given(st.floats(1, 1e4), st.floats(0.001, 0.3), st.floats(1e-5, 1e-2))
def test_exact_values_give_the_exact_law(gamma: float, alpha: float, beta: float) -> None:
    found = fit("v", [(level, [law(level, gamma, alpha, beta)]) for level in LEVELS])
    assert (found.gamma, found.alpha, found.beta) == pytest.approx((gamma, alpha, beta), rel=1e-3, abs=1e-6)
    assert found.error == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("gamma", "alpha", "beta"), [(120.0, 0.03, 0.0004), (500.0, 0.2, 0.002), (60.0, 0.01, 0.0)])
def test_known_parameters_lie_within_their_errors(gamma: float, alpha: float, beta: float) -> None:
    random, within = Random(5), 0
    for _ in range(12):
        found = fit("v", measured(random, gamma, alpha, beta))
        within += all(
            abs(sure(value) - true) <= 3 * sure(error)
            for value, true, error in [
                (found.gamma, gamma, found.gamma_error),
                (found.alpha, alpha, found.alpha_error),
                (found.beta, beta, found.beta_error),
            ]
        )
    assert within >= 11


@pytest.mark.slow
def test_one_standard_error_covers_two_thirds() -> None:
    random, within = Random(6), 0
    for _ in range(100):
        found = fit("v", measured(random, 120.0, 0.03, 0.0004))
        within += abs(sure(found.beta) - 0.0004) <= sure(found.beta_error)
    assert 0.6 <= within / 100 <= 0.9  # of two estimates of the noise the larger counts


def test_the_peak() -> None:
    found = fit("version", measured(Random(7), 120.0, 0.03, 0.0004))
    assert found.peak_at == pytest.approx(math.sqrt(0.97 / 0.0004), rel=0.1)
    assert found.peak_per_s == pytest.approx(law(49.2, 120, 0.03, 0.0004), rel=0.05)
    assert found.sentence.startswith("version: highest near ")


def test_a_peak_beyond_the_measured_levels_is_not_claimed() -> None:
    found = fit("v", [(level, [law(level, 100, 0.001, 1e-6)]) for level in LEVELS])
    assert found.peak_at is found.peak_per_s is None
    assert "still rising at 200" in found.sentence


def test_contention_alone_has_no_peak() -> None:
    found = fit("v", measured(Random(8), 100.0, 0.05, 0.0))
    assert found.peak_at is None
    assert "no fall shown up to 200; contention limits it to 2,0" in found.sentence


def test_a_limit_far_above_what_was_measured_is_not_named() -> None:
    found = fit("v", measured(Random(13), 100.0, 0.001, 0.0))
    assert "v: still rising at 200" in found.sentence
    assert "limits" not in found.sentence


def test_throughput_that_only_falls_is_highest_at_the_lowest_level() -> None:
    found = fit("v", [(level, [law(level, 100, 0.1, 0.02)]) for level in (10, 20, 50, 100, 200)])
    assert found.peak_at == 10
    assert "falls from 10 on" in found.sentence


def test_noise_has_no_fit() -> None:
    random = Random(9)
    for _ in range(6):
        found = fit("v", [(level, [random.uniform(10, 1000) for _ in range(3)]) for level in LEVELS])
        assert figures(found) == [None] * 6
        assert found.sentence.startswith("v: no fit: ")


def test_a_plateau_does_not_determine_the_law() -> None:
    random = Random(10)
    found = fit("v", [(level, [random.gauss(500, 10) for _ in range(3)]) for level in (100, 200, 300, 400)])
    assert figures(found) == [None] * 6
    assert "do not determine" in found.sentence


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_levels(count: int) -> None:
    found = fit("v", [(level, [10.0, 11.0]) for level in LEVELS[:count] for _ in range(2)])
    assert figures(found) == [None] * 6
    assert found.sentence == f"v: no fit: {count} of at least 3 levels of concurrency"


def test_three_levels_have_no_errors() -> None:
    found = fit("v", [(level, [law(level, 100, 0.05, 0.001)]) for level in (1, 20, 100)])
    assert found.beta == pytest.approx(0.001, rel=0.01)
    assert found.gamma_error is found.alpha_error is found.beta_error is found.peak_at is None
    assert "three levels leave nothing" in found.sentence


def test_a_level_without_goodput_is_left_out_and_named() -> None:
    points = [*measured(Random(11), 120.0, 0.03, 0.0004), (500, [0.0, 0.0])]
    found = fit("v", points)
    assert found.gamma is not None
    assert found.sentence.endswith("goodput of zero at 500 is left out")
    assert "no fit" in fit("v", [(level, [0.0]) for level in LEVELS]).sentence


@given(st.randoms())
@examples(4, 10)
def test_the_order_of_points_and_repeats_does_not_matter(random: Random) -> None:
    points = measured(Random(12), 120.0, 0.03, 0.0004)
    before = fit("v", points)
    random.shuffle(points)
    for _, values in points:
        random.shuffle(values)
    after = fit("v", points)
    assert figures(after) == pytest.approx(figures(before))


@examples(12, 25)
@given(st.lists(st.tuples(st.integers(1, 1000), st.lists(st.just(0.0) | st.floats(1e-3, 1e6), max_size=3)), max_size=6))
def test_no_values_whatever_break_it(points: list[tuple[float, list[float]]]) -> None:
    found = fit("v", points)
    assert (found.gamma is None) == ("no fit" in found.sentence)
    if found.peak_at is not None:
        assert min(level for level, _ in points) <= found.peak_at <= max(level for level, _ in points)


def test_a_concurrency_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="concurrency"):
        fit("v", [(0, [1.0])])
