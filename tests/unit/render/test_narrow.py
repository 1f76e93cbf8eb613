"""Tables of many runs in windows of any width."""

import pytest

from loadtest.records.comparison import SCHEMA, Cell, Comparison
from loadtest.render import ceiling
from loadtest.render.comparison import print_comparison
from loadtest.studies.calibrate import Ceiling
from tests.helpers.reports import a_cell
from tests.unit.render.printed_reports import Terminal

FIGURES = {"goodput_per_s": [10.0, 12.0], "order_accepted_p50_ms": [1.0, 2.0], "order_accepted_p99_ms": [3.0, 4.0]}
CELLS = [
    a_cell(f"{strategy}, {level:,}", None, **FIGURES) for strategy in ("version", "conditional") for level in (10, 1000)
]


def compared(cells: list[Cell]) -> Comparison:
    return Comparison(
        schema=SCHEMA,
        comparison_id="a",
        started_at="2026-11-23T10:00:00+00:00",
        completed=True,
        config={},
        environment={},
        seed=None,
        order=[],
        test="tested",
        cells=cells,
        differences=[],
        scaling=[],
        warnings=[],
    )


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_comparison_loses_no_figure_in_a_narrow_window(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Terminal()
    monkeypatch.setattr("sys.stdout", file)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    print_comparison(compared(CELLS), None, [], to_stdout=True, quiet=False)
    lines = file.getvalue().splitlines()
    text = " ".join(" ".join(lines).split())
    for title in ("goodput/s", "p50 accepted, ms", "p99 accepted, ms"):
        assert title in text
    assert "…" not in text
    assert all(len(line) <= columns for line in lines if line.startswith(("cell", "version", "conditional")))


@pytest.mark.parametrize(("columns", "figures"), [(None, 6), (75, 6), (74, 4), (40, 4)])
def test_a_ceiling_leaves_out_what_has_no_room(columns: int | None, figures: int) -> None:
    level = Ceiling(False, 5000, operations_per_s=123456.0, cpu_us=12.5, added_p50_ms=1.0, added_p99_ms=3019.9)
    head, line = ceiling.heading("wire", columns).splitlines()[-1], ceiling.line(level, columns)
    assert len(head) == len(line) <= (columns or 75)
    assert len(line.split()) == figures
