"""Write units as a partition has them: so many a second for each item, and what was left unused for a burst.

Source: the developer guide, "Designing partition keys" and "Burst and adaptive capacity".
"""

from collections.abc import Hashable, Sequence

_SWEEP_AT = 10_000


class Partitions:
    """A bucket of write units for each item that was written; one that is full again is forgotten."""

    def __init__(self, units_per_s: float, burst: float) -> None:
        self._units_per_s = units_per_s
        self._burst = burst
        self._left: dict[Hashable, tuple[float, float]] = {}  # units, and when there were so many
        self._sweep_at = _SWEEP_AT

    def take(self, wanted: Sequence[tuple[Hashable, float]], now_s: float) -> list[bool]:
        """Take units of each item, or of none if one lacks them; True where they lack.

        An item of more units than the burst can be written when its bucket is full: it goes into debt.
        """
        left = [self._of(item, now_s) for item, _ in wanted]
        lacking = [has < min(units, self._burst) for has, (_, units) in zip(left, wanted, strict=True)]
        if not any(lacking):
            for item, units in wanted:
                self._left[item] = self._of(item, now_s) - units, now_s
            if len(self._left) > self._sweep_at:
                self._sweep(now_s)
        return lacking

    def _of(self, item: Hashable, now_s: float) -> float:
        units, then_s = self._left.get(item, (self._burst, now_s))
        return min(self._burst, units + (now_s - then_s) * self._units_per_s)

    def _sweep(self, now_s: float) -> None:
        self._left = {item: then for item, then in self._left.items() if self._of(item, now_s) < self._burst}
        self._sweep_at = max(_SWEEP_AT, 2 * len(self._left))  # so that sweeping stays rare
