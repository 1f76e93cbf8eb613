"""The one way of every event of a run: from whoever makes it to all who listen."""

import time
from collections.abc import Callable, Sequence

from loadtest.errors import LoadTestError
from loadtest.events import Event, Listener, OwnRequest, Repaired


class EventStream:
    """Passes each event on to all listeners, in their order; who they are is known before the first event.

    One that refuses an event (LoadTestError) ends the run through `fail`, and those after it do not hear of the event:
    so a disk that may be full comes last.
    """

    def __init__(self, listeners: Sequence[Listener], fail: Callable[[LoadTestError], None]) -> None:
        self._listeners = tuple(listeners)
        self._fail = fail
        self._round = 1  # of the last event

    def __call__(self, event: Event) -> None:
        """Tell all of it."""
        self._round = event.round
        try:
            for listener in self._listeners:
                listener(event)
        except LoadTestError as error:
            self._fail(error)

    def repaired(self, request: OwnRequest) -> None:
        """The answer to one of the tool's own requests was lost, and it is sent again."""
        self(Repaired(self._round, request, time.perf_counter_ns()))
