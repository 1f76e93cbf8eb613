from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.workload.popularity import zipf

_DRAWS = 40_000


def drawn(products: int, skew: float, seed: int = 5) -> list[int]:
    """How often each product was drawn, the hottest first."""
    names = [f"load#{n}" for n in range(1, products + 1)]
    pick = zipf(names, skew, Random(seed))
    counts = Counter(pick() for _ in range(_DRAWS))
    assert counts.keys() <= set(names)
    return [counts[name] for name in names]


@pytest.mark.parametrize("products", [2, 5, 20])
@pytest.mark.parametrize("skew", [0.0, 0.5, 1.0, 2.0])
def test_the_frequencies_are_those_of_the_law(products: int, skew: float) -> None:
    weights = [rank**-skew for rank in range(1, products + 1)]
    expected = [weight / sum(weights) * _DRAWS for weight in weights]
    squares = sum((seen - due) ** 2 / due for seen, due in zip(drawn(products, skew), expected, strict=True))
    degrees = products - 1
    assert squares < degrees + 4 * (2 * degrees) ** 0.5 + 4  # chi-squared, beyond the 99.9th percentile


def test_without_skew_all_are_alike() -> None:
    assert all(count == pytest.approx(_DRAWS / 10, rel=0.06) for count in drawn(10, 0.0))


def test_an_extreme_skew_wants_nothing_but_the_hottest() -> None:
    assert drawn(1000, 20.0)[0] == pytest.approx(_DRAWS, rel=0.001)


@given(st.floats(0, 20))
def test_one_product_is_always_drawn_and_uses_no_chance(skew: float) -> None:
    random = Random(1)
    pick = zipf(["p#4"], skew, random)
    assert {pick() for _ in range(5)} == {"p#4"}
    assert random.random() == Random(1).random()


def test_a_seed_draws_the_same_again() -> None:
    names = [f"load#{n}" for n in range(1, 8)]
    first, second = (zipf(names, 1.0, Random(9)) for _ in range(2))
    assert [first() for _ in range(200)] == [second() for _ in range(200)]


class Edge(Random):
    """Draws one number for ever."""

    def __init__(self, drawn: float) -> None:
        super().__init__()
        self._drawn = drawn

    def random(self) -> float:
        return self._drawn


@pytest.mark.parametrize(("number", "product"), [(0.0, "a"), (0.9999999999999999, "c")])
def test_the_ends_of_what_may_be_drawn_are_products(number: float, product: str) -> None:
    assert zipf(["a", "b", "c"], 1.3, Edge(number))() == product
