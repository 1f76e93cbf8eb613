"""What a probe costs at most, said before it begins."""

from collections.abc import Sequence

from loadtest.cost import Prices, units
from loadtest.order import Kind, Outcome
from loadtest.probe import atomicity, connections, reads
from loadtest.probe.races import RACERS

_AROUND = 50  # products put and deleted, and the questions that take a request or two
_ITEM_BYTES = 100


def bill(bursts: Sequence[int], prices: Prices | None = None) -> str:
    """The requests of a probe that reaches no limit of time, and their price."""
    prices = prices or Prices()
    transactions = atomicity.TRANSACTION_RACES * RACERS
    writes = atomicity.RACES * RACERS + reads.WRITES + reads.TIMED + _AROUND
    read = atomicity.RACES + atomicity.TRANSACTION_RACES + reads.WRITES + reads.TIMED
    read += connections.CLOCK_READS + connections.READS + sum(bursts) + _AROUND
    write_units = writes * _units(Kind.WRITE) + transactions * _units(Kind.TRANSACTION)
    read_units = read * _units(Kind.READ)
    return (
        f"estimate: at most {read:,} reads, {writes:,} writes and {transactions:,} transactions, {write_units:,.0f} "
        f"write and {read_units:,.0f} read units, about ${prices.usd(read_units, write_units):,.4f} ({prices.source})"
    )


def _units(kind: Kind) -> float:
    return units(kind, Outcome.ACCEPTED, _ITEM_BYTES)
