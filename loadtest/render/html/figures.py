"""Which charts a page has: each with its name, its title and a description for who cannot see it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import altair as alt
from msgspec import Struct

from loadtest.records.comparison import Comparison
from loadtest.records.report import Latency, Report
from loadtest.records.search import Found
from loadtest.render.html import charts, comparison_charts, theme
from loadtest.render.html.series import Span
from loadtest.render.html.words import count, estimate, metric, number, shown, slug

_FEWEST_SECONDS = 3  # of a shorter run there is nothing to see over time
_SHOWN = 6
_MAIN = ("goodput", "p50", "p99", "wasted", "attempts", "usd")  # the metrics shown first, by how their names go


class Figure(Struct, frozen=True):
    """A chart with its name (for files and anchors), its title, and its content in a sentence."""

    name: str
    title: str
    about: str
    chart: alt.Chart | alt.LayerChart

    def specification(self) -> dict[str, Any]:
        """The chart as Vega-Lite, without the common look. Its data are CSV, and visible."""
        specification: dict[str, Any] = self.chart.to_dict(validate=False)
        specification.pop("config", None)
        specification.pop("$schema", None)
        datasets = specification.pop("datasets", {})
        return {**shown(specification), "datasets": datasets, "autosize": theme.AUTOSIZE}


def orders(bars: Mapping[str, Mapping[str, int]], name: str = "orders") -> Figure | None:
    """How orders ended, a bar for each run or cell; None if there was no order."""
    if not any(counts.get(outcome) for counts in bars.values() for outcome in theme.OUTCOMES):
        return None
    said = "; ".join(
        f"{bar}: " + ", ".join(f"{count(counts[outcome])} {outcome}" for outcome in counts if counts[outcome])
        for bar, counts in bars.items()
    )
    return Figure(name, "Orders by outcome", f"Stacked bars. {said}.", charts.orders(bars))


def latency(report: Report, run: str) -> list[Figure]:
    """Percentile curves of requests and of whole orders."""
    requests = {f"{kind} {name}": of for kind, outcomes in report.latency_ms.items() for name, of in outcomes.items()}
    figures = []
    if requests:
        about = "Service time of single requests over percentiles, in milliseconds. " + _percentiles(requests)
        figures.append(Figure(f"{run}-service-time", "Service time of requests", about, charts.service_time(report)))
    if report.order_ms:
        about = "Response time of whole orders over percentiles, in milliseconds. " + _percentiles(report.order_ms)
        figures.append(Figure(f"{run}-response-time", "Response time of orders", about, charts.response_time(report)))
    return figures


def _percentiles(series: Mapping[str, Latency]) -> str:
    each = (f"{name}: p50 {number(of.p50)}, p99 {number(of.p99)}, most {number(of.max)}" for name, of in series.items())
    return "; ".join(each) + "."


def over_time(report: Report, points: Sequence[Span], run: str) -> list[Figure]:
    """The run second by second; nothing if it was too short."""
    if len(report.per_second) < _FEWEST_SECONDS:
        return []
    figures = [
        Figure(
            f"{run}-goodput", "Goodput", _range("Accepted orders a second", points, "accepted"), charts.goodput(points)
        )
    ]
    if (others := charts.other_outcomes(points)) is not None:
        rejected = _range("Orders a second that were not accepted; rejected", points, "rejected")
        figures.append(Figure(f"{run}-other-outcomes", "Other outcomes", rejected, others))
    if any(span.ms for span in points):
        figures += [_response(points, run, "p50", "median"), _response(points, run, "p99", "p99")]
    about = _range("Writes answered", points, "writes") + _range(" Refused by a condition", points, "wasted_writes")
    figures.append(Figure(f"{run}-writes", "Writes, and those wasted", about, charts.writes(points)))
    about = f"Orders under way at the end of each second: at most {count(max(span.in_flight for span in points))}."
    return [*figures, Figure(f"{run}-in-flight", "Orders in flight", about, charts.in_flight(points))]


def _response(points: Sequence[Span], run: str, part: Literal["p50", "p99"], word: str) -> Figure:
    outcomes = {outcome for span in points for outcome in span.ms}
    said = "; ".join(f"{name}: at most {number(max(_parts(points, name, part)))} ms" for name in sorted(outcomes))
    about = f"The {word} response time of the orders that ended in each second, by outcome. {said}."
    return Figure(f"{run}-response-{part}", f"Response time, {word}", about, charts.response_over_time(points, part))


def _parts(points: Sequence[Span], outcome: str, part: str) -> list[float]:
    return [getattr(span.ms[outcome], part) for span in points if outcome in span.ms]


def _range(what: str, points: Sequence[Span], name: str) -> str:
    rates = [span.rates[name] for span in points]
    return f"{what}: from {number(min(rates))} to {number(max(rates))} a second."


def scaling(comparison: Comparison, name: str) -> Figure | None:
    """Goodput over concurrency."""
    if (chart := comparison_charts.scaling(comparison)) is None:
        return None
    said = " ".join(fit.sentence for fit in comparison.scaling)
    about = f"Accepted orders a second over concurrency, with 95 % intervals; the fitted law is dashed. {said}"
    return Figure(f"{name}-scaling", "Goodput over concurrency", about, chart)


def levels(search: Found, name: str) -> Figure:
    """The p99 of every run over its level, and which of them held."""
    said = "; ".join(f"{search.of} {one.level:,.6g}: {one.share} held" for one in search.levels)
    about = f"A dot for each run of the search, the p99 of its accepted orders over {search.of}. {said}."
    return Figure(f"{name}-levels", f"Runs over {search.of}", about, comparison_charts.levels(search))


def metrics(comparison: Comparison, name: str) -> tuple[list[Figure], list[Figure]]:
    """Each metric that has a value, with intervals: the main ones, and the rest."""
    keys = [key for key in comparison.cells[0].metrics if _has_values(comparison, key)] if comparison.cells else []
    main = [key for part in _MAIN for key in keys if part in key]
    keys = list(dict.fromkeys([*main, *keys]))
    figures = [_metric(comparison, key, name) for key in keys]
    return figures[:_SHOWN], figures[_SHOWN:]


def _has_values(comparison: Comparison, key: str) -> bool:
    return any(cell.metrics[key].median is not None for cell in comparison.cells)


def _metric(comparison: Comparison, key: str, name: str) -> Figure:
    said = "; ".join(f"{cell.name}: {estimate(cell.metrics[key])}" for cell in comparison.cells)
    title = metric(key)
    about = f"Median and 95 % interval of {title} for each cell. {said}."
    return Figure(
        f"{name}-{slug(key)}", title[:1].upper() + title[1:], about, comparison_charts.intervals(comparison, key)
    )
