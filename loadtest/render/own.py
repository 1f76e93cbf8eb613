"""Figures of the tool itself: where they make other figures of a run unreliable, or for whoever asks for them."""

from collections.abc import Iterator

from loadtest.checker.verdict import plural
from loadtest.records.report import Report, Worker
from loadtest.render import power

_LARGE_SHARE = 0.25  # of the response time; what the report calls client-bound has as much


def lines(report: Report, *, verbose: bool) -> Iterator[str]:
    """What the tool itself took, and who placed the orders; all of it if `verbose`."""
    client, burst = report.client, report.client.send_spread_ms
    if verbose and report.verdict.power.writes:
        yield f"overlap: {power.overlap(report.verdict.power)}"
    if verbose or client.bound or client.own_share >= _LARGE_SHARE:
        yield f"client overhead: {_overhead(report)}"
    if burst and (verbose or report.verdict.untested):
        yield f"send spread: the first writes of a round were sent within {burst.median:,.1f} ms"
    if client.workers:
        yield f"placed by {_processes(client.workers)}{_start(report) if verbose else ''}"
        for worker in client.workers:
            if worker.lost is not None:
                yield f"{worker.name} ({worker.host}) {worker.lost}"


def briefly(report: Report, *, verbose: bool) -> str:
    """The end of a line on one run of many: what the tool itself took, if `verbose`."""
    return f", client overhead {report.client.own_share:.1%}" if verbose else ""


def _overhead(report: Report) -> str:
    client = report.client
    cost = ""
    if client.cpu_cores is not None and client.loop_lag_ms is not None:
        cost = f"; {client.cpu_cores:.0%} of a core, loop lag p99 {client.loop_lag_ms.p99:,.1f} ms"
    return f"{client.own_share:.1%} of the response time was spent in the tool, not in the target ({client.name}{cost})"


def _processes(workers: list[Worker]) -> str:
    processes = "1 process" if len(workers) == 1 else f"{len(workers):,} processes"
    return f"{processes} on {plural(len({worker.host for worker in workers}), 'machine')}"


def _start(report: Report) -> str:
    """How well the clocks agree, and how close together the processes began."""
    spread = report.client.start_spread_ms
    uncertain_ms = max(worker.clock_uncertainty_ms for worker in report.client.workers)
    clocks = f", clocks compared to ±{uncertain_ms:,.2f} ms" if uncertain_ms else ""
    most = f", {spread.max:,.2f} at most" if spread and spread.max > spread.median else ""
    began = f"; began within {spread.median:,.2f} ms of one another{most}" if spread else ""
    return f"{clocks}{began}"
