"""Reports and comparisons to draw: made up, but as a run would leave them, with real histograms."""

from collections import Counter
from collections.abc import Sequence
from itertools import cycle, islice
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from loadtest.checker import Status, Violation
from loadtest.events import Operation, Outcome
from loadtest.measure.histogram import Histogram, latency
from loadtest.records import comparison as comparisons
from loadtest.records import report as reports
from loadtest.records.comparison import Cell, Comparison, Difference, Estimate, Scaling
from loadtest.records.problems import Problem
from loadtest.records.report import (
    Arrivals,
    Capacity,
    Checked,
    Client,
    Latency,
    Lateness,
    Orders,
    Percentiles,
    Report,
    ReportedVerdict,
    Rounds,
    Second,
    SendSpread,
    Stock,
    Work,
    Worst,
)
from loadtest.records.timeline import Timeline
from tests.helpers.shop_events import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

STRATEGIES = ("conditional", "version", "transaction")
LEVELS = (10, 50, 100, 500)
HOSTILE = '</script><script>alert(1)</script><!--<b title="x">&amp;\'"\u2028'


def times(random: Random, median_ms: float, count: int) -> Latency:
    """A latency of `count` values with a long tail, of which a few hundred are drawn."""
    drawn = [
        int(median_ms * 1e6 * random.lognormvariate(0, 0.45) * (8 if random.random() < 0.004 else 1))
        for _ in range(min(count, 500))
    ]
    histogram = Histogram()
    for value_ns in islice(cycle(drawn), count):
        histogram.record(value_ns)
    return latency(histogram)


def orders(**counts: int) -> Orders:
    outcomes = dict.fromkeys(("accepted", "rejected", "throttled", "failed", "unknown"), 0)
    given = {**outcomes, "dropped": 0, "warm_up": 0, **counts}
    reasons = {"conflict": given["rejected"]} if given["rejected"] else {}
    placed = sum(given[name] for name in outcomes)
    return Orders(placed=placed, rejected_by_reason=reasons, problems=[], **given)


def race(seed: int = 1, number: int = 100, run_id: str = "2026-11-23T07-42-16Z-b12dc47938") -> Report:
    """A race of `number` orders for one item, which one of them won."""
    random = Random(seed)
    placed = orders(accepted=1, rejected=number - 1)
    return Report(
        schema=reports.SCHEMA,
        command="race",
        run_id=run_id,
        started_at="2026-11-23T07:42:16+00:00",
        completed=True,
        stopped_by=None,
        verdict=ReportedVerdict(
            Status.SAFE, f"1 of {number} orders won the last item; {number - 1} were rejected: safe", [], []
        ),
        config={"number_of_requests": number, "stock": 1, "product": "p#4", "strategy": "version", "gate": True,
                "concurrency": number, "target": {"kind": "embedded", "region": None, "sdk_retries": 0}},
        environment={"loadtest": "0.1.0", "python": "3.11.7", "cpus": 2, "target": "embedded",
                     "packages": {"aioboto3": "15.5.0", "moto": "5.2.5"}},
        orders=placed,
        rounds=Rounds(1, {1: 1}),
        stock={"p#4": Stock(1, 0, 1)},
        operations={"read": {"accepted": number}, "write": {"accepted": 1, "rejected": number - 1}},
        latency_ms={"read": {"accepted": times(random, 5.8, number)},
                    "write": {"accepted": times(random, 4.4, 1), "rejected": times(random, 18.5, number - 1)}},
        response_ms={"read": {"accepted": times(random, 6, number)},
                     "write": {"accepted": times(random, 5, 1), "rejected": times(random, 19, number - 1)}},
        order_ms={"accepted": times(random, 11, 1), "rejected": times(random, 26, number - 1)},
        arrivals=Arrivals("burst", number, 0.0, 0.0, Lateness(0.1, 0.4, 0.5)),
        work=Work(2.0 * number, float(number), number - 1, number - 1,
                  Worst("b12-1-7", "p#4", "rejected", 1, 44.1), None),
        capacity=Capacity(number * 0.5, float(number), 0.25, 0.00015, 0.15, 0.125, 0.625,
                          "on demand, us-east-1, 2026-11"),
        thresholds=[],
        per_second=[],
        client=Client("wire", "kernel", {"wire": {"GetItem": number, "UpdateItem": number}, "sdk": {}}, {}, 0.12,
                      Lateness(0.4, 16.0, 22.1), 0.02, 0.35, SendSpread(2.5, 2.5), None),
        duration_s=0.0812,
        goodput_per_s=12.3,
        operations_per_s=2463.1,
    )  # fmt: skip


def a_write(order_id: str, n: int, outcome: Outcome = Outcome.ACCEPTED, **changes: Any) -> Operation:
    """A write of one to some milliseconds, sent `n` tenths of a millisecond after the first."""
    sent, received = 10**9 + n * 100_000, 10**9 + n * 1_300_000
    stamps = {"scheduled_ns": sent - 1, "sent_ns": sent, "received_ns": received, "ended_ns": received + 1}
    given = {"round": int(order_id.split("-")[1]), "order_id": order_id, "read_version": 1, "version": 2, "quantity": 0}
    return operation(**{**given, "outcome": outcome, **stamps, **changes})


def timelines_of(violations: Sequence[Violation]) -> list[Timeline]:
    """The evidence of the first five among writes that ended in every way."""
    found = []
    for number, violation in enumerate(violations[:5]):
        others = [
            a_write(f"52cf54cf36-{violation.round}-{n}", n, outcome, version=None, quantity=None, reason="a-reason")
            for n, outcome in enumerate([*Outcome] * 5, 3)
        ]
        found.append(Timeline(number, [*violation.operations, *others]))
    return found


def violated(rounds: int = 3) -> Report:
    """A race that all orders of each round won, stopped early and measured by a busy client."""
    evidence = [
        Violation(
            kind,
            message,
            number,
            "p#4",
            tuple(f"52cf54cf36-{number}-{n}" for n in range(1, 11)),
            100,
            tuple(a_write(f"52cf54cf36-{number}-{n}", n) for n in (1, 2)),
        )
        for number in range(1, rounds + 1)
        for kind, message in (
            ("oversold", "100 units were accepted, but the stock fell by 1"),
            ("lost_update", f"100 orders won from version {2 * number - 1}"),
            ("version_miscounted", "the version rose by 1 for 100 accepted writes"),
        )
    ]
    sentence = (
        f"in each of {rounds} rounds 100 of 100 orders won the last item; in all 0 were rejected: violated (100 units "
        f"were accepted, but the stock fell by 1, and {len(evidence) - 1} more violations)"
    )
    base, random = race(2, run_id="2026-11-23T07-45-42Z-52cf54cf36"), Random(2)
    bound = "client-bound: 61 % of the response time was this tool's own; use fewer orders in flight, or more machines"
    return replace(
        base,
        verdict=ReportedVerdict(
            Status.VIOLATED, sentence, evidence, ["round 4 was cut short"], timelines=timelines_of(evidence)
        ),
        completed=False,
        stopped_by="SIGINT",
        config={**base.config, "strategy": "unconditional", "rounds": 5},
        orders=replace(
            orders(accepted=100 * rounds, unknown=2),
            problems=[Problem(2, "ReadTimeoutError", "ReadTimeoutError: Read timeout", varied=False)],
        ),
        rounds=Rounds(rounds, {100: rounds}),
        stock={"p#4": Stock(1, None, None)},
        latency_ms={"write": {"accepted": times(random, 9, 100 * rounds), "unknown": times(random, 30, 2)}},
        response_ms={"write": {"accepted": times(random, 10, 100 * rounds), "unknown": times(random, 31, 2)}},
        order_ms={"accepted": times(random, 10, 100 * rounds), "unknown": times(random, 31, 2)},
        thresholds=[
            Checked("p99<20ms", False, 24.6, "p99 of accepted orders was 24.6 ms, 23 % over"),
            Checked("failed<1%", True, 0.0, "no order failed"),
        ],
        client=replace(base.client, bound=bound),
    )


def load(
    strategy: str = "version", concurrency: int = 100, length: int = 60, seed: int = 3, run_id: str = "a-load"
) -> Report:
    """A load of `length` seconds with few throttled, failed and unknown orders, slower in its middle."""
    random = Random(seed)
    rate = {"conditional": 900, "version": 620, "transaction": 430}[strategy] * concurrency / (concurrency + 60)
    median = 1000 * concurrency / rate / 3
    seconds = [_second(random, number, rate, median, concurrency, length) for number in range(length)]
    outcomes = ("accepted", "rejected", "throttled", "failed", "unknown", "dropped")
    totals = {name: sum(getattr(second, name) for second in seconds) for name in outcomes}
    counted = orders(**totals, warm_up=412)
    reads = {"read": {"accepted": times(random, median / 3, 3_000)}} if strategy == "version" else {}
    kind = "transaction" if strategy == "transaction" else "write"
    wasted = sum(second.wasted_writes for second in seconds)
    return replace(
        race(seed, run_id=run_id),
        command="load",
        verdict=ReportedVerdict(Status.SAFE, f"{counted.accepted:,} of {counted.placed:,} orders won: safe", [], []),
        stock={f"p#{n}": Stock(10_000, 7_400, 2_600) for n in range(1, 9)},
        config={"strategy": strategy, "concurrency": concurrency, "duration_s": length, "products": 8},
        orders=replace(counted, rejected_by_reason={"conflict": counted.rejected - 40, "sold_out": 40}),
        latency_ms={**reads, kind: {"accepted": times(random, median / 2, 4_000),
                                    "rejected": times(random, median / 4, 9_000),
                                    "throttled": times(random, 2, 60), "unknown": times(random, 1000, 3)}},
        response_ms={kind: {"accepted": times(random, median, 4_000), "rejected": times(random, median * 0.8, 9_000)}},
        order_ms={"accepted": times(random, median * 1.4, 4_000), "rejected": times(random, median, 9_000),
                  "throttled": times(random, 40, 60), "failed": times(random, 5, 2), "unknown": times(random, 1020, 3)},
        arrivals=Arrivals("closed", counted.placed, rate, rate * 0.998, Lateness(0.05, 1.2, 9.5)),
        work=Work(3.1, 2.2, wasted, wasted - 40, Worst("a-load-8812", "p#3", "accepted", 9, 1204.2),
                  Worst("a-load-411", "p#1", "rejected", 14, 990.0)),
        capacity=Capacity(51_000.0, 88_000.0, 0.41, 0.061375, 0.0021, 0.125, 0.625, "on demand, us-east-1, 2026-11"),
        thresholds=[Checked("p99<5s", True, 1.2, "p99 of accepted orders was 1.2 s, 76 % under")],
        per_second=seconds,
        duration_s=float(length),
        goodput_per_s=totals["accepted"] / length,
    )  # fmt: skip


def _second(random: Random, number: int, rate: float, median: float, concurrency: int, length: int) -> Second:
    slow = 2.5 if length * 0.45 < number < length * 0.55 else 1
    accepted = int(rate / slow * random.uniform(0.93, 1.05))
    rejected = int(accepted * random.uniform(0.9, 1.2))
    throttled = 12 if slow > 1 else 0
    unknown = int(number == length // 2)
    response = {"accepted": _percentiles(random, accepted, median * slow)}
    if number % 7:  # seconds without a reject leave a gap
        response["rejected"] = _percentiles(random, rejected, median * 0.7 * slow)
    return Second(
        second=number, placed=accepted + rejected + throttled + unknown, accepted=accepted, rejected=rejected,
        throttled=throttled, failed=0, unknown=unknown, dropped=0, in_flight=concurrency - random.randrange(4),
        attempts=2 * accepted + rejected, most_attempts=9, writes=accepted + 2 * rejected, wasted_writes=2 * rejected,
        read_units=accepted * 0.5, write_units=float(accepted + 2 * rejected), response_ms=response,
        service_ms={"write.accepted": _percentiles(random, accepted, median / 2)},
    )  # fmt: skip


def _percentiles(random: Random, count: int, median: float) -> Percentiles:
    p50 = median * random.uniform(0.9, 1.1)
    return Percentiles(count, p50, p50 * random.uniform(2.6, 3.4), p50 * 9)


def twelve_cells(repeats: int = 5) -> tuple[list[Report], Comparison]:
    """Three strategies at four levels, and the first run of each cell."""
    random = Random(4)
    cells: list[Cell] = []
    shown: list[Report] = []
    for strategy in STRATEGIES:
        for level in LEVELS:
            name = f"{strategy}, {level} in flight"
            runs = [f"2026-11-24T08-{len(cells):02}-{n:02}Z-0bfbe5d9a6" for n in range(repeats)]
            shown.append(load(strategy, level, 60, len(cells), runs[0]))
            cells.append(_cell(random, name, {"strategy": strategy, "concurrency": level}, runs, shown[-1]))
    return shown, Comparison(
        schema=comparisons.SCHEMA,
        comparison_id="2026-11-24T08-00-00Z-5cd1f04b7e",
        started_at="2026-11-24T08:00:00+00:00",
        completed=True,
        seed=7,
        order=[run for cell in cells for run in cell.runs],
        config={"strategies": list(STRATEGIES), "levels": list(LEVELS), "repeats": repeats},
        environment=shown[0].environment,
        cells=cells,
        test="Welch's t on logarithms, Holm's correction",
        differences=_differences(random, cells),
        scaling=[_scaling(strategy) for strategy in STRATEGIES],
        warnings=["the embedded server shares this machine's cores with the tool"],
    )


def empty() -> Report:
    """A race that was stopped before any order ended."""
    return replace(
        race(), completed=False, stopped_by="SIGTERM", orders=orders(), rounds=Rounds(0, {}), stock={}, operations={},
        latency_ms={}, response_ms={}, order_ms={},
        verdict=ReportedVerdict(Status.INCONCLUSIVE, "0 of 0 orders won: inconclusive", [], ["no order was decided"]),
    )  # fmt: skip


def hostile_comparison() -> Comparison:
    """Two strategies whose names are an attack."""
    _, twelve = twelve_cells(2)
    cells = [
        replace(cell, name=f"{HOSTILE}{n}", settings={"strategy": HOSTILE, "concurrency": n})
        for n, cell in enumerate(twelve.cells[:3], 1)
    ]
    differences = [replace(twelve.differences[0], a=HOSTILE, b=HOSTILE, sentence=HOSTILE, metric=HOSTILE)]
    fits = [replace(twelve.scaling[0], group=HOSTILE, sentence=HOSTILE)]
    return replace(
        twelve, comparison_id=HOSTILE, cells=cells, differences=differences, scaling=fits, warnings=[HOSTILE]
    )


def _cell(random: Random, name: str, settings: dict[str, Any], runs: list[str], report: Report) -> Cell:
    of = report.order_ms["accepted"]
    centres: Mapping[str, float] = {
        "goodput_per_s": report.goodput_per_s, "accepted_p50_ms": of.p50, "accepted_p99_ms": of.p99,
        "rejected_p99_ms": of.p99 * 0.8, "wasted_writes_per_accepted": 2.1, "attempts_per_accepted": 3.0,
        "usd_per_1000_accepted": 0.0021, "own_share": 0.2,
    }  # fmt: skip
    counted = {each: getattr(report.orders, each) * len(runs) for each in
               ("placed", "accepted", "rejected", "throttled", "failed", "unknown", "dropped")}  # fmt: skip
    metrics = {key: _estimate(random, centre, len(runs)) for key, centre in centres.items()}
    return Cell(name, settings, runs, dict(Counter(["safe"] * len(runs))), counted, metrics)


def _estimate(random: Random, centre: float, repeats: int) -> Estimate:
    values = sorted(centre * random.uniform(0.9, 1.1) for _ in range(repeats))
    few = len(values) < 2
    return Estimate(
        [*values], values[len(values) // 2], None if few else values[0] * 0.98, None if few else values[-1] * 1.02
    )


def _differences(random: Random, cells: list[Cell]) -> list[Difference]:
    found = []
    for number, a in enumerate(cells):
        for b in cells[number + 1 :]:
            if a.settings["concurrency"] != b.settings["concurrency"]:
                continue
            for name in ("goodput_per_s", "accepted_p99_ms"):
                ratio, p = random.uniform(0.5, 1.6), random.uniform(0, 0.02)
                real = p * 24 < 0.05
                word = f"{abs(ratio - 1):.0%} {'more' if ratio > 1 else 'less'}"
                sentence = f"{name} of {b.name} is {word} than of {a.name}" if real else f"{name}: nothing shown"
                found.append(
                    Difference(name, a.name, b.name, ratio, ratio * 0.9, ratio * 1.1, p, min(1, p * 24), real, sentence)
                )
    return found


def _scaling(strategy: str) -> Scaling:
    if strategy == "transaction":
        none = (None,) * 9
        return Scaling(strategy, *none, sentence="transaction: four levels, but no fit converged")
    gamma = {"conditional": 14.0, "version": 10.0}[strategy]
    return Scaling(
        strategy, gamma, 0.0151, 0.0000012, 0.4, 0.002, 0.0000004, 0.031, 906.0, 861.2,
        f"{strategy}: 1.5 % of the work is serial; throughput peaks near 906 in flight",
    )  # fmt: skip
