"""The report of a run: one JSON document of schema `loadtest.report/1`. `docs/report.md` describes it."""

from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from loadtest.checker import Power, Settled, Status, Violation
from loadtest.checker.verdict import plural
from loadtest.errors import UsageError
from loadtest.records import hdr, json_file
from loadtest.records.invocation import Invocation
from loadtest.records.problems import Problem
from loadtest.records.timeline import Timeline

SCHEMA: Literal["loadtest.report/1"] = "loadtest.report/1"
LARGEST = 256 << 20  # bytes; that of a load of a day has 90 to 230 MB, a second takes 1 to 2.6 KB
_MOST_HISTOGRAMS = 100  # there are 35: of 3 kinds and 5 outcomes, twice, and of orders


class Orders(Struct, frozen=True):
    """How many orders were placed and how they ended.

    `dropped` orders are in none of these: they were due, but could not start because `--max-in-flight` others were
    under way. `warm_up` orders were due before the measuring began; only the verdict takes them into account.
    """

    placed: int
    accepted: int
    rejected: int
    throttled: int
    failed: int
    unknown: int
    dropped: int
    warm_up: int
    rejected_by_reason: dict[str, int]
    problems: list[Problem]


class Rounds(Struct, frozen=True):
    """How many rounds ended, and in how many of them there were 0, 1, 2 … winners."""

    count: int
    winners: dict[int, int]


class Stock(Struct, frozen=True):
    """A product's quantity before the first round and after the last, and the units that left over all rounds.

    `final` and `sold` are None if the stock could not be read at the end.
    """

    initial: int
    final: int | None
    sold: int | None


class Latency(Struct, frozen=True, rename={"p999": "p99.9"}):
    """The figures of one histogram in milliseconds; `hdr` is the encoded HdrHistogram itself, in ns."""

    count: int
    mean: float
    min: float
    p50: float
    p90: float
    p99: float
    p999: float
    max: float
    hdr: str


class Lateness(Struct, frozen=True):
    """Milliseconds that turns of the event loop, or orders, came late."""

    p50: float
    p99: float
    max: float


class Percentiles(Struct, frozen=True):
    """Milliseconds; of one second of a run, to about one percent."""

    count: int
    p50: float
    p99: float
    max: float


class Second(Struct, frozen=True):
    """What happened in one second of a run; `second` counts from 0, where the measuring began.

    `placed` and `dropped` orders were due in it; the other orders ended in it, after `attempts` attempts together and
    at most `most_attempts` each. `writes` and transactions were answered in it, `wasted_writes` of them refused by a
    condition. `response_ms` is from an order's scheduled start to its end, by outcome; `service_ms` that of single
    requests, by kind and outcome (`write.accepted`). `in_flight` orders were under way at its end.
    """

    second: int
    placed: int
    accepted: int
    rejected: int
    throttled: int
    failed: int
    unknown: int
    dropped: int
    in_flight: int
    attempts: int
    most_attempts: int
    writes: int
    wasted_writes: int
    read_units: float
    write_units: float
    response_ms: dict[str, Percentiles]
    service_ms: dict[str, Percentiles]


class Arrivals(Struct, frozen=True):
    """How orders came: `kind` is `burst`, `closed` (a fixed number in flight) or `open` (by a schedule).

    `due` orders should have started, `achieved_per_s` did each second; `late_ms` is how long after its scheduled start
    an order's coroutine began.
    """

    kind: str
    due: int
    due_per_s: float
    achieved_per_s: float
    late_ms: Lateness


class Worst(Struct, frozen=True):
    """One order that was served worse than all others."""

    order_id: str
    product_id: str
    outcome: str
    attempts: int
    response_ms: float


class Work(Struct, frozen=True):
    """What the accepted orders cost in attempts and writes.

    `attempts_per_accepted` and `writes_per_accepted` are all attempts and all writes of the run for each accepted
    order (None if there was none). `wasted_writes` were refused by a condition, `conflicts` of them by another's write.
    `slowest` and `most_tried` are the worst orders: starvation.
    """

    attempts_per_accepted: float | None
    writes_per_accepted: float | None
    wasted_writes: int
    conflicts: int
    slowest: Worst | None
    most_tried: Worst | None


class Capacity(Struct, frozen=True):
    """Capacity units and their price in US dollars.

    `reported` is the share of all units that the server itself reported; the rest is computed from the item's size as
    DynamoDB charges it: a refused write costs as much as an accepted one, and no answer says so.
    """

    read_units: float
    write_units: float
    reported: float
    usd: float
    usd_per_1000_accepted: float | None
    usd_per_million_read_units: float
    usd_per_million_write_units: float
    prices: str


class Faults(Struct, frozen=True):
    """How many faults `--fault` made, by kind, and the seed of the draws; each is in `faults.jsonl`."""

    seed: int
    injected: dict[str, int]

    @property
    def sentence(self) -> str:
        """All of it in words."""
        if not self.injected:
            return f"none, from seed {self.seed}"
        counts = ", ".join(f"{count:,} {kind}" for kind, count in self.injected.items())
        return f"{counts}, from seed {self.seed}; each is in faults.jsonl"


class Checked(Struct, frozen=True):
    """A threshold and whether it held; `sentence` says by how much it did or did not."""

    threshold: str
    holds: bool
    value: float | None
    sentence: str


class SendSpread(Struct, frozen=True):
    """Milliseconds between the first and the last first write of a round: the middle round and the widest."""

    median: float
    max: float


class Worker(Struct, frozen=True):
    """One of several processes that placed the orders, on whose machine it was, and why it was `lost`.

    `clock_offset_ms` was added to its moments, which may be wrong by `clock_uncertainty_ms` either way.
    """

    name: str
    host: str
    orders: int
    cpu_cores: float | None
    clock_offset_ms: float
    clock_uncertainty_ms: float
    lost: str | None


class Client(Struct, frozen=True):
    """What the tool itself cost.

    `stamps` tells whose receive times these are: `kernel`, `reader` (when this process read the bytes) or `sdk` (when
    the call returned); `reader_stamps` how many answers have the reader's. `served` counts the run's calls by client
    and operation, `fallbacks` those that the wire left to the SDK, by operation and reason. `own_share` is the part of
    all response time that was spent in this process; `cpu_cores` its CPU seconds for each second of the rounds.
    `bound` says in words that the tool was the bottleneck, and what to do. What no history tells is None in a report
    made from one: `reader_stamps`, `served`, `fallbacks`, `loop_lag_ms`, `cpu_s`, `cpu_cores`, `bound`, and `workers`
    and `start_spread_ms`, which are those of several processes: from the first that began to the last, the middle
    start and the widest.
    """

    name: str
    stamps: str
    served: dict[str, dict[str, int]] | None
    fallbacks: dict[str, int] | None
    own_share: float
    loop_lag_ms: Lateness | None
    cpu_s: float | None
    cpu_cores: float | None
    send_spread_ms: SendSpread | None
    bound: str | None
    workers: list[Worker] = []
    start_spread_ms: SendSpread | None = None
    reader_stamps: int | None = None

    @property
    def stamped(self) -> str | None:
        """What is to be known of the receive times, if they are not all the kernel's; nothing of the SDK's."""
        if self.stamps == "reader":
            return (
                "receive times are this process's own, when it read the bytes, as the kernel has none here: "
                "under load the service times hold some of its own delay"
            )
        if self.reader_stamps:
            return (
                f"{self.reader_stamps:,} answers were stamped when this process read them, as the kernel's receive "
                "time was missing or could not be: under load their service times hold some of its own delay"
            )
        return None


class ReportedVerdict(Struct, frozen=True):
    """The verdict with its evidence. `timelines` are of the first five violations, if the run has a history.

    If `untested`, it is inconclusive for nothing else than that no win was contested.
    """

    status: Status
    sentence: str
    violations: list[Violation]
    doubts: list[str]
    settled: Settled = Settled()
    phantom_rejects: int = 0
    stale_reads: int = 0
    power: Power = Power()
    timelines: list[Timeline] = []
    untested: bool = False


class Report(Struct, frozen=True, kw_only=True):
    """Configuration, environment, counts, histograms and verdict of one run.

    `latency_ms` is the service time and `response_ms` the response time of requests, by kind and outcome; `order_ms`
    is the response time of whole orders, from their scheduled start to their end, by outcome. `goodput_per_s` counts
    accepted orders. `seconds` is the run second by second. `repairs` counts, by what was asked, the answers to the
    tool's own requests (those around the orders) that were lost and asked for again. `hint` says what to change if a
    race left stock unsold because of its own settings. `invocation` is None if no command line made the run.
    """

    schema: Literal["loadtest.report/1"]
    command: Literal["race", "load"]
    run_id: str
    started_at: str
    completed: bool
    stopped_by: str | None
    verdict: ReportedVerdict
    config: dict[str, Any]
    environment: dict[str, Any]
    orders: Orders
    rounds: Rounds
    stock: dict[str, Stock]
    operations: dict[str, dict[str, int]]
    latency_ms: dict[str, dict[str, Latency]]
    response_ms: dict[str, dict[str, Latency]]
    order_ms: dict[str, Latency]
    arrivals: Arrivals
    work: Work
    capacity: Capacity
    thresholds: list[Checked]
    seconds: list[Second]
    client: Client
    duration_s: float
    goodput_per_s: float
    operations_per_s: float
    faults: Faults | None = None
    repairs: dict[str, int] = {}
    hint: str | None = None
    invocation: Invocation | None = None

    @property
    def repaired(self) -> str:
        """The repairs in words; empty if there was none."""
        if not self.repairs:
            return ""
        kinds = ", ".join(f"{request} {count:,}" for request, count in self.repairs.items())
        return f"{plural(sum(self.repairs.values()), 'lost answer')} to the tool's own requests ({kinds})"


def buckets(figures: Latency) -> list[int]:
    """The stored histogram: the count of each bucket of `loadtest.records.hdr`. Raises UsageError if it is damaged."""
    try:
        counts = hdr.decode(figures.hdr)
    except ValueError as error:
        raise UsageError(f"a report has a damaged histogram: {error}") from error
    if sum(counts) != figures.count:
        raise UsageError(f"a report has a histogram of {sum(counts)} values that says {figures.count}")
    return counts


def read(path: Path) -> Report:
    """A stored report. Raises UsageError for a file that is no report of this schema."""
    found = json_file.read(path, Report, SCHEMA, LARGEST)
    kinds = (*found.latency_ms.values(), *found.response_ms.values(), found.order_ms)
    if sum(map(len, kinds)) > _MOST_HISTOGRAMS:
        raise UsageError(f"{path} is not a {SCHEMA}: it has more than {_MOST_HISTOGRAMS} histograms")
    return found
