"""What a run may cost: said before its first order, and kept within `--max-spend` while it goes on."""

from collections.abc import Callable

from loadtest.errors import LoadTestError
from loadtest.workload.estimate import ahead, require_affordable, round_costs_usd
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import TargetKind


def estimated(plan: Race | Load, item_bytes: int, announce: Callable[[str], None]) -> None:
    """Say what the run may cost. UsageError if even the first round, or the least of a load, is above the limit."""
    require_affordable(plan, item_bytes)
    if plan.target.kind is TargetKind.AWS or plan.max_spend_usd is not None:
        announce(f"estimate: {ahead(plan, item_bytes).said(plan.prices.source)}")


def require_another_round(plan: Race, item_bytes: int, spent_usd: float) -> None:
    """LoadTestError if a further round could pass the limit."""
    limit_usd = plan.max_spend_usd
    if limit_usd is not None and spent_usd + (round_usd := round_costs_usd(plan, item_bytes)) > limit_usd:
        raise LoadTestError(
            f"stopped at ${spent_usd:,.6f}: a further round may cost ${round_usd:,.6f}, which would pass --max-spend "
            f"(${limit_usd:,.6f} for this run)"
        )


class LoadBudget:
    """Tells when a load has spent so much that what is under way could pass the limit."""

    def __init__(self, plan: Load, item_bytes: int) -> None:
        most = ahead(plan, item_bytes)
        self.limit_usd = plan.max_spend_usd
        self._order_usd = most.cost.most_usd / max(1, most.orders)
        self._spent_usd = 0.0

    def passed(self, spent_usd: float, in_flight: int) -> bool:
        """Whether what is under way, and as much again as since the last time, would pass the limit."""
        limit_usd, lately_usd = self.limit_usd, spent_usd - self._spent_usd
        self._spent_usd = spent_usd
        return limit_usd is not None and spent_usd + lately_usd + in_flight * self._order_usd > limit_usd
