from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.workload.backoff import BASE_S, CAP_S, Backoff, waits

seeds = st.integers(0, 2**32)


def first(backoff: Backoff, seed: int, count: int = 12) -> list[float]:
    return list(islice(waits(backoff, Random(seed))(), count))


class Highest(Random):
    """Draws the upper bound every time."""

    def uniform(self, a: float, b: float) -> float:
        return b


@given(seeds)
def test_full_jitter_is_between_nothing_and_a_bound_that_doubles_up_to_a_second(seed: int) -> None:
    for attempt, wait_s in enumerate(first(Backoff.FULL_JITTER, seed)):
        assert 0 <= wait_s <= min(CAP_S, BASE_S * 2**attempt)


@given(seeds)
def test_decorrelated_is_between_the_base_and_three_times_the_last_wait(seed: int) -> None:
    last_s = BASE_S
    for wait_s in first(Backoff.DECORRELATED, seed, 50):
        assert BASE_S <= wait_s <= min(CAP_S, 3 * last_s)
        last_s = wait_s


@pytest.mark.parametrize(
    ("backoff", "bounds_s"),
    [
        (Backoff.FULL_JITTER, [0.05, 0.1, 0.2, 0.4, 0.8, 1, 1]),
        (Backoff.DECORRELATED, [0.15, 0.45, 1, 1, 1, 1, 1]),
        (Backoff.NONE, [0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_the_longest_waits(backoff: Backoff, bounds_s: list[float]) -> None:
    assert list(islice(waits(backoff, Highest())(), 7)) == pytest.approx(bounds_s)


@pytest.mark.parametrize("backoff", [Backoff.FULL_JITTER, Backoff.DECORRELATED])
def test_the_cap_is_reached_and_never_passed(backoff: Backoff) -> None:
    longest = max(first(backoff, 1, 2000))
    assert 0.95 * CAP_S < longest <= CAP_S


@pytest.mark.parametrize("backoff", Backoff)
@given(seed=seeds)
def test_a_seed_gives_the_same_waits_again(backoff: Backoff, seed: int) -> None:
    assert first(backoff, seed) == first(backoff, seed)


@pytest.mark.parametrize("backoff", [Backoff.FULL_JITTER, Backoff.DECORRELATED])
def test_every_order_begins_with_the_shortest_bound(backoff: Backoff) -> None:
    make = waits(backoff, Random(3))
    for _ in range(50):
        assert next(make()) <= 3 * BASE_S
        assert len(list(islice(make(), 9))) == 9


@pytest.mark.parametrize("backoff", [Backoff.FULL_JITTER, Backoff.DECORRELATED])
def test_two_orders_do_not_wait_alike(backoff: Backoff) -> None:
    make = waits(backoff, Random(3))
    assert list(islice(make(), 5)) != list(islice(make(), 5))
