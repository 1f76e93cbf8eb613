"""The report of a run: a JSON file of schema `loadtest.report/2`. `docs/reference/report.md` describes it."""

from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from loadtest.checker import Power, Reconciled, Status, Violation
from loadtest.checker.verdict import plural
from loadtest.errors import UsageError
from loadtest.records import hdr, json_file
from loadtest.records.invocation import Invocation
from loadtest.records.problems import Problem
from loadtest.records.timeline import Timeline

SCHEMA: Literal["loadtest.report/2"] = "loadtest.report/2"
LARGEST = 256 << 20  # bytes; that of a load of a day has 90 to 230 MB, a second takes 1 to 2.6 KB
_MOST_HISTOGRAMS = 100  # there are 35: of 3 kinds and 5 outcomes, twice, and of orders


class Orders(Struct, frozen=True):
    """How many orders were placed and how they ended, over all rounds."""

    placed: int  #: orders of all rounds that began; of a load those that were due after the warm-up
    accepted: int  #: their write was applied, and they were told so
    rejected: int  #: a condition said no
    throttled: int  #: the server had no capacity for them; surely not applied
    failed: int  #: surely not applied, for another reason
    unknown: int  #: no answer came: perhaps applied; the five outcomes add up to `placed`
    #: were due and never began, because `--max-in-flight` others were in flight; in none of the other counts
    dropped: int
    warm_up: int  #: were due before the measuring began; with all their requests in none of the other counts
    rejected_by_reason: dict[str, int]  #: `conflict` and `sold_out`; they add up to `rejected`
    problems: list[Problem]  #: what became of throttled, failed and unknown orders, by kind, the commonest first


class Rounds(Struct, frozen=True):
    """How many rounds ended, and in how many of them there were 0, 1, 2 … winners."""

    count: int  #: rounds that ended; one that was cut short counts, a load is one
    winners: dict[int, int]  #: by the number of accepted orders, how many rounds had so many


class Stock(Struct, frozen=True):
    """A product's quantity before the first round and after the last."""

    initial: int  #: quantity before the first round
    final: int | None  #: quantity after the last; null if it could not be read
    #: units by which the stock fell, measured on the product, over all rounds, with those of restocking and warm-up
    sold: int | None


class Latency(Struct, frozen=True, rename={"p999": "p99.9"}):
    """The figures of one histogram, in milliseconds."""

    count: int  #: how many there were
    mean: float  #: exact
    min: float  #: exact
    p50: float  #: so much of 100 % took no longer, to three significant digits; as the next three
    p90: float
    p99: float
    p999: float
    max: float  #: exact
    hdr: str  #: the histogram: HdrHistogram V2, compressed, base64; values in nanoseconds, up to one hour


class Lateness(Struct, frozen=True):
    """Milliseconds that turns of the event loop, or orders, came late."""

    p50: float  #: half came no later
    p99: float  #: 99 of 100 came no later
    max: float  #: the latest


class Percentiles(Struct, frozen=True):
    """Milliseconds; of one second of a run, to about one percent."""

    count: int  #: how many there were
    p50: float  #: half took no longer
    p99: float  #: 99 of 100 took no longer
    max: float  #: the longest


class Second(Struct, frozen=True):
    """What happened in one second of a run."""

    second: int  #: from 0, where the measuring began
    placed: int  #: orders that were due in it and began
    accepted: int  #: orders that ended in it, as the next four
    rejected: int
    throttled: int
    failed: int
    unknown: int
    dropped: int  #: orders that were due in it and never began
    in_flight: int  #: orders in flight at its end, those of the warm-up among them
    attempts: int  #: of the orders that ended in it, together
    most_attempts: int  #: of one of them
    writes: int  #: writes and transactions that were answered in it
    wasted_writes: int  #: those of them that a condition refused
    read_units: float  #: of the requests answered in it
    write_units: float  #: of the requests answered in it
    response_ms: dict[str, Percentiles]  #: of the orders that ended in it, by outcome: from scheduled start to end
    service_ms: dict[str, Percentiles]  #: of the requests answered in it, by kind and outcome: `write.accepted`


class Arrivals(Struct, frozen=True):
    """How orders came, and how late."""

    kind: str  #: `burst` (a race), `closed` (a fixed number in flight) or `open` (by a schedule)
    due: int  #: orders that should have begun: `placed` and `dropped`
    due_per_s: float  #: `due` over the time in which orders arrived
    achieved_per_s: float  #: `placed` over the same time, or until the last order really began, if that was later
    late_ms: Lateness  #: from an order's scheduled start to the moment its coroutine began; 0 for a race


class Worst(Struct, frozen=True):
    """One order that was served worse than all others."""

    order_id: str  #: which order
    product_id: str  #: of which product
    outcome: str  #: how it ended
    attempts: int  #: how many it made
    response_ms: float  #: milliseconds from its scheduled start to its end


class Work(Struct, frozen=True):
    """What the accepted orders cost in attempts and writes; the worst orders show starvation."""

    attempts_per_accepted: float | None  #: all attempts of the run for each accepted order; null if there was none
    #: all writes and transactions of the run for each accepted order; null if there was none
    writes_per_accepted: float | None
    wasted_writes: int  #: writes and transactions that a condition refused
    conflicts: int  #: those of them that were refused because of another's write
    slowest: Worst | None  #: the order that took longest; null if none ended
    most_tried: Worst | None  #: the order with the most attempts; null if none ended


class Capacity(Struct, frozen=True):
    """Capacity units and their price.

    What is computed is charged as DynamoDB does: a refused write costs as much as an accepted one, and no answer says
    so.
    """

    read_units: float  #: of the orders' requests, without warm-up and without what is done around the run
    write_units: float  #: the same for writes
    #: share of the units, 0 to 1, that the server itself reported; the rest is computed from the item's size
    reported: float
    usd: float  #: price in US dollars
    usd_per_1000_accepted: float | None  #: null if nothing was accepted
    usd_per_million_read_units: float  #: the price that was used
    usd_per_million_write_units: float  #: the price that was used
    prices: str  #: where the prices come from


class Faults(Struct, frozen=True):
    """The faults that `--fault` injected; each is in `faults.jsonl`."""

    seed: int  #: of the draws
    injected: dict[str, int]  #: how many faults of each kind were made

    @property
    def sentence(self) -> str:
        """All of it in words."""
        if not self.injected:
            return f"none, from seed {self.seed}"
        counts = ", ".join(f"{count:,} {kind}" for kind, count in self.injected.items())
        return f"{counts}, from seed {self.seed}; each is in faults.jsonl"


class Checked(Struct, frozen=True):
    """A threshold and whether it held."""

    threshold: str  #: in its usual spelling
    holds: bool  #: whether it held
    value: float | None  #: what was measured: milliseconds for times, 0 to 1 for shares; null if nothing was
    sentence: str  #: by how much it held or did not, as printed


class SendSpread(Struct, frozen=True):
    """Milliseconds between the first and the last first write of a round: the middle round and the widest."""

    median: float  #: of the middle round
    max: float  #: of the widest


class Worker(Struct, frozen=True):
    """One of several processes that placed the orders."""

    name: str  #: as the cluster names it, or `worker-1` and so on
    host: str  #: the machine's name
    orders: int  #: orders that it placed
    cpu_cores: float | None  #: its CPU seconds for each second of the rounds; null if it was lost
    clock_offset_ms: float  #: was added to its moments
    clock_uncertainty_ms: float  #: by so much its moments may be wrong, either way
    lost: str | None  #: how it was lost; null if it was not


class Client(Struct, frozen=True):
    """What the tool itself cost.

    What no history tells is null in a report made from one: `served`, `fallbacks`, `loop_lag_ms`, `cpu_s`, `cpu_cores`,
    `bound` and `reader_stamps`; then there are no `workers`, and no `start_spread_ms`.
    """

    name: str  #: `wire` or `sdk`
    #: whose receive times these are: `kernel`, `reader` (when this process read the bytes) or `sdk` (when the call
    #: returned)
    stamps: str
    #: calls by client and operation; the read with which each process warms up is among them
    served: dict[str, dict[str, int]] | None
    fallbacks: dict[str, int] | None  #: calls that the wire left to the SDK, by operation and reason
    own_share: float  #: part of all response time that was not service time, 0 to 1
    loop_lag_ms: Lateness | None  #: how late the event loop gave a turn that was asked for every 10 ms of the rounds
    #: CPU seconds during the rounds, of all processes; of one that only checks, from its beginning to the verdict
    cpu_s: float | None
    cpu_cores: float | None  #: `cpu_s` over `duration_s`
    #: from the first to the last first write of a round; null without one, and for a load
    send_spread_ms: SendSpread | None
    bound: str | None  #: that the tool was the bottleneck, and what to do, in words; null if it was not
    workers: list[Worker] = []  #: the processes that placed the orders, if there were several
    #: of several processes: how much sooner after its instant one's first request left than another's
    start_spread_ms: SendSpread | None = None
    #: answers to orders that have the reader's time, as the kernel had none or none that can be
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
    """The verdict with its evidence."""

    status: Status  #: what the run showed
    sentence: str  #: the verdict in one sentence, as printed
    violations: list[Violation]  #: the invariants that were broken, with evidence
    reasons: list[str]  #: why it is not sure, as sentences
    reconciled: Reconciled = Reconciled()  #: what evidence said of the orders whose answer was lost
    phantom_rejects: int = 0  #: orders that won and were told that they lost; they are violations as well
    stale_reads: int = 0  #: reads that were not asked to be consistent and showed an old version; no violation
    power: Power = Power()  #: what a safe verdict of this run is worth
    timelines: list[Timeline] = []  #: of the first five violations, if the run has a history
    untested: bool = False  #: whether it is inconclusive for nothing else than that no win was contested


class Report(Struct, frozen=True, kw_only=True):
    """Configuration, environment, counts, histograms and verdict of one run."""

    schema: Literal["loadtest.report/2"]  #: which version of this file
    command: Literal["race", "load"]  #: that made the run
    run_id: str  #: the name of the run folder
    started_at: str  #: start of the run, UTC, ISO 8601, to the second
    completed: bool  #: whether all of it was run to its end
    #: the signal or the error that stopped the run, or where its history ends; null if completed
    stopped_by: str | None
    verdict: ReportedVerdict  #: whether it was safe, with the evidence
    config: dict[str, Any]  #: what the run was asked to do: a [Race](#race) or a [Load](#load)
    environment: dict[str, Any]  #: versions, machine and target
    orders: Orders  #: counts of orders, over all rounds
    rounds: Rounds  #: how many rounds ended, and with how many winners
    stock: dict[str, Stock]  #: for each product, by its id, what happened to its quantity
    #: for each kind of operation and outcome, how many there were; what did not occur is absent
    operations: dict[str, dict[str, int]]
    latency_ms: dict[str, dict[str, Latency]]  #: for each kind of operation and outcome, service times of requests
    #: the same for response times: as long as the order waited for the request
    response_ms: dict[str, dict[str, Latency]]
    order_ms: dict[str, Latency]  #: for each outcome of orders, from their scheduled start to their end
    arrivals: Arrivals  #: how orders came, and how late
    work: Work  #: what the accepted orders cost in attempts and writes
    capacity: Capacity  #: capacity units and their price
    thresholds: list[Checked]  #: each threshold and whether it held
    per_second: list[Second]  #: a load second by second; empty for a race
    client: Client  #: what the tool itself cost, and who served the requests
    #: seconds from the first order to the last result, summed over the rounds; of a load from where the measuring
    #: began
    duration_s: float
    goodput_per_s: float  #: accepted orders over `duration_s`
    operations_per_s: float  #: all operations, whatever their outcome, over `duration_s`
    faults: Faults | None = None  #: with `--fault`: what was injected; else null
    #: answers to the tool's own requests that were lost and asked for again, by what was asked: `{"read": 2}`
    repairs: dict[str, int] = {}
    #: what to change, if a race left stock that refused orders wanted because each made so few attempts; else null
    hint: str | None = None
    invocation: Invocation | None = None  #: how the run was made; null if no command line made it

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
    report = json_file.read(path, Report, SCHEMA, LARGEST)
    kinds = (*report.latency_ms.values(), *report.response_ms.values(), report.order_ms)
    if sum(map(len, kinds)) > _MOST_HISTOGRAMS:
        raise UsageError(f"{path} is not a {SCHEMA}: it has more than {_MOST_HISTOGRAMS} histograms")
    return report
