"""From what recorder and checker saw of a run to its report."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from statistics import median
from typing import Any

import msgspec

import loadtest
from loadtest.checker import Verdict
from loadtest.checker.verdict import plural
from loadtest.events import Kind, OrderEnded, Outcome, Reason
from loadtest.measure.client_overhead import ClientOverhead, Share
from loadtest.measure.histogram import Histogram, latency
from loadtest.measure.recorder import Recorder
from loadtest.records.invocation import Invocation
from loadtest.records.report import (
    SCHEMA,
    Arrivals,
    Capacity,
    Client,
    Latency,
    Lateness,
    Orders,
    Report,
    ReportedVerdict,
    Rounds,
    SendSpread,
    Stock,
    Work,
    Worker,
    Worst,
)
from loadtest.workload.pricing import Prices
from loadtest.workload.spec import ArrivalKind, Load, Race
from loadtest.workload.target import TargetKind

_PACKAGES = ("aioboto3", "aiobotocore", "botocore", "anyio", "uvloop", "moto")


_BUSY_CORES = 0.85
_LARGE_SHARE = 0.25


def summarize(
    recorder: Recorder,
    verdict: Verdict,
    overhead: ClientOverhead,
    plan: Race | Load,
    *,
    run_id: str,
    started_at: datetime,
    stopped_by: str | None,
    environment: dict[str, Any],
    invocation: Invocation | None = None,
) -> Report:
    """The report of a run that has ended, or that `stopped_by` stopped."""
    duration_s = recorder.duration_ns / 1e9
    response = _latencies(recorder.response)
    return Report(
        schema=SCHEMA,
        command=plan.command,
        run_id=run_id,
        started_at=started_at.astimezone(UTC).isoformat(timespec="seconds"),
        completed=stopped_by is None,
        stopped_by=stopped_by,
        verdict=reported(verdict),
        config=msgspec.to_builtins(plan),
        environment=environment,
        orders=_orders(recorder),
        rounds=Rounds(recorder.rounds, dict(sorted(recorder.winners.items()))),
        stock={product: _stock(recorder, product) for product in recorder.initial},
        operations={
            kind: {outcome: figures.count for outcome, figures in outcomes.items()}
            for kind, outcomes in response.items()
        },
        latency_ms=_latencies(recorder.service),
        response_ms=response,
        order_ms={outcome.value: latency(recorder.order[outcome]) for outcome in sorted(recorder.order)},
        arrivals=_arrivals(recorder, plan, duration_s, completed=stopped_by is None),
        work=_work(recorder),
        capacity=_capacity(recorder, plan.prices),
        thresholds=[],
        per_second=recorder.per_second.all() if recorder.per_second else [],
        client=_client(recorder, overhead, plan, duration_s),
        duration_s=round(duration_s, 6),
        goodput_per_s=_per_s(recorder.orders[Outcome.ACCEPTED], duration_s),
        operations_per_s=_per_s(recorder.operations, duration_s),
        repairs={request.value: recorder.repairs[request] for request in sorted(recorder.repairs)},
        hint=_unsold(recorder, plan) if isinstance(plan, Race) else None,
        invocation=invocation,
    )


def _unsold(recorder: Recorder, plan: Race) -> str | None:
    """What to do if orders that met a conflict gave up while there was stock that they wanted."""
    left = recorder.final.get(plan.product) or 0
    if left < plan.units or not recorder.rejected_by_reason.get(Reason.CONFLICT):
        return None
    made = "one attempt" if plan.attempts == 1 else f"at most {plan.attempts:,} attempts"
    other = ", or --strategy conditional" if plan.strategy == "version" else ""
    last = " after the last round" if recorder.rounds > 1 else ""
    return (
        f"{left:,} of {plan.stock:,} left{last} though {plural(plan.number_of_requests, 'order')} wanted them: "
        f"each order made {made}; give more --attempts{other}"
    )


def reported(verdict: Verdict) -> ReportedVerdict:
    """The verdict as a report holds it."""
    return ReportedVerdict(
        status=verdict.status,
        sentence=verdict.sentence,
        violations=list(verdict.violations),
        reasons=list(verdict.reasons),
        reconciled=verdict.reconciled,
        phantom_rejects=verdict.phantom_rejects,
        stale_reads=verdict.stale_reads,
        power=verdict.power,
        untested=verdict.untested,
    )


def _per_s(count: int, duration_s: float) -> float:
    return round(count / duration_s, 3) if duration_s else 0.0


def _arrivals(recorder: Recorder, plan: Race | Load, duration_s: float, *, completed: bool) -> Arrivals:
    over_s = duration_s
    if isinstance(plan, Load) and plan.arrivals is ArrivalKind.OPEN:
        # Orders came in this time, and ended in what was left.
        over_s = plan.duration_s if completed else min(duration_s, plan.duration_s)
    due = recorder.placed + recorder.dropped
    return Arrivals(
        kind=plan.arrivals.value,
        due=due,
        due_per_s=_per_s(due, over_s),
        achieved_per_s=_per_s(recorder.placed, max(over_s, recorder.last_start_ns / 1e9)),
        late_ms=_lateness(recorder.late),
    )


def _lateness(late: Histogram) -> Lateness:
    if not late.count:
        return Lateness(0.0, 0.0, 0.0)
    percentiles = late.percentiles((50.0, 99.0))
    return Lateness(percentiles[50.0] / 1e6, percentiles[99.0] / 1e6, late.max_ns / 1e6)


def _work(recorder: Recorder) -> Work:
    accepted = recorder.orders[Outcome.ACCEPTED]
    return Work(
        attempts_per_accepted=round(recorder.attempts / accepted, 4) if accepted else None,
        writes_per_accepted=round(recorder.writes / accepted, 4) if accepted else None,
        wasted_writes=recorder.wasted_writes,
        conflicts=recorder.conflicts,
        slowest=_worst(recorder.slowest),
        most_tried=_worst(recorder.most_tried),
    )


def _worst(order: OrderEnded | None) -> Worst | None:
    if order is None:
        return None
    waited_ms = (order.ended_ns - order.scheduled_ns) / 1e6
    return Worst(order.order_id, order.product_id, order.outcome.value, order.attempts, waited_ms)


def _capacity(recorder: Recorder, prices: Prices) -> Capacity:
    consumed = recorder.read_units + recorder.write_units
    usd, accepted = prices.usd(recorder.read_units, recorder.write_units), recorder.orders[Outcome.ACCEPTED]
    return Capacity(
        read_units=recorder.read_units,
        write_units=recorder.write_units,
        reported=round(recorder.reported_units / consumed, 4) if consumed else 0.0,
        usd=round(usd, 9),
        usd_per_1000_accepted=round(usd / accepted * 1000, 9) if accepted else None,
        usd_per_million_read_units=prices.read_usd_per_million,
        usd_per_million_write_units=prices.write_usd_per_million,
        prices=prices.source,
    )


def _stock(recorder: Recorder, product: str) -> Stock:
    final = recorder.final.get(product)
    return Stock(recorder.initial[product], final, None if final is None else recorder.sold[product])


def _orders(recorder: Recorder) -> Orders:
    counts = recorder.orders
    return Orders(
        placed=recorder.placed,
        accepted=counts[Outcome.ACCEPTED],
        rejected=counts[Outcome.REJECTED],
        throttled=counts[Outcome.THROTTLED],
        failed=counts[Outcome.FAILED],
        unknown=counts[Outcome.UNKNOWN],
        dropped=recorder.dropped,
        warm_up=recorder.warm_up,
        rejected_by_reason=dict(recorder.rejected_by_reason),
        problems=recorder.problems.kinds(),
    )


def _latencies(histograms: Mapping[tuple[Kind, Outcome], Histogram]) -> dict[str, dict[str, Latency]]:
    found: dict[str, dict[str, Latency]] = {}
    for kind, outcome in sorted(histograms):
        found.setdefault(kind.value, {})[outcome.value] = latency(histograms[kind, outcome])
    return found


def _client(recorder: Recorder, overhead: ClientOverhead, plan: Race | Load, duration_s: float) -> Client:
    cpu_s = overhead.cpu_ns / 1e9
    cores = cpu_s / duration_s if duration_s else 0.0
    spreads = recorder.send_spreads_ns if plan.arrivals is ArrivalKind.BURST else []
    who = "the busiest process" if overhead.shares else "this process"
    busiest = max([share.cpu_ns or 0 for share in overhead.shares], default=overhead.cpu_ns) / 1e9
    return Client(
        name=overhead.client,
        stamps=overhead.stamps,
        served={client: dict(calls) for client, calls in overhead.served.items()},
        fallbacks=dict(overhead.fallbacks),
        own_share=round(recorder.own_share, 4),
        loop_lag_ms=_lateness(overhead.loop_lag),
        cpu_s=round(cpu_s, 3),
        cpu_cores=round(cores, 3),
        send_spread_ms=_spread(spreads),
        bound=_bound(who, overhead.client, busiest / duration_s if duration_s else 0.0, recorder.own_share),
        workers=[_worker(share, duration_s) for share in overhead.shares],
        start_spread_ms=_spread(overhead.start_spreads_ns),
        reader_stamps=overhead.reader_stamps,
    )


def _spread(spreads_ns: list[int]) -> SendSpread | None:
    return SendSpread(median(spreads_ns) / 1e6, max(spreads_ns) / 1e6) if spreads_ns else None


def _worker(share: Share, duration_s: float) -> Worker:
    return Worker(
        name=share.name,
        host=share.host,
        orders=share.orders,
        cpu_cores=None if share.cpu_ns is None or not duration_s else round(share.cpu_ns / 1e9 / duration_s, 3),
        clock_offset_ms=share.offset_ns / 1e6,
        clock_uncertainty_ms=share.uncertainty_ns / 1e6,
        lost=share.lost,
    )


def _bound(who: str, client: str, cores: float, own_share: float) -> str | None:
    """One event loop has one core: near all of it used, and much of the time spent waiting for it, is a bottleneck."""
    if cores < _BUSY_CORES:
        return None
    if client == "sdk":  # its own queue cannot be told from the server's time
        return (
            f"client-bound: {who} used {cores:.0%} of a core, so the service times hold its own queue; "
            "use --client wire, fewer orders at once, or more processes"
        )
    if own_share < _LARGE_SHARE:
        return None
    return (
        f"client-bound: {who} used {cores:.0%} of a core, and {own_share:.0%} of the response time was its own, "
        "not the server's; let fewer orders be under way, or more processes place them"
    )


def environment(target: TargetKind, endpoint_url: str) -> dict[str, Any]:
    """Versions, machine and target of a run on this machine."""
    return {
        "loadtest": loadtest.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "target": target.value,
        "endpoint_url": endpoint_url,
        "packages": {package: metadata.version(package) for package in _PACKAGES},
    }
