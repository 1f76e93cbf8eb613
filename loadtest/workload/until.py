"""When a race has had all its rounds: as many as were asked for, or as many as exclude a rate of double wins."""

from loadtest.checker.power import Chances, excluded
from loadtest.events import Event, RoundEnded, RoundStarted


class Until:
    """A listener: call it with every event of a race, and between two rounds ask whether it is `over`."""

    def __init__(self, rounds: int | None, exclude: float | None = None, within_s: float | None = None) -> None:
        """At most `rounds`, and none that would begin `within_s` seconds after the first or later; None: no limit.

        With `exclude` it is over as soon as a rate of double wins above that is excluded.
        """
        self._rounds = rounds
        self._exclude = exclude
        self._within_s = within_s
        self._chances = None if exclude is None else Chances()
        self._ended = 0
        self._began_ns: int | None = None
        self._ended_ns = 0

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if self._chances is not None:
            self._chances(event)
        if isinstance(event, RoundStarted) and self._began_ns is None:
            self._began_ns = event.started_ns
        elif isinstance(event, RoundEnded):
            self._ended += 1
            self._ended_ns = event.ended_ns

    @property
    def over(self) -> bool:
        """Whether no further round is to begin."""
        if self._rounds is not None and self._ended >= self._rounds:
            return True
        if self._chances is None or self._exclude is None or self._began_ns is None:
            return False
        late = self._within_s is not None and self._ended_ns - self._began_ns >= self._within_s * 1e9
        return late or excluded(self._chances.contested) <= self._exclude
