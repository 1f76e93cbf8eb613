"""The report of a run: one JSON document of schema `loadtest.report/1`. `docs/report.md` describes it."""

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from loadtest.checker import Status, Violation
from loadtest.errors import LoadTestError, UsageError
from loadtest.histogram import Histogram

SCHEMA: Literal["loadtest.report/1"] = "loadtest.report/1"


class Orders(Struct, frozen=True):
    """How many orders were placed and how they ended."""

    placed: int
    accepted: int
    rejected: int
    throttled: int
    failed: int
    unknown: int
    rejected_by_reason: dict[str, int]
    problems: dict[str, int]


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


class LoopLag(Struct, frozen=True):
    """Milliseconds that the event loop was late when it was asked for a turn."""

    p50: float
    p99: float
    max: float


class BurstSpread(Struct, frozen=True):
    """Milliseconds between the first and the last first write of a round: the middle round and the widest."""

    median: float
    max: float


class Client(Struct, frozen=True):
    """What the tool itself cost.

    `stamps` tells whose receive times these are: `kernel`, `read` (when the bytes were read) or `sdk` (when the
    call returned). `served` counts the run's calls by client and operation, `fallbacks` those that the wire left to
    the SDK, by operation and reason. `own_share` is the part of all response
    time that was spent in this process; `cpu_cores` its CPU seconds for each second of the rounds. `bound` says in
    words that the tool was the bottleneck, and what to do.
    """

    name: str
    stamps: str
    served: dict[str, dict[str, int]]
    fallbacks: dict[str, int]
    own_share: float
    loop_lag_ms: LoopLag
    cpu_s: float
    cpu_cores: float
    burst_spread_ms: BurstSpread | None
    bound: str | None


class ReportedVerdict(Struct, frozen=True):
    """The verdict with its evidence."""

    status: Status
    sentence: str
    violations: list[Violation]
    doubts: list[str]


class Report(Struct, frozen=True, kw_only=True):
    """Configuration, environment, counts, histograms and verdict of one run."""

    schema: Literal["loadtest.report/1"]
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
    client: Client
    duration_s: float
    operations_per_s: float


def latency(histogram: Histogram) -> Latency:
    """The figures of one histogram in milliseconds."""
    percents = histogram.percentiles((50.0, 90.0, 99.0, 99.9))
    return Latency(
        count=histogram.count,
        mean=_ms(histogram.sum_ns / histogram.count),
        min=_ms(histogram.min_ns),
        p50=_ms(percents[50.0]),
        p90=_ms(percents[90.0]),
        p99=_ms(percents[99.0]),
        p999=_ms(percents[99.9]),
        max=_ms(histogram.max_ns),
        hdr=histogram.encode(),
    )


def encode(report: Report) -> bytes:
    """The report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def write(report: Report, path: Path) -> None:
    """Write the report whole or not at all. Raises LoadTestError if the disk refuses."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
            try:
                file.write(encode(report))
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise LoadTestError(f"cannot write the report {path}: {error.strerror}") from error


def read(path: Path) -> Report:
    """A stored report. Raises UsageError for a file that is no report of this schema."""
    try:
        document = path.read_bytes()
        schema = msgspec.json.decode(document, type=dict[str, Any]).get("schema")
        if schema != SCHEMA:
            raise UsageError(f"{path} is a {schema}, not a {SCHEMA}")
        return msgspec.json.decode(document, type=Report)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not a {SCHEMA}: {error}") from error


def _ms(value_ns: float) -> float:
    return round(value_ns / 1e6, 6)
