"""The figures that a comparison shows, and the few of them that it tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from loadtest.records.report import Latency, Report


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a run: what to call it, its unit, and whether differences of it are tested.

    `of` reads it from a report; None where the run has no such figure, for example no rejected order.
    """

    title: str
    unit: str
    tested: bool
    of: Callable[[Report], float | None]


def _order(outcome: str, figure: Literal["p50", "p99"]) -> Callable[[Report], float | None]:
    return lambda report: _figure(report.order_ms.get(outcome), figure)


def _write(figure: Literal["p50", "p99"]) -> Callable[[Report], float | None]:
    """The service time of accepted writes; of transactions, if the run has no accepted write."""

    def of(report: Report) -> float | None:
        accepted = [report.latency_ms.get(kind, {}).get("accepted") for kind in ("write", "transaction")]
        return _figure(accepted[0] or accepted[1], figure)

    return of


def _figure(latency: Latency | None, figure: Literal["p50", "p99"]) -> float | None:
    if latency is None or latency.count == 0:
        return None
    return latency.p50 if figure == "p50" else latency.p99


METRICS: dict[str, Metric] = {
    "goodput_per_s": Metric("goodput", "orders/s", True, lambda report: report.goodput_per_s),
    "order_accepted_p50_ms": Metric("p50 of accepted orders", "ms", True, _order("accepted", "p50")),
    "order_accepted_p99_ms": Metric("p99 of accepted orders", "ms", True, _order("accepted", "p99")),
    "order_rejected_p50_ms": Metric("p50 of rejected orders", "ms", False, _order("rejected", "p50")),
    "order_rejected_p99_ms": Metric("p99 of rejected orders", "ms", False, _order("rejected", "p99")),
    "write_accepted_p50_ms": Metric("p50 of accepted writes", "ms", False, _write("p50")),
    "write_accepted_p99_ms": Metric("p99 of accepted writes", "ms", False, _write("p99")),
    "conflicts": Metric("conflicts", "writes", False, lambda report: report.work.conflicts),
    "wasted_writes": Metric("wasted writes", "writes", False, lambda report: report.work.wasted_writes),
    "writes_per_accepted": Metric(
        "writes for each accepted order", "writes", True, lambda report: report.work.writes_per_accepted
    ),
    "usd_per_1000_accepted": Metric(
        "price of 1,000 accepted orders", "US$", True, lambda report: report.capacity.usd_per_1000_accepted
    ),
    "operations_per_s": Metric("operations", "operations/s", False, lambda report: report.operations_per_s),
}
"""Every figure, in the order in which they are shown.

Only five are tested: what an order gets (goodput, p50 and p99) and what it costs (writes, price). The correction for
the number of tests makes each one harder to pass; testing figures that follow from these five would hide differences.
"""

TESTED = tuple(name for name, metric in METRICS.items() if metric.tested)
