"""The document of a search for a limit: the levels, their runs, and between which of them the limit lies.

One JSON document of schema `loadtest.search/1`, `search.json` in the folder of the runs; `docs/comparing.md` describes
it.
"""

from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from loadtest.errors import UsageError
from loadtest.records import json_file
from loadtest.records.comparison import counted
from loadtest.records.invocation import Invocation
from loadtest.system.foreign_text import clean

SCHEMA: Literal["loadtest.search/1"] = "loadtest.search/1"
_LONGEST_NAME = 255  # bytes of a folder's name


class Level(Struct, frozen=True):
    """A level and the ids of its runs, in the order they were made.

    `crossed`, `goodput_per_s` and `p99_ms` (of accepted orders, None where there was none) have a value for each run;
    what a run crossed is said in words, and is empty if it held. `certainty` is how likely the level is to lie below
    the limit, after all runs of the search. `verdicts` counts the runs of each status; `untested` of them are
    inconclusive for nothing else than that no win was contested.
    """

    level: float
    runs: list[str]
    crossed: list[str]
    certainty: float
    goodput_per_s: list[float]
    p99_ms: list[float | None]
    verdicts: dict[str, int]
    untested: int

    @property
    def held(self) -> int:
        """How many of its runs held."""
        return self.crossed.count("")

    @property
    def counts(self) -> dict[str, int]:
        """How many runs there are of each status, those in words that put nothing to the test."""
        return counted(self.verdicts, self.untested)

    @property
    def share(self) -> str:
        """How many of its runs held, in words."""
        return f"{self.held} of {len(self.runs)}"


class Found(Struct, frozen=True, kw_only=True):
    """What a search found. `of` is what was raised: concurrency or rate.

    In most runs `thresholds` hold at `holds_at`, and not at `fails_at`; the limit lies between them with a probability
    of `confidence` or more. Either is None if the limit lies beyond the `lowest` or the `highest` level, or was not
    found there. If not `sure`, there were not enough runs to come as near as `precision`, or the search was stopped
    early, which `completed` tells.
    """

    schema: Literal["loadtest.search/1"]
    search_id: str
    started_at: str
    completed: bool
    of: str
    thresholds: list[str]
    lowest: float
    highest: float
    precision: float
    confidence: float
    holds_at: float | None
    fails_at: float | None
    sure: bool
    sentence: str
    order: list[str]
    levels: list[Level]
    config: dict[str, Any]
    environment: dict[str, Any]
    invocation: Invocation | None = None


def read(path: Path) -> Found:
    """A stored search. Raises UsageError for a file that is none of this schema."""
    found = json_file.read(path, Found, SCHEMA)
    for run in (run for level in found.levels for run in level.runs):
        if Path(run).name != run or len(run.encode()) > _LONGEST_NAME:
            raise UsageError(f"{path} is not a {SCHEMA}: no run has the name {clean(repr(run))}")
    return found
