"""How far another clock is from this one: Cristian, "Probabilistic clock synchronization", 1989.

Whatever was asked and heard by this clock was answered in between. So half of that time is how far off an offset
can be that takes the answer to lie in the middle. The quickest of many answers is the surest.
"""

from collections import deque

from msgspec import Struct

_REMEMBERED = 64
_DRIFT = 50e-6  # of two clocks that nobody corrects, in seconds each second: quartz is within some 20 of a million


class Offset(Struct, frozen=True):
    """What to add to the other clock's time, and how wrong that may be either way, in nanoseconds."""

    ns: int = 0
    uncertainty_ns: int = 0


class Clock:
    """Another process's clock. Feed it with answers, the latest of which are remembered."""

    def __init__(self) -> None:
        self._answers: deque[tuple[int, int, int]] = deque(maxlen=_REMEMBERED)

    def answered(self, asked_ns: int, other_ns: int, heard_ns: int) -> None:
        """The other clock showed this between two moments of this one."""
        self._answers.append((asked_ns, other_ns, heard_ns))

    def offset(self, now_ns: int) -> Offset:
        """The surest there is. ValueError if nothing was asked."""
        if not self._answers:
            raise ValueError("the clock was never asked")
        return min((_offset(*one, now_ns) for one in self._answers), key=lambda one: one.uncertainty_ns)


def _offset(asked_ns: int, other_ns: int, heard_ns: int, now_ns: int) -> Offset:
    drifted_ns = int((now_ns - heard_ns) * _DRIFT)
    return Offset((asked_ns + heard_ns) // 2 - other_ns, (heard_ns - asked_ns + 1) // 2 + max(0, drifted_ns))
