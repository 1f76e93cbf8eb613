"""A report as text for a terminal."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from loadtest.checker import Status, Verdict, Violation
from loadtest.checker.verdict import plural
from loadtest.records.problems import Problem
from loadtest.records.report import Latency, Report, ReportedVerdict
from loadtest.records.run_folder import HISTORY, REPORT
from loadtest.records.timeline import Timeline
from loadtest.render import own, power, trace
from loadtest.render.console import a_console, fitting, heading, line, put
from loadtest.render.window import width

_VIOLATIONS_SHOWN = 5
_REASONS_SHOWN = 5
_PRODUCTS_SHOWN = 5
_PROBLEMS_SHOWN = 10
_PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
_LOG = 80  # columns of a time line where nobody looks at a window
STYLES = {Status.SAFE: "bold green", Status.VIOLATED: "bold red", Status.INCONCLUSIVE: "bold yellow"}


def print_report(report: Report, folder: Path, *, to_stdout: bool, quiet: bool, verbose: bool = False) -> None:
    """Print the tables and, last, the verdict; only what it is worth and the verdict if `quiet`.

    Figures of the tool itself are only shown where they make others unreliable, or if `verbose`.
    """
    console = a_console(to_stdout=to_stdout)
    with console.capture() as drawn:
        if not quiet:
            _print_tables(console, report, folder, verbose=verbose)
        else:
            for sentence in _contention(report.verdict):
                console.print(sentence)
        for checked in report.thresholds:
            if not checked.holds or not quiet:
                console.print(f"threshold {checked.sentence}", style="" if checked.holds else "bold red")
        _print_sentence(console, report.verdict, apart=not quiet)
    put(console, drawn.get())


def print_verdict(verdict: Verdict, part: str | None, timelines: Sequence[Timeline] = ()) -> None:
    """Print a verdict that was made from a history, with how that is a `part`, violations, and what was around."""
    console = a_console(to_stdout=True)
    with console.capture() as drawn:
        if part is not None:
            console.print(f"partial: {part}", style="bold yellow")
        for sentence in _evidence(verdict):
            console.print(sentence)
        _print_violations(console, verdict.violations, timelines)
        alone = len(verdict.reasons) == 1 and verdict.reasons[0] in verdict.sentence
        for reason in () if alone else verdict.reasons[:_REASONS_SHOWN]:
            console.print(f"reason: {reason}")
        if (more := len(verdict.reasons) - _REASONS_SHOWN) > 0:
            console.print(f"and {more:,} more reasons")
        _print_sentence(console, verdict, apart=True)
    put(console, drawn.get())


def _print_sentence(console: Console, verdict: Verdict | ReportedVerdict, *, apart: bool) -> None:
    """The last line, a whole one, `apart` from the lines above it."""
    if apart:
        console.print()
    console.print(verdict.sentence, style=STYLES[verdict.status])


def _print_tables(console: Console, report: Report, folder: Path, *, verbose: bool) -> None:
    console.print(_heading(report))
    if report.stopped_by:
        console.print(f"stopped early, so this is a part: {report.stopped_by}", style="bold yellow")
    console.print(_orders(report), _stock(report))
    if report.rounds.count > 1:
        console.print(_winners(report))
    if report.command == "load":
        console.print(fitting(console, _order_times(report)))
    if report.latency_ms:
        console.print(fitting(console, _latency(report)))
    for sentence in (*_load(report), *_cost(report, verbose=verbose), *_evidence(report.verdict)):
        console.print(sentence)
    for sentence in own.lines(report, verbose=verbose):
        console.print(sentence)
    if report.faults is not None:
        console.print(f"faults injected: {report.faults.sentence}")
    if report.repaired:
        console.print(f"repaired: {report.repaired}")
    for remark in (report.client.stamped, report.client.bound, report.hint):
        if remark:
            console.print(remark, style="bold yellow")
    kept = [file.partition(".")[0] for file in (REPORT, HISTORY) if (folder / file).exists()]
    if kept:
        console.print(f"{' and '.join(kept)} in {folder}")
        console.print(f"as a page: loadtest report {shlex.quote(str(folder))}")
    _print_problems(console, report.orders.problems)
    _print_violations(console, report.verdict.violations, report.verdict.timelines, ", all in the report")


def _print_problems(console: Console, problems: Sequence[Problem]) -> None:
    for problem in problems[:_PROBLEMS_SHOWN]:
        console.print(f"{problem.count:,} × {problem.sentence}")
    if (more := len(problems) - _PROBLEMS_SHOWN) > 0:
        console.print(f"and {more:,} more kinds of problems, all in the report")


def _print_violations(
    console: Console, violations: Sequence[Violation], timelines: Sequence[Timeline], where: str = ""
) -> None:
    for violation in violations[:_VIOLATIONS_SHOWN]:
        orders = ", ".join(violation.orders[:3]) + (", …" if violation.orders_count > 3 else "")
        said = f", round {violation.round}: {violation.message} ({orders})"
        console.print(line(line(f"violation {violation.kind}", style="bold red"), said))
    if (more := len(violations) - _VIOLATIONS_SHOWN) > 0:
        console.print(f"and {more:,} more violations{where}")
    if timelines:
        columns = width(console.file) or _LOG
        for row in trace.text(violations[timelines[0].violation], timelines[0], columns):
            console.print(row, style="bold" if row.startswith(trace.MARK) else "")


def _heading(report: Report) -> str:
    config = report.config
    if report.command == "race":
        how = f"{config['number_of_requests']:,} orders of {config['units']:,} × {config['product']}"
        return f"{config['strategy']}: {how}, {_rounds(report)}, target {report.environment['target']}"
    products = config["product"] if config["products"] == 1 else f"{config['products']:,} products"
    skew = f" (skew {config['skew']:g})" if config["skew"] else ""
    return (
        f"{config['strategy']}: {_arrivals(report)} of {config['units']:,} × {products}{skew}, "
        f"{plural(config['attempts'], 'attempt')}, target {report.environment['target']}"
    )


def _rounds(report: Report) -> str:
    ended, planned = report.rounds.count, report.config["rounds"]
    return plural(ended, "round") if planned in (None, ended) else f"{ended:,} of {plural(planned, 'round')}"


def _arrivals(report: Report) -> str:
    config, arrivals = report.config, report.arrivals
    if arrivals.kind == "closed":
        return f"{plural(config['concurrency'], 'buyer')} for {config['duration_s']:,.4g} s"
    constant, stages = config["rate_per_s"], config["stages"]
    rate = f"orders in {len(stages):,} stages" if constant is None else f"{constant:,.6g} orders a second"
    return f"{rate}{' at random (Poisson)' if config['poisson'] else ''} for {config['duration_s']:,.4g} s"


def _load(report: Report) -> Iterator[str]:
    if report.command != "load":
        return
    arrivals, work, dropped = report.arrivals, report.work, report.orders.dropped
    yield (
        f"goodput: {report.goodput_per_s:,.1f} accepted orders a second over {report.duration_s:,.2f} s; "
        f"{_or_none(work.attempts_per_accepted)} attempts and {_or_none(work.writes_per_accepted)} writes for each; "
        f"{work.wasted_writes:,} writes wasted"
    )
    if arrivals.kind == "open":
        late = arrivals.late_ms
        lost = f"{dropped:,} of {arrivals.due:,} dropped" if dropped else "none dropped"
        yield (
            f"arrivals: {arrivals.achieved_per_s:,.1f} of {arrivals.due_per_s:,.1f} orders a second began, {lost}; "
            f"late by {late.p50:,.2f} ms (p50), {late.p99:,.2f} (p99), {late.max:,.2f} (max)"
        )
    if work.slowest and work.most_tried:
        yield (
            f"worst served: {work.slowest.response_ms:,.1f} ms ({work.slowest.order_id}, {work.slowest.outcome}); "
            f"{plural(work.most_tried.attempts, 'attempt')} ({work.most_tried.order_id}, {work.most_tried.outcome})"
        )


def _evidence(verdict: Verdict | ReportedVerdict) -> Iterator[str]:
    """What became of the lost answers, and what a run without a double win shows."""
    reconciled = verdict.reconciled
    if reconciled.accepted or reconciled.rejected or reconciled.unresolved:
        yield (
            f"lost answers: {plural(reconciled.accepted, 'order')} reconciled as accepted, "
            f"{reconciled.rejected:,} as rejected, {reconciled.unresolved:,} unresolved"
        )
    if verdict.phantom_rejects:
        yield f"phantom rejects: {plural(verdict.phantom_rejects, 'order')} won and {_were(verdict)} told otherwise"
    if verdict.stale_reads:
        yield f"stale reads: {plural(verdict.stale_reads, 'read')} that need not be consistent showed an old version"
    yield from _contention(verdict)


def _contention(verdict: Verdict | ReportedVerdict) -> Iterator[str]:
    said = power.shown(verdict)
    if said is not None:
        yield f"contention: {said}"


def _were(verdict: Verdict | ReportedVerdict) -> str:
    return "was" if verdict.phantom_rejects == 1 else "were"


def _or_none(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:,.2f}"


def _cost(report: Report, *, verbose: bool) -> Iterator[str]:
    capacity = report.capacity
    each = capacity.usd_per_1000_accepted
    price = "" if each is None else f", ${each:,.6f} for 1,000 accepted orders"
    reported = f"; {capacity.reported:.0%} of the units as the server reported" if verbose else ""
    units = f"{capacity.write_units:,.0f} write and {capacity.read_units:,.0f} read units"
    yield f"cost: ${capacity.usd:,.6f} for {units}{price} ({capacity.prices}{reported})"
    yield f"throughput: {report.operations_per_s:,.0f} operations a second over {report.duration_s:,.2f} s"


def _table(*headings: str, apart: bool = True) -> Table:
    """`apart`: from the lines above it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for n, title in enumerate(headings):
        table.add_column(heading(title) if apart else title, justify="right" if n else "left", no_wrap=n > 0)
    return table


def _orders(report: Report) -> Table:
    table, orders = _table("orders", "", apart=False), report.orders
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
    table = _table("stock", "before", "after", "sold")
    for product, stock in list(report.stock.items())[:_PRODUCTS_SHOWN]:
        table.add_row(product, f"{stock.initial:,}", _or_unknown(stock.final), _or_unknown(stock.sold))
    if (more := len(report.stock) - _PRODUCTS_SHOWN) > 0:
        table.add_row(f"and {more:,} more")
    return table


def _or_unknown(count: int | None) -> str:
    return "not read" if count is None else f"{count:,}"


def _winners(report: Report) -> Table:
    table = _table("winners", "rounds")
    for winners, rounds in report.rounds.winners.items():
        table.add_row(f"{winners:,}", f"{rounds:,}")
    return table


def _latency(report: Report) -> list[Table]:
    rows = {
        f"{kind} {outcome}": figures
        for kind, outcomes in report.latency_ms.items()
        for outcome, figures in outcomes.items()
    }
    return _percentiles("service time, ms", rows)


def _order_times(report: Report) -> list[Table]:
    return _percentiles("order, due to end, ms", report.order_ms)


def _percentiles(title: str, rows: Mapping[str, Latency]) -> list[Table]:
    """The widest table first; where there is no room, the percentiles that tell least are left out."""
    return [_figures(title, rows, columns) for columns in (_PERCENTILES, ("p50", "p99", "max"), ("p50", "p99"))]


def _figures(title: str, rows: Mapping[str, Latency], columns: Sequence[str]) -> Table:
    table = _table(title, "count", *columns)
    for name, figures in rows.items():
        values = (getattr(figures, column.replace(".", "")) for column in columns)
        table.add_row(name, f"{figures.count:,}", *(f"{value:,.2f}" for value in values))
    return table
