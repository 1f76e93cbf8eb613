"""A run second by second: counts and percentiles, cheap enough to be kept while thousands of orders a second end."""

from collections import Counter, defaultdict

from loadtest.events import Kind, Operation, OrderEnded, Outcome
from loadtest.records.report import Percentiles, Second

_SUB_BUCKET_BITS = 8  # 256 sub-buckets: the middle of one is within 0.4 percent of its values


class Coarse:
    """Latencies to about one percent, as a dict of buckets: small if they are few, read in the time of its buckets."""

    __slots__ = ("_counts", "count", "max_ns")

    def __init__(self) -> None:
        self._counts: defaultdict[int, int] = defaultdict(int)
        self.count = 0
        self.max_ns = 0

    def record(self, value_ns: int) -> None:
        """Count one latency."""
        shift = value_ns.bit_length() - _SUB_BUCKET_BITS
        self._counts[value_ns if shift <= 0 else (value_ns >> shift << shift) + (1 << shift >> 1)] += 1
        self.count += 1
        if value_ns > self.max_ns:  # noqa: PLR1730 - called twice for each order
            self.max_ns = value_ns

    def percentiles(self) -> Percentiles:
        """What half of the values do not exceed, 99 of 100, and none."""
        found, seen = [], 0
        wanted = [self.count * 0.5, self.count * 0.99]
        for value_ns in sorted(self._counts):
            seen += self._counts[value_ns]
            while wanted and seen >= wanted[0]:
                found.append(min(value_ns, self.max_ns))
                wanted.pop(0)
        return Percentiles(self.count, found[0] / 1e6, found[1] / 1e6, self.max_ns / 1e6)


class _Open:
    """One second that still goes on."""

    __slots__ = (
        "attempts",
        "dropped",
        "most_attempts",
        "outcomes",
        "pending",
        "placed",
        "read_units",
        "response",
        "service",
        "wasted",
        "write_units",
        "writes",
    )

    def __init__(self) -> None:
        self.pending = self.placed = self.dropped = self.attempts = self.most_attempts = self.writes = self.wasted = 0
        self.read_units = self.write_units = 0.0
        self.outcomes: Counter[Outcome] = Counter()
        self.response: defaultdict[Outcome, Coarse] = defaultdict(Coarse)
        self.service: defaultdict[tuple[Kind, Outcome], Coarse] = defaultdict(Coarse)


class PerSecond:
    """The seconds of a run, counted from `started_ns`. Those that are over are closed and take little memory."""

    def __init__(self, started_ns: int) -> None:
        self.started_ns = started_ns
        self.closed: list[Second] = []
        self._open: dict[int, _Open] = {}
        self._in_flight = 0

    def placed(self, at_ns: int, orders: int = 1) -> None:
        """So many orders were due and began."""
        self._at(at_ns).placed += orders

    def dropped(self, at_ns: int) -> None:
        """An order was due and could not begin."""
        self._at(at_ns).dropped += 1

    def under_way(self, at_ns: int, change: int) -> None:
        """An order of the warm-up began (1) or ended (-1): in nothing but `in_flight`."""
        self._at(max(at_ns, self.started_ns)).pending += change

    def ended(self, event: OrderEnded) -> None:
        """An order has its result."""
        second = self._at(event.ended_ns)
        second.outcomes[event.outcome] += 1
        second.attempts += event.attempts
        second.most_attempts = max(second.most_attempts, event.attempts)
        second.response[event.outcome].record(event.ended_ns - event.scheduled_ns)

    def operation(self, event: Operation, units: float) -> None:
        """A request has ended, at the cost of `units`."""
        second = self._at(event.ended_ns)
        if event.sent:
            second.service[event.kind, event.outcome].record(event.received_ns - event.sent_ns)
        if event.kind is Kind.READ:
            second.read_units += units
            return
        second.write_units += units
        second.writes += 1
        if event.outcome is Outcome.REJECTED:
            second.wasted += 1

    def close(self, now_ns: int) -> None:
        """Close every second that ended a second ago. What still comes late of it counts in the next."""
        for number in sorted(self._open):
            if self.started_ns + (number + 2) * 1_000_000_000 > now_ns:
                break
            self._close(number)

    def all(self) -> list[Second]:
        """Every second in turn, also those that still go on or in which nothing happened."""
        for number in sorted(self._open):
            self._close(number)
        return self.closed

    def _at(self, at_ns: int) -> _Open:
        number = max((at_ns - self.started_ns) // 1_000_000_000, len(self.closed))
        second = self._open.get(number)
        if second is None:
            second = self._open[number] = _Open()
        return second

    def _close(self, number: int) -> None:
        while len(self.closed) < number:
            self._append(len(self.closed), _Open())
        self._append(number, self._open.pop(number))

    def _append(self, number: int, second: _Open) -> None:
        outcomes = second.outcomes
        self._in_flight += second.placed + second.pending - outcomes.total()
        self.closed.append(
            Second(
                second=number,
                placed=second.placed,
                accepted=outcomes[Outcome.ACCEPTED],
                rejected=outcomes[Outcome.REJECTED],
                throttled=outcomes[Outcome.THROTTLED],
                failed=outcomes[Outcome.FAILED],
                unknown=outcomes[Outcome.UNKNOWN],
                dropped=second.dropped,
                in_flight=max(0, self._in_flight),
                attempts=second.attempts,
                most_attempts=second.most_attempts,
                writes=second.writes,
                wasted_writes=second.wasted,
                read_units=second.read_units,
                write_units=second.write_units,
                response_ms={outcome.value: coarse.percentiles() for outcome, coarse in second.response.items()},
                service_ms={
                    f"{kind.value}.{outcome.value}": coarse.percentiles()
                    for (kind, outcome), coarse in second.service.items()
                },
            )
        )
