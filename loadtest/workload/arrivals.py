"""When orders start: pure schedules, in seconds from the start of a run.

A schedule is a rate that changes linearly from stage to stage. Order n is due when the area under the rate reaches n
(a constant pace), or when it reaches the sum of n exponential steps of mean 1 (a Poisson process, which stays one
under such a change of time: Cinlar, Introduction to Stochastic Processes, 1975, section 4.7).
"""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, count
from random import Random

from msgspec import Struct

from loadtest.errors import UsageError

_UNITS_S = {"ms": (1, 1000), "s": (1, 1), "m": (60, 1), "h": (3600, 1)}  # as fractions: 0.001 is none of a float
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+", re.ASCII)
_SECONDS = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_LONGEST_S = 30 * 24 * 3600.0


class Stage(Struct, frozen=True):
    """`duration_s` in which the rate moves evenly from the last stage's to `rate_per_s`; at once if it is 0."""

    duration_s: float  #: how long it takes
    rate_per_s: float  #: orders a second at its end


class Rate:
    """Orders a second over time: it starts at `initial_per_s` and ends with the last stage."""

    def __init__(self, stages: Sequence[Stage], initial_per_s: float = 0.0) -> None:
        self.initial_per_s = initial_per_s
        self.duration_s = sum(stage.duration_s for stage in stages)
        self.highest_per_s = max([initial_per_s, *(stage.rate_per_s for stage in stages)])
        before = [initial_per_s, *(stage.rate_per_s for stage in stages)]
        self._slopes = [  # each with its length, its rates at both ends, and the orders due in it
            (stage.duration_s, start, stage.rate_per_s, round((start + stage.rate_per_s) / 2 * stage.duration_s, 9))
            for start, stage in zip(before, stages, strict=False)
        ]
        self.orders = sum(area for *_, area in self._slopes)

    def due_s(self, areas: Iterator[float]) -> Iterator[float]:
        """The moments at which the area under the rate reaches each of the rising `areas`."""
        wanted = next(areas, math.inf)
        begun_s = below = 0.0
        for length_s, start, end, area in self._slopes:
            while wanted < below + area:
                yield begun_s + _when(wanted - below, length_s, start, end)
                wanted = next(areas, math.inf)
            begun_s += length_s
            below += area

    def constant(self) -> Iterator[float]:
        """Orders as evenly as the rate allows: the first at once."""
        return self.due_s(map(float, count()))

    def poisson(self, random: Random) -> Iterator[float]:
        """Random arrivals, independent of one another: a Poisson process."""
        return self.due_s(accumulate(iter(lambda: random.expovariate(1.0), None)))


def steady(rate_per_s: float, duration_s: float) -> Rate:
    """The same rate all the time."""
    return Rate([Stage(duration_s, rate_per_s)], rate_per_s)


def _when(area: float, length_s: float, start: float, end: float) -> float:
    """When the area under a line from `start` to `end` reaches `area`: the root of start·t + slope·t²/2 = area."""
    slope = (end - start) / length_s
    root = math.sqrt(max(0.0, start * start + 2 * slope * area))
    return min(length_s, 2 * area / (start + root)) if start + root > 0 else 0.0


def parse_duration(text: str) -> float:
    """Seconds of a text such as `500ms`, `30s`, `1m30s` or `5`, which is 5 s; UsageError for any other."""
    if _SECONDS.fullmatch(text):
        text += "s"
    if not _DURATION.fullmatch(text):
        raise UsageError(f"{text!r} is no duration like 500ms, 30s, 5m or 1m30s")
    seconds = sum(float(amount) * _UNITS_S[unit][0] / _UNITS_S[unit][1] for amount, unit in _PART.findall(text))
    if seconds > _LONGEST_S:
        raise UsageError(f"{text!r} is longer than 30 days")
    return seconds


def parse_number(text: str) -> float:
    """A number in ASCII, such as `100`, `0.5`, `1e3` or `1_000`; ValueError for any other."""
    if not text.isascii():
        raise ValueError("no number in ASCII")
    return float(text)


def parse_rate(text: str) -> float:
    """Orders a second of a text such as `100`, `100/s`, `6000/m` or `50/100ms`; UsageError for any other."""
    number, slash, period = text.strip().partition("/")
    try:
        if not slash:
            return parse_number(number)
        return parse_number(number) / parse_duration(period if period[:1].isdigit() else f"1{period or '?'}")
    except (ValueError, UsageError, ZeroDivisionError):
        raise UsageError(f"{text!r} is no rate like 100, 100/s or 6000/m") from None


def parse_stages(text: str) -> list[Stage]:
    """The stages of a text such as `10s:100,30s:500,10s:0`; UsageError if they are none, or place no order."""
    stages = []
    for part in text.split(","):
        duration, colon, rate = part.strip().partition(":")
        try:
            if not colon:
                raise ValueError
            stage = Stage(parse_duration(duration), parse_rate(rate))
        except (ValueError, UsageError):
            raise UsageError(f"{part.strip()!r} is no stage like 30s:500 (a duration and orders a second)") from None
        if not 0 <= stage.rate_per_s < math.inf:
            raise UsageError(f"the rate of the stage {part.strip()!r} must be 0 or more")
        stages.append(stage)
    if not Rate(stages).orders:
        raise UsageError(f"the stages {text!r} place no order: their rate, or the time they take, is 0 throughout")
    return stages
