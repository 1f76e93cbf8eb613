"""The document of a comparison: cells, the differences between them, and how throughput scales.

One JSON document of schema `loadtest.comparison/1`; `docs/comparing.md` describes it, `loadtest.compare` makes it.
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
    """A figure over the repeats of a cell: each repeat's value (None where it has none), and their median.

    `low` and `high` are the 95 % interval of the typical repeat; None if fewer than two repeats have a value.
    """

    values: list[float | None]
    median: float | None
    low: float | None
    high: float | None


class Cell(Struct, frozen=True):
    """One configuration and its repeats. `settings` is what tells it from the other cells, for example its strategy.

    `runs` are the ids of its runs, `verdicts` how often each status came up, `orders` the sums of `Report.orders`.
    `untested` of the inconclusive runs are so for nothing else than that no win was contested. A `baseline` was
    measured earlier, and is only there to be compared with.
    `metrics` has the same keys in each cell of a comparison; `loadtest.compare.METRICS` says what they mean.
    """

    name: str
    settings: dict[str, Any]
    runs: list[str]
    verdicts: dict[str, int]
    orders: dict[str, int]
    metrics: dict[str, Estimate]
    baseline: bool = False
    untested: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many runs there are of each status, those in words that put nothing to the test."""
        return counted(self.verdicts, self.untested)


def counted(verdicts: Mapping[str, int], untested: int) -> dict[str, int]:
    """How many runs there are of each status, with those apart, in words, that only put nothing to the test."""
    doubtful = verdicts.get(Status.INCONCLUSIVE, 0) - untested
    found = {**verdicts, Status.INCONCLUSIVE.value: doubtful, UNTESTED: untested}
    return {status: count for status, count in sorted(found.items()) if count}


class Difference(Struct, frozen=True):
    """One test between two cells, of which there are as many as the comparison made.

    `ratio` is `b` against `a` (1.1: 10 % more) with its 95 % interval. On figures that can be zero or below it is None,
    and where neither side varies the interval is.
    `p` is the test's probability, `p_adjusted` the same after the correction for the number of tests; `real` says that
    it is below 5 %. `sentence` says it in words.
    """

    metric: str
    a: str
    b: str
    ratio: float | None
    low: float | None
    high: float | None
    p: float
    p_adjusted: float
    real: bool
    sentence: str


class Scaling(Struct, frozen=True):
    """A fit of the Universal Scalability Law to the goodput of one group of cells over concurrency.

    X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1)). Each error is one standard error; `error` is the
    residuals' root mean square as a share of the measured values. `peak_at` is the concurrency where throughput is
    highest, None if it does not fall. Three levels give no errors and no peak. If there is no fit, all of these are
    None and `sentence` says why.
    """

    group: str
    gamma: float | None
    alpha: float | None
    beta: float | None
    gamma_error: float | None
    alpha_error: float | None
    beta_error: float | None
    error: float | None
    peak_at: float | None
    peak_per_s: float | None
    sentence: str


class Comparison(Struct, frozen=True, kw_only=True):
    """Cells side by side. `seed` shuffled the order in which the runs were made, None for stored runs.

    `invocation` is None if no command line made them.
    """

    schema: Literal["loadtest.comparison/1"]
    comparison_id: str
    started_at: str
    completed: bool
    seed: int | None
    order: list[str]
    config: dict[str, Any]
    environment: dict[str, Any]
    cells: list[Cell]
    test: str
    differences: list[Difference]
    scaling: list[Scaling]
    warnings: list[str]
    invocation: Invocation | None = None


def read(path: Path) -> Comparison:
    """A stored comparison. Raises UsageError for a file that is no comparison of this schema."""
    found = json_file.read(path, Comparison, SCHEMA)
    if any(cell.metrics.keys() != found.cells[0].metrics.keys() for cell in found.cells):
        raise UsageError(f"{path} is not a {SCHEMA}: its cells do not have the same metrics")
    for run in (run for cell in found.cells for run in cell.runs):
        if Path(run).name != run or len(run.encode()) > _LONGEST_NAME:
            raise UsageError(f"{path} is not a {SCHEMA}: no run has the name {clean(repr(run))}")
    return found
