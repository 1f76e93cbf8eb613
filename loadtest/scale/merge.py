"""Several streams of events as one, in the order of their moments."""

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import merge

from loadtest.extent import happened_ns
from loadtest.order import Event

_Timed = tuple[int, Event]


class Merge:
    """Events of each stream stay in their order. What may yet be preceded by an event of another stream waits."""

    def __init__(self, streams: int) -> None:
        self._waiting: list[deque[_Timed]] = [deque() for _ in range(streams)]
        self._heard_ns: list[float] = [float("-inf")] * streams
        self._finished = False

    def put(self, stream: int, events: Iterable[Event], heard_ns: float) -> None:
        """Events of one stream, of which nothing that happened before `heard_ns` is missing any more."""
        self._waiting[stream].extend((happened_ns(event), event) for event in events)
        self._heard_ns[stream] = max(heard_ns, self._heard_ns[stream])

    def finish(self) -> None:
        """Nothing is missing that happened until now: whatever waits can be taken."""
        self._finished = True

    def take(self) -> Iterator[Event]:
        """All events whose turn has come."""
        until_ns, self._finished = float("inf") if self._finished else min(self._heard_ns), False
        due = [list(_until(waiting, until_ns)) for waiting in self._waiting]
        return (event for _, event in merge(*due, key=_moment))


def _moment(timed: _Timed) -> int:
    return timed[0]


def _until(waiting: deque[_Timed], until_ns: float) -> Iterator[_Timed]:
    while waiting and waiting[0][0] <= until_ns:
        yield waiting.popleft()
