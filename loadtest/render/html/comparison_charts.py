"""The charts of a comparison: each metric with its intervals, and goodput over concurrency with the fitted curves."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from loadtest.records.comparison import Cell, Comparison, Scaling
from loadtest.records.search import Found
from loadtest.render.html import theme
from loadtest.render.html.charts import NUMBER, data, layered, tips

if TYPE_CHECKING:
    from loadtest.render.html.series import Value

GOODPUT = "goodput_per_s"
LEVELS = ("concurrency", "in_flight")  # what a cell's level may be called among its settings
_CURVE_POINTS = 60
_LOG_FROM = 30  # with figures further apart than this, a linear axis shows only the largest


def intervals(comparison: Comparison, metric: str) -> alt.LayerChart:
    """The median of each cell (a dot with its figure) and its 95 % interval (a line)."""
    rows = [
        (cell.name, estimate.median, estimate.low, estimate.high)
        for cell in comparison.cells
        if (estimate := cell.metrics[metric]).median is not None
    ]
    ends = [value for row in rows for value in row[1:] if value is not None]
    wide = min(ends) > 0 and max(ends) / min(ends) > _LOG_FROM
    base = alt.Chart(
        data(("cell", "median", "low", "high"), rows, ("median", "low", "high")),
        width="container",
        height=30 * len(rows),
    )
    y = alt.Y("cell:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False, grid=True))
    scale = alt.Scale(type="log") if wide else alt.Scale(zero=False, padding=14)
    axis = alt.Axis(format=NUMBER, tickCount=5, grid=False)
    x, low = (alt.X(f"{name}:Q", title=None, scale=scale, axis=axis) for name in ("median", "low"))
    between = base.mark_rule(strokeWidth=3, opacity=0.55, color=theme.colour("rejected"))
    dots = base.mark_point(filled=True, size=55, opacity=1, color=theme.colour("rejected"))
    return layered(
        between.encode(x=low, x2=alt.X2("high:Q"), y=y),
        dots.encode(x=x, y=y, tooltip=tips("cell:N", "median:Q", "low:Q", "high:Q")),
        base.mark_text(dy=-9).encode(x=x, y=y, text=alt.Text("median:Q", format=",.4~r")),
    )


def scaling(comparison: Comparison) -> alt.LayerChart | None:
    """Goodput over concurrency, a line for each group of cells; dashed what the scalability law fits to it.

    None if the cells have no concurrency or all the same.
    """
    level = next((name for name in LEVELS if _spread(comparison.cells, name) > 1), None)
    if level is None:
        return None
    rows = _measured(comparison, level) + [row for fit in comparison.scaling for row in _fitted(comparison, fit, level)]
    names = list(dict.fromkeys(row[0] for row in rows))
    looks = [theme.of_group(index) for index in range(len(names))]
    columns = ("group", "kind", "n", "value", "low", "high")
    levels = sorted({row[2] for row in rows if row[1] == "measured"})
    base = alt.Chart(data(columns, rows, columns[2:]), width="container", height=300)
    measured, fitted = (base.transform_filter(alt.datum.kind == kind) for kind in ("measured", "fitted"))
    x = alt.X(
        "n:Q",
        title=level.replace("_", " "),
        scale=alt.Scale(type="log", nice=False, padding=12),
        axis=alt.Axis(values=levels, format=","),
    )
    title, axis = "accepted orders a second", alt.Axis(format=NUMBER, tickCount=6)
    y, low = (alt.Y(f"{name}:Q", title=title, axis=axis, scale=alt.Scale(zero=True)) for name in ("value", "low"))
    colours = alt.Color("group:N", scale=alt.Scale(domain=names, range=[colour for colour, _ in looks]))
    shapes = alt.Shape("group:N", scale=alt.Scale(domain=names, range=[shape for _, shape in looks]))
    said = tips("group:N", "n:Q", "value:Q", "low:Q", "high:Q")
    return layered(
        fitted.mark_line(strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, y=y, color=colours),
        measured.mark_line(strokeWidth=2).encode(x=x, y=y, color=colours),
        measured.mark_rule(strokeWidth=2, opacity=0.6).encode(x=x, y=low, y2=alt.Y2("high:Q"), color=colours),
        measured.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y, color=colours, shape=shapes, tooltip=said
        ),
    )


def levels(search: Found) -> alt.LayerChart:
    """The p99 of each run over its level, in a colour and a shape for those that held; rules mark the answer."""
    rows: list[Sequence[Value]] = [
        (level.level, value, "did not hold" if crossed else "held")
        for level in search.levels
        for value, crossed in zip(level.p99_ms, level.crossed, strict=True)
        if value is not None
    ]
    ends = [(level, said) for level, said in ((search.holds_at, "held"), (search.fails_at, "did not hold")) if level]
    x_axis = alt.Axis(format=NUMBER, grid=False)
    x = alt.X("level:Q", title=search.of, scale=alt.Scale(type="log", nice=False, padding=14), axis=x_axis)
    domain = ["held", "did not hold"]
    colours = alt.Scale(domain=domain, range=[theme.colour("accepted"), theme.colour("failed")])
    shapes = alt.Scale(domain=domain, range=["circle", "cross"])
    runs = alt.Chart(data(("level", "p99", "run"), rows, ("level", "p99")), width="container", height=260)
    rules = alt.Chart(data(("level", "run"), ends, ("level",)), width="container", height=260)
    y = alt.Y("p99:Q", title="p99 of accepted orders, ms", scale=alt.Scale(type="log"), axis=alt.Axis(format=NUMBER))
    return layered(
        rules.mark_rule(strokeDash=[4, 4], opacity=0.7).encode(x=x, color=alt.Color("run:N", scale=colours)),
        runs.mark_point(filled=True, size=60, opacity=0.8).encode(
            x=x,
            y=y,
            color=alt.Color("run:N", scale=colours),
            shape=alt.Shape("run:N", scale=shapes),
            tooltip=tips("level:Q", "p99:Q", "run:N"),
        ),
    )


Row = tuple[str, str, float, float | None, float | None, float | None]


def _spread(cells: Sequence[Cell], name: str) -> int:
    return len({cell.settings[name] for cell in cells if isinstance(cell.settings.get(name), int | float)})


def _measured(comparison: Comparison, level: str) -> list[Row]:
    rows: list[Row] = []
    for cell in comparison.cells:
        estimate, at = cell.metrics.get(GOODPUT), cell.settings.get(level)
        if estimate and estimate.median is not None and isinstance(at, int | float):
            rows.append((group(cell.settings, level), "measured", at, estimate.median, estimate.low, estimate.high))
    return rows


def group(settings: Mapping[str, Any], level: str) -> str:
    """What cells that differ only in their level have in common, in words."""
    return ", ".join(str(value) for name, value in settings.items() if name != level) or "all"


def _fitted(comparison: Comparison, fit: Scaling, level: str) -> list[Row]:
    if fit.gamma is None or fit.alpha is None or fit.beta is None:
        return []
    levels = [row[2] for row in _measured(comparison, level) if row[0] == fit.group]
    if not levels:
        return []
    low, high = math.log(min(levels)), math.log(max(levels))
    rows: list[Row] = []
    for step in range(_CURVE_POINTS + 1):
        n = math.exp(low + (high - low) * step / _CURVE_POINTS)
        value = fit.gamma * n / (1 + fit.alpha * (n - 1) + fit.beta * n * (n - 1))
        rows.append((fit.group, "fitted", float(f"{n:.5g}"), float(f"{value:.5g}"), None, None))
    return rows
