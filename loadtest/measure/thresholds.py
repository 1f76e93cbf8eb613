"""Thresholds: what a run must keep to, checked on its report. `docs/reference/thresholds.md` has the examples.

    threshold   metric operator number [unit]            p99(write.accepted) < 50ms
    operator    < <= > >= == !=
    number      digits, perhaps with a point or an exponent; never negative
    unit        of a time, always: ns, us or µs, ms, s
                of a share, if wanted: %
                of a rate, if wanted: /s

`loadtest.measure.metrics` says which metrics there are. Values and limits are compared exactly, as fractions: 7 of
1,000 is 0.7%, neither above nor below it. A threshold on what was not measured does not hold, whatever its operator;
counts are always measured.

Pure: no I/O, no clock.
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from loadtest.errors import UsageError
from loadtest.measure.metrics import Metric, Quantity, metric
from loadtest.records.report import Checked, Report

_LONGEST = 200
_EXAMPLE = "for example p99(write.accepted) < 50ms"
_OPERATORS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_UNITS = {
    Quantity.COUNT: {"": Fraction(1)},
    Quantity.NUMBER: {"": Fraction(1)},
    Quantity.RATE: {"": Fraction(1), "/s": Fraction(1)},
    Quantity.SHARE: {"": Fraction(1), "%": Fraction(1, 100)},
    Quantity.TIME: {"ns": Fraction(1, 10**6), "us": Fraction(1, 1000), "ms": Fraction(1), "s": Fraction(1000)},
}
_PARTS = re.compile(r"([^<>=!]*)([<>=!]+)(.*)", re.DOTALL)
_NUMBER = re.compile(r"((?:\d{1,30}(?:\.\d{1,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?)\s*([^\d\s.+-]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What `metric` must be; `number` is kept as it was written. The text of `str` parses to the same threshold."""

    metric: str
    operator: str
    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.metric} {self.operator} {self.number}{self.unit}"


def parse(text: str) -> Threshold:
    """The threshold that the text says. Raises UsageError, in one line, if it says none."""
    if len(text) > _LONGEST:
        raise UsageError(f"threshold {text[:50] + '…'!r}: it is longer than {_LONGEST} characters")
    try:
        return _parse(text.strip())
    except UsageError as error:
        raise UsageError(f"threshold {text!r}: {error}") from error


def check(threshold: Threshold, report: Report) -> Checked:
    """Whether the report keeps to the threshold, and by how much it does not.

    `Checked.value` is in the report's own units: milliseconds, 0 to 1 for a share; None if nothing was measured.
    """
    text, measured = str(threshold), metric(threshold.metric)
    found = measured.read(report)
    if found is None:
        sentence = f"{text}: crossed, nothing was measured: {measured.lacking}"
        return Checked(text, holds=False, value=None, sentence=sentence)
    scale = _UNITS[measured.quantity][threshold.unit]
    value = (found if isinstance(found, Fraction) else Fraction(repr(found))) / scale
    limit = Fraction(threshold.number)
    if _OPERATORS[threshold.operator](value, limit):
        sentence = f"{text}: holds, {_shown(value, threshold.unit)}"
        return Checked(text, holds=True, value=float(found), sentence=sentence)
    sentence = f"{text}: crossed, {_distance(value, limit, threshold.unit)}"
    return Checked(text, holds=False, value=float(found), sentence=sentence)


def _parse(text: str) -> Threshold:
    if not text:
        raise UsageError(f"it is empty; write {_EXAMPLE}")
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise UsageError(f"it compares nothing; write {_EXAMPLE}")
    name, sign, limit = (part.strip() for part in parts.groups())
    if sign not in _OPERATORS:
        raise UsageError(f"{sign} is no comparison: those are {' '.join(_OPERATORS)}")
    if not name or name[0].isdigit():
        raise UsageError(f"the metric comes first, {_EXAMPLE}")
    measured = metric(name)
    if not limit:
        raise UsageError(f"there is no number to compare {measured.name} with")
    if limit.startswith("-"):
        raise UsageError(f"{measured.name} is never negative, and its limit cannot be")
    number = _NUMBER.fullmatch(limit)
    if number is None:
        raise UsageError(f"{limit!r} is no number with or without a unit")
    return Threshold(measured.name, sign, number[1], _unit(number[2], number[1], measured))


def _unit(text: str, number: str, measured: Metric) -> str:
    unit, units = text.replace("µ", "u").replace("μ", "u"), _UNITS[measured.quantity]
    if unit in units:
        return unit
    what = f"{measured.name} is {measured.quantity.value}"
    if measured.quantity is Quantity.TIME:
        raise UsageError(f"{what} and needs a unit, {_either(units)}: for example {number}ms")
    raise UsageError(f"{what} and takes {_either(unit or 'no unit' for unit in reversed(units))}, not {text!r}")


def _distance(value: Fraction, limit: Fraction, unit: str) -> str:
    if value == limit:
        return f"{_shown(value, unit)} is exactly the limit"
    distance, side = abs(value - limit), "over" if value > limit else "under"
    percent = distance / limit * 100 if limit else None
    relative = f" ({_number(percent, 2)} %)" if percent is not None and percent < 100_000 else ""
    return f"{_shown(value, unit)} is {_shown(distance, unit)}{relative} {side}"


def _shown(value: Fraction, unit: str) -> str:
    return f"{_number(value, 4)}{'' if unit in ('', '/s') else ' '}{unit}"


def _number(value: Fraction, digits: int) -> str:
    """To that many significant digits, but whole numbers, and what is before the point, in full."""
    if value.denominator == 1:
        return f"{value.numerator:,}"
    decimals = max(0, digits - 1 - Decimal(float(value)).adjusted())
    text = f"{float(value):,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
