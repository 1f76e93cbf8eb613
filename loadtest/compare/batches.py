"""One run in batches of seconds, so that two single runs can be compared by what varies within them.

Batch means are the classical way to judge one long run (Law, "Simulation Modeling and Analysis", chapter 9). They know
nothing of what varies between runs: another table, another process, another hour.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from loadtest.compare.welch import Sample
from loadtest.records.report import Report, Second

_MOST = 10
_FEWEST = 4  # below this, whether neighbours resemble each other cannot be seen at all


def batches(report: Report) -> dict[str, Sample]:
    """Goodput and writes for each accepted order, in up to ten batches of equal length; nothing for less than 4 s.

    A batch is one or more whole seconds. The part second at the end is dropped, and so are the first seconds that do
    not fill a batch: if any, they are the ones that are still warming up. A second in which nothing happened counts.
    The p50 and p99 are not batched: those of seconds do not add up to those of a batch.
    """
    whole = min(math.floor(report.duration_s + 1e-6), _last(report.per_second) + 1)
    if report.command != "load" or whole < _FEWEST:
        return {}
    length = math.ceil(whole / _MOST)
    starts = range(whole % length, whole, length)
    groups = [[second for second in report.per_second if start <= second.second < start + length] for start in starts]
    accepted = [sum(second.accepted for second in group) for group in groups]
    writes = [sum(second.writes for second in group) for group in groups]
    values = {"goodput_per_s": [count / length for count in accepted]}
    if all(accepted):
        values["writes_per_accepted"] = [made / won for made, won in zip(writes, accepted, strict=True)]
    return {name: Sample(tuple(found), effective(found)) for name, found in values.items()}


def effective(values: Sequence[float]) -> float:
    """How many independent values these are worth, one after the other in time: from 2 to their number.

    n (1-r) / (1+r), with r the correlation of each value with the next. Over few values r comes out too low: by about
    (1+4r)/n (Kendall, "Note on bias in the estimation of autocorrelation", Biometrika 41, 1954), which is put back. A
    negative r is taken as zero.
    """
    count, mean = len(values), fmean(values)
    squares = sum((value - mean) ** 2 for value in values)
    if squares == 0:
        return float(count)
    products = sum((x - mean) * (y - mean) for x, y in pairwise(values))
    r = (products / squares + 1 / count) / (1 - min(4 / count, 0.5))
    r = min(max(r, 0.0), 1.0)
    return max(2.0, count * (1 - r) / (1 + r))


def _last(seconds: Sequence[Second]) -> int:
    return max((second.second for second in seconds), default=-1)
