"""The charts of runs: pure functions from a report to an Altair chart.

A chart is as wide as its place in the page. Its colours are those of `theme`; its common look is `theme.config()`, to
be passed along by who draws it.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Literal, cast

import altair as alt
from msgspec import Struct

from loadtest.records.report import Latency, Report
from loadtest.render.html import theme
from loadtest.render.html.series import SHORTEST_MS, Span, Value, percentile_curve, table

NUMBER = ",~f"
_HEIGHT = 240
_KIND_DASHES = ((1, 0), (6, 3), (2, 2), (9, 3, 2, 3))
_PERCENTS = (2, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_PERCENT_WORDS = "format(100 - 100 / datum.value, '~f') + ' %'"
_MS_AXIS = alt.Axis(format=NUMBER, values=[float(f"{n}e{power}") for power in range(-3, 7) for n in (1, 2, 5)])
_MOST_DOTS = 120  # with more seconds than these, dots hide the line


class Line(Struct, frozen=True):
    """How one series is drawn."""

    name: str
    colour: str
    dash: tuple[int, ...] = (1, 0)
    shape: str = "circle"


def data(heading: Sequence[str], rows: Sequence[Sequence[Value]], numbers: Sequence[str]) -> alt.InlineData:
    """Rows as the data of a chart; the columns `numbers` are numbers."""
    parse: dict[str, str] = dict.fromkeys(numbers, "number")
    text = dict.fromkeys((name for name in heading if name not in parse), "string")
    return alt.InlineData(values=table(heading, rows), format=alt.CsvDataFormat(type="csv", parse={**parse, **text}))


def tips(*fields: str) -> list[alt.Tooltip]:
    """What is said at the pointer; `field:N` is text, `field:Q` a number."""
    return [alt.Tooltip(field, format=NUMBER) if field.endswith(":Q") else alt.Tooltip(field) for field in fields]


def layered(*charts: alt.Chart) -> alt.LayerChart:
    """Charts on top of each other."""
    return cast("alt.LayerChart", alt.layer(*charts))


def orders(bars: Mapping[str, Mapping[str, int]]) -> alt.Chart:
    """Stacked bars: how the orders of each run or cell ended."""
    outcomes = [name for name in theme.OUTCOMES if any(counts.get(name) for counts in bars.values())]
    rows = [(bar, name, counts.get(name, 0), n) for bar, counts in bars.items() for n, name in enumerate(outcomes)]
    colours = alt.Scale(domain=outcomes, range=[theme.colour(name) for name in outcomes])
    chart = alt.Chart(
        data(("run", "outcome", "orders", "rank"), rows, ("orders", "rank")), width="container", height=28 * len(bars)
    )
    drawn: alt.Chart = chart.mark_bar(stroke=theme.colour("page"), strokeWidth=1, height=18).encode(
        x=alt.X("orders:Q", title="orders", stack="zero", axis=alt.Axis(format=NUMBER, tickCount=5)),
        y=alt.Y("run:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False, grid=False)),
        color=alt.Color("outcome:N", scale=colours),
        order=alt.Order("rank:Q"),
        tooltip=tips("run:N", "outcome:N", "orders:Q"),
    )
    return drawn


def service_time(report: Report) -> alt.LayerChart:
    """Percentiles of single requests, from sent to received: the colour tells the outcome, the dashes the kind."""
    found = [
        (kind, dash, outcome, latency)
        for (kind, outcomes), dash in zip(reversed(report.latency_ms.items()), cycle(_KIND_DASHES))
        for outcome, latency in outcomes.items()
    ]
    shapes = cycle(theme.SHAPES.values())
    return _percentiles(
        [
            (Line(f"{kind} {outcome}", theme.colour(outcome), dash, next(shapes)), latency)
            for kind, dash, outcome, latency in found
        ]
    )


def response_time(report: Report) -> alt.LayerChart:
    """Percentiles of whole orders, from their scheduled start to their end, by outcome."""
    return _percentiles([(_line(outcome), latency) for outcome, latency in report.order_ms.items()])


def _line(outcome: str) -> Line:
    return Line(outcome, theme.colour(outcome), theme.DASHES[outcome], theme.SHAPES[outcome])


def _percentiles(series: Sequence[tuple[Line, Latency]]) -> alt.LayerChart:
    rows = [(line.name, x, ms) for line, latency in series for x, ms in percentile_curve(latency)]
    lines = [line for line, _ in series]
    base = alt.Chart(data(("series", "x", "ms"), rows, ("x", "ms")), width="container", height=_HEIGHT)
    x = alt.X(
        "x:Q",
        title="percentile",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=_PERCENTS, labelExpr=_PERCENT_WORDS),
    )
    y = alt.Y("ms:Q", title="milliseconds", scale=alt.Scale(type="log"), axis=_MS_AXIS)
    colours = alt.Color("series:N", scale=_scale(lines, "colour"))
    shapes = alt.Shape("series:N", scale=_scale(lines, "shape"))
    looks = alt.Scale(domain=[f"~{line.name}" for line in lines], range=[line.dash for line in lines])
    dashes = alt.StrokeDash("look:N", scale=looks, legend=None)
    # Vega-Lite makes one legend, or none, of all scales with the same domain: the dashes need one of their own.
    curves = base.transform_calculate(look="'~' + datum.series")
    marks = base.mark_point(filled=True, size=45, opacity=1).transform_filter(
        alt.FieldOneOfPredicate(field="x", oneOf=_PERCENTS)
    )
    return layered(
        curves.mark_line().encode(x=x, y=y, color=colours, strokeDash=dashes),
        marks.encode(x=x, y=y, color=colours, shape=shapes, tooltip=tips("series:N", "ms:Q")),
    )


def _scale(lines: Sequence[Line], part: str) -> alt.Scale:
    return alt.Scale(domain=[line.name for line in lines], range=[getattr(line, part) for line in lines])


def goodput(points: Sequence[Span]) -> alt.Chart:
    """Accepted orders of each second."""
    return _over_time(points, "orders a second", {_line("accepted"): [span.rates["accepted"] for span in points]})


def other_outcomes(points: Sequence[Span]) -> alt.Chart | None:
    """Orders of each second that ended in another way; None if all were accepted."""
    values = {_line(name): [span.rates[name] for span in points] for name in theme.OUTCOMES[1:]}
    occurred = {line: rates for line, rates in values.items() if any(rates)}
    return _over_time(points, "orders a second", occurred) if occurred else None


def response_over_time(points: Sequence[Span], part: Literal["p50", "p99"]) -> alt.Chart:
    """A percentile of the whole orders that ended in each second, by outcome."""
    values: dict[Line, list[float | None]] = {}
    for outcome in [name for name in theme.OUTCOMES if any(name in span.ms for span in points)]:
        found = [span.ms.get(outcome) for span in points]
        values[_line(outcome)] = [None if of is None else max(SHORTEST_MS, getattr(of, part)) for of in found]
    return _over_time(points, "milliseconds", values, logarithmic=True)


def writes(points: Sequence[Span]) -> alt.Chart:
    """Writes answered in each second, and those refused by a condition."""
    return _over_time(
        points,
        "writes a second",
        {
            Line("answered", theme.colour("rejected")): [span.rates["writes"] for span in points],
            Line("wasted", theme.colour("failed"), (5, 3)): [span.rates["wasted_writes"] for span in points],
        },
    )


def in_flight(points: Sequence[Span]) -> alt.Chart:
    """Orders under way at the end of each second."""
    return _over_time(points, "orders", {Line("in flight", theme.colour("rejected")): [s.in_flight for s in points]})


def _over_time(
    points: Sequence[Span], unit: str, values: Mapping[Line, Sequence[float | None]], *, logarithmic: bool = False
) -> alt.Chart:
    lines = list(values)
    rows = [
        (line.name, span.first, None if value is None else float(f"{value:.4g}"))
        for line, found in values.items()
        for span, value in zip(points, found, strict=True)
    ]
    dots = alt.OverlayMarkDef(size=14) if len(points) <= _MOST_DOTS else False
    chart = alt.Chart(data(("series", "second", "value"), rows, ("second", "value")), width="container", height=180)
    legend = alt.Legend(symbolType="stroke", symbolSize=400) if len(lines) > 1 else None
    drawn: alt.Chart = chart.mark_line(point=dots).encode(
        x=alt.X("second:Q", title="second", scale=alt.Scale(nice=False), axis=alt.Axis(format=NUMBER, grid=False)),
        y=alt.Y(
            "value:Q",
            title=unit,
            scale=alt.Scale(type="log") if logarithmic else alt.Scale(zero=True),
            axis=_MS_AXIS if logarithmic else alt.Axis(format=NUMBER, tickCount=5),
        ),
        color=alt.Color("series:N", scale=_scale(lines, "colour"), legend=legend),
        strokeDash=alt.StrokeDash("series:N", scale=_scale(lines, "dash"), legend=legend),
        tooltip=tips("series:N", "second:Q", "value:Q"),
    )
    return drawn
