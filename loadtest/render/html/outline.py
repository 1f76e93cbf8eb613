"""What the page is made of, from top to bottom: values that the template only writes down."""

from msgspec import Struct

from loadtest.render.html.figures import Figure
from loadtest.render.html.tables import Table
from loadtest.render.html.timelines import Trace


class Note(Struct, frozen=True):
    """A remark to the verdict; `level` is `good`, `warn` or `bad`."""

    level: str
    kind: str
    run: str
    text: str


class Key(Struct, frozen=True):
    """One key figure; `level` marks what should not be there."""

    name: str
    value: str
    note: str = ""
    level: str = ""


class Run(Struct, frozen=True):
    """The charts and tables of one run. `width` is how many seconds a point over time stands for."""

    name: str
    traces: list[Trace]
    latency: list[Figure]
    latencies: Table
    over_time: list[Figure]
    width: int
    per_second: Table
    all: list[Table]


class Compared(Struct, frozen=True):
    """The charts and tables of one comparison."""

    name: str
    scaling: Figure | None
    fits: list[Table]
    shown: list[Figure]
    more: list[Figure]
    metrics: Table
    tests: str
    real: Table
    other: Table


class Setup(Struct, frozen=True):
    """How a run or a comparison was set up, and the `line` that made it; empty if that is not known."""

    name: str
    line: str
    tables: list[Table]


class Searched(Struct, frozen=True):
    """The answer, the levels and the chart of one search for a limit."""

    name: str
    sentence: str
    figure: Figure
    levels: Table
    crossed: Table


class Contents(Struct, frozen=True):
    """The page from top to bottom."""

    title: str
    subtitle: str
    sections: list[tuple[str, str]]
    status: str
    sentence: str
    notes: list[Note]
    verdict_tables: list[Table]
    keys: list[Key]
    key_tables: list[Table]
    orders: list[tuple[Figure | None, Table]]
    runs: list[Run]
    compared: list[Compared]
    searched: list[Searched]
    setup: list[Setup]

    def figures(self) -> list[Figure]:
        """All charts of the page."""
        found = [figure for figure, _ in self.orders if figure is not None]
        for run in self.runs:
            found += [*(each.figure for each in run.traces), *run.latency, *run.over_time]
        found += [each.figure for each in self.searched]
        for each in self.compared:
            found += [*([each.scaling] if each.scaling else []), *each.shown, *each.more]
        return found
