"""Figures in words: how the page writes numbers, names of metrics and names of runs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from loadtest.records.comparison import Comparison, Estimate
from loadtest.records.report import Report
from loadtest.records.search import Found, Level
from loadtest.system.foreign_text import visible

NONE = "–"
_UNITS = (("_per_s", " a second"), ("_ms", ", ms"), ("_usd", ", $"), ("_s", ", s"))


def shown(value: Any) -> Any:
    """The same with every text in it visible, but for the page's own markup."""
    match value:
        case str() if not isinstance(value, Markup):
            return visible(value)
        case dict():
            return {name: shown(each) for name, each in value.items()}
        case list():
            return [shown(each) for each in value]
        case _:
            return value


def count(value: int | None) -> str:
    """`20,000`."""
    return NONE if value is None else f"{value:,}"


def number(value: float | None) -> str:
    """About four digits: `12,345`, `123.4`, `1.234`, `0.00123`."""
    if value is None:
        return NONE
    size = abs(value)
    if size >= 1_000 or value == int(value):
        return f"{value:,.0f}"
    return (
        f"{value:.1f}"
        if size >= 100
        else f"{value:.2f}"
        if size >= 10
        else f"{value:.3f}"
        if size >= 0.1
        else f"{value:.3g}"
    )


def milliseconds(value: float | None) -> str:
    """`1.234`: to the microsecond, as in tables."""
    return NONE if value is None else f"{value:,.3f}"


def dollars(value: float | None) -> str:
    """`$0.001250`; small sums are the rule."""
    return NONE if value is None else f"${value:,.2f}" if value >= 100 else f"${value:,.6f}"


def estimate(of: Estimate) -> str:
    """`123.4 (120.1 to 125.9)`: the median and its 95 % interval."""
    if of.low is None or of.high is None:
        return number(of.median)
    return f"{number(of.median)} ({number(of.low)} to {number(of.high)})"


def plural(n: int, noun: str) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def metric(name: str) -> str:
    """A metric's name in words: `goodput_per_s` is goodput a second."""
    for ending, unit in _UNITS:
        if name.endswith(ending):
            return name.removesuffix(ending).replace("_", " ") + unit
    return name.replace("_", " ")


def slug(text: str) -> str:
    """A name for files and anchors: only small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or "run"


def names(reports: Sequence[Report], comparisons: Sequence[Comparison], searches: Sequence[Found] = ()) -> list[str]:
    """What each run is called: the name of its cell or level, or its strategy; its id where two have the same."""
    cells = {run: cell.name for comparison in comparisons for cell in comparison.cells for run in cell.runs}
    cells |= {run: level(search, step) for search in searches for step in search.levels for run in step.runs}
    called = [cells.get(report.run_id) or str(report.config.get("strategy", report.command)) for report in reports]
    return [
        name if called.count(name) == 1 else f"{name}, {report.run_id}"
        for name, report in zip(called, reports, strict=True)
    ]


def level(search: Found, step: Level) -> str:
    """`concurrency 64`."""
    return f"{search.of} {step.level:,.6g}"


def flat(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as pairs of a dotted name and a value."""
    pairs: list[tuple[str, str]] = []
    for name, value in document.items():
        if isinstance(value, Mapping) and value:
            pairs += flat(value, f"{prefix}{name}.")
        else:
            pairs.append((f"{prefix}{name}", _plain(value)))
    return pairs


def _plain(value: Any) -> str:
    match value:
        case None | {} | []:
            return NONE
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case list():
            return ", ".join(_plain(each) for each in value)
        case _:
            return str(value)
