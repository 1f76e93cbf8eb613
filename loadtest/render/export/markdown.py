"""Runs as Markdown, for a pull request or the summary of a job (GitHub's flavour, which has tables)."""

import re
from collections.abc import Iterator, Sequence

from loadtest.checker import Status
from loadtest.records.report import Latency, Report
from loadtest.render import power
from loadtest.render.export.runs import OUTCOMES, settings
from loadtest.system.foreign_text import visible

_SHOWN = 10  # violations of a run
_NAMED = 3  # orders of a violation
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#&])")
_SIGNS = {Status.SAFE: "✅", Status.VIOLATED: "❌", Status.INCONCLUSIVE: "❓"}


def markdown(reports: Sequence[Report]) -> str:
    """A table with a row a run, and below it what each run's verdict says, is worth and rests on."""
    lines = ["| run | verdict |" + "".join(f" {name} |" for name in (*OUTCOMES, "p50 ms", "p99 ms"))]
    lines.append("|---|---|" + "--:|" * (len(OUTCOMES) + 2))
    lines += [_row(report) for report in reports]
    for report in reports:
        lines += ["", f"**{_text(_name(report))}** ({_text(report.run_id)})", "", *_said(report)]
    return "\n".join(lines) + "\n"


def _row(report: Report) -> str:
    status = report.verdict.status
    accepted = report.order_ms.get("accepted")
    counts = (f"{getattr(report.orders, outcome):,}" for outcome in OUTCOMES)
    times = (_ms(accepted, "p50"), _ms(accepted, "p99"))
    cells = [_text(_name(report)), f"{_SIGNS[status]} {status.value}", *counts, *times]
    return f"| {' | '.join(cells)} |"


def _ms(figures: Latency | None, name: str) -> str:
    return "" if figures is None else f"{getattr(figures, name):.2f}"


def _name(report: Report) -> str:
    """What tells it from other runs, as a reader would say it."""
    of = settings(report)
    levels = [f"{of[name]} {unit}" for name, unit in (("concurrency", "at once"), ("rate", "a second")) if name in of]
    return ", ".join([f"{report.command} {of.get('strategy', '')}".rstrip(), *levels, of.get("target", "")]).strip(", ")


def _said(report: Report) -> Iterator[str]:
    verdict = report.verdict
    yield f"- {_text(verdict.sentence)}"
    if not report.completed:
        yield f"- stopped early: {_text(report.stopped_by or 'unknown')}"
    if (worth := power.shown(verdict)) is not None:
        yield f"- contention: {_text(worth)}"
    if report.hint is not None:
        yield f"- hint: {_text(report.hint)}"
    for checked in report.thresholds:
        yield f"- {'✅' if checked.holds else '❌'} {_text(checked.sentence)}"
    for violation in verdict.violations[:_SHOWN]:
        orders = ", ".join([*violation.orders[:_NAMED], *(["…"] if violation.orders_count > _NAMED else [])])
        where = f"{violation.kind}, round {violation.round:,}, {violation.product_id}"
        yield f"- ❌ {_text(f'{where}: {violation.message} ({orders})' if orders else f'{where}: {violation.message}')}"
    if (left := len(verdict.violations) - _SHOWN) > 0:
        yield f"- and {left:,} more violations, all in the report"


def _text(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(r"\\\1", visible(" ".join(text.split())))
