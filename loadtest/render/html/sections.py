"""The page's sections, in its order, built from reports and comparisons."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from loadtest.checker import Violation
from loadtest.records.comparison import Comparison
from loadtest.records.report import Report
from loadtest.records.search import Found
from loadtest.records.timeline import MOST_VIOLATIONS
from loadtest.render.html import figures, headline, tables, theme
from loadtest.render.html.figures import Figure
from loadtest.render.html.outline import Compared, Contents, Run, Searched, Setup
from loadtest.render.html.series import MOST_SECONDS, spans
from loadtest.render.html.tables import Table
from loadtest.render.html.timelines import traces
from loadtest.render.html.words import count, names, plural, slug

_VIOLATIONS_SHOWN = 50
_FEWEST_POINTS = 60  # of each run, however many share the page
_COUNTS = ("placed", *theme.OUTCOMES)


def contents(reports: Sequence[Report], comparisons: Sequence[Comparison], searches: Sequence[Found] = ()) -> Contents:
    """Everything that the page says."""
    named = dict(zip(names(reports, comparisons, searches), reports, strict=True))
    status, sentence = headline.verdict(reports, comparisons, searches)
    single = reports[0] if len(reports) == 1 else None
    runs = _runs(named)
    title, subtitle = _titles(reports, comparisons, searches)
    return Contents(
        title=title,
        subtitle=subtitle,
        sections=_sections(runs, comparisons, searches),
        status=status,
        sentence=sentence,
        notes=headline.notes(named, comparisons, searches),
        verdict_tables=_verdict_tables(named),
        keys=headline.keys(single) if single else [],
        key_tables=[] if single else [tables.key_figures(named)],
        orders=_orders(named, comparisons),
        runs=runs,
        compared=[_compared(comparison, f"comparison-{n}") for n, comparison in enumerate(comparisons, 1)],
        searched=[_searched(search, f"search-{n}") for n, search in enumerate(searches, 1)],
        setup=_setup(named, comparisons, searches),
    )


def _titles(reports: Sequence[Report], comparisons: Sequence[Comparison], searches: Sequence[Found]) -> tuple[str, str]:
    if len(reports) == 1 and not comparisons and not searches:
        (report,) = reports
        how = f"{report.command} with the strategy {report.config.get('strategy', 'of its own')}"
        target = report.environment.get("target", "unknown")
        return f"loadtest: {how}", f"{report.run_id}, started {report.started_at}, target {target}"
    parts = [
        plural(len(comparison.cells), "cell") + f" compared in {comparison.comparison_id}" for comparison in comparisons
    ]
    parts += [f"{plural(len(search.levels), 'level')} run in {search.search_id}" for search in searches]
    began = [report.started_at for report in reports]
    began += [each.started_at for each in comparisons] + [each.started_at for each in searches]
    what = "comparison" if len(comparisons) == 1 else "comparisons" if comparisons else plural(len(reports), "run")
    what = "search" if searches and not comparisons else what
    detail = f"{plural(len(reports), 'run')} in detail"
    return f"loadtest: {what}", ", ".join([*parts, detail, f"started {min(began, default='')}"])


def _sections(
    runs: Sequence[Run], comparisons: Sequence[Comparison], searches: Sequence[Found]
) -> list[tuple[str, str]]:
    sections = [
        ("verdict", "Verdict", True),
        ("search", "Search", bool(searches)),
        ("traces", "Time line", any(run.traces for run in runs)),
        ("figures", "Key figures", bool(runs)),
        ("orders-section", "Orders", True),
        ("latency", "Latency", bool(runs)),
        ("time", "Over time", any(run.over_time for run in runs)),
        ("comparison", "Comparison", bool(comparisons)),
        ("differences", "Differences", bool(comparisons)),
        ("setup", "Configuration", True),
        ("all", "All figures", bool(runs)),
    ]
    return [(anchor, name) for anchor, name, there in sections if there]


def _verdict_tables(reports: Mapping[str, Report]) -> list[Table]:
    shown = len(reports) > 1
    violations = [
        (name if shown else "", each) for name, report in reports.items() for each in report.verdict.violations
    ]
    shown_tables = [_evidence(violations)]
    if len(reports) > 1:
        rows = [[name, report.verdict.status.value, report.verdict.sentence] for name, report in reports.items()]
        shown_tables.insert(0, Table("Verdict of each run", ("run", "verdict", "in words"), rows, (0, 1, 2)))
    return shown_tables


def _evidence(violations: Sequence[tuple[str, Violation]]) -> Table:
    table = tables.violations(violations[:_VIOLATIONS_SHOWN])
    if len(violations) <= _VIOLATIONS_SHOWN:
        return table
    caption = f"The first {_VIOLATIONS_SHOWN} of {count(len(violations))} violations; the others are in report.json"
    return msgspec.structs.replace(table, caption=caption)


def _orders(reports: Mapping[str, Report], comparisons: Sequence[Comparison]) -> list[tuple[Figure | None, Table]]:
    charts: list[tuple[Figure | None, Table]] = []
    for n, comparison in enumerate(comparisons, 1):
        bars = {cell.name: cell.orders for cell in comparison.cells}
        table = tables.orders(f"Orders of each cell, all repeats together: {comparison.comparison_id}", bars, {})
        charts.append((figures.orders(bars, f"comparison-{n}-orders"), table))
    compared = {run for comparison in comparisons for cell in comparison.cells for run in cell.runs}
    alone = {name: report.orders for name, report in reports.items() if report.run_id not in compared}
    if alone:
        bars = {name: {each: getattr(orders, each) for each in _COUNTS} for name, orders in alone.items()}
        reasons = {name: orders.rejected_by_reason for name, orders in alone.items()}
        charts.append((figures.orders(bars), tables.orders("Orders of each run", bars, reasons)))
    return charts


def _runs(reports: Mapping[str, Report]) -> list[Run]:
    most_points = max(_FEWEST_POINTS, MOST_SECONDS * 2 // max(1, len(reports)))
    return [
        _run(
            name,
            slug(name) if len(reports) == 1 else f"run-{number}-{slug(name)}",
            report,
            min(MOST_SECONDS, most_points),
            MOST_VIOLATIONS if len(reports) == 1 else 1,
        )
        for number, (name, report) in enumerate(reports.items(), 1)
    ]


def _run(name: str, anchor: str, report: Report, most_points: int, most_timelines: int) -> Run:
    whole = [second for second in report.per_second if second.second + 1 <= report.duration_s]
    points = spans(whole, most_points)  # a part of a second would look like a drop
    over_time = figures.over_time(report, points, anchor)
    per_second = tables.per_second(spans(report.per_second, most_points))
    return Run(
        name=name,
        traces=traces(report, anchor, most_timelines),
        latency=figures.latency(report, anchor),
        latencies=tables.latencies(report),
        over_time=over_time,
        width=points[0].last - points[0].first + 1 if points else 1,
        per_second=per_second,
        all=[
            tables.thresholds(report),
            tables.stock(report),
            tables.winners(report),
            tables.operations(report),
            *([] if over_time else [per_second]),
            tables.settings("Arrivals", msgspec.to_builtins(report.arrivals)),
            tables.settings("Work", msgspec.to_builtins(report.work)),
            tables.settings("Capacity", msgspec.to_builtins(report.capacity)),
            tables.settings("The tool itself", msgspec.to_builtins(report.client)),
        ],
    )


def _compared(comparison: Comparison, name: str) -> Compared:
    shown, more = figures.metrics(comparison, name)
    real = [each for each in comparison.differences if each.real]
    other = [each for each in comparison.differences if not each.real]
    tests = (
        f"{plural(len(comparison.differences), 'test')} between cells ({comparison.test}), corrected for their number: "
        f"{plural(len(real), 'difference')} {'is' if len(real) == 1 else 'are'} real."
    )
    return Compared(
        name=comparison.comparison_id,
        scaling=figures.scaling(comparison, name),
        fits=[tables.fits(comparison)],
        shown=shown,
        more=more,
        metrics=tables.metrics(comparison),
        tests=tests,
        real=tables.differences("Real differences", real),
        other=tables.differences("Other differences", other),
    )


def _searched(search: Found, name: str) -> Searched:
    return Searched(
        name=search.search_id,
        sentence=search.sentence,
        figure=figures.levels(search, name),
        levels=tables.levels(search),
        crossed=tables.crossed(search),
    )


def _setup(reports: Mapping[str, Report], comparisons: Sequence[Comparison], searches: Sequence[Found]) -> list[Setup]:
    subjects: list[tuple[str, Report | Comparison | Found]] = [(each.comparison_id, each) for each in comparisons]
    subjects += [(each.search_id, each) for each in searches]
    return [
        Setup(
            name,
            of.invocation.typed if of.invocation else "",
            [
                tables.settings("Configuration", _asked(of) if isinstance(of, Found) else of.config),
                tables.settings("Environment", of.environment),
            ],
        )
        for name, of in [*subjects, *reports.items()]
    ]


def _asked(search: Found) -> dict[str, Any]:
    asked = {name: getattr(search, name) for name in ("of", "thresholds", "lowest", "highest", "precision")}
    return {**asked, **{f"run.{name}": value for name, value in search.config.items() if name != search.of}}
