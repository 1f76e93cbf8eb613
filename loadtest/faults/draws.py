"""Which requests a fault meets: decided by the seed and the number of the request alone, never by when it comes."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from loadtest.workload.faults import AnyFault, Delay


class Strike(Struct, frozen=True, gc=False):
    """A fault meets a request: the fault's place in the file, from 1, and the request's number among those it sees."""

    place: int
    fault: AnyFault
    request: int
    delay_s: float


class Chance:
    """The draws of all faults; each has its own, from one seed."""

    def __init__(self, faults: Sequence[AnyFault], seed: int) -> None:
        self._draws = [_Draws(place, fault, seed) for place, fault in enumerate(faults, 1)]

    def strikes(self, operation: str, since_s: float) -> list[Strike]:
        """What meets this request, `since_s` after the first one, in the order of the file."""
        return [strike for draws in self._draws if operation in draws.operations and (strike := draws.next(since_s))]


class _Draws:
    """Every request draws, also outside of the window: it must not shift what the next ones draw."""

    def __init__(self, place: int, fault: AnyFault, seed: int) -> None:
        self.operations = frozenset(fault.operations)
        self._place = place
        self._fault = fault
        self._random = Random(f"{seed} {fault.kind} {place}")
        self._to_s = float("inf") if fault.to_s is None else fault.to_s
        self._requests = 0

    def next(self, since_s: float) -> Strike | None:
        """The draw of one request more."""
        fault = self._fault
        self._requests += 1
        struck = self._random.random() < fault.rate
        delay_s = fault.time.draw(self._random) if isinstance(fault, Delay) else 0.0
        if not struck or not fault.from_s <= since_s < self._to_s:
            return None
        return Strike(self._place, fault, self._requests, delay_s)
