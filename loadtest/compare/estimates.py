"""One configuration's repeats as a cell: each figure's values, their median and its interval."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from msgspec import structs

from loadtest.compare.metrics import METRICS
from loadtest.compare.welch import exp, interval
from loadtest.records.comparison import Cell, Estimate
from loadtest.records.report import Orders, Report

_COUNTS = tuple(field.name for field in structs.fields(Orders) if field.type is int)


def cell(name: str, settings: Mapping[str, Any], reports: Sequence[Report]) -> Cell:
    """The cell of one configuration; `settings` is what tells it from the others, `reports` are its repeats."""
    return Cell(
        name=name,
        settings=dict(settings),
        runs=[report.run_id for report in reports],
        verdicts=dict(Counter(report.verdict.status.value for report in reports)),
        orders={count: sum(getattr(report.orders, count) for report in reports) for count in _COUNTS},
        untested=sum(report.verdict.untested for report in reports),
        metrics={name: estimate([metric.of(report) for report in reports]) for name, metric in METRICS.items()},
    )


def estimate(values: Sequence[float | None]) -> Estimate:
    """The sample median and its 95 % interval; the order of the values does not matter.

    If all values are positive, the interval is Student's on their logarithms: that of the median of a log-normal
    distribution. Otherwise it is Student's on the plain values, cut at zero if none is negative. Where the interval
    would not hold the sample median, it is stretched to it. Up to six repeats that cannot happen, because a mean and
    a median are never more than one standard deviation apart; with more it takes a strong skew.
    """
    known = sorted(float(value) for value in values if value is not None)
    if not known:
        return Estimate(list(values), None, None, None)
    middle = median(known)
    if len(known) == 1:
        return Estimate(list(values), middle, None, None)
    if known[0] == known[-1]:
        return Estimate(list(values), middle, middle, middle)
    low, high = _interval(known)
    return Estimate(list(values), middle, min(low, middle), max(high, middle))


def _interval(known: Sequence[float]) -> tuple[float, float]:
    if known[0] > 0:
        low, high = interval([math.log(value) for value in known])
        return exp(low), exp(high)
    low, high = interval(known)
    return (max(low, 0.0) if known[0] >= 0 else low), high
