"""What a run is asked to do: a race, or load over time."""

from collections.abc import Sequence
from enum import StrEnum
from math import ceil
from typing import Literal, Self

from msgspec import Struct
from msgspec.structs import replace

from loadtest.workload.arrivals import Rate, Stage, steady
from loadtest.workload.backoff import Backoff
from loadtest.workload.faults import Faults
from loadtest.workload.pricing import Prices
from loadtest.workload.target import Target

_SECONDS_IN_FLIGHT = 2.0
_LEAST_IN_FLIGHT, _MOST_IN_FLIGHT = 1_000, 10_000


class Cluster(Struct, frozen=True, kw_only=True):
    """A Dask scheduler's address, and the files for TLS: whom to trust, and who this is."""

    address: str  #: the scheduler's
    authorities: str | None = None  #: file of those to trust
    certificate: str | None = None  #: file
    key: str | None = None  #: file


class Spread(Struct, frozen=True, kw_only=True):
    """Where the orders are placed: here, by several processes here, or by the workers of a cluster."""

    processes: int = 1  #: how many on this machine
    cluster: Cluster | None = None  #: whose workers place them; null if there is none

    @property
    def alone(self) -> bool:
        """Whether this process places all of them."""
        return self.processes == 1 and self.cluster is None


class Rules(Struct, frozen=True):
    """How orders are run: attempts each, whether the gate holds them, what they wait.

    `concurrency` is the most requests in flight at once; None if the number of orders is limit enough.
    """

    attempts: int = 1
    concurrency: int | None = None
    gate: bool = True
    backoff: Backoff = Backoff.FULL_JITTER


class ArrivalKind(StrEnum):
    """How orders come: all at once, by a schedule that waits for nobody, or each when one before has ended."""

    BURST = "burst"
    OPEN = "open"
    CLOSED = "closed"


class Plan(Struct, frozen=True, kw_only=True):
    """What both have in common."""

    strategy: str = "version"  #: how an order becomes requests
    units: int = 1  #: what each order takes
    attempts: int = 1  #: most attempts of an order
    backoff: Backoff = Backoff.FULL_JITTER  #: how it waits between two
    consistent_reads: bool = True  #: whether orders read consistently
    product: str = "p#4"  #: the one that is bought, if it is one
    #: most requests in flight of a race, buyers of a closed loop, or most orders in flight of an open one
    concurrency: int = 100
    prices: Prices = Prices()  #: what a unit costs
    seed: int = 0  #: given or drawn; random arrivals, choice of products and backoff follow from it
    max_spend_usd: float | None = None  #: what the orders may cost at most; null: no limit
    target: Target = Target()  #: where the requests go
    faults: Faults | None = None  #: those of `--fault`, made on the way there; null without
    spread: Spread = Spread()  #: where the orders are placed


class Race(Plan, frozen=True, kw_only=True):
    """Rounds of orders for one product, all at once, with its stock set before each.

    With `exclude` there are as many rounds as exclude a higher rate of double wins with 95 % certainty, within the
    bounds of `rounds` and `within_s`.
    """

    number_of_requests: int = 100  #: orders placed in each round
    stock: int = 1  #: quantity before each round
    rounds: int | None = 1  #: how many, or at most how many; null: no bound
    gate: bool = True  #: whether every write is held until all orders have read
    exclude: float | None = None  #: rate of double wins of which a higher one is to be excluded, 0 to 1; null: none
    within_s: float | None = None  #: begin no round later than so long after the first; null: no bound

    @property
    def command(self) -> Literal["race"]:
        """The command that makes such a run."""
        return "race"

    @property
    def arrivals(self) -> ArrivalKind:
        """How its orders come."""
        return ArrivalKind.BURST

    @property
    def expected_s(self) -> None:
        """How long its orders come: nobody knows beforehand."""
        return None

    @property
    def schedule(self) -> None:
        """The rate of arrivals: there is none."""
        return None

    @property
    def restocked(self) -> bool:
        """Whether products are brought back to the stock while orders come."""
        return False

    def shortened(self) -> Self:
        """The same, as short as it can be."""
        return replace(self, rounds=1)

    @property
    def rules(self) -> Rules:
        """How its orders are run."""
        limit = self.concurrency if self.concurrency < self.number_of_requests else None
        return Rules(self.attempts, limit, self.gate, self.backoff)

    @property
    def orders(self) -> int | None:
        """How many there will be; None if only the run tells."""
        return None if self.rounds is None or self.exclude is not None else self.number_of_requests * self.rounds

    @property
    def product_ids(self) -> list[str]:
        """The one product that all want."""
        return [self.product]


class Load(Plan, frozen=True, kw_only=True):
    """Orders over time for one or more products.

    Without `rate_per_s` and `stages` it is a closed loop of `concurrency` orders. With either, what is due while
    `concurrency` orders are in flight is dropped.
    """

    duration_s: float = 10.0  #: how long is measured
    warm_up_s: float = 0.0  #: what comes before that and is not
    rate_per_s: float | None = None  #: orders a second; null without `--rate`
    stages: Sequence[Stage] = ()  #: ramps of the rate, from 0 at the beginning
    poisson: bool = False  #: whether arrivals are random instead of evenly spaced
    products: int = 1  #: how many are bought
    skew: float = 0.0  #: Zipf's exponent over the products; 0 is uniform
    stock: int = 1_000_000  #: quantity of each product at the beginning
    restock: bool = False  #: whether each is kept near it

    @property
    def command(self) -> Literal["load"]:
        """The command that makes such a run."""
        return "load"

    @property
    def arrivals(self) -> ArrivalKind:
        """How its orders come."""
        return ArrivalKind.CLOSED if self.rate_per_s is None and not self.stages else ArrivalKind.OPEN

    @property
    def expected_s(self) -> float:
        """How long its orders come, warm-up included."""
        return self.warm_up_s + self.duration_s

    @property
    def restocked(self) -> bool:
        """Whether products are brought back to the stock while orders come."""
        return self.restock

    def shortened(self) -> Self:
        """The same, as short as it can be."""
        return replace(self, duration_s=1.0, warm_up_s=0.0)

    @property
    def rules(self) -> Rules:
        """How its orders are run."""
        return Rules(self.attempts, None, False, self.backoff)

    @property
    def schedule(self) -> Rate | None:
        """The rate of arrivals, warm-up included: that runs at the first rate there is. None in a closed loop."""
        if self.rate_per_s is not None:
            return steady(self.rate_per_s, self.warm_up_s + self.duration_s)
        if not self.stages or not self.warm_up_s:
            return Rate(self.stages) if self.stages else None
        first = next(stage.rate_per_s for stage in self.stages if stage.rate_per_s)
        return Rate([Stage(self.warm_up_s, first), Stage(0.0, 0.0), *self.stages], first)

    @property
    def orders(self) -> int | None:
        """How many will be due; None if only the run tells: in a closed loop, and of a Poisson process."""
        schedule = None if self.poisson else self.schedule
        return ceil(schedule.orders) if schedule else None

    @property
    def product_ids(self) -> list[str]:
        """The products that are bought, the hottest first."""
        return [self.product] if self.products == 1 else [f"load#{n}" for n in range(1, self.products + 1)]


def in_flight_for(highest_per_s: float) -> int:
    """The most orders in flight unless the user says otherwise: two seconds of the highest rate, within reason."""
    return int(min(_MOST_IN_FLIGHT, max(_LEAST_IN_FLIGHT, _SECONDS_IN_FLIGHT * highest_per_s)))
