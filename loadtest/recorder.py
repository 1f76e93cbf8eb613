"""Counts and histograms from the stream of events, readable while the run goes on."""

from collections import Counter, defaultdict

from loadtest.histogram import Histogram
from loadtest.order import Event, Kind, Operation, OrderEnded, Outcome, RoundEnded, RoundStarted


class Recorder:
    """A listener: call it with every event of a run.

    Each kind of operation has one histogram per outcome, so that a fast reject never flatters an accepted
    write: service time (received − sent) and response time (ended − scheduled).
    """

    def __init__(self) -> None:
        self.placed = 0
        self.orders: Counter[Outcome] = Counter()
        self.rejected_by_reason: Counter[str] = Counter()
        self.problems: Counter[str] = Counter()  # messages of failed, throttled and unknown orders
        self.service: defaultdict[tuple[Kind, Outcome], Histogram] = defaultdict(Histogram)
        self.response: defaultdict[tuple[Kind, Outcome], Histogram] = defaultdict(Histogram)
        self.burst_spreads_ns: list[int] = []  # from the first to the last first write of each round
        self.rounds = 0
        self.duration_ns = 0  # of the rounds, without what lies between them
        self.winners: Counter[int] = Counter()
        self.initial: dict[str, int] = {}
        self.final: dict[str, int | None] = {}
        self.sold: Counter[str] = Counter()
        self._round: tuple[RoundStarted, int] | None = None
        self._burst: tuple[int, int] | None = None

    def __call__(self, event: Event) -> None:
        """Count one event."""
        if isinstance(event, Operation):
            self._operation(event)
        elif isinstance(event, OrderEnded):
            self._order(event)
        elif isinstance(event, RoundStarted):
            self.placed += event.orders
            self.initial.setdefault(event.product.id, event.product.quantity)
            self._round = event, self.orders[Outcome.ACCEPTED]
        elif isinstance(event, RoundEnded):
            self._round_ended(event)

    @property
    def operations(self) -> int:
        """Requests answered so far."""
        return sum(histogram.count for histogram in self.service.values())

    @property
    def ended(self) -> int:
        """Orders that have their result."""
        return self.orders.total()

    @property
    def own_share(self) -> float:
        """The part of all response time that was spent in this process: before sending and after receiving."""
        response_ns = sum(histogram.sum_ns for histogram in self.response.values())
        service_ns = sum(histogram.sum_ns for histogram in self.service.values())
        return (response_ns - service_ns) / response_ns if response_ns else 0.0

    def _operation(self, event: Operation) -> None:
        self.service[event.kind, event.outcome].record(event.received_ns - event.sent_ns)
        self.response[event.kind, event.outcome].record(event.ended_ns - event.scheduled_ns)
        if event.kind is not Kind.READ and event.attempt == 1:
            first, last = self._burst or (event.sent_ns, event.sent_ns)
            self._burst = min(first, event.sent_ns), max(last, event.sent_ns)

    def _order(self, event: OrderEnded) -> None:
        self.orders[event.outcome] += 1
        if event.outcome is Outcome.REJECTED:
            self.rejected_by_reason[event.reason] += 1
        elif event.outcome is not Outcome.ACCEPTED:
            self.problems[event.message or event.reason] += 1

    def _round_ended(self, event: RoundEnded) -> None:
        if self._round is None:
            raise ValueError(f"round {event.round} ended before it started")
        started, accepted_before = self._round
        self.rounds += 1
        if self._burst is not None:
            self.burst_spreads_ns.append(self._burst[1] - self._burst[0])
            self._burst = None
        self.duration_ns += event.ended_ns - started.started_ns
        self.winners[self.orders[Outcome.ACCEPTED] - accepted_before] += 1
        if event.product is None:
            self.final[event.product_id] = None
        else:
            self.final[event.product_id] = event.product.quantity
            self.sold[event.product_id] += started.product.quantity - event.product.quantity
