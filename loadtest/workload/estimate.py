"""What a plan asks for, reckoned before it is run: orders, requests, time, units and price.

How long a request will take nobody knows beforehand: what rests on the assumption says so.
"""

from math import ceil

from msgspec import Struct
from msgspec.structs import replace

from loadtest.errors import UsageError
from loadtest.workload.pricing import Estimate, estimate
from loadtest.workload.spec import Load, Race
from loadtest.workload.strategies import named

ASSUMED_S = 0.005  # of a request
_ASSUMED_PER_S = 2_000  # requests that client and server get through, however many are in flight
_BEGIN_S = 1.5  # from the command to the first order
_AROUND = 4  # requests for each product of a load: it is put, read, set to the stock, and read again
_BETWEEN_S = 0.1  # rounds: the stock is set, the evidence read


class Ahead(Struct, frozen=True):
    """Orders, requests and price of a plan, and how long about it takes.

    `assumed`: the number of orders rests on ASSUMED_S. `open_end`: of a race, all figures are of one round of as many
    as it takes.
    """

    orders: int
    cost: Estimate
    seconds: float
    assumed: bool = False
    open_end: bool = False

    def said(self, prices: str) -> str:
        """The price in a sentence; `prices` says where it comes from."""
        cost, assumed = self.cost, f" (if a request takes {ASSUMED_S * 1e3:g} ms)" if self.assumed else ""
        of = " of each round" if self.open_end else ""
        most = "" if cost.most_usd == cost.least_usd else f" to ${cost.most_usd:,.6f} if each needs all its attempts"
        price = f"about ${cost.least_usd:,.6f}{most}"
        units = f"{cost.most_write_units:,.0f} write and {cost.most_read_units:,.0f} read units"
        return f"{self.orders:,} orders{of}{assumed} cost {price}, for at most {units} ({prices})"


def ahead(plan: Race | Load, item_bytes: int) -> Ahead:
    """The same for a product of that size."""
    return _of_race(plan, item_bytes) if isinstance(plan, Race) else _of_load(plan, item_bytes)


def require_affordable(plan: Race | Load, item_bytes: int) -> None:
    """UsageError if not even the first round, or the least that a load can cost, is within the plan's limit."""
    limit_usd = plan.max_spend_usd
    if limit_usd is None:
        return
    if isinstance(plan, Race):
        round_usd = round_costs_usd(plan, item_bytes)
        if round_usd > limit_usd:
            raise UsageError(
                f"a round of {plan.number_of_requests:,} orders may cost ${round_usd:,.6f}, more than the "
                f"${limit_usd:,.6f} that --max-spend leaves; none of them was placed"
            )
        return
    wanted = ahead(plan, item_bytes)
    if not wanted.assumed and wanted.cost.least_usd > limit_usd:
        raise UsageError(
            f"{wanted.orders:,} orders cost at least ${wanted.cost.least_usd:,.6f}, more than the "
            f"${limit_usd:,.6f} that --max-spend leaves; none of them was placed"
        )


def round_costs_usd(plan: Race, item_bytes: int) -> float:
    """What a round costs at most."""
    return ahead(replace(plan, rounds=1, exclude=None), item_bytes).cost.most_usd


def _of_race(plan: Race, item_bytes: int) -> Ahead:
    rounds = plan.rounds if plan.exclude is None else None
    orders = plan.number_of_requests * (rounds or 1)
    requests = plan.number_of_requests * sum(named(plan.strategy).requests)
    round_s = _BETWEEN_S + requests * max(ASSUMED_S / plan.concurrency, 1 / _ASSUMED_PER_S)
    seconds = round_s * (rounds or 1)
    if rounds is None:
        seconds = min(plan.within_s or float("inf"), round_s * (plan.rounds or float("inf")))
    return Ahead(orders, _cost(plan, orders, item_bytes), _BEGIN_S + seconds, open_end=rounds is None)


def _of_load(plan: Load, item_bytes: int) -> Ahead:
    seconds, schedule = plan.warm_up_s + plan.duration_s, plan.schedule
    around_s = _AROUND * plan.products / _ASSUMED_PER_S
    if schedule is not None:
        orders = ceil(schedule.orders)
    else:
        orders = ceil(plan.concurrency * seconds / ASSUMED_S / sum(named(plan.strategy).requests))
    return Ahead(orders, _cost(plan, orders, item_bytes), _BEGIN_S + around_s + seconds, assumed=schedule is None)


def _cost(plan: Race | Load, orders: int, item_bytes: int) -> Estimate:
    consistent = plan.consistent_reads
    return estimate(plan.strategy, orders, plan.attempts, item_bytes, plan.prices, consistent=consistent)
