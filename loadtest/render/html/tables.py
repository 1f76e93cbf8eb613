"""The tables of the page: a caption, a heading and rows of text. The template escapes all of it."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from loadtest.checker import Violation
from loadtest.records.comparison import Comparison, Difference
from loadtest.records.report import Latency, Report
from loadtest.records.search import Found
from loadtest.render.html import theme
from loadtest.render.html.series import RATES, Span
from loadtest.render.html.words import NONE, count, dollars, estimate, flat, metric, milliseconds, number


class Table(Struct, frozen=True):
    """A table whose first column names its rows; the columns `words` hold text, all others numbers."""

    caption: str
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: tuple[int, ...] = (0,)


def orders(caption: str, bars: Mapping[str, Mapping[str, int]], reasons: Mapping[str, Mapping[str, int]]) -> Table:
    """How orders ended, a row for each run or cell."""
    columns = ("placed", *theme.OUTCOMES)
    rows = [[bar, *(count(counts.get(name, 0)) for name in columns)] for bar, counts in bars.items()]
    if not reasons:
        return Table(caption, ("", *columns), rows)
    rows = [[*row, _counts(reasons.get(row[0], {}))] for row in rows]
    return Table(caption, ("", *columns, "reasons of rejects"), rows, (0, len(columns) + 1))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count(n)}" for name, n in counts.items()) or NONE


def key_figures(reports: Mapping[str, Report]) -> Table:
    """One row of figures for each run."""
    heading = ("run", "verdict", "contested wins", "placed", *theme.OUTCOMES, "goodput a second", "accepted p50, ms",
               "accepted p99, ms", "price", "for 1,000 accepted")  # fmt: skip
    return Table("Key figures of each run", heading, [_key_row(*named) for named in reports.items()], (0, 1))


def _key_row(name: str, report: Report) -> list[str]:
    orders, accepted = report.orders, report.order_ms.get("accepted")
    times = (accepted.p50, accepted.p99) if accepted else (None, None)
    return [
        name,
        report.verdict.status.value,
        count(report.verdict.power.contested),
        *(count(getattr(orders, name)) for name in ("placed", *theme.OUTCOMES)),
        number(report.goodput_per_s),
        *(milliseconds(value) for value in times),
        dollars(report.capacity.usd),
        dollars(report.capacity.usd_per_1000_accepted),
    ]


def violations(found: Sequence[tuple[str, Violation]]) -> Table:
    """The evidence: a row for each broken invariant, beginning with the run's name if it has one."""
    rows = [
        [
            *([run] if run else []),
            each.message,
            each.kind,
            count(each.round),
            each.product_id,
            count(each.orders_count),
            ", ".join(each.orders),
        ]
        for run, each in found
    ]
    heading = ["what was seen", "kind", "round", "product", "orders", "the first of them"]
    if any(run for run, _ in found):
        return Table("Violations", ["run", *heading], rows, (0, 1, 2, 4, 6))
    return Table("Violations", heading, rows, (0, 1, 3, 5))


def thresholds(report: Report) -> Table:
    """What was to hold, and whether it did."""
    rows = [
        [each.threshold, "held" if each.holds else "failed", number(each.value), each.sentence]
        for each in report.thresholds
    ]
    return Table("Thresholds", ("threshold", "result", "value", "in words"), rows, (0, 1, 3))


_LATENCY = ("count", "mean", "min", "p50", "p90", "p99", "p99.9", "max")


def latencies(report: Report) -> Table:
    """Service times, response times of requests and of orders: figures of every histogram."""
    named: list[tuple[str, Latency]] = []
    for what, kinds in (("service time", report.latency_ms), ("response time", report.response_ms)):
        named += [(f"{kind} {name}, {what}", of) for kind, outcomes in kinds.items() for name, of in outcomes.items()]
    named += [(f"order {name}, response time", of) for name, of in report.order_ms.items()]
    return Table("Latency in milliseconds", ("", *_LATENCY), [[name, *_latency(of)] for name, of in named])


def _latency(of: Latency) -> list[str]:
    return [count(of.count), *map(milliseconds, (of.mean, of.min, of.p50, of.p90, of.p99, of.p999, of.max))]


def per_second(points: Sequence[Span]) -> Table:
    """The run second by second; of a long run, several in one row."""
    outcomes = [name for name in theme.OUTCOMES if any(name in span.ms for span in points)]
    heading = ["second", *(name.replace("_", " ") for name in RATES), "in flight"]
    heading += [f"{name} {part}, ms" for name in outcomes for part in ("p50", "p99")]
    caption = "Second by second"
    if any(span.first != span.last for span in points):
        caption += ": several in one row, rates as their mean, times and orders in flight as the most"
    return Table(caption, heading, [_second(span, outcomes) for span in points])


def _second(span: Span, outcomes: Sequence[str]) -> list[str]:
    row = [str(span.first) if span.first == span.last else f"{span.first} to {span.last}"]
    row += [number(span.rates[name]) for name in RATES]
    row.append(count(span.in_flight))
    for name in outcomes:
        of = span.ms.get(name)
        row += [milliseconds(of.p50), milliseconds(of.p99)] if of else [NONE, NONE]
    return row


def metrics(comparison: Comparison) -> Table:
    """The median of each metric with its 95 % interval, a row for each cell."""
    keys = list(comparison.cells[0].metrics) if comparison.cells else []
    rows = [
        [cell.name, count(len(cell.runs)), _counts(cell.counts), *(estimate(cell.metrics[key]) for key in keys)]
        for cell in comparison.cells
    ]
    return Table(
        "Median of the repeats (95 % interval)", ("cell", "runs", "verdicts", *map(metric, keys)), rows, (0, 2)
    )


def differences(caption: str, found: Iterable[Difference]) -> Table:
    """A row for each test between two cells."""
    rows = [
        [
            each.sentence,
            "real" if each.real else "not shown",
            metric(each.metric),
            each.a,
            each.b,
            *map(number, (each.ratio, each.low, each.high, each.p, each.p_adjusted)),
        ]
        for each in found
    ]
    heading = ("", "difference", "metric", "a", "b", "b against a", "from", "to", "p", "p, adjusted")
    return Table(caption, heading, rows, (0, 1, 2, 3, 4))


def levels(search: Found) -> Table:
    """A row for each level of a search; the figures are medians of its runs."""
    rows = []
    for level in search.levels:
        p99 = [value for value in level.p99_ms if value is not None]
        where = "holds" if level.level == search.holds_at else "fails" if level.level == search.fails_at else ""
        rows.append(
            [
                f"{level.level:,.6g}",
                where,
                level.share,
                f"{level.certainty:.1%}",
                number(median(level.goodput_per_s)),
                milliseconds(median(p99) if p99 else None),
                _counts(level.counts),
            ]
        )
    heading = (search.of, "answer", "runs that held", "likely below the limit", "goodput a second",
               "accepted p99, ms", "verdicts")  # fmt: skip
    return Table("Levels, with the medians of their runs", heading, rows, (1, 6))


def crossed(search: Found) -> Table:
    """Why runs of a search did not hold."""
    rows = [[f"{level.level:,.6g}", sentence] for level in search.levels for sentence in level.crossed if sentence]
    return Table("Runs that did not hold", (search.of, "what was crossed"), rows, (1,))


def fits(comparison: Comparison) -> Table:
    """The fitted scalability laws."""
    rows = [
        [
            fit.sentence,
            fit.group,
            *map(number, (fit.gamma, fit.gamma_error, fit.alpha, fit.alpha_error, fit.beta, fit.beta_error, fit.error)),
            *map(number, (fit.peak_at, fit.peak_per_s)),
        ]
        for fit in comparison.scaling
    ]
    parts = [part for name in ("gamma", "alpha", "beta") for part in (name, f"± {name}")]
    heading = ("", "cells", *parts, "residual error", "peak at", "peak a second")
    return Table("X(N) = gamma N / (1 + alpha (N − 1) + beta N (N − 1))", heading, rows, (0, 1))


def settings(caption: str, document: Mapping[str, object]) -> Table:
    """Names and values."""
    return Table(caption, ("name", "value"), flat(document), (0, 1))


def stock(report: Report) -> Table:
    """What became of each product's quantity."""
    rows = [
        [name, count(of.initial), *(_read(value) for value in (of.final, of.sold))] for name, of in report.stock.items()
    ]
    return Table("Stock", ("product", "before", "after", "sold"), rows)


def _read(value: int | None) -> str:
    return "not read" if value is None else count(value)


def winners(report: Report) -> Table:
    """In how many rounds there were how many winners."""
    return Table(
        "Rounds by winners", ("winners", "rounds"), [[count(n), count(of)] for n, of in report.rounds.winners.items()]
    )


def operations(report: Report) -> Table:
    """How requests ended, by kind."""
    rows = [[kind, name, count(n)] for kind, outcomes in report.operations.items() for name, n in outcomes.items()]
    return Table("Requests", ("kind", "outcome", "requests"), rows, (0, 1))
