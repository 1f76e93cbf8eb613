"""How much of a run its history has: all of it, or a part, and where that ends."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from loadtest.checker.verdict import plural
from loadtest.errors import UsageError
from loadtest.events import (
    Event,
    InFlight,
    Listener,
    MeasuringStarted,
    Operation,
    OrderDropped,
    OrderEnded,
    OrderPlaced,
    RoundEnded,
    RoundStarted,
)
from loadtest.records.history import Header, ends_within_a_line, read_history
from loadtest.workload.until import Until

_INTERRUPTED = "Interrupted"  # the runner's reason of an order that a signal or an error of the run ended


class _Planned(msgspec.Struct, frozen=True):
    rounds: int | None = 0
    exclude: float | None = None
    within_s: float | None = None
    duration_s: float = 0.0
    rate_per_s: float | None = None
    stages: list[Any] = []

    @property
    def is_race(self) -> bool:
        return bool(self.rounds) or self.exclude is not None

    @property
    def closed_loop(self) -> bool:
        return bool(self.duration_s) and self.rate_per_s is None and not self.stages


class Completeness:
    """A listener: call it with every event of a stored history, then ask for the `part`.

    Raises UsageError for a header whose plan is none.
    """

    def __init__(self, header: Header) -> None:
        self.round = 0
        self.open: dict[str, None] = {}  # products of the last round whose end was not seen
        self._header = header
        self._orders = header.conditions.orders if header.conditions else None
        try:
            self._planned = msgspec.convert(header.conditions.plan if header.conditions else {}, _Planned)
        except msgspec.ValidationError as error:
            raise UsageError(f"the plan in the header of the history {header.run_id}: {error}") from error
        planned = self._planned
        self._until = Until(planned.rounds, planned.exclude, planned.within_s) if planned.is_race else None
        self._due = self._placed = self._ended = self._rounds = self._interrupted = self._unread = 0
        self._measured_ns = self._ended_ns = 0
        self._last: Event | None = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if self._until is not None:
            self._until(event)
        if isinstance(event, Operation):
            pass  # most are: asked first, as it takes longer to find out what an event is not
        elif isinstance(event, OrderEnded):
            self._ended += 1
            self._interrupted += event.reason == _INTERRUPTED
        elif isinstance(event, OrderPlaced):
            self._placed += 1
        elif isinstance(event, OrderDropped):
            self._due += 1
        elif isinstance(event, RoundStarted):
            self.round = event.round
            self.open[event.product.id] = None
            self._placed += event.orders
        elif isinstance(event, MeasuringStarted):
            self._measured_ns = event.at_ns
            return  # it may be said ahead of its time
        elif isinstance(event, InFlight):
            return  # it is said after its time
        elif isinstance(event, RoundEnded):
            self._round_ended(event)
        self._last = event

    @property
    def last_ns(self) -> int:
        """When the last event was."""
        return self._header.monotonic_ns if self._last is None else happened_ns(self._last)

    def part(self, *, within_a_line: bool) -> str | None:
        """That the history is a part of its run, and where it ends; None if it has all that the run was to be.

        A history of an earlier version does not say what that was: it counts as all if its last round has ended.
        """
        lacking = [*(["its last line is cut"] if within_a_line else []), *self._lacking()]
        if not lacking:
            return None
        after_ns = max(0, self.last_ns - self._header.monotonic_ns)
        at = datetime.fromtimestamp((self._header.unix_ns + after_ns) / 1e9, UTC)
        ends = f"the history ends at {at:%Y-%m-%dT%H:%M:%S.%f}Z, {after_ns / 1e9:,.3f} s after its beginning"
        return f"{ends}: {', '.join(lacking)}"

    def _round_ended(self, event: RoundEnded) -> None:
        self.open.pop(event.product_id, None)
        self._unread += event.product is None
        self._rounds += not self.open
        self._ended_ns = event.ended_ns

    def _lacking(self) -> Iterator[str]:
        rounds = self._planned.rounds
        if not self._placed:
            yield "it has no order"
        elif self.open:
            yield f"round {self.round:,}{f' of {rounds:,}' if rounds else ''} has not ended"
            if missing := max(0, self._placed - self._ended):
                yield f"{plural(missing, 'order')} {'has' if missing == 1 else 'have'} no result"
        elif self._until is not None and not self._until.over:
            yield f"it has {self._rounds:,} of {plural(rounds, 'round')}" if rounds else "more rounds were to follow"
        elif self._ended_early():
            yield "orders that were planned were not placed"
        if self._interrupted:
            yield f"{plural(self._interrupted, 'order')} {'was' if self._interrupted == 1 else 'were'} interrupted"
        if self._unread:
            yield "the stock was not read at the end of a round"

    def _ended_early(self) -> bool:
        """Whether fewer orders were due than planned; of a closed loop, whether it was over before its time."""
        if self._orders is not None:
            return self._placed + self._due < self._orders
        planned = self._planned
        return planned.closed_loop and self._ended_ns < self._measured_ns + planned.duration_s * 1e9


def happened_ns(event: Event) -> int:
    """When an event happened, as far as it says; of an operation, and of what ended, when it ended.

    A write in flight happened when it was sent, which is before what was told before it.
    """
    if isinstance(event, Operation | OrderEnded):
        return event.ended_ns
    if isinstance(event, OrderPlaced | RoundStarted):
        return event.started_ns
    if isinstance(event, RoundEnded):
        return max(event.ended_ns, event.read_ns)
    if isinstance(event, InFlight):
        return event.sent_ns
    return event.scheduled_ns if isinstance(event, OrderDropped) else event.at_ns


def follow(path: Path, completeness: Completeness, *listeners: Listener) -> str | None:
    """Give a stored history to all of them, line by line, and say how it is a `part`; None if it is whole.

    Raises UsageError for a line that is no event, or one that has no place where it is.
    """
    number = 1
    try:
        for number, event in enumerate(read_history(path), 2):  # noqa: B007 - said of the event that has no place
            completeness(event)
            for listener in listeners:
                listener(event)
        return completeness.part(within_a_line=ends_within_a_line(path))
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{path}, line {number:,}: {error}") from error
