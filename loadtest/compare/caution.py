"""What a reader should know before believing a comparison."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from loadtest.checker import Status
from loadtest.records.comparison import UNTESTED, Cell
from loadtest.records.report import Report
from loadtest.workload.pricing import stand_in

_ENVIRONMENT = ("loadtest", "python", "platform", "cpus", "target", "packages")
_ENOUGH_FOR_P99 = 100  # with fewer orders their p99 is the slowest of them


def untested(cells: Sequence[Cell], batched: Collection[str] = (), held_against: Collection[str] = ()) -> list[str]:
    """Which cells have too few repeats for a test of their own.

    `batched` are the names of those whose run stood for repeats, `held_against` of those held against repeats.
    """
    none = [cell.name for cell in cells if not cell.runs]
    single = [cell.name for cell in cells if len(cell.runs) == 1]
    within = [name for name in single if name in batched]
    spread = [name for name in single if name in held_against]
    single = [name for name in single if name not in batched and name not in held_against]
    warnings = []
    if none:
        warnings.append(f"no run: {'; '.join(none)}")
    if single:
        warnings.append(f"one run only, so no difference can be tested: {'; '.join(single)}")
    if spread:
        warnings.append(f"one run only, taken to vary as the runs it is compared with: {'; '.join(spread)}")
    if within:
        warnings.append(f"one run only, so a difference may be one between any two runs: {'; '.join(within)}")
    return warnings


def verdicts(cells: Sequence[Cell]) -> list[str]:
    """Which cells have runs that were not safe: their figures may be those of wrong answers.

    Those that only put nothing to the test are not among them.
    """
    return [
        f"{cell.name}: {count} of {len(cell.runs)} runs {status}"
        for cell in cells
        for status, count in cell.counts.items()
        if status not in (Status.SAFE, UNTESTED)
    ]


def cautions(name: str, reports: Sequence[Report]) -> list[str]:
    """What is wrong with the runs of one cell: stopped early, held up by the tool itself, or few orders."""
    stopped = sum(not report.completed for report in reports)
    bound = sum(report.client.bound is not None for report in reports)
    few = sum(0 < report.orders.accepted < _ENOUGH_FOR_P99 for report in reports)
    notes = []
    if stopped:
        notes.append(f"{name}: {stopped} of {len(reports)} runs were not completed")
    if bound:
        notes.append(f"{name}: {bound} of {len(reports)} runs were client-bound: the figures are partly the tool's own")
    if few:
        notes.append(f"{name}: {few} of {len(reports)} runs accepted fewer than 100 orders: their p99 is the slowest")
    return notes


def unpriced(reports: Sequence[Report]) -> list[str]:
    """The prices that stand in for those of the runs' region."""
    sources = _distinct([report.capacity.prices for report in reports])
    return [f"prices: {source}" for source in sources if stand_in(source)]


def unlike(reports: Sequence[Report], settings: Collection[str] = ()) -> list[str]:
    """In what the runs differ that no setting names: command, versions, machine or target."""
    warnings = []
    if "command" not in settings and len(commands := {report.command for report in reports}) > 1:
        warnings.append(f"the runs differ in their command: {', '.join(sorted(commands))}")
    for key in _ENVIRONMENT:
        if key not in settings:
            values = _distinct([report.environment.get(key) for report in reports])
            if len(values) > 1:
                warnings.append(f"the runs differ in {key}: {', '.join(map(_shown, values))}")
    return warnings


def unlike_baseline(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], settings: Collection[str]
) -> list[str]:
    """In what the configurations of a baseline's runs differ from those now, beside the `settings` of the cells."""
    differ = []
    for key in dict.fromkeys(key for config in (*before, *now) for key in config):
        old, new = (_distinct([config.get(key) for config in side]) for side in (before, now))
        if key not in settings and any(value not in old for value in new):
            differ.append(f"{key} {', '.join(map(_shown, old))}, now {', '.join(map(_shown, new))}")
    if not differ:
        return []
    return [f"beside what is compared, the baseline differs in what may make a difference as well: {'; '.join(differ)}"]


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for index, value in enumerate(values) if value not in values[:index]]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {version}" for name, version in value.items())
    return "unknown" if value is None else str(value)
