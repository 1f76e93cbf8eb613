"""A report as text for a terminal."""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.checker import Status, Verdict, Violation
from loadtest.checker.verdict import plural
from loadtest.render import around, power
from loadtest.report import Latency, Report, ReportedVerdict
from loadtest.timeline import Timeline

_VIOLATIONS_SHOWN = 5
_DOUBTS_SHOWN = 5
_PRODUCTS_SHOWN = 5
_WIDE = 160
_LOG = 80  # columns of a time line where nobody looks at a window
_NARROWEST = 100
_STYLES = {Status.SAFE: "bold green", Status.VIOLATED: "bold red", Status.INCONCLUSIVE: "bold yellow"}


def print_report(report: Report, folder: Path, *, to_stdout: bool, quiet: bool) -> None:
    """Print the tables and, last, the verdict; only what it is worth and the verdict if `quiet`."""
    console = a_console(to_stdout=to_stdout)
    with console.capture() as drawn:
        if not quiet:
            _print_tables(console, report, folder)
        else:
            for line in _power(report.verdict):
                console.print(line)
        for checked in report.thresholds:
            if not checked.holds or not quiet:
                console.print(Text(f"threshold {checked.sentence}", style="" if checked.holds else "bold red"))
        console.print(Text(report.verdict.sentence, style=_STYLES[report.verdict.status]))
    put(console, drawn.get())


def print_verdict(verdict: Verdict, part: str | None, timelines: Sequence[Timeline] = ()) -> None:
    """Print a verdict that was made from a history, with how that is a `part`, violations, and what was around."""
    console = a_console(to_stdout=True)
    with console.capture() as drawn:
        if part is not None:
            console.print(Text(f"partial: {part}", style="bold yellow"))
        for line in _evidence(verdict):
            console.print(line)
        _print_violations(console, verdict.violations, timelines)
        for doubt in verdict.doubts[:_DOUBTS_SHOWN]:
            console.print(f"doubt: {doubt}")
        if (more := len(verdict.doubts) - _DOUBTS_SHOWN) > 0:
            console.print(f"and {more:,} more doubts")
        console.print(Text(verdict.sentence, style=_STYLES[verdict.status]))
    put(console, drawn.get())


def a_console(*, to_stdout: bool) -> Console:
    """Standard output, or standard error if a report goes there; wide where nobody looks at a window."""
    console = Console(stderr=not to_stdout, highlight=False, markup=False, soft_wrap=True)
    console.width = max(console.width, _NARROWEST) if console.is_terminal else _WIDE  # better wrapped than cut
    return console


def put(console: Console, drawn: str) -> None:
    """Write what was drawn, without the blanks at the ends of lines."""
    try:
        console.file.write("\n".join(line.rstrip() for line in drawn.split("\n")))
        console.file.flush()
    except BrokenPipeError:  # the reader has seen enough; the exit code still tells
        os.dup2(os.open(os.devnull, os.O_WRONLY), console.file.fileno())


def _print_tables(console: Console, report: Report, folder: Path) -> None:
    console.print(_heading(report))
    if report.stopped_by:
        console.print(Text(f"stopped early, so this is a part: {report.stopped_by}", style="bold yellow"))
    console.print(_orders(report), _stock(report))
    if report.rounds.count > 1:
        console.print(_winners(report))
    if report.command == "load":
        console.print(_order_times(report))
    if report.latency_ms:
        console.print(_latency(report))
    for line in (*_load(report), _cost(report), _client(report), *_evidence(report.verdict)):
        console.print(line)
    if report.client.workers:
        console.print(_workers(report))
    if report.faults is not None:
        console.print(f"faults injected: {report.faults.sentence}")
    if report.repaired:
        console.print(f"repaired: {report.repaired}")
    for remark in (report.client.bound, report.hint):
        if remark:
            console.print(Text(remark, style="bold yellow"))
    kept = [file.partition(".")[0] for file in ("report.json", "history.jsonl") if (folder / file).exists()]
    if kept:
        console.print(f"{' and '.join(kept)} in {folder}")
    for message, count in report.orders.problems.items():
        console.print(f"{count:,} × {message}")
    _print_violations(console, report.verdict.violations, report.verdict.timelines, ", all in the report")


def _print_violations(
    console: Console, violations: Sequence[Violation], timelines: Sequence[Timeline], where: str = ""
) -> None:
    for violation in violations[:_VIOLATIONS_SHOWN]:
        orders = ", ".join(violation.orders[:3]) + (", …" if violation.orders_count > 3 else "")
        console.print(f"violation {violation.kind}, round {violation.round}: {violation.message} ({orders})")
    if (more := len(violations) - _VIOLATIONS_SHOWN) > 0:
        console.print(f"and {more:,} more violations{where}")
    if timelines:
        width = shutil.get_terminal_size().columns if console.is_terminal else _LOG
        for line in around.text(violations[timelines[0].violation], timelines[0], width):
            console.print(Text(line, style="bold" if line.startswith(around.MARK) else ""))


def _heading(report: Report) -> str:
    config = report.config
    if report.command == "race":
        how = f"{config['number_of_requests']:,} orders of {config['units']:,} × {config['product']}"
        of = "" if config["rounds"] is None else f" of {config['rounds']:,}"
        return f"{config['strategy']}: {how}, {report.rounds.count:,}{of} rounds, target {report.environment['target']}"
    products = config["product"] if config["products"] == 1 else f"{config['products']:,} products"
    skew = f" (skew {config['skew']:g})" if config["skew"] else ""
    return (
        f"{config['strategy']}: {_arrivals(report)} of {config['units']:,} × {products}{skew}, "
        f"{plural(config['attempts'], 'attempt')}, target {report.environment['target']}"
    )


def _arrivals(report: Report) -> str:
    config, arrivals = report.config, report.arrivals
    if arrivals.kind == "closed":
        return f"{plural(config['concurrency'], 'buyer')} for {config['duration_s']:,.4g} s"
    constant, stages = config["rate_per_s"], config["stages"]
    rate = f"orders in {len(stages):,} stages" if constant is None else f"{constant:,.6g} orders a second"
    return f"{rate}{', by chance,' if config['poisson'] else ''} for {config['duration_s']:,.4g} s"


def _load(report: Report) -> Iterator[str]:
    if report.command != "load":
        return
    arrivals, work, dropped = report.arrivals, report.work, report.orders.dropped
    yield (
        f"goodput {report.goodput_per_s:,.1f} accepted orders a second over {report.duration_s:,.2f} s; "
        f"{_or_none(work.attempts_per_accepted)} attempts and {_or_none(work.writes_per_accepted)} writes for each; "
        f"{work.wasted_writes:,} writes wasted"
    )
    if arrivals.kind == "open":
        late = arrivals.late_ms
        lost = f"{dropped:,} of {arrivals.due:,} dropped" if dropped else "none dropped"
        yield (
            f"{arrivals.achieved_per_s:,.1f} of {arrivals.due_per_s:,.1f} orders a second began, {lost}; "
            f"late by {late.p50:,.2f} ms (p50), {late.p99:,.2f} (p99), {late.max:,.2f} (max)"
        )
    if work.slowest and work.most_tried:
        yield (
            f"worst served: {work.slowest.response_ms:,.1f} ms ({work.slowest.order_id}, {work.slowest.outcome}); "
            f"{plural(work.most_tried.attempts, 'attempt')} ({work.most_tried.order_id}, {work.most_tried.outcome})"
        )


def _evidence(verdict: Verdict | ReportedVerdict) -> Iterator[str]:
    """What became of the lost answers, and what a run without a double win shows."""
    settled = verdict.settled
    if settled.accepted or settled.rejected or settled.unsettled:
        yield (
            f"lost answers: {plural(settled.accepted, 'order')} settled as accepted, "
            f"{settled.rejected:,} as rejected, {settled.unsettled:,} unsettled"
        )
    if verdict.phantom_rejects:
        yield f"phantom rejects: {plural(verdict.phantom_rejects, 'order')} won and {_were(verdict)} told otherwise"
    if verdict.stale_reads:
        yield f"stale reads: {plural(verdict.stale_reads, 'read')} that need not be consistent showed an old version"
    yield from _power(verdict)


def _power(verdict: Verdict | ReportedVerdict) -> Iterator[str]:
    said = power.shown(verdict)
    if said is not None:
        yield f"power: {said}"


def _were(verdict: Verdict | ReportedVerdict) -> str:
    return "was" if verdict.phantom_rejects == 1 else "were"


def _or_none(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:,.2f}"


def _cost(report: Report) -> str:
    capacity = report.capacity
    each = capacity.usd_per_1000_accepted
    price = "" if each is None else f", ${each:,.6f} for 1,000 accepted orders"
    return (
        f"{capacity.write_units:,.0f} write and {capacity.read_units:,.0f} read units, ${capacity.usd:,.6f}{price} "
        f"({capacity.prices}; {capacity.reported:.0%} of the units as the server reported)"
    )


def _client(report: Report) -> str:
    client, spread = report.client, report.client.burst_spread_ms
    burst = f"; a burst left within {spread.median:,.1f} ms" if spread else ""
    cost = ""
    if client.cpu_cores is not None and client.loop_lag_ms is not None:
        cost = f", {client.cpu_cores:.0%} of a core, loop lag p99 {client.loop_lag_ms.p99:,.1f} ms"
    return (
        f"{report.operations_per_s:,.0f} operations a second over {report.duration_s:,.2f} s; "
        f"own share of the response time {client.own_share:.1%} ({client.name}{cost}){burst}"
    )


def _workers(report: Report) -> str:
    """One line for all, one more for each that was lost."""
    workers, spread = report.client.workers, report.client.start_spread_ms
    uncertain_ms = max(worker.clock_uncertainty_ms for worker in workers)
    clocks = f", clocks compared to ±{uncertain_ms:,.2f} ms" if uncertain_ms else ""
    most = f", {spread.max:,.2f} at most" if spread and spread.max > spread.median else ""
    began = f"; began within {spread.median:,.2f} ms of one another{most}" if spread else ""
    hosts = len({worker.host for worker in workers})
    processes = "1 process" if len(workers) == 1 else f"{len(workers):,} processes"
    lines = [f"placed by {processes} on {plural(hosts, 'machine')}{clocks}{began}"]
    lines += [f"{worker.name} ({worker.host}) {worker.lost}" for worker in workers if worker.lost is not None]
    return "\n".join(lines)


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
    if orders.warm_up:
        table.add_row("warm-up", f"{orders.warm_up:,}", "orders more, which only the verdict takes into account")
    if report.command == "load":
        table.add_row(
            "dropped", f"{orders.dropped:,}", "due, but as many as may be were under way" if orders.dropped else ""
        )
    return table


def _stock(report: Report) -> Table:
    table = _table("\nstock", "\nbefore", "\nafter", "\nsold")
    for product, stock in list(report.stock.items())[:_PRODUCTS_SHOWN]:
        table.add_row(product, f"{stock.initial:,}", _or_unknown(stock.final), _or_unknown(stock.sold))
    if (more := len(report.stock) - _PRODUCTS_SHOWN) > 0:
        table.add_row(f"and {more:,} more")
    return table


def _or_unknown(count: int | None) -> str:
    return "not read" if count is None else f"{count:,}"


def _winners(report: Report) -> Table:
    table = _table("\nwinners", "\nrounds")
    for winners, rounds in report.rounds.winners.items():
        table.add_row(f"{winners:,}", f"{rounds:,}")
    return table


def _latency(report: Report) -> Table:
    table = _percentiles("service time, ms")
    for kind, outcomes in report.latency_ms.items():
        for outcome, figures in outcomes.items():
            _add(table, f"{kind} {outcome}", figures)
    return table


def _order_times(report: Report) -> Table:
    table = _percentiles("order, due to end, ms")
    for outcome, figures in report.order_ms.items():
        _add(table, outcome, figures)
    return table


def _percentiles(title: str) -> Table:
    return _table(f"\n{title}", "\ncount", "\np50", "\np90", "\np99", "\np99.9", "\nmax")


def _add(table: Table, name: str, figures: Latency) -> None:
    percentiles = (figures.p50, figures.p90, figures.p99, figures.p999, figures.max)
    table.add_row(name, f"{figures.count:,}", *(f"{value:,.2f}" for value in percentiles))
