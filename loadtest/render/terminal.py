"""A report as text for a terminal, and the line that moves while a run goes on."""

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.checker import Status
from loadtest.recorder import Recorder
from loadtest.report import Report

_SHOW_AFTER_S = 1.0
_PLAIN_EVERY_S = 5.0
_VIOLATIONS_SHOWN = 5
_STYLES = {Status.SAFE: "bold green", Status.VIOLATED: "bold red", Status.INCONCLUSIVE: "bold yellow"}


class Progress:
    """One line on standard error about a run of over a second: moving on a terminal, every five seconds elsewhere."""

    def __init__(self, orders: int, *, quiet: bool) -> None:
        self._orders = orders
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._started = self._last_plain = time.monotonic()
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def show(self, recorder: Recorder) -> None:
        """Show how far the run is."""
        now = time.monotonic()
        if self._quiet or now - self._started < _SHOW_AFTER_S:
            return
        line = (
            f"{recorder.ended:,} of {self._orders:,} orders ended, {recorder.rounds:,} rounds, "
            f"{recorder.operations:,} requests answered, {now - self._started:.0f} s"
        )
        if self._console.is_terminal:
            self._console.file.write(f"\r\x1b[2K{line[: self._console.width - 1]}")
            self._console.file.flush()
            self._drawn = True
        elif now - self._last_plain >= _PLAIN_EVERY_S:
            self._last_plain = now
            self._console.print(line, highlight=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._console.file.write("\r\x1b[2K")
            self._console.file.flush()


def print_report(report: Report, folder: Path, *, to_stdout: bool, quiet: bool) -> None:
    """Print the tables and, last, the verdict; only the verdict if `quiet`."""
    console = Console(stderr=not to_stdout, highlight=False, soft_wrap=True)
    with console.capture() as drawn:
        if not quiet:
            _print_tables(console, report, folder)
        console.print(Text(report.verdict.sentence, style=_STYLES[report.verdict.status]))
    try:
        console.file.write("\n".join(line.rstrip() for line in drawn.get().split("\n")))
        console.file.flush()
    except BrokenPipeError:  # the reader has seen enough; the exit code still tells
        os.dup2(os.open(os.devnull, os.O_WRONLY), console.file.fileno())


def _print_tables(console: Console, report: Report, folder: Path) -> None:
    config = report.config
    console.print(
        f"{config['strategy']}: {config['number_of_requests']:,} orders of {config['units']:,} × "
        f"{config['product']}, {report.rounds.count:,} of {config['rounds']:,} rounds, "
        f"target {report.environment['target']}"
    )
    if report.stopped_by:
        console.print(Text(f"stopped early, so this is a part: {report.stopped_by}", style="bold yellow"))
    console.print(_orders(report), _stock(report))
    if report.config["rounds"] > 1:
        console.print(_winners(report))
    console.print(_latency(report))
    console.print(_client(report))
    if report.client.bound:
        console.print(Text(report.client.bound, style="bold yellow"))
    console.print(f"report and history in {folder}")
    for message, count in report.orders.problems.items():
        console.print(f"{count:,} × {message}", markup=False)
    for violation in report.verdict.violations[:_VIOLATIONS_SHOWN]:
        orders = ", ".join(violation.orders[:3]) + (", …" if violation.orders_count > 3 else "")
        console.print(f"violation {violation.kind}, round {violation.round}: {violation.message} ({orders})")
    if (more := len(report.verdict.violations) - _VIOLATIONS_SHOWN) > 0:
        console.print(f"and {more:,} more violations, all in the report")


def _client(report: Report) -> str:
    client, spread = report.client, report.client.burst_spread_ms
    burst = f"; a burst left within {spread.median:,.1f} ms" if spread else ""
    return (
        f"{report.operations_per_s:,.0f} operations a second over {report.duration_s:,.2f} s; "
        f"own share of the response time {client.own_share:.1%} ({client.name}, {client.cpu_cores:.0%} of a core, "
        f"loop lag p99 {client.loop_lag_ms.p99:,.1f} ms){burst}"
    )


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading != headings[0] else "left", no_wrap=True)
    return table


def _orders(report: Report) -> Table:
    table, orders = _table("orders", ""), report.orders
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in orders.rejected_by_reason.items())
    table.add_column()
    table.add_row("placed", f"{orders.placed:,}")
    table.add_row("accepted", f"{orders.accepted:,}")
    table.add_row("rejected", f"{orders.rejected:,}", reasons)
    table.add_row("throttled", f"{orders.throttled:,}")
    table.add_row("failed", f"{orders.failed:,}")
    table.add_row("unknown", f"{orders.unknown:,}")
    return table


def _stock(report: Report) -> Table:
    table = _table("\nstock", "\nbefore", "\nafter", "\nsold")
    for product, stock in report.stock.items():
        table.add_row(product, f"{stock.initial:,}", _or_unknown(stock.final), _or_unknown(stock.sold))
    return table


def _or_unknown(count: int | None) -> str:
    return "not read" if count is None else f"{count:,}"


def _winners(report: Report) -> Table:
    table = _table("\nwinners", "\nrounds")
    for winners, rounds in report.rounds.winners.items():
        table.add_row(f"{winners:,}", f"{rounds:,}")
    return table


def _latency(report: Report) -> Table:
    table = _table("\nservice time, ms", "\ncount", "\np50", "\np90", "\np99", "\np99.9", "\nmax")
    for kind, outcomes in report.latency_ms.items():
        for outcome, figures in outcomes.items():
            percentiles = (figures.p50, figures.p90, figures.p99, figures.p999, figures.max)
            table.add_row(f"{kind} {outcome}", f"{figures.count:,}", *(f"{value:,.2f}" for value in percentiles))
    return table
