"""Reports to print, and a terminal to print them to."""

import io
from datetime import UTC, datetime
from typing import Any

from loadtest.checker import Checker
from loadtest.events import Event
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import summarize
from loadtest.records.report import Report
from loadtest.workload.spec import Load, Race
from tests.helpers.load_events import Market


def report_of(events: list[Event], plan: Race | Load, stopped_by: str | None = None) -> Report:
    recorder, checker = Recorder(), Checker()
    for event in events:
        recorder(event)
        checker(event)
    return summarize(
        recorder,
        checker.verdict(),
        ClientOverhead("wire", "kernel"),
        plan,
        run_id="a-run",
        started_at=datetime(2026, 11, 23, tzinfo=UTC),
        stopped_by=stopped_by,
        environment={"target": "embedded"},
    )


def rated(**changes: Any) -> Load:
    rest: dict[str, Any] = {"rate_per_s": 50.0, "duration_s": 2.0}
    return Load(**{**rest, "strategy": "conditional", **changes})


def a_day(*product_ids: str) -> Market:
    market = Market(stock=3, product_ids=product_ids or ("load#1",))
    market.measure()
    for _ in range(4):
        market.order()
    market.order(conflicts=6)
    market.drop()
    market.drop()
    return market


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True
