"""Counts and histograms from the stream of events, readable while the run goes on."""

import time
from collections import Counter, defaultdict

from loadtest.events import (
    WORKER_LOST,
    Event,
    Kind,
    MeasuringStarted,
    Operation,
    OrderDropped,
    OrderEnded,
    OrderPlaced,
    Outcome,
    OwnRequest,
    Reason,
    Repaired,
    Restocked,
    RoundEnded,
    RoundStarted,
)
from loadtest.measure.histogram import Histogram
from loadtest.measure.per_second import PerSecond
from loadtest.records.problems import Problems
from loadtest.workload.pricing import Prices, units


class Recorder:
    """A listener: call it with every event of a run.

    Each kind of operation has one histogram per outcome, so that a fast reject never flatters an accepted
    write: service time (received − sent) and response time (ended − scheduled). Orders have one for each outcome, from
    their scheduled start. Whatever was due before the measuring began is left out of all of it.
    """

    def __init__(self) -> None:
        self.placed = 0
        self.dropped = 0
        self.warm_up = 0  # orders that were due before the measuring began
        self.orders: Counter[Outcome] = Counter()
        self.rejected_by_reason: Counter[str] = Counter()
        self.problems = Problems()  # of failed, throttled and unknown orders
        self.service: defaultdict[tuple[Kind, Outcome], Histogram] = defaultdict(Histogram)
        self.response: defaultdict[tuple[Kind, Outcome], Histogram] = defaultdict(Histogram)
        self.order: defaultdict[Outcome, Histogram] = defaultdict(Histogram)
        self.late = Histogram()  # from an order's scheduled start to its own
        self.last_start_ns = 0  # of an order, since the measuring began
        self.attempts = 0
        self.conflicts = 0
        self.slowest: OrderEnded | None = None
        self._slowest_ns = -1
        self.most_tried: OrderEnded | None = None
        self.read_units = self.write_units = self.reported_units = 0.0
        self.warm_up_units = [0.0, 0.0]  # of writes, of reads
        self.send_spreads_ns: list[int] = []  # from the first to the last first write of each round
        self.rounds = 0
        self.duration_ns = 0  # of the rounds, without what lies between them
        self.winners: Counter[int] = Counter()
        self.initial: dict[str, int] = {}
        self.final: dict[str, int | None] = {}
        self.sold: Counter[str] = Counter()
        self.repairs: Counter[OwnRequest] = Counter()  # lost answers to the tool's own requests, warm-up included
        self.per_second: PerSecond | None = None
        self._from_ns = 0
        self._warming: set[str] = set()  # orders of the warm-up that have not ended
        self._bytes: dict[str, int] = {}
        self._going: dict[str, RoundStarted] = {}
        self._accepted_before = 0
        self._unsent_ns = 0  # of response time
        self._burst: tuple[int, int] | None = None

    def __call__(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Operation):
            self._operation(event)
        elif isinstance(event, OrderEnded):
            self._order(event)
        elif isinstance(event, OrderPlaced):
            self._placed(event)
        elif isinstance(event, OrderDropped):
            self._dropped(event)
        elif isinstance(event, RoundStarted):
            self._round_started(event)
        elif isinstance(event, MeasuringStarted):
            self._from_ns, self.per_second = event.at_ns, PerSecond(event.at_ns)
        elif isinstance(event, RoundEnded):
            self._round_ended(event)
        elif isinstance(event, Restocked) and event.outcome is Outcome.ACCEPTED:
            self.sold[event.product_id] += event.units
        elif isinstance(event, Repaired):
            self.repairs[event.request] += 1

    @property
    def begun(self) -> bool:
        """Whether an order was placed."""
        return self.placed + self.warm_up > 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the measuring of a load began."""
        return max(0.0, (time.perf_counter_ns() - self._from_ns) / 1e9) if self._from_ns else 0.0

    @property
    def operations(self) -> int:
        """Requests that have ended so far."""
        return sum(histogram.count for histogram in self.response.values())

    @property
    def writes(self) -> int:
        """Writes and transactions that have ended so far."""
        return sum(histogram.count for (kind, _), histogram in self.response.items() if kind is not Kind.READ)

    @property
    def wasted_writes(self) -> int:
        """Those of them that a condition refused."""
        refused = ((Kind.WRITE, Outcome.REJECTED), (Kind.TRANSACTION, Outcome.REJECTED))
        return sum(self.response[key].count for key in refused if key in self.response)

    @property
    def ended(self) -> int:
        """Orders that have their result."""
        return self.orders.total()

    @property
    def own_share(self) -> float:
        """The part of all response time that was spent in this process: before sending and after receiving.

        What was never sent is left out: it waited for a connection or for credentials.
        """
        response_ns = sum(histogram.sum_ns for histogram in self.response.values()) - self._unsent_ns
        service_ns = sum(histogram.sum_ns for histogram in self.service.values())
        return (response_ns - service_ns) / response_ns if response_ns else 0.0

    def spent_usd(self, prices: Prices) -> float:
        """The price of all so far, warm-up included."""
        writes, reads = self.warm_up_units
        return prices.usd(self.read_units + reads, self.write_units + writes)

    def tick(self) -> None:
        """Close the seconds that are over."""
        if self.per_second is not None:
            self.per_second.close(time.perf_counter_ns())

    def _operation(self, event: Operation) -> None:
        consumed, reported = event.capacity, True
        # DynamoDB charges no less than one for a write or a consistent read; moto says half.
        if consumed is None or consumed < (1 if event.consistent else 0.5):
            reported = False
            size = self._bytes.get(event.product_id, 0)
            consumed = units(event.kind, event.outcome, size, consistent=event.consistent)
        read = event.kind is Kind.READ
        if event.order_id in self._warming:
            self.warm_up_units[read] += consumed
            return
        if event.sent:
            self.service[event.kind, event.outcome].record(event.received_ns - event.sent_ns)
        else:
            self._unsent_ns += event.ended_ns - event.scheduled_ns
        self.response[event.kind, event.outcome].record(event.ended_ns - event.scheduled_ns)
        if reported:
            self.reported_units += consumed
        if read:
            self.read_units += consumed
        else:
            self.write_units += consumed
            if event.attempt == 1 and event.sent:
                self._first_write(event.sent_ns)
            if event.outcome is Outcome.REJECTED and event.reason == Reason.CONFLICT:
                self.conflicts += 1
        if self.per_second is not None:
            self.per_second.operation(event, consumed)

    def _first_write(self, sent_ns: int) -> None:
        burst = self._burst
        if burst is None:
            self._burst = sent_ns, sent_ns
        elif not burst[0] <= sent_ns <= burst[1]:
            self._burst = min(burst[0], sent_ns), max(burst[1], sent_ns)

    def _placed(self, event: OrderPlaced) -> None:
        if event.scheduled_ns < self._from_ns:
            self.warm_up += 1
            self._warming.add(event.order_id)
            if self.per_second is not None:
                self.per_second.under_way(event.started_ns, 1)
            return
        self.placed += 1
        self.last_start_ns = max(self.last_start_ns, event.started_ns - self._from_ns)
        self.late.record(max(0, event.started_ns - event.scheduled_ns))
        if self.per_second is not None:
            self.per_second.placed(event.scheduled_ns)

    def _dropped(self, event: OrderDropped) -> None:
        if event.scheduled_ns >= self._from_ns:
            self.dropped += 1
            if self.per_second is not None:
                self.per_second.dropped(event.scheduled_ns)

    def _order(self, event: OrderEnded) -> None:
        if event.order_id in self._warming:
            self._warming.discard(event.order_id)
            if self.per_second is not None:
                self.per_second.under_way(event.ended_ns, -1)
            return
        self.orders[event.outcome] += 1
        self.attempts += event.attempts
        waited_ns = event.ended_ns - event.scheduled_ns
        self.order[event.outcome].record(waited_ns)
        if event.outcome is Outcome.REJECTED:
            self.rejected_by_reason[event.reason] += 1
        elif event.outcome is not Outcome.ACCEPTED:
            self.problems.add(event.reason, event.message)
        if waited_ns > self._slowest_ns and event.reason != WORKER_LOST:  # which was served as nobody knows
            self.slowest, self._slowest_ns = event, waited_ns
        if self.most_tried is None or event.attempts > self.most_tried.attempts:
            self.most_tried = event
        if self.per_second is not None:
            self.per_second.ended(event)

    def _round_started(self, event: RoundStarted) -> None:
        if not self._going:
            self._accepted_before = self.orders[Outcome.ACCEPTED]
        self._going[event.product.id] = event
        self._bytes[event.product.id] = event.item_bytes
        self.placed += event.orders
        self.initial.setdefault(event.product.id, event.product.quantity)

    def _round_ended(self, event: RoundEnded) -> None:
        started = self._going.pop(event.product_id, None)
        if started is None:
            raise ValueError(f"round {event.round} ended before it started")
        if event.product is None:
            self.final[event.product_id] = None
        else:
            self.final[event.product_id] = event.product.quantity
            self.sold[event.product_id] += started.product.quantity - event.product.quantity
        if self._going:
            return
        self.rounds += 1
        if self._burst is not None:
            self.send_spreads_ns.append(self._burst[1] - self._burst[0])
            self._burst = None
        self.duration_ns += max(0, event.ended_ns - max(started.started_ns, self._from_ns))
        self.winners[self.orders[Outcome.ACCEPTED] - self._accepted_before] += 1
