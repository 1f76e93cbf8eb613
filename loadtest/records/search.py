"""A search for a limit: the levels, their runs, and between which of them the limit lies.

One JSON file of schema `loadtest.search/1`, `search.json` in the folder of the runs; `docs/reference/search.md` has its
fields.
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
    """A level and its runs; its lists have a value for each run."""

    level: float  #: buyers, or orders a second
    runs: list[str]  #: ids of its runs, in the order they were made
    crossed: list[str]  #: what each run crossed, in words; empty if it held
    certainty: float  #: how likely the level is to lie below the limit, after all runs of the search
    goodput_per_s: list[float]  #: of each run
    p99_ms: list[float | None]  #: of accepted orders of each run; null where there was none
    verdicts: dict[str, int]  #: how many runs had which status
    untested: int  #: how many of the inconclusive ones are so only because no win was contested

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
    """What a search found: between which two levels the limit lies."""

    schema: Literal["loadtest.search/1"]  #: which version of this file
    search_id: str  #: the name of the folder
    started_at: str  #: UTC, ISO 8601
    completed: bool  #: whether it came to its end
    of: str  #: what was raised: `concurrency` or `rate`
    thresholds: list[str]  #: what must hold, those that were added among them
    lowest: float  #: level
    highest: float  #: level
    precision: float  #: how near the two ends are to come, as a share of the level
    confidence: float  #: how likely the limit is to lie between the two ends, at least
    #: a level at which they hold in most runs; null if not even the lowest does, or none was found
    holds_at: float | None
    fails_at: float | None  #: a level at which they do not; null if the highest holds, or none was found
    sure: bool  #: whether there were runs enough for `precision`
    sentence: str  #: the answer in words
    order: list[str]  #: ids of all runs as they were made
    levels: list[Level]  #: that were run, from the lowest
    config: dict[str, Any]  #: of the runs, as in a report
    environment: dict[str, Any]  #: of the first run, as in its report
    invocation: Invocation | None = None  #: the command line


def read(path: Path) -> Found:
    """A stored search. Raises UsageError for a file that is none of this schema."""
    search = json_file.read(path, Found, SCHEMA)
    for run in (run for level in search.levels for run in level.runs):
        if Path(run).name != run or len(run.encode()) > _LONGEST_NAME:
            raise UsageError(f"{path} is not a {SCHEMA}: no run has the name {clean(repr(run))}")
    return search
