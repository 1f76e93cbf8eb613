"""The operations around a violation: a chart with a lane for each order, and the table of the same."""

import altair as alt
from msgspec import Struct

from loadtest.checker import Violation
from loadtest.events import Kind, Operation, Outcome
from loadtest.records.report import Report
from loadtest.records.timeline import Timeline
from loadtest.render.html import theme
from loadtest.render.html.charts import NUMBER, data, layered
from loadtest.render.html.figures import Figure
from loadtest.render.html.series import Value
from loadtest.render.html.tables import Table
from loadtest.render.html.words import NONE, count, milliseconds, plural
from loadtest.render.trace import Axis, did, short

_LANE = 20
_ROOM = 1.12  # of the axis, so that the words behind the longest bar have a place

_TIMES = ("due", "sent", "received", "ended")
_ASKED = ("order", "attempt", "kind", "units", "rests on version")
_ANSWERED = ("outcome", "reason", "message", "version", "quantity", "by order", "consistent", "capacity")
_HEADING = (*_ASKED, *_ANSWERED, *(f"{name}, ms" for name in _TIMES), "evidence")


class Trace(Struct, frozen=True):
    """One violation: what is said of it, its chart, and its operations."""

    said: str
    figure: Figure
    table: Table


def traces(report: Report, run: str, most: int) -> list[Trace]:
    """The first of a run's time lines, at most so many."""
    violations = report.verdict.violations
    return [
        _trace(violations[timeline.violation], timeline, f"{run}-trace-{timeline.violation + 1}")
        for timeline in report.verdict.timelines[:most]
        if timeline.operations and timeline.violation < len(violations)
    ]


def _trace(violation: Violation, timeline: Timeline, name: str) -> Trace:
    ops = timeline.operations
    title = f"{violation.kind}, round {count(violation.round)}, {violation.product_id}"
    said = "; ".join(f"order {op.order_id}: {did(op)}" for op in ops if op in violation.operations)
    about = f"Bars from sent to received, a lane for each order: {plural(len(ops), 'operation')} of {title}. {said}"
    figure = Figure(name, f"Trace of {title}", about, _chart(violation, timeline))
    return Trace(violation.message, figure, _table(f"Operations in the trace of {title}", violation, timeline))


def _rows(violation: Violation, timeline: Timeline) -> list[list[Value]]:
    axis = Axis(timeline)
    return [
        [
            *(op.order_id, op.attempt, op.kind.value, op.units, op.read_version),
            *(op.outcome.value, op.reason, op.message, op.version, op.quantity, op.last_order),
            *("yes" if op.consistent else "no", op.capacity),
            *(round(axis.ms(ns), 3) for ns in (op.scheduled_ns, op.sent_ns, op.received_ns, op.ended_ns)),
            "yes" if op in violation.operations else "no",
        ]
        for op in timeline.operations
    ]


def _chart(violation: Violation, timeline: Timeline) -> alt.LayerChart:
    ops = timeline.operations
    _, names = short([op.order_id for op in ops])
    rows = [[name, _word(op), *row] for name, op, row in zip(names, ops, _rows(violation, timeline), strict=True)]
    outcomes = [name for name in theme.OUTCOMES if any(op.outcome == name for op in ops)]
    numbers = [f"{name}, ms" for name in _TIMES]
    lanes = len(set(names))
    base = alt.Chart(data(("lane", "word", *_HEADING), rows, numbers), width="container", height=_LANE * lanes + 1)
    y = alt.Y("lane:N", title=None, sort=None, axis=alt.Axis(domain=False, ticks=False, grid=False, labelLimit=90))
    x = alt.X(
        "sent\\, ms:Q",
        title="milliseconds since the first was sent",
        scale=alt.Scale(domain=[0, max(0.001, round(Axis(timeline).end_ms * _ROOM, 3))], nice=False),
        axis=alt.Axis(format=NUMBER, tickCount=6),
    )
    shown = alt.datum.evidence == "yes"
    bars = base.mark_bar(height=_LANE - 8).encode(
        x=x,
        x2="received\\, ms:Q",
        y=y,
        color=alt.Color("outcome:N", scale=alt.Scale(domain=outcomes, range=[theme.colour(name) for name in outcomes])),
        stroke=alt.condition(shown, alt.value(theme.colour("text")), alt.value(theme.colour("page"))),
        strokeWidth=alt.condition(shown, alt.value(2.5), alt.value(0.5)),
        tooltip=[alt.Tooltip(_escaped(name), type="nominal", title=name) for name in _HEADING],
    )
    words = base.mark_text(align="left", dx=5, fontSize=10).encode(
        x="received\\, ms:Q", y=y, text="word:N", opacity=alt.condition(shown, alt.value(1), alt.value(0.75))
    )
    return layered(bars, words)


def _escaped(name: str) -> str:
    """A field's name with a comma, as Vega-Lite reads it."""
    return name.replace(",", "\\,")


def _word(op: Operation) -> str:
    """What stands behind a bar: the versions, or why there is none."""
    if op.outcome is not Outcome.ACCEPTED:
        return "refused" if op.outcome is Outcome.REJECTED else op.outcome.value
    before, after = ("?" if version is None else f"v{version}" for version in (op.read_version, op.version))
    return f"read {after}" if op.kind is Kind.READ else f"{before}→{after}"


def _table(caption: str, violation: Violation, timeline: Timeline) -> Table:
    axis = Axis(timeline)
    rows = [
        [
            *(op.order_id, count(op.attempt), did(op), "yes" if op in violation.operations else NONE),
            *(milliseconds(axis.ms(ns)) for ns in (op.scheduled_ns, op.sent_ns, op.received_ns, op.ended_ns)),
        ]
        for op in timeline.operations
    ]
    heading = ("order", "attempt", "what it did", "evidence", *(f"{name}, ms" for name in _TIMES))
    return Table(caption, heading, rows, (0, 2, 3))
