"""Where a limit lies, from runs of which some err: what each of them makes more and less likely.

A run at a level holds or does not. The higher the level, the seldomer it holds; the limit is where half of the runs do.
A run near the limit is a toss, and one far from it can be an outlier. How wide the toss reaches and how common outliers
are is not known before, so several of both are believed in at once, and each run also tells which of them to believe.

Sources: Kontsevich and Tyler, "Bayesian adaptive estimation of psychometric slope and threshold", Vision Research 39,
1999 (limit, width and outliers together); Waeber, Frazier and Henderson, "Bisection search with noisy responses", SIAM
Journal on Control and Optimization 51, 2013 (the next level is a quantile of what is believed).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

_OUTLIERS = {0.02: 0.6, 0.1: 0.4}
"""How often a run far from the limit errs, and how far each is believed before the first run."""
_WIDTHS = {0.0: 0.5, 0.05: 0.2, 0.1: 0.2, 0.2: 0.1}
"""The scale of the logistic curve by which runs hold, in logarithms of the level, and how far each is believed.

At 0.1 three of four runs hold at a level, and one of four at one that is 25 % higher.
"""
_BEYOND = math.log(2)  # the limit may also lie within an octave below the lowest level, or above the highest
_APART = 0.05  # places where the limit may lie, in logarithms: whole numbers of buyers can be farther apart


class Belief:
    """How likely it is that the limit lies at each of many places between the levels, and an octave beyond them.

    Before the first run every octave is as likely as any other. `levels` rise.
    """

    def __init__(self, levels: Sequence[float]) -> None:
        self._logs = [math.log(level) for level in levels]
        places = _places([self._logs[0] - _BEYOND, *self._logs, self._logs[-1] + _BEYOND])
        self._limits = [limit for limit, _ in places]
        self._shapes = [(outliers, width) for outliers in _OUTLIERS for width in _WIDTHS]
        priors = [of_outliers * of_width for of_outliers in _OUTLIERS.values() for of_width in _WIDTHS.values()]
        self._masses = [[weight * prior for _, weight in places] for prior in priors]

    def learn(self, index: int, *, holds: bool) -> None:
        """A run at the level of this index held, or did not."""
        at = self._logs[index]
        for shape, masses in zip(self._shapes, self._masses, strict=True):
            for place, limit in enumerate(self._limits):
                chance = _chance(limit - at, *shape)
                masses[place] *= chance if holds else 1 - chance
        total = sum(map(sum, self._masses))
        self._masses = [[mass / total for mass in masses] for masses in self._masses]

    def certainties(self) -> list[float]:
        """For each level how likely it is that it lies below the limit: falling, from 0 to 1."""
        places = [sum(column) for column in zip(*self._masses, strict=True)]
        whole, above, place = sum(places), 0.0, len(places)
        shares: list[float] = []
        for at in reversed(self._logs):
            while self._limits[place - 1] > at:
                place -= 1
                above += places[place]
            shares.append(min(1.0, above / whole))
        return shares[::-1]


def _places(edges: Sequence[float]) -> list[tuple[float, float]]:
    """Where the limit may lie, in logarithms, and how far apart that is from the next: the middles of equal parts."""
    places = []
    for low, high in pairwise(edges):
        parts = max(1, math.ceil((high - low) / _APART))
        size = (high - low) / parts
        places += [(low + (part + 0.5) * size, size) for part in range(parts)]
    return places


def _chance(above: float, outliers: float, width: float) -> float:
    """That a run holds whose level lies so far below the limit, in logarithms."""
    far = max(-50.0, min(50.0, above / width)) if width else math.copysign(50.0, above)
    return outliers + (1 - 2 * outliers) / (1 + math.exp(-far))
