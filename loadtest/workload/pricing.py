"""Capacity units as DynamoDB charges them, and what they cost.

Sizes and units: the developer guide, "DynamoDB item sizes and formats" and "Read and write operations". A condition
that refuses a write is charged like the write; a transaction costs two units where a single write costs one. What a
unit costs is in `prices.json`, and nowhere else.
"""

import pkgutil
from math import ceil

import msgspec
from msgspec import Struct

from loadtest.events import Kind, Outcome
from loadtest.workload.strategies import named

_READ_UNIT_BYTES = 4096
_WRITE_UNIT_BYTES = 1024
RECORD_BYTES = 150  # of an order's record in a transaction, well below one unit
_USUAL_REGION = "us-east-1"


class _Price(Struct, frozen=True):
    write_usd_per_million: float
    read_usd_per_million: float


class _PriceList(Struct, frozen=True):
    """The file: prices on demand by region, since when they hold, and the last date on which they were seen to."""

    what: str
    source: str
    in_force_since: str
    as_of: str
    regions: dict[str, _Price]


_LIST = msgspec.json.decode(pkgutil.get_data("loadtest.workload", "prices.json") or b"", type=_PriceList)
_USUAL = _LIST.regions[_USUAL_REGION]
PRICES = f"on demand, {_USUAL_REGION}, as of {_LIST.as_of}"


_NOT_KNOWN = "are not known here"


class Prices(Struct, frozen=True):
    """US dollars for a million units, and where the figures come from."""

    read_usd_per_million: float = _USUAL.read_usd_per_million  #: of read units
    write_usd_per_million: float = _USUAL.write_usd_per_million  #: of write units
    source: str = PRICES  #: where the figures come from

    def usd(self, read_units: float, write_units: float) -> float:
        """The price of so many units."""
        return (read_units * self.read_usd_per_million + write_units * self.write_usd_per_million) / 1e6


def prices_in(region: str | None) -> Prices:
    """The prices on demand in a region; of none, those of us-east-1.

    They also stand in for those that are not known here: `source` says so, and how to give them.
    """
    if region is None or region == _USUAL_REGION:
        return Prices()
    if (price := _LIST.regions.get(region)) is None:
        return Prices(
            source=f"{PRICES}; those of {region} {_NOT_KNOWN}: "
            "give write-unit-price and read-unit-price in a scenario file"
        )
    return Prices(price.read_usd_per_million, price.write_usd_per_million, f"on demand, {region}, as of {_LIST.as_of}")


def stand_in(source: str) -> bool:
    """Whether prices with this source are those of another region than the run's."""
    return _NOT_KNOWN in source


def units(kind: Kind, outcome: Outcome, item_bytes: int, *, consistent: bool = True) -> float:
    """Capacity units of one request on an item of that size; a read that need not be `consistent` costs half.

    A request that was throttled or surely refused for another reason costs nothing; one whose answer was lost is
    counted as if it had been applied.
    """
    if outcome in (Outcome.THROTTLED, Outcome.FAILED):
        return 0.0
    if kind is Kind.READ:
        return max(1, ceil(item_bytes / _READ_UNIT_BYTES)) * (1.0 if consistent else 0.5)
    single = max(1, ceil(item_bytes / _WRITE_UNIT_BYTES))
    return float(single) if kind is Kind.WRITE else 2.0 * (single + ceil(RECORD_BYTES / _WRITE_UNIT_BYTES))


class Estimate(Struct, frozen=True):
    """What a number of orders may cost: if each is done with one attempt, and if each needs all of them."""

    orders: int
    least_usd: float
    most_usd: float
    most_write_units: float
    most_read_units: float


def estimate(
    strategy: str, orders: int, attempts: int, item_bytes: int, prices: Prices, *, consistent: bool = True
) -> Estimate:
    """Before a run. An order that is told sold out by its read costs less than the least."""
    reads, writes, transactions = named(strategy).requests
    read_units = reads * units(Kind.READ, Outcome.ACCEPTED, item_bytes, consistent=consistent)
    write_units = writes * units(Kind.WRITE, Outcome.ACCEPTED, item_bytes)
    write_units += transactions * units(Kind.TRANSACTION, Outcome.ACCEPTED, item_bytes)
    least = prices.usd(read_units, write_units) * orders
    return Estimate(orders, least, least * attempts, write_units * orders * attempts, read_units * orders * attempts)
