"""HdrHistogram's counts in the buckets of OpenTelemetry's exponential histogram.

Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

import math
from collections import Counter
from dataclasses import dataclass

from loadtest.records import hdr
from loadtest.records.report import Latency, buckets

FINEST_SCALE = 8  # 256 buckets for each doubling, 0.27 % wide; the finest that Prometheus keeps
MOST_BUCKETS = 160  # as many as OpenTelemetry's SDKs make at most


@dataclass(frozen=True, slots=True)
class Exponential:
    """Counts of seconds: `counts[i]` are in (b ** (offset + i), b ** (offset + i + 1)], where b = 2 ** (2 ** -scale).

    `zeros` are counts of exactly 0.
    """

    scale: int
    offset: int
    counts: list[int]
    zeros: int


def exponential(figures: Latency) -> Exponential:
    """The histogram on the finest scale that needs no more than 160 buckets.

    Each of HdrHistogram's buckets (0.1 % wide at most) goes whole to where its middle is. Raises UsageError if the
    stored histogram is damaged.
    """
    values: Counter[float] = Counter()
    for index, count in enumerate(buckets(figures)):
        if count:
            middle = (hdr.lowest_ns(index) + hdr.highest_ns(index)) / 2
            values[min(max(middle, figures.min * 1e6), figures.max * 1e6) / 1e9] += count
    zeros = values.pop(0.0, 0)
    if not values:
        return Exponential(FINEST_SCALE, 0, [], zeros)
    scale = FINEST_SCALE
    while _index(max(values), scale) - _index(min(values), scale) >= MOST_BUCKETS:
        scale -= 1
    offset = _index(min(values), scale)
    counts = [0] * (_index(max(values), scale) - offset + 1)
    for value, count in values.items():
        counts[_index(value, scale) - offset] += count
    return Exponential(scale, offset, counts, zeros)


def _index(value: float, scale: int) -> int:
    return math.ceil(math.log2(value) * 2.0**scale) - 1
