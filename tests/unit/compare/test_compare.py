import json
import subprocess
import sys

import msgspec
import pytest
from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.compare import (
    METRICS,
    TESTED,
    Repeats,
    baseline_pairs,
    cell,
    compare,
    names,
    pairs,
    unlike_baseline,
    untested,
)
from loadtest.compare.caution import verdicts
from loadtest.records.comparison import Cell, Comparison
from tests.helpers.reports import a_cell, a_latency, a_load, a_report, a_verdict


def test_a_cell_has_every_figure_of_its_reports() -> None:
    found = cell("version, 100", {"strategy": "version"}, [a_report(run_id="a"), a_report(run_id="b")])
    assert found.runs == ["a", "b"]
    assert found.verdicts == {"safe": 2}
    assert found.orders["placed"] == 3000
    assert found.orders["rejected"] == 1000
    assert {name: one.median for name, one in found.metrics.items()} == {
        "goodput_per_s": 100.0,
        "order_accepted_p50_ms": 5.0,
        "order_accepted_p99_ms": 20.0,
        "order_rejected_p50_ms": 4.0,
        "order_rejected_p99_ms": 10.0,
        "write_accepted_p50_ms": 2.0,
        "write_accepted_p99_ms": 8.0,
        "conflicts": 0.0,
        "wasted_writes": 500.0,
        "writes_per_accepted": 1.5,
        "usd_per_1000_accepted": 0.0019,
        "operations_per_s": 150.0,
    }


def test_runs_that_only_put_nothing_to_the_test_are_counted_by_themselves() -> None:
    verdict = a_report().verdict
    nothing = replace(verdict, status=Status.INCONCLUSIVE, untested=True)
    lost = replace(verdict, status=Status.INCONCLUSIVE)
    found = cell("a", {}, [a_report(verdict=each) for each in (verdict, nothing, nothing, lost)])
    assert (found.verdicts, found.untested) == ({"safe": 1, "inconclusive": 3}, 2)
    assert found.counts == {"inconclusive": 1, "put nothing to the test": 2, "safe": 1}
    assert verdicts([found]) == ["a: 1 of 4 runs inconclusive"]


def test_a_missing_outcome_has_no_figure() -> None:
    found = cell("a", {}, [a_report(order_ms={}, latency_ms={"transaction": {"accepted": a_latency(3.0, 9.0)}})])
    assert found.metrics["order_rejected_p99_ms"].values == [None]
    assert found.metrics["order_accepted_p50_ms"].median is None
    assert found.metrics["write_accepted_p99_ms"].median == 9.0


def test_five_figures_are_tested() -> None:
    five = {
        "goodput_per_s",
        "order_accepted_p50_ms",
        "order_accepted_p99_ms",
        "writes_per_accepted",
        "usd_per_1000_accepted",
    }
    assert set(TESTED) == five < set(METRICS)


def swept(strategies: str, levels: tuple[int, ...]) -> list[Cell]:
    return [
        a_cell(f"{strategy}, {level}", {"strategy": strategy, "concurrency": level}, goodput_per_s=[1.0, 2.0])
        for strategy in strategies
        for level in levels
    ]


def test_pairs_differ_in_one_setting_and_numbers_are_neighbours() -> None:
    found = {(a.name, b.name) for a, b in pairs(swept("vc", (100, 10, 50)))}
    assert found == {
        ("v, 10", "v, 50"),
        ("v, 50", "v, 100"),
        ("c, 10", "c, 50"),
        ("c, 50", "c, 100"),
        ("v, 10", "c, 10"),
        ("v, 50", "c, 50"),
        ("v, 100", "c, 100"),
    }


def test_the_same_settings_twice_are_a_pair() -> None:
    settings = [{"strategy": "version", "concurrency": 100}] * 3
    found = names(settings)
    assert found == ["version, 100", "version, 100 (2)", "version, 100 (3)"]
    cells = [a_cell(name, one) for name, one in zip(found, settings, strict=True)]
    assert pairs(cells) == [(cells[0], cells[1]), (cells[0], cells[2]), (cells[1], cells[2])]


def test_flags_are_no_numbers_and_a_missing_setting_is_a_difference() -> None:
    cells = [a_cell("a", {"gate": True}), a_cell("b", {"gate": False}), a_cell("c", {})]
    assert len(pairs(cells)) == 3


def test_a_baseline_is_compared_with_the_same_settings() -> None:
    before, now = swept("v", (10, 50)), swept("v", (50, 100))
    assert baseline_pairs(before, now) == [(before[1], now[0])]


def test_where_none_has_the_same_settings_what_differs_in_one_is_what_was_changed() -> None:
    before, now = swept("v", (10, 50)), swept("c", (10, 50))
    assert baseline_pairs(before, now) == [(before[0], now[0]), (before[1], now[1])]
    assert baseline_pairs(before, swept("c", (20, 60))) == []


def test_one_cell_on_each_side_is_compared_whatever_differs_and_that_is_said() -> None:
    repeats = [repeated("a", [1.0, 2.0, 3.0]), repeated("b", [4.0, 5.0, 6.0])]
    old, new = (Repeats(one.name, {**one.settings, "attempts": n}, one.reports) for n, one in enumerate(repeats, 1))
    found = whole(new, baseline=[cell(old.name, old.settings, old.reports)])
    assert {(one.a, one.b) for one in found.differences} == {("a (baseline)", "b")}
    assert found.test.startswith("Changed: strategy (a → b) and attempts (1 → 2). Welch's")
    cannot = "what is compared differs in attempts and strategy: which of them made a difference cannot be told"
    assert cannot in found.warnings
    assert cannot in whole(old, new).warnings  # so are two runs beside each other


def test_what_else_the_baseline_differs_in_is_told() -> None:
    before, now = {"strategy": "version", "attempts": 10, "target": "aws"}, {"strategy": "conditional", "attempts": 1}
    assert unlike_baseline([before], [now], {"strategy"}) == [
        "beside what is compared, the baseline differs in what may make a difference as well: "
        "attempts 10, now 1; target aws, now unknown"
    ]
    assert unlike_baseline([now, before], [before], {"strategy"}) == []


def whole(*repeats: Repeats, baseline: list[Cell] | None = None) -> Comparison:
    return compare(
        repeats,
        comparison_id="one",
        started_at="2026-11-23T06:13:59+00:00",
        completed=True,
        config={},
        environment={},
        baseline=baseline or [],
    )


def repeated(name: str, goodput: list[float], **changes: object) -> Repeats:
    reports = [a_report(goodput_per_s=one, **changes) for one in goodput]
    return Repeats(name, {"strategy": name}, reports)


def test_the_document_survives_json() -> None:
    found = whole(repeated("a", [100.0, 101.0, 102.0]), repeated("b", [120.0, 121.0, 122.0]))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found
    assert len(found.differences) == len(TESTED)
    assert "all 5 tests" in found.test
    assert [one.metric for one in found.differences if one.real] == ["goodput_per_s"]
    assert not found.scaling
    assert not found.warnings


def test_single_loads_are_compared_by_their_seconds() -> None:
    a, b = a_load([100, 103, 98, 101, 99, 102] * 3), a_load([120, 118, 121, 119, 122, 117] * 3)
    found = whole(Repeats("a", {"run": "a"}, [a]), Repeats("b", {"run": "b"}, [b]))
    goodput, writes = found.differences
    assert goodput.real
    assert not writes.real
    assert goodput.sentence.endswith("within one run of each, not between runs")
    assert "compares batches of whole seconds" in found.test
    assert "not that between runs" in found.test
    assert found.warnings == ["one run only, so a difference may be one between any two runs: a; b"]


def test_repeats_and_batches_in_one_comparison() -> None:
    single = [Repeats(name, {"strategy": name}, [a_load([100, 103, 98, 101])]) for name in "ab"]
    found = whole(*single, repeated("c", [100.0, 101.0]), repeated("d", [100.0, 102.0]))
    assert {(one.a, one.b) for one in found.differences} == {("a", "b"), ("c", "d")}
    assert "the repeats of two cells, or batches" in found.test


@pytest.mark.parametrize("single_first", [True, False])
def test_one_run_is_held_against_the_spread_of_many(single_first: bool) -> None:
    cells = [Repeats("a", {"run": "a"}, [a_load([100] * 9)]), repeated("b", [1.0, 2.0, 3.0])]
    found = whole(*(cells if single_first else cells[::-1]))
    (goodput,) = (one for one in found.differences if one.metric == "goodput_per_s")
    assert goodput.sentence.endswith("; one run against the spread of the others")
    assert goodput.ratio is not None
    assert (goodput.ratio < 1) == single_first
    assert "one run only, taken to vary as the runs it is compared with: a" in found.warnings


def test_one_run_against_two_is_not_tested() -> None:
    found = whole(Repeats("a", {"run": "a"}, [a_load([100] * 9)]), repeated("b", [1.0, 2.0]))
    assert found.differences == []
    assert found.test.startswith("Nothing was tested")
    assert found.warnings == ["one run only, so no difference can be tested: a"]


def test_a_baseline_takes_all_tests() -> None:
    before = [cell("a", {"strategy": "a"}, repeated("a", [100.0, 101.0, 102.0]).reports)]
    now = [repeated("a", [90.0, 91.0, 92.0]), repeated("b", [100.0, 101.0])]
    found = whole(*now, baseline=before)
    assert {(one.a, one.b) for one in found.differences} == {("a (baseline)", "a")}
    assert [one.name for one in found.cells] == ["a (baseline)", "a", "b"]
    assert found.warnings == ["on one side only, so not compared: b"]


def test_what_a_reader_should_know_is_a_warning() -> None:
    bound = msgspec.structs.replace(a_report().client, bound="client-bound: …")
    few = msgspec.structs.replace(a_report().orders, accepted=7)
    other = {"loadtest": "0.2.0", "python": "3.11.7", "cpus": 2, "target": "aws"}
    reports = [
        a_report(verdict=a_verdict(Status.VIOLATED), completed=False),
        a_report(client=bound, orders=few, environment=other),
    ]
    assert whole(Repeats("a", {}, reports), Repeats("b", {"x": 1}, [])).warnings == [
        "no run: b",
        "a: 1 of 2 runs violated",
        "a: 1 of 2 runs were not completed",
        "a: 1 of 2 runs were client-bound: the figures are partly the tool's own",
        "a: 1 of 2 runs accepted fewer than 100 orders: their p99 is the slowest",
        "the runs differ in loadtest: 0.1.0, 0.2.0",
        "the runs differ in target: embedded, aws",
    ]


def test_untested_names_the_cells() -> None:
    cells = [a_cell("a", goodput_per_s=[1.0]), a_cell("b", goodput_per_s=[1.0, 2.0])]
    assert untested(cells) == ["one run only, so no difference can be tested: a"]


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="unique"):
        whole(repeated("a", [1.0]), repeated("a", [1.0]))


def test_scaling_is_fitted_for_each_group_of_cells() -> None:
    levels = [
        Repeats(
            f"v, {level}",
            {"strategy": "v", "concurrency": level},
            [a_report(goodput_per_s=noise * 100 * level / (1 + 0.02 * (level - 1))) for noise in (0.99, 1.0, 1.01)],
        )
        for level in (1, 4, 16, 64)
    ]
    (found,) = whole(*levels).scaling
    assert found.group == "v"
    assert found.alpha == pytest.approx(0.02, rel=0.2)


def test_importing_it_does_not_import_scipy() -> None:
    program = "import sys, json, loadtest.compare; print(json.dumps('scipy' in sys.modules or 'numpy' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
