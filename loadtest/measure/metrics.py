"""The figures of a report by name, as thresholds use them. `docs/reference/thresholds.md` lists them.

    metric   figure(times) | name | count / count
    figure   p50, p99.9, any percentile above 0 up to p100 | mean | min | max
    times    order.OUTCOME (whole orders) | KIND.OUTCOME (service time) | response.KIND.OUTCOME

Pure: no I/O, no clock.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import accumulate
from math import ceil
from operator import attrgetter

from loadtest.errors import UsageError, nearest
from loadtest.events import Kind, Outcome, Reason
from loadtest.records import hdr
from loadtest.records.report import Latency, Lateness, Report, buckets

Value = Fraction | float | None

_CALL = re.compile(r"([^()\s]*)\s*\(\s*([^()]*?)\s*\)")
_PERCENTILE = re.compile(r"p(\d{1,3}(?:\.\d{1,20})?)", re.ASCII)
_ALL = "docs/reference/thresholds.md lists all"
_FIGURES = ("p50", "p90", "p99", "p99.9", "mean", "min", "max")
_STORED = {"p50": "p50", "p90": "p90", "p99": "p99", "p99.9": "p999", "p100": "max"}


class Quantity(Enum):
    """What a metric is."""

    COUNT = "a count"
    NUMBER = "a number"
    RATE = "a rate"
    SHARE = "a share"
    TIME = "a time"


@dataclass(frozen=True, slots=True)
class Metric:
    """`read` finds the metric in a report: milliseconds for a time, 0 to 1 for a share, each second for a rate.

    It gives None if nothing was measured; `lacking` then says what there was none of.
    """

    name: str
    quantity: Quantity
    read: Callable[[Report], Value]
    lacking: str = ""


def metric(text: str) -> Metric:
    """The metric of that name, in its usual spelling. Raises UsageError, with the nearest right name, for any other."""
    if text in _METRICS:
        return _METRICS[text]
    if "/" in text:
        return _share(text)
    if call := _CALL.fullmatch(text):
        return _call(call[1], call[2])
    if text in _TIMES:
        raise UsageError(f"{text} is many times; say which figure of them, for example p99({text})")
    if text in _FIGURES or _PERCENTILE.fullmatch(text):
        raise UsageError(f"{text} of what? Write for example {text}(write.accepted)")
    calls = (f"{figure}({times})" for figure in _FIGURES for times in _TIMES)
    raise UsageError(f"unknown metric {text!r}; {nearest(text, [*_METRICS, *calls], _ALL)}")


def _share(text: str) -> Metric:
    names = [part.strip() for part in text.split("/")]
    if len(names) != 2:
        raise UsageError("one count can be divided by one other, not by two")
    part, whole = (metric(name) for name in names)
    for each in (part, whole):
        if each.quantity is not Quantity.COUNT:
            raise UsageError(f"only a count can be divided by a count, and {each.name} is {each.quantity.value}")

    def read(report: Report) -> Fraction | None:
        divisor = whole.read(report)
        return Fraction(part.read(report) or 0) / Fraction(divisor) if divisor else None

    return Metric(f"{part.name} / {whole.name}", Quantity.SHARE, read, f"{whole.name} is 0")


def _call(figure: str, times: str) -> Metric:
    percentile = _PERCENTILE.fullmatch(figure)
    if percentile is None and figure not in _FIGURES:
        raise UsageError(f"{figure!r} is no figure of times: those are percentiles like p99, mean, min and max")
    if times not in _TIMES:
        raise UsageError(f"there are no times of {times!r}; {nearest(times, _TIMES, _ALL)}")
    if percentile is not None:
        percent = Decimal(percentile[1])
        if not 0 < percent <= 100:
            raise UsageError(f"{figure} is no percentile: those are above 0 and at most 100")
        figure = f"p{percent:f}".rstrip("0").rstrip(".") if "." in figure else f"p{percent:f}"
    find, lacking = _TIMES[times]

    def read(report: Report) -> Value:
        latency = find(report)
        return _figure(latency, figure) if latency is not None and latency.count else None

    return Metric(f"{figure}({times})", Quantity.TIME, read, lacking)


def _figure(latency: Latency, figure: str) -> Fraction | float:
    """Milliseconds: one of the figures stored, or a percentile from the histogram."""
    stored = _STORED.get(figure, figure)
    if stored in latency.__struct_fields__:
        return float(getattr(latency, stored))
    rank = ceil(Fraction(figure[1:]) * latency.count / 100)
    bucket = bisect_left(list(accumulate(buckets(latency))), rank)
    end_ns = hdr.highest_ns(bucket)
    return min(Fraction(end_ns, 10**6), Fraction(repr(latency.max)))  # a bucket's end may be above the highest


def _rejected(reason: str) -> Callable[[Report], int]:
    return lambda report: report.orders.rejected_by_reason.get(reason, 0)


def _operations(kind: str, outcome: str) -> Callable[[Report], int]:
    return lambda report: report.operations.get(kind, {}).get(outcome, 0)


def _lateness(figure: str) -> Callable[[Report], float | None]:
    late: Callable[[Report], float] = attrgetter(f"arrivals.late_ms.{figure}")
    return lambda report: late(report) if report.arrivals.due else None


def _loop_lag(figure: str) -> Callable[[Report], float | None]:
    lag: Callable[[Lateness], float] = attrgetter(figure)
    return lambda report: None if report.client.loop_lag_ms is None else lag(report.client.loop_lag_ms)


def _service(kind: str, outcome: str) -> Callable[[Report], Latency | None]:
    return lambda report: report.latency_ms.get(kind, {}).get(outcome)


def _response(kind: str, outcome: str) -> Callable[[Report], Latency | None]:
    return lambda report: report.response_ms.get(kind, {}).get(outcome)


def _order(outcome: str) -> Callable[[Report], Latency | None]:
    return lambda report: report.order_ms.get(outcome)


def _counts() -> Iterable[tuple[str, Callable[[Report], Value]]]:
    for name in ("placed", *Outcome, "dropped"):
        yield f"orders.{name}", attrgetter(f"orders.{name}")
    for reason in Reason:
        yield f"orders.rejected.{reason}", _rejected(reason.value)
    for kind in Kind:
        for outcome in Outcome:
            yield f"operations.{kind}.{outcome}", _operations(kind.value, outcome.value)
    yield "contested", attrgetter("verdict.power.contested")
    yield "overlapped", attrgetter("verdict.power.overlapping")
    yield "violations", lambda report: len(report.verdict.violations)
    yield "wasted_writes", attrgetter("work.wasted_writes")
    yield "conflicts", attrgetter("work.conflicts")


def _others() -> Iterable[Metric]:
    yield Metric("goodput", Quantity.RATE, attrgetter("goodput_per_s"))
    yield Metric("operations_per_s", Quantity.RATE, attrgetter("operations_per_s"))
    yield Metric("excluded_rate", Quantity.SHARE, attrgetter("verdict.power.excluded_rate"))
    yield Metric("excluded_share", Quantity.SHARE, attrgetter("verdict.power.excluded_share"))
    yield Metric("own_share", Quantity.SHARE, attrgetter("client.own_share"))
    yield Metric("usd", Quantity.NUMBER, attrgetter("capacity.usd"))
    for where in ("work.writes_per_accepted", "work.attempts_per_accepted", "capacity.usd_per_1000_accepted"):
        yield Metric(where.partition(".")[2], Quantity.NUMBER, attrgetter(where), "no accepted order")
    for figure in Lateness.__struct_fields__:
        yield Metric(f"late.{figure}", Quantity.TIME, _lateness(figure), "no order was due")
        yield Metric(f"loop_lag.{figure}", Quantity.TIME, _loop_lag(figure), "a history does not have it")


def _times() -> Iterable[tuple[str, tuple[Callable[[Report], Latency | None], str]]]:
    for outcome in Outcome:
        yield f"order.{outcome}", (_order(outcome.value), f"no {outcome} order")
        for kind in Kind:
            lacking = f"no {outcome} {kind}"
            yield f"{kind}.{outcome}", (_service(kind.value, outcome.value), lacking)
            yield f"response.{kind}.{outcome}", (_response(kind.value, outcome.value), lacking)


_METRICS = {
    **{name: Metric(name, Quantity.COUNT, read) for name, read in _counts()},
    **{each.name: each for each in _others()},
}
_TIMES = dict(_times())
