"""A comparison: cells, the differences between them, and how throughput scales.

One JSON file of schema `loadtest.comparison/1`; `docs/reference/comparison.md` has its fields.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from loadtest.checker import Status
from loadtest.errors import UsageError
from loadtest.records import json_file
from loadtest.records.invocation import Invocation
from loadtest.system.foreign_text import clean

SCHEMA: Literal["loadtest.comparison/1"] = "loadtest.comparison/1"

UNTESTED = "put nothing to the test"
_LONGEST_NAME = 255  # bytes of a folder's name


class Estimate(Struct, frozen=True):
    """A figure over the repeats of a cell."""

    values: list[float | None]  #: of each repeat; null where it has none
    median: float | None  #: of these
    low: float | None  #: of the 95 % interval of the typical repeat; null if fewer than two repeats have a value
    high: float | None  #: the same


class Cell(Struct, frozen=True):
    """One configuration and its repeats."""

    name: str  #: `version, 16`: the settings' values
    settings: dict[str, Any]  #: what tells it from the other cells
    runs: list[str]  #: ids of its runs
    verdicts: dict[str, int]  #: how many runs had which status
    orders: dict[str, int]  #: sums of the reports' `orders`
    metrics: dict[str, Estimate]  #: by name, the same in each cell
    baseline: bool = False  #: whether it was measured earlier, and is only there to be compared with
    untested: int = 0  #: how many of the inconclusive runs are so only because no win was contested

    @property
    def counts(self) -> dict[str, int]:
        """How many runs there are of each status, those in words that put nothing to the test."""
        return counted(self.verdicts, self.untested)


def counted(verdicts: Mapping[str, int], untested: int) -> dict[str, int]:
    """How many runs there are of each status, with those apart, in words, that only put nothing to the test."""
    inconclusive = verdicts.get(Status.INCONCLUSIVE, 0) - untested
    counts = {**verdicts, Status.INCONCLUSIVE.value: inconclusive, UNTESTED: untested}
    return {status: count for status, count in sorted(counts.items()) if count}


class Difference(Struct, frozen=True):
    """One test between two cells, of which there are as many as the comparison made."""

    metric: str  #: what is compared
    a: str  #: name of a cell
    b: str  #: name of the other
    ratio: float | None  #: `b` against `a`: 1.1 is 10 % more; null on figures that can be zero or below
    low: float | None  #: of its 95 % interval; null also where neither side varies
    high: float | None  #: the same
    p: float  #: the test's probability
    p_adjusted: float  #: the same after the correction for the number of tests
    real: bool  #: whether `p_adjusted` is below 0.05
    sentence: str  #: in words


class Scaling(Struct, frozen=True):
    """A fit of the Universal Scalability Law to the goodput of one group of cells over concurrency.

    X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)).
    """

    group: str  #: what the cells have in common
    gamma: float | None  #: orders a second of one buyer, by the fit; null if there is none, as the next two
    alpha: float | None  #: contention
    beta: float | None  #: coherency
    gamma_error: float | None  #: one standard error; null with three levels, as the next two
    alpha_error: float | None
    beta_error: float | None
    error: float | None  #: the residuals' root mean square as a share of the measured values
    peak_at: float | None  #: the concurrency at which throughput is highest; null if no fall is shown
    peak_per_s: float | None  #: that throughput
    sentence: str  #: in words, or why there is no fit


class Comparison(Struct, frozen=True, kw_only=True):
    """Cells side by side, the differences between them, and how throughput scales."""

    schema: Literal["loadtest.comparison/1"]  #: which version of this file
    comparison_id: str  #: the name of the folder
    started_at: str  #: UTC, ISO 8601; of stored runs, when the first of them started
    completed: bool  #: whether all runs were made, and completed
    seed: int | None  #: of the shuffled order; null for stored runs
    order: list[str]  #: the cells as they were run; empty for stored runs
    config: dict[str, Any]  #: `repeats` and `cells`, or `stored`: the runs as they were named
    environment: dict[str, Any]  #: of the first run, as in its report
    cells: list[Cell]  #: those of a baseline first
    test: str  #: the test and its correction in a sentence
    differences: list[Difference]  #: every test that was made
    #: for each group of cells that differ only in concurrency, if they have three levels or more
    scaling: list[Scaling]
    warnings: list[str]  #: sentences
    invocation: Invocation | None = None  #: the command line; null for stored runs


def read(path: Path) -> Comparison:
    """A stored comparison. Raises UsageError for a file that is no comparison of this schema."""
    comparison = json_file.read(path, Comparison, SCHEMA)
    if any(cell.metrics.keys() != comparison.cells[0].metrics.keys() for cell in comparison.cells):
        raise UsageError(f"{path} is not a {SCHEMA}: its cells do not have the same metrics")
    for run in (run for cell in comparison.cells for run in cell.runs):
        if Path(run).name != run or len(run.encode()) > _LONGEST_NAME:
            raise UsageError(f"{path} is not a {SCHEMA}: no run has the name {clean(repr(run))}")
    return comparison
