"""The points that charts draw: percentile curves out of encoded histograms, and seconds thinned to what a screen shows.

Tables of points become CSV, the smallest form that a chart reads.
"""

import csv
import io
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import ceil

from msgspec import Struct

from loadtest.records import hdr
from loadtest.records.report import Latency, Percentiles, Second, buckets
from loadtest.system.foreign_text import visible

MOST_SECONDS = 600
_PER_DECADE = 12
SHORTEST_MS = 0.001  # a logarithmic axis has no zero

Value = str | int | float | None


def table(heading: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """Rows as CSV, their texts visible; None becomes an empty field, at which a line breaks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows([visible(value) if isinstance(value, str) else value for value in row] for row in rows)
    return text.getvalue()


def percentile_curve(latency: Latency) -> list[tuple[float, float]]:
    """Points (1 / (1 - p), ms) from the smallest value to the largest, evenly spread on a logarithmic axis.

    This is the scale of HdrHistogram's plotter: 2 is the median, 100 is p99. The curve ends where the count does.
    Raises UsageError if the histogram is damaged.
    """
    end = max(latency.count, 2)
    points = {1.0, float(end)}
    decade = 1
    while decade < end:
        steps = (decade * 10 ** (step / _PER_DECADE) for step in range(_PER_DECADE))
        points |= {x for x in (*steps, 2.0 * decade) if x < end}
        decade *= 10
    totals = list(accumulate(buckets(latency)))
    curve = []
    for x in sorted(points):
        rank = ceil(round((1 - 1 / x if x < end else 1) * latency.count, 6))
        ns = hdr.highest_ns(bisect_left(totals, max(1, rank)))
        ms = latency.min if x == 1 else min(ns / 1e6, latency.max)
        curve.append((float(f"{x:.4g}"), max(SHORTEST_MS, float(f"{ms:.4g}"))))
    return curve


class Span(Struct, frozen=True):
    """A second of a run, or several of a long one: rates are their mean, percentiles and what is in flight the most.

    `first` and `last` are seconds of the run; `ms` is keyed by outcome.
    """

    first: int
    last: int
    rates: dict[str, float]
    in_flight: int
    ms: dict[str, Percentiles]


RATES = (
    "placed", "accepted", "rejected", "throttled", "failed", "unknown", "dropped", "attempts", "writes",
    "wasted_writes",
)  # fmt: skip


def spans(seconds: Sequence[Second], most: int = MOST_SECONDS) -> list[Span]:
    """At most `most` spans of equal length."""
    width = -(-len(seconds) // most) or 1
    return [_span(seconds[start : start + width]) for start in range(0, len(seconds), width)]


def _span(seconds: Sequence[Second]) -> Span:
    outcomes = dict.fromkeys(outcome for second in seconds for outcome in second.response_ms)
    return Span(
        first=seconds[0].second,
        last=seconds[-1].second,
        rates={name: sum(getattr(second, name) for second in seconds) / len(seconds) for name in RATES},
        in_flight=max(second.in_flight for second in seconds),
        ms={name: _worst([s.response_ms[name] for s in seconds if name in s.response_ms]) for name in outcomes},
    )


def _worst(figures: Sequence[Percentiles]) -> Percentiles:
    return Percentiles(
        count=sum(each.count for each in figures),
        p50=max(each.p50 for each in figures),
        p99=max(each.p99 for each in figures),
        max=max(each.max for each in figures),
    )
