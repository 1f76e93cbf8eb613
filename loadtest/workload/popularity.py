"""Which product an order wants: the dial from one hot item to none."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from random import Random


def zipf(products: Sequence[str], skew: float, random: Random) -> Callable[[], str]:
    """Draws products with probability proportional to 1 / rank ** skew; 0 is uniform.

    Zipf's law over a finite number of ranks, in the order given: the first product is the hottest.
    """
    if len(products) == 1:
        return lambda: products[0]
    shares = list(accumulate(rank**-skew for rank in range(1, len(products) + 1)))
    whole = shares[-1]
    return lambda: products[min(bisect_left(shares, random.random() * whole), len(products) - 1)]
