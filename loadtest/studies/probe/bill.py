"""What a probe costs at most, said before it begins."""

from collections.abc import Sequence

from msgspec import Struct

from loadtest.events import Kind, Outcome
from loadtest.studies.probe import atomicity, connections, reads
from loadtest.studies.probe.races import RACERS
from loadtest.workload.pricing import Prices, units

_AROUND = 50  # items put and deleted, and the questions that take a request or two
_ITEM_BYTES = 150


class Bill(Struct, frozen=True):
    """The requests of a probe that no limit of time stops. Puts and deletions are writes."""

    reads: int
    writes: int
    transactions: int
    prices: Prices = Prices()

    @property
    def write_units(self) -> float:
        """Units of the writes and transactions, accepted or refused."""
        return self.writes * _units(Kind.WRITE) + self.transactions * _units(Kind.TRANSACTION)

    @property
    def read_units(self) -> float:
        """Units of the reads."""
        return self.reads * _units(Kind.READ)

    @property
    def requests(self) -> str:
        """How many requests of each kind, in words."""
        return f"at most {self.reads:,} reads, {self.writes:,} writes and {self.transactions:,} transactions"

    @property
    def cost(self) -> str:
        """Their units and price, in words."""
        return (
            f"{self.write_units:,.0f} write and {self.read_units:,.0f} read units, "
            f"about ${self.prices.usd(self.read_units, self.write_units):,.6f} ({self.prices.source})"
        )


def bill(bursts: Sequence[int], prices: Prices = Prices()) -> Bill:  # noqa: B008 - a frozen value
    """The bill of a probe with bursts of so many connections."""
    return Bill(
        prices=prices,
        reads=atomicity.RACES
        + atomicity.TRANSACTION_RACES
        + reads.WRITES
        + reads.TIMED
        + connections.CLOCK_READS
        + connections.KEEP_ALIVE_READS
        + sum(bursts)
        + _AROUND,
        writes=atomicity.RACES * RACERS + reads.WRITES + reads.TIMED + _AROUND,
        transactions=atomicity.TRANSACTION_RACES * RACERS + _AROUND // 10,
    )


def _units(kind: Kind) -> float:
    return units(kind, Outcome.ACCEPTED, _ITEM_BYTES)
