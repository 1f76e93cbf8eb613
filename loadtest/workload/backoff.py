"""How long an order waits after a refused attempt before it makes the next.

The names and formulas are those of Marc Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import repeat
from random import Random

BASE_S = 0.05
CAP_S = 1.0


class Backoff(StrEnum):
    """The three ways to wait."""

    NONE = "none"
    FULL_JITTER = "full-jitter"
    DECORRELATED = "decorrelated"


def full_jitter(random: Random) -> Iterator[float]:
    """Seconds to wait after each attempt: uniform from 0 to a bound that doubles up to one second."""
    bound_s = BASE_S
    while True:
        yield random.uniform(0, bound_s)
        bound_s = min(CAP_S, bound_s * 2)


def decorrelated(random: Random) -> Iterator[float]:
    """Seconds to wait after each attempt: uniform from the base to three times the last wait, up to one second."""
    wait_s = BASE_S
    while True:
        wait_s = min(CAP_S, random.uniform(BASE_S, wait_s * 3))
        yield wait_s


def waits(backoff: Backoff, random: Random) -> Callable[[], Iterator[float]]:
    """Makes the waits of one order."""
    if backoff is Backoff.NONE:
        return lambda: repeat(0.0)
    return lambda: (full_jitter if backoff is Backoff.FULL_JITTER else decorrelated)(random)
