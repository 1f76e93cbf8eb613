"""Reports as CSV (RFC 4180): runs, their per-second series, their latencies."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec.structs import fields

from loadtest.records.report import Latency, Percentiles, Report, Second
from loadtest.render.export.runs import OUTCOMES, settings, started, times
from loadtest.system.foreign_text import visible

Cell = str | float | bool | None

_FORMULA = tuple("=+-@＝＋－＠'")  # OWASP, CSV Injection; tabs and line breaks are written as \t and \n


def csv_tables(reports: Sequence[Report]) -> dict[str, str]:
    """The tables `runs.csv`, `per_second.csv` and `latency.csv` by name; `docs/reference/exports.md` has their columns.

    Lines end in CRLF. Times are ISO 8601, numbers have a `.`, what there is not is an empty cell. `guarded` says what
    happens to text.
    """
    runs = ({name: of(report) for name, of in _RUN.items()} for report in reports)
    seconds = (_second(report, second) for report in reports for second in report.per_second)
    latencies = (row for report in reports for row in _latencies(report))
    return {
        "runs.csv": _table(runs, _RUN),
        "per_second.csv": _table(seconds, ("run_id", *_SECOND)),
        "latency.csv": _table(latencies, (*_SETTINGS, "time", "kind", "outcome", *_LATENCY)),
    }


def guarded(text: str) -> str:
    """Visible text that no spreadsheet takes for a formula: an apostrophe goes before a leading = + - @ or '.

    Blanks before the sign do not hide it, nor does its full-width form. Taking one leading apostrophe away gives the
    text back.
    """
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _table(rows: Iterator[dict[str, Cell]], columns: Sequence[str] | Mapping[str, object]) -> str:
    """Rows below a header; columns that only some rows have come last."""
    known = list(rows)
    names = list(dict.fromkeys([*columns, *(name for row in known for name in row)]))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([guarded(name) for name in names])
    writer.writerows([_written(row.get(name)) for name in names] for row in known)
    return text.getvalue()


def _written(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return guarded(cell) if isinstance(cell, str) else repr(cell)


def _setting(name: str) -> Callable[[Report], Cell]:
    return lambda report: settings(report).get(name)


def _ended(outcome: str) -> Callable[[Report], Cell]:
    return lambda report: int(getattr(report.orders, outcome))


def _order_ms(outcome: str, of: Callable[[Latency], Cell]) -> Callable[[Report], Cell]:
    return lambda report: of(report.order_ms[outcome]) if outcome in report.order_ms else None


_SETTINGS: dict[str, Callable[[Report], Cell]] = {
    "run_id": lambda report: report.run_id,
    "command": lambda report: report.command,
    "strategy": _setting("strategy"),
    "target": _setting("target"),
    "concurrency": _setting("concurrency"),
    "rate": _setting("rate"),
}
_LATENCY: dict[str, Callable[[Latency], Cell]] = {
    "count": lambda figures: figures.count,
    "mean_ms": lambda figures: figures.mean,
    "min_ms": lambda figures: figures.min,
    "p50_ms": lambda figures: figures.p50,
    "p90_ms": lambda figures: figures.p90,
    "p99_ms": lambda figures: figures.p99,
    "p99.9_ms": lambda figures: figures.p999,
    "max_ms": lambda figures: figures.max,
}
_RUN: dict[str, Callable[[Report], Cell]] = {
    **_SETTINGS,
    "started_at": lambda report: started(report).isoformat(),
    "duration_s": lambda report: report.duration_s,
    "completed": lambda report: report.completed,
    "stopped_by": lambda report: report.stopped_by,
    "verdict": lambda report: str(report.verdict.status),
    "sentence": lambda report: report.verdict.sentence,
    "thresholds_crossed": lambda report: sum(not checked.holds for checked in report.thresholds),
    "placed": lambda report: report.orders.placed,
    **{outcome: _ended(outcome) for outcome in (*OUTCOMES, "dropped", "warm_up")},
    "arrivals": lambda report: report.arrivals.kind,
    "due_per_s": lambda report: report.arrivals.due_per_s,
    "achieved_per_s": lambda report: report.arrivals.achieved_per_s,
    "late_p99_ms": lambda report: report.arrivals.late_ms.p99,
    "goodput_per_s": lambda report: report.goodput_per_s,
    "operations_per_s": lambda report: report.operations_per_s,
    **{
        f"{outcome}_{name}": _order_ms(outcome, _LATENCY[name])
        for outcome in ("accepted", "rejected")
        for name in ("p50_ms", "p90_ms", "p99_ms", "p99.9_ms", "max_ms")
    },
    "attempts_per_accepted": lambda report: report.work.attempts_per_accepted,
    "writes_per_accepted": lambda report: report.work.writes_per_accepted,
    "wasted_writes": lambda report: report.work.wasted_writes,
    "conflicts": lambda report: report.work.conflicts,
    "read_units": lambda report: report.capacity.read_units,
    "write_units": lambda report: report.capacity.write_units,
    "units_reported": lambda report: report.capacity.reported,
    "usd": lambda report: report.capacity.usd,
    "usd_per_1000_accepted": lambda report: report.capacity.usd_per_1000_accepted,
    "prices": lambda report: report.capacity.prices,
    "own_share": lambda report: report.client.own_share,
    "bound": lambda report: report.client.bound,
}
_SECOND = [field.name for field in fields(Second) if field.type in {int, float}]


def _second(report: Report, second: Second) -> dict[str, Cell]:
    row: dict[str, Cell] = {"run_id": report.run_id, **{name: getattr(second, name) for name in _SECOND}}
    for what, of in (("response", second.response_ms), ("service", second.service_ms)):
        for key, figures in of.items():
            row |= {f"{what}.{key}.{name}": value for name, value in _percentiles(figures).items()}
    return row


def _percentiles(figures: Percentiles) -> dict[str, Cell]:
    return {"count": figures.count, "p50_ms": figures.p50, "p99_ms": figures.p99, "max_ms": figures.max}


def _latencies(report: Report) -> Iterator[dict[str, Cell]]:
    run = {name: of(report) for name, of in _SETTINGS.items()}
    for time, kind, outcome, figures in times(report):
        of_what: dict[str, Cell] = {"time": time, "kind": kind, "outcome": outcome}
        yield run | of_what | {name: of(figures) for name, of in _LATENCY.items()}
