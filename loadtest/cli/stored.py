"""Runs and comparisons that are on disk, as the user names them: a folder or a file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, json

from loadtest.cli.folders import COMPARISON, Group, Run, is_id, named
from loadtest.cli.reading import reading, report_of, reports_of
from loadtest.cli.streams import say
from loadtest.compare import Repeats, cell, names
from loadtest.errors import UsageError
from loadtest.records import comparison as comparisons
from loadtest.records import search as searches
from loadtest.records.comparison import Cell, Comparison
from loadtest.records.report import Report
from loadtest.records.search import Found
from loadtest.render.progress import ReadingRuns

_NOT_SETTINGS = ("seed", "max_spend_usd")


class Stored(Struct, frozen=True):
    """What was found: single runs and comparisons with the name the user gave each, and the runs of their cells.

    The runs of a search are with it, and among the single runs only in `every_run`.
    """

    runs: list[tuple[str, Report]]
    comparisons: list[tuple[str, Comparison, list[Report]]]
    searches: list[tuple[Found, list[Report]]] = []

    @property
    def every_run(self) -> list[tuple[str, Report]]:
        """The single runs, and those of searches under their ids."""
        return [*self.runs, *((report.run_id, report) for _, members in self.searches for report in members)]


def stored(paths: Sequence[Path], *, quiet: bool = False) -> Stored:
    """Read them, and unless `quiet` tell how far that is. Raises UsageError for what is none of the two."""
    found = named(paths)
    every = [run for one in found for run in (one.runs if isinstance(one, Group) else [one])]
    with reading(every, quiet=quiet) as progress:
        return _read(found, progress)


def _read(named: Sequence[Run | Group], reading: ReadingRuns) -> Stored:
    single: list[Run] = []
    found: list[tuple[str, Comparison, list[Report]]] = []
    searched: list[tuple[Found, list[Report]]] = []
    for one in named:
        if isinstance(one, Run):
            single.append(one)
        elif one.file is None:
            if is_id(one.name):
                say(f"loadtest: {one.folder} has no {COMPARISON}: taking each run in it by itself", err=True)
            single += one.runs
        elif one.is_search:
            search = searches.read(one.file)
            searched.append((search, _runs_of(search.order, one, reading)))
        else:
            comparison = comparisons.read(one.file)
            runs = [run for cell in comparison.cells for run in cell.runs]
            found.append((one.name, comparison, _runs_of(runs, one, reading)))
    singles = [(run.name, report) for run, report in reports_of(single, reading, alone=not (found or searched))]
    return Stored(singles, found, searched)


def _runs_of(runs: Iterable[str], group: Group, reading: ReadingRuns) -> list[Report]:
    """The reports of runs, as far as they lie in the folder."""
    beside = {run.name: run for run in group.runs}
    return [report_of(beside[run], reading) for run in runs if run in beside]


def repeats(found: Stored, *, against_others: bool) -> list[Repeats]:
    """Everything as cells with their repeats: those of comparisons as they are, and single runs by configuration."""
    cells = _of_comparisons(found)
    if found.every_run:
        cells += _of_runs(found.every_run, alone=not cells and not against_others)
    called = names(one.settings for one in cells)
    return [Repeats(name, one.settings, one.reports) for name, one in zip(called, cells, strict=True)]


def _of_comparisons(found: Stored) -> list[Repeats]:
    """The cells whose runs are there; several comparisons are told apart by their folders."""
    several = len(found.comparisons) > 1
    cells = []
    for name, comparison, members in found.comparisons:
        for one in comparison.cells:
            runs = [report for report in members if report.run_id in one.runs]
            if runs:
                settings = {**one.settings, **({"comparison": name} if several else {})}
                cells.append(Repeats(one.name, settings, runs))
    return cells


def _of_runs(runs: Sequence[tuple[str, Report]], *, alone: bool) -> list[Repeats]:
    """Runs of one configuration are repeats of one cell, told apart by what differs in their configurations.

    If all have the same and there is nothing else to compare (`alone`), each is a cell under the name the user gave it.
    """
    settings = _settings([report for _, report in runs])
    if alone and len(runs) > 1 and all(one == settings[0] for one in settings):
        unique = names({"run": name} for name, _ in runs)
        return [Repeats(name, {"run": name}, [report]) for name, (_, report) in zip(unique, runs, strict=True)]
    groups: list[tuple[dict[str, Any], list[Report]]] = []
    for one, (_, report) in zip(settings, runs, strict=True):
        group = next((members for shared, members in groups if shared == one), None)
        if group is None:
            groups.append((one, [report]))
        else:
            group.append(report)
    called = names(shared for shared, _ in groups)
    return [Repeats(name, shared, members) for name, (shared, members) in zip(called, groups, strict=True)]


def _settings(found: Sequence[Report]) -> list[dict[str, Any]]:
    """What tells each run from the others; strategy and level always."""
    flat = [_flat(report) for report in found]
    keys = dict.fromkeys(key for one in flat for key in one)
    differing = [
        key
        for key in keys
        if key in ("strategy", "concurrency", "rate") or any(one.get(key) != flat[0].get(key) for one in flat)
    ]
    return [{key: one[key] for key in differing if one.get(key) is not None} for one in flat]


def _flat(report: Report) -> dict[str, Any]:
    config = dict(report.config)
    target = dict(config.pop("target", {}))
    if faults := config.pop("faults", None):
        target["faults"] = "; ".join(_in_words(fault) for fault in faults["faults"])
    rate = config.pop("rate_per_s", None)
    level = {"rate": rate} if rate is not None else {"concurrency": config.get("concurrency")}
    rest = {key: value for key, value in config.items() if key not in (*_NOT_SETTINGS, "strategy", "concurrency")}
    return {"strategy": config.get("strategy"), **level, "command": report.command, **rest, **target}


def _in_words(fault: Any) -> str:
    """A fault as a part of a cell's name: `drop_answer, rate 0.01`."""
    if not isinstance(fault, dict):
        return str(fault)
    return ", ".join([str(fault.get("kind")), *(f"{key} {fault[key]}" for key in fault if key != "kind")])


def every_report(found: Stored) -> list[Report]:
    """The reports of all its runs, also of those of comparisons."""
    return [*(report for _, report in found.every_run), *(one for *_, members in found.comparisons for one in members)]


def configurations(found: Sequence[Report]) -> list[dict[str, Any]]:
    """How the runs were configured, as the settings that cells are told apart by."""
    stored_form: list[dict[str, Any]] = json.decode(json.encode([_flat(report) for report in found]))
    return stored_form  # which a run that has just ended does not have: its stages are a tuple


def cells(found: Stored) -> list[Cell]:
    """Everything in it as cells, for a baseline."""
    made = [one for _, comparison, _ in found.comparisons for one in comparison.cells if not one.baseline]
    runs = Stored(found.every_run, [])
    made += [cell(one.name, one.settings, one.reports) for one in repeats(runs, against_others=True)]
    if not made:
        raise UsageError("nothing to compare with: the baseline has no run")
    return made
