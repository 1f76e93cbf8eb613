"""A comparison from its runs: which cells are set against which, and the whole document."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from msgspec.structs import replace

from loadtest.compare.batches import batches
from loadtest.compare.caution import cautions, unlike, untested, verdicts
from loadtest.compare.differences import Samples, differences, statement
from loadtest.compare.estimates import cell
from loadtest.compare.scaling import fit
from loadtest.comparison import SCHEMA, Cell, Comparison, Scaling
from loadtest.invocation import Invocation
from loadtest.report import Report

_CONCURRENCY = "concurrency"


@dataclass(frozen=True, slots=True)
class Repeats:
    """One configuration and the reports of its runs. Names are unique in a comparison; `names` makes such."""

    name: str
    settings: Mapping[str, Any]
    reports: Sequence[Report]


def names(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    """A name for each configuration, such as "version, 100"; the same settings again are "version, 100 (2)"."""
    found: list[str] = []
    for one in settings:
        plain = _joined(one) or "all"
        name, count = plain, 1
        while name in found:
            count += 1
            name = f"{plain} ({count})"
        found.append(name)
    return found


def pairs(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """The cells that are set against each other, each pair once: those that differ in exactly one setting.

    Of a numeric setting, such as the concurrency, only neighbours are compared, the lower one first. Cells of the same
    settings are compared too: an A/A test, which should find nothing.
    """
    found = []
    for index, a in enumerate(cells):
        for b in cells[index + 1 :]:
            changed = _changed(a, b)
            if not changed:
                found.append((a, b))
            elif len(changed) == 1:
                of_a, of_b = a.settings.get(changed[0]), b.settings.get(changed[0])
                if not (_numeric(of_a) and _numeric(of_b)):
                    found.append((a, b))
                elif not any(_between(a, b, other, changed[0]) for other in cells):
                    found.append((a, b) if of_a < of_b else (b, a))
    return found


def baseline_pairs(baseline: Sequence[Cell], now: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Each cell of the baseline and the cell of the same settings now, in order where there are several; others not."""
    left, found = list(now), []
    for old in baseline:
        match = next((index for index, new in enumerate(left) if new.settings == old.settings), None)
        if match is not None:
            found.append((old, left.pop(match)))
    return found


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
) -> Comparison:
    """The whole document. With a `baseline`, only differences against it are tested; its cells come first, renamed.

    Where a load was run only once, its seconds stand for repeats (see `batches`). The Universal Scalability Law is
    fitted where cells differ in `concurrency`. Raises ValueError if two configurations have the same name.
    """
    now = [cell(one.name, one.settings, one.reports) for one in repeats]
    before = [replace(old, name=f"{old.name} (baseline)", baseline=True) for old in baseline]
    cells = [*before, *now]
    if len({one.name for one in cells}) < len(cells):
        raise ValueError(f"not every name is unique: {', '.join(one.name for one in cells)}")
    against = baseline_pairs(before, now) if baseline else pairs(now)
    within = {one.name: batches(one.reports[0]) for one in repeats if len(one.reports) == 1}
    batched = _batched(against, within)
    made = differences(cells, against, within)
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
        test=statement(made),
        differences=made,
        scaling=scaling(now),
        warnings=_warnings(repeats, before, now, against, batched),
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


def _goodput(one: Cell) -> list[float]:
    return [value for value in one.metrics["goodput_per_s"].values if value is not None]


def _batched(against: Sequence[tuple[Cell, Cell]], within: Mapping[str, Samples]) -> set[str]:
    """The names of the cells that are compared by the batches of their one run."""
    found = set()
    for a, b in against:
        if within.get(a.name) and within.get(b.name):
            found |= {a.name, b.name}
    return found


def _warnings(
    repeats: Sequence[Repeats],
    before: Sequence[Cell],
    now: Sequence[Cell],
    against: Sequence[tuple[Cell, Cell]],
    batched: set[str],
) -> list[str]:
    cells = [*before, *now]
    reports = [report for one in repeats for report in one.reports]
    found = [*untested(cells, batched), *verdicts(cells)]
    for one in repeats:
        found += cautions(one.name, one.reports)
    found += unlike(reports, {key for one in repeats for key in one.settings})
    if before:
        matched = {one.name for pair in against for one in pair}
        alone = [one.name for one in cells if one.name not in matched]
        if alone:
            found.append(f"on one side only, so not compared: {'; '.join(alone)}")
    return found


def _joined(settings: Mapping[str, Any]) -> str:
    return ", ".join(str(value) for value in settings.values())


def _changed(a: Cell, b: Cell) -> list[str]:
    """The settings in which two cells differ; one that only one of them has is among them."""
    keys = [*a.settings, *(key for key in b.settings if key not in a.settings)]
    return [
        key for key in keys if (key in a.settings) != (key in b.settings) or a.settings.get(key) != b.settings.get(key)
    ]


def _numeric(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _between(a: Cell, b: Cell, other: Cell, key: str) -> bool:
    """Whether `other` differs from `a` in nothing but `key`, with a value between those of `a` and `b`."""
    if _changed(a, other) != [key] or not _numeric(other.settings.get(key)):
        return False
    low, high = sorted((a.settings[key], b.settings[key]))
    return bool(low < other.settings[key] < high)
