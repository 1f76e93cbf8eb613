import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from loadtest.checker import Power, Violation
from loadtest.errors import UsageError
from loadtest.events import Outcome
from loadtest.records.problems import Problem
from loadtest.records.report import Report
from loadtest.records.timeline import Timeline
from loadtest.render.html import series, theme
from loadtest.render.html.headline import keys
from loadtest.render.html.page import page
from loadtest.render.html.sections import contents
from loadtest.render.html.words import names, number, slug
from loadtest.system.foreign_text import visible
from tests.helpers import drawn_reports as pages
from tests.helpers.html_document import Document
from tests.helpers.shop_events import operation

if TYPE_CHECKING:
    from loadtest.records.comparison import Comparison

RACE, VIOLATED, LOAD = pages.race(), pages.violated(), pages.load()
CELL_REPORTS, CELLS = pages.twelve_cells(2)


def hostile() -> Report:
    bad = pages.HOSTILE
    stolen = operation(order_id=bad, reason=bad, message=bad, last_order=bad, outcome=Outcome.UNKNOWN)
    return replace(
        VIOLATED,
        run_id=bad,
        stopped_by=bad,
        config={"strategy": bad, bad: bad},
        environment={"target": bad},
        stock={bad: VIOLATED.stock["p#4"]},
        orders=replace(VIOLATED.orders, problems=[Problem(1, bad, bad, varied=True)], rejected_by_reason={bad: 1}),
        verdict=replace(
            VIOLATED.verdict,
            sentence=bad,
            reasons=[bad],
            violations=[Violation(bad, bad, 1, bad, (bad,), 1, (stolen,))],
            timelines=[Timeline(0, [stolen, operation(order_id=bad[:7])]), Timeline(7, [stolen])],
        ),
        latency_ms={bad: VIOLATED.latency_ms["write"]},
    )


@pytest.fixture(scope="module", autouse=True)
def no_libraries() -> Iterator[None]:
    """The JavaScript takes seconds to bundle, and no test here runs it; `tests/integration/test_page.py` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loadtest.render.html.page._libraries", lambda: "AAAA")
        yield


@pytest.fixture(scope="module")
def drawn() -> Callable[[str], Document]:
    made: dict[str, Document] = {}
    subjects: dict[str, tuple[list[Report], list[Comparison]]] = {
        "race": ([RACE], []),
        "violated": ([VIOLATED], []),
        "load": ([LOAD], []),
        "cells": (CELL_REPORTS, [CELLS]),
        "hostile": ([hostile()], [pages.hostile_comparison()]),
        "empty": ([pages.empty()], []),
    }

    def draw(name: str) -> Document:
        if name not in made:
            made[name] = Document(page(*subjects[name]))
        return made[name]

    return draw


KINDS = ("race", "violated", "load", "cells", "hostile", "empty")
Draw = Callable[[str], Document]


@pytest.mark.parametrize("kind", KINDS)
def test_page_has_the_shape_that_readers_and_their_tools_expect(drawn: Draw, kind: str) -> None:
    document = drawn(kind)
    assert document.all("html") == [{"lang": "en"}]
    assert [len(document.all(tag)) for tag in ("title", "main", "header", "footer", "nav")] == [1] * 5
    levels = [level for level, _ in document.headings]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert document.headings[1] == (2, "Verdict")
    anchors = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    assert {link["href"].removeprefix("#") for link in document.all("a")} <= set(anchors)
    assert all(attributes.get("scope") in {"col", "row"} for attributes in document.all("th"))
    assert len(document.all("caption")) == len(document.all("table"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_says_what_it_shows(drawn: Draw, kind: str) -> None:
    document = drawn(kind)
    places = [attributes for attributes in document.all("div") if attributes.get("class") == "chart"]
    assert all(place["role"] == "img" and len(place["aria-label"]) > 30 for place in places)
    assert {place["data-chart"] for place in places} == set(charts(document))
    assert len(places) == len(charts(document))


def charts(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.scripts[0])["charts"]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_page_loads_nothing(drawn: Draw, kind: str) -> None:
    document = drawn(kind)
    assert not [of for _, of in document.elements if {"src", "srcset", "data", "background"} & set(of)]
    assert all(link["href"].startswith("#") for link in document.all("a"))
    assert not document.all("link")
    assert "http:" not in document.scripts[2]
    assert "default-src 'none'" in next(of["content"] for of in document.all("meta") if "http-equiv" in of)


def test_hostile_texts_stay_texts(drawn: Draw) -> None:
    document = drawn("hostile")
    assert len(document.scripts) == 3
    assert not document.all("b")
    assert document.text.count(visible(pages.HOSTILE)) > 10
    assert "<" not in document.scripts[0]
    (service_time,) = (chart for name, chart in charts(document).items() if name.endswith("service-time"))
    (table,) = service_time["datasets"].values()
    assert {row["series"] for row in csv.DictReader(io.StringIO(table, newline=""))} == {
        f"{visible(pages.HOSTILE)} accepted",
        f"{visible(pages.HOSTILE)} unknown",
    }


def test_verdict_comes_with_its_evidence(drawn: Draw) -> None:
    text = drawn("violated").text
    text = text[text.index("Verdict", text.index("All figures")) :]
    assert text.index("violated") < text.index(VIOLATED.verdict.sentence) < text.index("Key figures")
    for said in ("threshold failed", "p99 of accepted orders was 24.6 ms", "threshold held", "no order failed",
                 "stopped early", "SIGINT", "client-bound: 61 %", "round 4 was cut short"):  # fmt: skip
        assert said in text[: text.index("Key figures")]
    rows = drawn("violated").tables["Violations"]
    assert [row[:5] for row in rows[1:3]] == [
        ["100 units were accepted, but the stock fell by 1", "oversold", "1", "p#4", "100"],
        ["100 orders won from version 1", "lost_update", "1", "p#4", "100"],
    ]
    assert len(rows) == 10


def test_a_violation_comes_with_the_operations_around_it(drawn: Draw) -> None:
    document, shown = drawn("violated"), VIOLATED.verdict.timelines
    found = {name: chart for name, chart in charts(document).items() if "-trace-" in name}
    assert list(found) == [f"unconditional-trace-{n}" for n in range(1, 6)]
    (rows,) = found["unconditional-trace-1"]["datasets"].values()
    bars = list(csv.DictReader(io.StringIO(rows)))
    assert len(bars) == len(shown[0].operations) == 27
    assert [bar["order"] for bar in bars if bar["evidence"] == "yes"] == ["52cf54cf36-1-1", "52cf54cf36-1-2"]
    last = {**bars[-1], "ended, ms": ""}
    assert (last["lane"], last["outcome"], last["reason"], last["word"]) == ("27", "unknown", "a-reason", "unknown")
    assert (float(last["sent, ms"]), float(last["received, ms"])) == (2.6, 35.0)
    table = document.tables["Operations in the trace of oversold, round 1, p#4"]
    assert len(table) == 28
    assert table[1][:4] == ["52cf54cf36-1-1", "1", "write v1→v2 accepted, 0 left", "yes"]
    assert "Time line" in [text for _, text in document.headings]


def test_five_time_lines_take_little_of_the_page() -> None:
    verdict = VIOLATED.verdict
    full = [replace(each, operations=(each.operations * 2)[:30]) for each in verdict.timelines]
    with_, without = (
        len(page([replace(VIOLATED, verdict=replace(verdict, timelines=shown))], []).encode()) for shown in (full, [])
    )
    assert without < with_ < without + 64_000


def test_of_several_runs_each_shows_its_first_time_line() -> None:
    document = Document(page([VIOLATED, replace(VIOLATED, run_id="another"), RACE], []))
    assert sorted(name[:5] for name in charts(document) if name.endswith("-trace-1")) == ["run-1", "run-2"]
    assert not [name for name in charts(document) if name.endswith("-trace-2")]


@pytest.mark.parametrize("kind", ["race", "load", "empty"])
def test_a_run_without_violations_has_no_time_line(drawn: Draw, kind: str) -> None:
    assert "Time line" not in drawn(kind).text


def test_many_violations_are_counted_not_all_shown() -> None:
    document = Document(page([pages.violated(40)], []))
    assert len(document.tables["The first 50 of 120 violations; the others are in report.json"]) == 51


def test_figures_are_the_reports(drawn: Draw) -> None:
    tables = drawn("load").tables
    outcomes = ("placed", "accepted", "rejected", "throttled", "failed", "unknown", "dropped")
    (row,) = tables["Orders of each run"][1:]
    assert [int(value.replace(",", "")) for value in row[1:8]] == [getattr(LOAD.orders, name) for name in outcomes]
    rows = {
        row[0]: [float(value.replace(",", "")) for value in row[1:]] for row in tables["Latency in milliseconds"][1:]
    }
    for kind, outcomes_of in LOAD.latency_ms.items():
        for outcome, of in outcomes_of.items():
            figures = [of.count, of.mean, of.min, of.p50, of.p90, of.p99, of.p999, of.max]
            assert rows[f"{kind} {outcome}, service time"] == pytest.approx(figures, abs=0.0006)
    assert len(rows) == sum(map(len, (*LOAD.latency_ms.values(), *LOAD.response_ms.values()))) + len(LOAD.order_ms)
    heading, *seconds = tables["Second by second"]
    for row, second in zip(seconds, LOAD.per_second, strict=True):
        named = dict(zip(heading, row, strict=True))
        assert [named[name] for name in ("second", "accepted", "writes", "in flight")] == [
            f"{value:,}" for value in (second.second, second.accepted, second.writes, second.in_flight)
        ]
        assert named["accepted p99, ms"] == f"{second.response_ms['accepted'].p99:,.3f}"


def test_few_errors_among_many_orders_are_in_the_text(drawn: Draw) -> None:
    text = re.sub(r"\s+", " ", drawn("load").text)
    assert f"throttled{LOAD.orders.throttled}" in text.replace(" ", "")
    assert "unknown1" in text.replace(" ", "")
    assert f"{LOAD.orders.accepted:,}" in text


def test_a_short_run_has_nothing_over_time(drawn: Draw) -> None:
    assert "Over time" not in [text for _, text in drawn("race").headings]
    assert "Over time" in [text for _, text in drawn("load").headings]


def test_comparison_shows_real_differences_first(drawn: Draw) -> None:
    tables = drawn("cells").tables
    real = [each for each in CELLS.differences if each.real]
    assert [row[0] for row in tables["Real differences"][1:]] == [each.sentence for each in real]
    assert len(tables["Other differences"]) - 1 == len(CELLS.differences) - len(real)
    captions = list(tables)
    assert captions.index("Real differences") < captions.index("Other differences")
    rows = tables["Median of the repeats (95 % interval)"]
    goodput = CELLS.cells[0].metrics["goodput_per_s"]
    said = f"{number(goodput.median)} ({number(goodput.low)} to {number(goodput.high)})"
    assert said in rows[1]
    assert [row[0] for row in rows[1:]] == [cell.name for cell in CELLS.cells]


def test_a_comparison_alone_has_a_page() -> None:
    document = Document(page([], [CELLS]))
    assert "24 runs: 24 safe" in document.text
    assert len(charts(document)) == 1 + 1 + len(CELLS.cells[0].metrics)


def test_a_cell_with_one_run_has_no_interval() -> None:
    _, single = pages.twelve_cells(1)
    figures = contents([], [single]).figures()
    assert all("None" not in json.dumps(figure.specification()) for figure in figures)


@pytest.mark.parametrize("kind", ["load", "cells"])
def test_charts_are_valid_vega_lite(kind: str) -> None:
    reports, comparisons = ([LOAD], []) if kind == "load" else ([], [CELLS])
    for figure in contents(reports, comparisons).figures():
        assert figure.chart.to_dict(validate=True)


def test_fitted_curve_is_the_law() -> None:
    (scaling,) = (figure for figure in contents([], [CELLS]).figures() if figure.name.endswith("scaling"))
    (rows,) = scaling.specification()["datasets"].values()
    fitted = [row.split(",") for row in rows.splitlines() if row.startswith("version,fitted,10")]
    fit = next(fit for fit in CELLS.scaling if fit.group == "version")
    assert fit.gamma is not None
    assert fit.alpha is not None
    assert fit.beta is not None
    expected = fit.gamma * 10 / (1 + fit.alpha * 9 + fit.beta * 90)
    assert float(fitted[0][3]) == pytest.approx(expected, rel=1e-3)


def test_percentile_curve_is_the_histograms() -> None:
    of = LOAD.order_ms["accepted"]
    curve = dict(series.percentile_curve(of))
    assert {2.0: of.p50, 10.0: of.p90, 100.0: of.p99, 1000.0: of.p999} == pytest.approx(
        {x: curve[x] for x in (2.0, 10.0, 100.0, 1000.0)}, rel=2e-3
    )
    assert curve[1.0] == pytest.approx(of.min, rel=1e-3)
    assert curve[float(of.count)] == pytest.approx(of.max, rel=1e-3)
    assert 30 < len(curve) < 110
    values = list(curve.values())
    assert values == sorted(values)


def test_one_value_is_a_curve_too() -> None:
    of = RACE.order_ms["accepted"]
    curve = series.percentile_curve(of)
    assert (curve[0][0], curve[-1][0]) == (1, 2)
    assert [ms for _, ms in curve] == [pytest.approx(of.p50, rel=1e-3)] * len(curve)


def test_a_broken_histogram_is_named() -> None:
    broken = replace(RACE, order_ms={"accepted": replace(RACE.order_ms["accepted"], hdr="HISTFAAAA")})
    with pytest.raises(UsageError, match="damaged histogram"):
        contents([broken], [])


def test_a_long_run_is_thinned_to_means_and_worst_values() -> None:
    long = pages.load(length=1_500)
    points = series.spans(long.per_second)
    assert len(points) == 500
    first = long.per_second[:3]
    assert points[0].rates["accepted"] == pytest.approx(sum(second.accepted for second in first) / 3)
    assert points[0].ms["accepted"].p99 == max(second.response_ms["accepted"].p99 for second in first)
    assert points[0].in_flight == max(second.in_flight for second in first)
    assert (points[-1].first, points[-1].last) == (1_497, 1_499)
    assert "Each point stands for 3 seconds" in Document(page([long], [])).text


def test_runs_of_one_strategy_are_told_apart() -> None:
    twice = [pages.load(run_id="a"), pages.load(run_id="b"), pages.race()]
    assert names(twice[:2], []) == ["version, a", "version, b"]
    found = [figure.name for figure in contents([pages.load(run_id="a")] * 2, []).figures()]
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("text", "name"), [("../../etc/passwd", "etc-passwd"), ("A run!", "a-run"), ("ß", "run"), ("x" * 90, "x" * 60)]
)
def test_names_of_files_are_harmless(text: str, name: str) -> None:
    assert slug(text) == name


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("behind", ["page", "panel"])
def test_colours_stand_out(colours: dict[str, str], behind: str) -> None:
    """WCAG 2.2 AA: text 4.5 to 1, marks of a chart 3 to 1."""
    for name, colour in colours.items():
        if name in {"page", "panel", "line", "edge"}:
            continue
        dark, light = sorted((luminance(colour), luminance(colours[behind])))
        least = 3 if name in theme.OUTCOMES else 4.5
        assert (light + 0.05) / (dark + 0.05) >= least, name


@pytest.mark.parametrize(
    ("contested", "says"),
    [(3, "double wins above 0.632 are excluded (95 %)"), (0, "none, so no double win could show")],
)
def test_the_page_says_what_the_verdict_is_worth(contested: int, says: str) -> None:
    power = Power(100, 90, accepted=5, contested=contested, excluded_rate=0.632 if contested else 1.0)
    shown = {key.name: (key.value, key.note) for key in keys(replace(RACE, verdict=replace(RACE.verdict, power=power)))}
    assert shown["contested wins"] == (f"{contested} of 5", says)
