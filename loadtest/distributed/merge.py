"""Several streams of events as one, in the order of their moments."""

from collections import deque
from collections.abc import Iterable, Iterator
from operator import itemgetter

from loadtest.events import Event, InFlight, Kind, Operation
from loadtest.records.completeness import happened_ns

_Timed = tuple[int, Event]
_moment = itemgetter(0)


class Merge:
    """Events of each stream stay in their order. What may yet be preceded by an event of another stream waits."""

    def __init__(self, streams: int) -> None:
        self._waiting: list[deque[_Timed]] = [deque() for _ in range(streams)]
        self._latest_ns = [0] * streams
        self._heard_ns: list[float] = [float("-inf")] * streams
        self._due: deque[Event] = deque()
        self._finished = False
        self._writes: dict[int, Operation] = {}  # not taken, nor told of while they were in flight; by identity
        self._told: set[str] = set()  # orders whose write was

    def put(self, stream: int, events: Iterable[Event], heard_ns: float) -> None:
        """Events of one stream, of which nothing that happened before `heard_ns` is missing any more."""
        waiting, latest_ns = self._waiting[stream], self._latest_ns[stream]
        writes, told = self._writes, self._told
        for event in events:
            latest_ns = max(latest_ns, happened_ns(event))  # what was told later does not come before
            waiting.append((latest_ns, event))
            if isinstance(event, Operation):
                if event.order_id in told:
                    told.remove(event.order_id)
                elif event.kind is not Kind.READ:
                    writes[id(event)] = event
            elif isinstance(event, InFlight):
                told.add(event.order_id)
        self._latest_ns[stream] = latest_ns
        self._heard_ns[stream] = max(heard_ns, self._heard_ns[stream])

    def finish(self) -> None:
        """Nothing is missing that happened until now: whatever waits can be taken."""
        self._finished = True

    def take(self) -> Iterator[Event]:
        """All events whose turn has come. What is not taken to the end is the next one's, also while both go on."""
        until_ns, self._finished = float("inf") if self._finished else min(self._heard_ns), False
        due = [timed for waiting in self._waiting if waiting for timed in _until(waiting, until_ns)]
        due.sort(key=_moment)  # a few long rising runs, which is what it is quickest at
        self._due.extend(event for _, event in due)
        return self._popped()

    def in_flight(self) -> list[InFlight]:
        """The writes whose Operation waits to be taken: for who takes the others they are still in flight."""
        writes, self._writes = self._writes, {}
        return [
            InFlight(op.round, op.order_id, op.product_id, op.units, op.kind, op.attempt, op.read_version, op.sent_ns)
            for op in writes.values()
        ]

    def _popped(self) -> Iterator[Event]:
        while self._due:
            event = self._due.popleft()
            if isinstance(event, Operation):
                self._writes.pop(id(event), None)
            yield event


def _until(waiting: deque[_Timed], until_ns: float) -> Iterator[_Timed]:
    while waiting and waiting[0][0] <= until_ns:
        yield waiting.popleft()
