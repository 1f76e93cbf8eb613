"""What a comparison takes from its baseline: the cells, and whatever of the matrix the user did not say."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from loadtest.cli.matrix import Matrix, Workload
from loadtest.cli.stored import cells, configurations, every_report
from loadtest.compare import unlike_baseline
from loadtest.errors import UsageError
from loadtest.workload.strategies import is_own

if TYPE_CHECKING:
    from loadtest.cli.stored import Stored
    from loadtest.records.comparison import Cell
    from loadtest.records.report import Report


class Baseline(Struct, frozen=True):
    """Cells to compare with, and the reports of their runs, as far as they are there."""

    cells: "Sequence[Cell]" = ()
    reports: "Sequence[Report]" = ()

    def differs(self, now: "Sequence[Report]", settings: Iterable[str]) -> list[str]:
        """What else its runs differ in from those now than in the settings of the cells, as a warning."""
        if not self.reports:
            return []
        return unlike_baseline(configurations(self.reports), configurations(now), {"command", *settings})


def baseline_of(found: "Stored") -> Baseline:
    """Raises UsageError if there is nothing to compare with."""
    return Baseline(cells(found), every_report(found))


def completed(matrix: Matrix, baseline: Baseline) -> Matrix:
    """The matrix with what it does not say as the baseline has it: level, strategy, and how long or how many.

    What its runs do not agree in, and what stages are, stays as it is.
    """
    found = [report.config for report in baseline.reports]
    race = bool(found) and all(report.command == "race" for report in baseline.reports)
    changes: dict[str, Any] = {"workload": Workload.RACE} if race else {}
    if matrix.concurrency is None and matrix.rate is None and not any(one.get("stages") for one in found):
        rates = _distinct(found, "rate_per_s")
        key = "rate" if rates else "concurrency"
        changes[key] = _listed(rates or _distinct(found, "concurrency"))
    if matrix.strategy is None:
        strategies = _distinct(found, "strategy")
        if own := next((name for name in strategies if is_own(name)), None):  # who wrote the report says what is run
            raise UsageError(f"the baseline ran code, {own!r}: name it with --strategy if you want to run it")
        changes["strategy"] = _listed(strategies)
    for name, key in (("duration", "duration_s"), ("warmup", "warm_up_s")):
        if getattr(matrix, name) is None and len(values := _distinct(found, key)) == 1:
            changes[name] = f"{values[0]:g}s"
    for name in ("number_of_requests", "rounds") if race else ():
        if getattr(matrix, name) is None and len(values := _distinct(found, name)) == 1:
            (changes[name],) = values
    return replace(matrix, **changes)


def _distinct(found: Sequence[dict[str, Any]], key: str) -> list[Any]:
    return list(dict.fromkeys(one[key] for one in found if one.get(key) is not None))


def _listed(values: Sequence[Any]) -> str | None:
    return ",".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values) or None
