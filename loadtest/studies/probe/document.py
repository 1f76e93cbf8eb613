"""What a probe found: one JSON document of schema `loadtest.probe/1`. `docs/probe.md` describes it."""

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

SCHEMA: Literal["loadtest.probe/1"] = "loadtest.probe/1"


class Shown(StrEnum):
    """What was shown of a question. YES is never a proof: its `basis` says how much was tried."""

    YES = "yes"
    NO = "no"
    NOT_SHOWN = "not shown"


class Finding(Struct, frozen=True, kw_only=True):
    """The answer to one question: on what it rests, what was seen, and what it means for a verdict.

    `figures` are the numbers in `seen`; their names give the units.
    """

    question: str
    answer: Shown
    basis: str = ""
    seen: str
    meaning: str
    figures: dict[str, float] = {}


class Probe(Struct, frozen=True, kw_only=True):
    """All findings about one target.

    `fit` is None if that was not shown: the decisive questions had no answer, or the probe was stopped. `requests`
    counts what was asked of the target, by operation. `left_behind` are ids of items that could not be deleted.
    """

    schema: Literal["loadtest.probe/1"]
    started_at: str
    completed: bool
    stopped_by: str | None
    fit: bool | None
    sentence: str
    findings: list[Finding]
    requests: dict[str, int]
    left_behind: list[str]
    duration_s: float
    environment: dict[str, Any]
