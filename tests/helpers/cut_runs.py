"""What a run has left on disk so far, and in the end."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError
from loadtest.events import Operation
from loadtest.records.history import read_history
from tests.helpers.processes import wait_for


def operations(tmp_path: Path) -> int:
    histories = list(tmp_path.glob("runs/*/history.jsonl"))
    with suppress(UsageError):  # perhaps nothing is on disk yet
        return sum(isinstance(event, Operation) for event in read_history(histories[0])) if histories else 0
    return 0


def wait_for_operations(tmp_path: Path, count: int) -> None:
    """The history is flushed four times a second, and can be read while the run goes on."""
    wait_for(lambda: operations(tmp_path) >= count, f"{count} operations in the history")


def the_report(tmp_path: Path) -> dict[str, Any]:
    (path,) = tmp_path.glob("runs/*/report.json")
    report: dict[str, Any] = json.loads(path.read_text())
    return report


def assert_all_ended(report: dict[str, Any]) -> None:
    orders = report["orders"]
    assert orders["placed"] == sum(
        orders[outcome] for outcome in ("accepted", "rejected", "throttled", "failed", "unknown")
    )
