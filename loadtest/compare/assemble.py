"""A comparison from its runs: which cells are set against which, and the whole of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from msgspec.structs import replace

from loadtest.compare.batches import batches
from loadtest.compare.caution import cautions, unlike, unpriced, untested, verdicts
from loadtest.compare.differences import ENOUGH_FOR_ONE, Samples, differences, statement
from loadtest.compare.estimates import cell
from loadtest.compare.scaling import fit
from loadtest.records.comparison import SCHEMA, Cell, Comparison, Difference, Scaling
from loadtest.records.invocation import Invocation
from loadtest.records.report import Report

_CONCURRENCY = "concurrency"


@dataclass(frozen=True, slots=True)
class Repeats:
    """One configuration and the reports of its runs. Names are unique in a comparison; `names` makes such."""

    name: str
    settings: Mapping[str, Any]
    reports: Sequence[Report]


def names(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """A name for each configuration, such as "version, 100"; the same settings again are "version, 100 (2)"."""
    unique: list[str] = []
    for values in settings:
        plain = _joined(values) or "all"
        name, count = plain, 1
        while name in unique:
            count += 1
            name = f"{plain} ({count})"
        unique.append(name)
    return unique


def pairs(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """The cells that are set against each other, each pair once: those that differ in exactly one setting.

    Of a numeric setting, such as the concurrency, only neighbours are compared, the lower one first. Cells of the same
    settings are compared too: an A/A test, which should find nothing. Two cells alone are compared whatever differs.
    """
    if len(cells) == 2:
        return [_lower_first(*cells)]
    paired = []
    for index, a in enumerate(cells):
        for b in cells[index + 1 :]:
            keys = changed(a, b)
            if not keys:
                paired.append((a, b))
            elif len(keys) == 1:
                of_a, of_b = a.settings.get(keys[0]), b.settings.get(keys[0])
                if not (_numeric(of_a) and _numeric(of_b)):
                    paired.append((a, b))
                elif not any(_between(a, b, other, keys[0]) for other in cells):
                    paired.append(_lower_first(a, b))
    return paired


def baseline_pairs(baseline: Sequence[Cell], now: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Each cell of the baseline and the cell of the same settings now, in order where there are several; others not.

    If no two have the same settings, those that differ in exactly one, which is then what was changed. If there is one
    cell on each side, those two whatever differs.
    """
    left, paired = list(now), []
    for old in baseline:
        match = next((index for index, new in enumerate(left) if new.settings == old.settings), None)
        if match is not None:
            paired.append((old, left.pop(match)))
    if not paired:
        paired = [(old, new) for old in baseline for new in now if len(changed(old, new)) == 1]
    return [(baseline[0], now[0])] if not paired and len(baseline) == len(now) == 1 else paired


def changes(against: Sequence[tuple[Cell, Cell]]) -> dict[str, list[str]]:
    """What differs within pairs of cells, and from what to what: `{"strategy": ["version → conditional"]}`."""
    steps: dict[str, list[str]] = {}
    for a, b in against:
        for key in changed(a, b):
            step = f"{a.settings.get(key, 'none')} → {b.settings.get(key, 'none')}"
            if step not in steps.setdefault(key, []):
                steps[key].append(step)
    return steps


def compare(
    repeats: Sequence[Repeats],
    *,
    comparison_id: str,
    started_at: str,
    completed: bool,
    config: Mapping[str, Any],
    environment: Mapping[str, Any],
    seed: int | None = None,
    order: Sequence[str] = (),
    baseline: Sequence[Cell] = (),
    invocation: Invocation | None = None,
    baseline_reports: Sequence[Report] = (),
    beside: Sequence[str] = (),
) -> Comparison:
    """The comparison, with the warnings `beside` about what the cells do not show.

    With a `baseline`, only differences against it are tested; its cells come first, renamed. `baseline_reports` are
    those of its runs, as far as they are there. Where a load was run only once, its seconds stand for repeats (see
    `batches`). The Universal Scalability Law is fitted where cells differ in `concurrency`. Raises ValueError if two
    configurations have the same name.
    """
    now = [cell(one.name, one.settings, one.reports) for one in repeats]
    before = [replace(old, name=f"{old.name} (baseline)", baseline=True) for old in baseline]
    cells = [*before, *now]
    if len({one.name for one in cells}) < len(cells):
        raise ValueError(f"not every name is unique: {', '.join(one.name for one in cells)}")
    against = baseline_pairs(before, now) if baseline else pairs(now)
    single = {one.name: one.reports[0] for one in repeats if len(one.reports) == 1}
    known = {report.run_id: report for report in baseline_reports}
    single |= {old.name: known[old.runs[0]] for old in before if len(old.runs) == 1 and old.runs[0] in known}
    within = {name: batches(report) for name, report in single.items()}
    batched = _batched(against, within)
    tested = differences(cells, against, within)
    return Comparison(
        schema=SCHEMA,
        comparison_id=comparison_id,
        started_at=started_at,
        completed=completed,
        seed=seed,
        order=list(order),
        config=dict(config),
        environment=dict(environment),
        cells=cells,
        test=(_what_changed(against) if tested and (before or len(now) == 2) else "") + statement(tested),
        differences=tested,
        scaling=scaling(now),
        warnings=[*_warnings(repeats, before, now, against, batched), *_several(against, tested), *beside],
        invocation=invocation,
    )


def scaling(cells: Sequence[Cell]) -> list[Scaling]:
    """A fit for each group of cells that differ in nothing but their concurrency, if there are three levels or more."""
    groups: list[tuple[dict[str, Any], list[Cell]]] = []
    for one in cells:
        if _numeric(one.settings.get(_CONCURRENCY)):
            rest = {key: value for key, value in one.settings.items() if key != _CONCURRENCY}
            members = next((members for settings, members in groups if settings == rest), None)
            if members is None:
                groups.append((rest, [one]))
            else:
                members.append(one)
    return [
        fit(_joined(rest) or "all", [(one.settings[_CONCURRENCY], _goodput(one)) for one in members])
        for rest, members in groups
        if len({one.settings[_CONCURRENCY] for one in members}) > 2
    ]


def _goodput(cell: Cell) -> list[float]:
    return [value for value in cell.metrics["goodput_per_s"].values if value is not None]


def _batched(against: Sequence[tuple[Cell, Cell]], within: Mapping[str, Samples]) -> set[str]:
    """The names of the cells that are compared by the batches of their one run."""
    batched = set()
    for a, b in against:
        if within.get(a.name) and within.get(b.name):
            batched |= {a.name, b.name}
    return batched


def _warnings(
    repeats: Sequence[Repeats],
    before: Sequence[Cell],
    now: Sequence[Cell],
    against: Sequence[tuple[Cell, Cell]],
    batched: set[str],
) -> list[str]:
    cells = [*before, *now]
    reports = [report for one in repeats for report in one.reports]
    enough = [pair for pair in against if max(len(one.runs) for one in pair) >= ENOUGH_FOR_ONE]
    held_against = {one.name for pair in enough for one in pair}
    warnings = [*untested(cells, batched, held_against), *verdicts(cells)]
    for one in repeats:
        warnings += cautions(one.name, one.reports)
    warnings += [*unlike(reports, {key for one in repeats for key in one.settings}), *unpriced(reports)]
    if before:
        matched = {one.name for pair in against for one in pair}
        alone = [one.name for one in cells if one.name not in matched]
        if alone:
            warnings.append(f"on one side only, so not compared: {'; '.join(alone)}")
    return warnings


def _joined(settings: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in settings.values())


def _several(against: Sequence[tuple[Cell, Cell]], differences: Sequence[Difference]) -> list[str]:
    """A warning if cells that were tested differ in more than one setting."""
    tested = {(difference.a, difference.b) for difference in differences}
    keys = {key for a, b in against if (a.name, b.name) in tested and len(changed(a, b)) > 1 for key in changed(a, b)}
    if not keys:
        return []
    return [f"what is compared differs in {' and '.join(sorted(keys))}: which of them made a difference cannot be told"]


def _what_changed(against: Sequence[tuple[Cell, Cell]]) -> str:
    """What differs in the settings, as a sentence before others; empty if nothing does."""
    steps = [f"{key} ({', '.join(of)})" for key, of in changes(against).items()]
    return f"Changed: {' and '.join(steps)}. " if steps else ""


def _lower_first(a: Cell, b: Cell) -> tuple[Cell, Cell]:
    """Two cells, of those that differ in one number the lower one first."""
    keys = changed(a, b)
    of_a, of_b = (cell.settings.get(keys[0]) if len(keys) == 1 else None for cell in (a, b))
    return (b, a) if _numeric(of_a) and _numeric(of_b) and of_b < of_a else (a, b)


def changed(a: Cell, b: Cell) -> list[str]:
    """The settings in which two cells differ; one that only one of them has is among them."""
    keys = [*a.settings, *(key for key in b.settings if key not in a.settings)]
    return [
        key for key in keys if (key in a.settings) != (key in b.settings) or a.settings.get(key) != b.settings.get(key)
    ]


def _numeric(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _between(a: Cell, b: Cell, other: Cell, key: str) -> bool:
    """Whether `other` differs from `a` in nothing but `key`, with a value between those of `a` and `b`."""
    if changed(a, other) != [key] or not _numeric(other.settings.get(key)):
        return False
    low, high = sorted((a.settings[key], b.settings[key]))
    return bool(low < other.settings[key] < high)
