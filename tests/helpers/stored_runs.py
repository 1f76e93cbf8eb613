"""Folders of runs and comparisons, as runs would leave them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from loadtest.compare import Repeats, compare
from loadtest.records import json_file
from loadtest.records.report import Report
from tests.helpers.reports import a_report

CONFIG: dict[str, Any] = {
    "strategy": "version",
    "concurrency": 100,
    "attempts": 1,
    "seed": 1,
    "rate_per_s": None,
    "max_spend_usd": None,
    "target": {"kind": "embedded", "region": None},
}


def a_run(run_id: str = "a-run", **config: Any) -> Report:
    return a_report(run_id=run_id, config={**CONFIG, **config})


def put(folder: Path, report: Report) -> Path:
    """A run's folder with its report."""
    folder.mkdir(parents=True, exist_ok=True)
    json_file.write(folder / "report.json", json_file.encode(report))
    return folder


def put_comparison(folder: Path, made: Sequence[Repeats], **more: Any) -> Path:
    """A comparison's folder with its runs in it."""
    comparison = compare(made, comparison_id=folder.name, started_at="now", completed=True, config={}, environment={})
    for one in made:
        for report in one.reports:
            put(folder / report.run_id, report)
    json_file.write(folder / "comparison.json", json_file.encode(replace(comparison, **more)))
    return folder


def two_cells(prefix: str = "") -> list[Repeats]:
    return [
        Repeats(name, {"strategy": name}, [a_run(f"{prefix}{name}-{n}", strategy=name) for n in range(2)])
        for name in ("version", "conditional")
    ]
