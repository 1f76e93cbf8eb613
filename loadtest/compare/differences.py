"""Which differences between cells are real: tests, their correction, and what they say in words."""

from collections.abc import Iterable, Mapping, Sequence

from loadtest.compare.metrics import METRICS, TESTED, Metric
from loadtest.compare.welch import LEVEL, Sample, Tested, against_one, holm, turned, welch
from loadtest.records.comparison import Cell, Difference

Samples = Mapping[str, Sample]

ENOUGH_FOR_ONE = 3  # runs that tell how far one more may lie from them
_WITHIN = "; from the variation within one run of each, not between runs"
_ONE = "; one run against the spread of the others"


def differences(
    cells: Sequence[Cell], pairs: Iterable[tuple[Cell, Cell]], within: Mapping[str, Samples] | None = None
) -> list[Difference]:
    """Every tested metric of every pair, with Holm's correction over all of these tests together.

    `pairs` are pairs (a, b) of `cells`; each ratio is b against a. `within` has, for cells of one run, by the cell's
    name, the batches of that run. They are used where both sides of a pair have only one run. A cell of one run is
    held against the spread of the other side's, if those are three or more.
    """
    tests: list[tuple[str, Cell, Cell, str, Tested]] = []
    for a, b in pairs:
        if a not in cells or b not in cells:
            raise ValueError(f"{a.name} and {b.name} are not both among the cells")
        batched = len(a.runs) == len(b.runs) == 1
        of_a, of_b = (_samples(cell, (within or {}) if batched else None) for cell in (a, b))
        how = _WITHIN if batched else ""
        for metric in TESTED:
            if metric in of_a and metric in of_b:
                tests.append((metric, a, b, how, welch(of_a[metric], of_b[metric])))
            elif (tested := _of_one(metric, a, b, of_a, of_b)) is not None:
                tests.append((metric, a, b, _ONE, tested))
    adjusted = holm([tested.p for *_, tested in tests])
    return [_difference(*test, p) for test, p in zip(tests, adjusted, strict=True)]


def _of_one(metric: str, a: Cell, b: Cell, of_a: Samples, of_b: Samples) -> Tested | None:
    """The test of a cell of one run against one of enough; None for other cells."""
    single, others = (a, of_b.get(metric)) if len(a.runs) == 1 else (b, of_a.get(metric))
    known = _known(single, metric)
    if len(single.runs) != 1 or not known or others is None or len(others.values) < ENOUGH_FOR_ONE:
        return None
    tested = against_one(known[0], others)
    return tested if tested is None or single is a else turned(tested)


def _known(cell: Cell, metric: str) -> list[float]:
    return [value for value in cell.metrics[metric].values if value is not None]


def statement(differences: Sequence[Difference]) -> str:
    """The test and its correction in one sentence; it says whether batches within single runs stood for repeats."""
    if not differences:
        return "Nothing was tested: a test takes two cells to compare, one of them with two repeats or more."
    batched = [difference.sentence.endswith(_WITHIN) for difference in differences]
    single = any(difference.sentence.endswith(_ONE) for difference in differences)
    what, limit = "the repeats of two cells", ""
    if any(batched):
        batches = "batches of whole seconds within one run of each cell"
        what = batches if all(batched) else f"{what}, or {batches} that has no more,"
        limit = "; batches cover the variation within a run, not that between runs"
    if single:
        limit += "; a cell of one run is taken to vary as the one it is compared with (Crawford and Howell's t-test)"
    return (
        f"Welch's two-sided t-test compares {what}, on logarithms where all values are positive; Holm's correction "
        f"over all {len(differences)} tests keeps the chance of any false difference at or below {LEVEL:.0%}{limit}."
    )


def _samples(cell: Cell, within: Mapping[str, Samples] | None) -> Samples:
    """What can be tested of a cell, by metric: its batches if `within` is given, else its repeats."""
    if within is not None:
        return within.get(cell.name, {})
    known = {name: _known(cell, name) for name in cell.metrics if name in TESTED}
    return {name: Sample.independent(values) for name, values in known.items() if len(values) >= 2}


def _difference(metric: str, a: Cell, b: Cell, how: str, tested: Tested, p_adjusted: float) -> Difference:
    sentence = _sentence(METRICS[metric], a.name, b.name, tested, p_adjusted) + how
    return Difference(
        metric=metric,
        a=a.name,
        b=b.name,
        ratio=tested.difference if tested.relative else None,
        low=tested.low if tested.relative else None,
        high=tested.high if tested.relative else None,
        p=tested.p,
        p_adjusted=p_adjusted,
        real=p_adjusted < LEVEL,
        sentence=sentence,
    )


def _sentence(metric: Metric, a: str, b: str, tested: Tested, p_adjusted: float) -> str:
    p = _p(p_adjusted)
    if p_adjusted >= LEVEL:
        if tested.p < LEVEL:
            p = f"p {tested.p:.2g} alone, {p_adjusted:.2g} after the correction"
        return f"{metric.title} of {b} and {a}: no real difference shown ({_range(metric, tested)}), {p}"
    if not tested.relative:
        size = f"{_number(abs(tested.difference))} {metric.unit}"
        direction = "higher" if tested.difference > 0 else "lower"
        return f"{metric.title} of {b} is {size} {direction} than {a} ({_range(metric, tested)}), {p}"
    return f"{metric.title} of {b} is {_relative(tested, a)}, {p}"


def _relative(tested: Tested, a: str) -> str:
    ratio, low, high = tested.difference, tested.low, tested.high
    if ratio >= 3:
        interval = "in every repeat" if low is None or high is None else f"{_number(low)} to {_number(high)} times"
        return f"{_number(ratio)} times that of {a} ({interval})"
    percent, direction = _percent(ratio), "higher" if ratio > 1 else "lower"
    if low is None or high is None:
        return f"{percent} % {direction} than {a} (in every repeat)"
    near, far = (low, high) if ratio > 1 else (high, low)
    return f"{percent} % {direction} than {a} ({_percent(near)} to {_percent(far)} %)"


def _percent(ratio: float) -> str:
    percent = abs(ratio - 1) * 100
    return f"{percent:.1f}" if percent >= 0.1 or percent == 0 else f"{percent:.1g}"


def _range(metric: Metric, tested: Tested) -> str:
    """The interval with signs; the difference alone if there is none, because neither side varies."""
    low, high = tested.low, tested.high
    if low is None or high is None:
        if tested.p == 1.0:
            return "equal in every repeat"
        return f"{_signed(metric, tested, tested.difference)} in every repeat, but too few of them"
    return f"{_signed(metric, tested, low)} to {_signed(metric, tested, high)}"


def _signed(metric: Metric, tested: Tested, value: float) -> str:
    if tested.relative:
        return f"{(value - 1) * 100:+.1f} %" if value < 3 else f"× {_number(value)}"
    return f"{'-' if value < 0 else '+'}{_number(abs(value))} {metric.unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= value < 1e12 else f"{value:.3g}"


def _p(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p {p:.2g}"
