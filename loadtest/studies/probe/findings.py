"""What a probe found: a JSON file of schema `loadtest.probe/1`. `docs/reference/probe.md` describes it."""

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
    """The answer to one question: on what it rests, what was seen, and what it means for a verdict."""

    question: str  #: in words
    answer: Shown  #: `yes`, `no` or `not shown`
    basis: str = ""  #: how much was tried, or how often it failed
    seen: str  #: in words
    meaning: str  #: for a verdict
    figures: dict[str, float] = {}  #: the numbers in `seen`, by name with their unit


class Probe(Struct, frozen=True, kw_only=True):
    """All findings about one target."""

    schema: Literal["loadtest.probe/1"]  #: which version of this file
    started_at: str  #: UTC, ISO 8601
    completed: bool  #: whether all was asked
    stopped_by: str | None  #: the signal or the error that stopped it
    fit: bool | None  #: whether runs on the target can be believed; null if that was not shown
    sentence: str  #: the last line
    findings: list[Finding]  #: in the order they were asked
    requests: dict[str, int]  #: by operation
    left_behind: list[str]  #: ids of items that could not be deleted
    duration_s: float  #: seconds
    environment: dict[str, Any]  #: versions, machine and target, as in a report
