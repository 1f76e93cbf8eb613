"""What the user names on the command line, and how it becomes cells."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from loadtest.cli.stored import Stored, cells, repeats, stored
from loadtest.errors import UsageError
from loadtest.records import comparison as comparisons
from loadtest.records import json_file
from loadtest.records import search as searches
from loadtest.records.report import Report
from loadtest.records.search import Found, Level
from tests.helpers.stored_runs import a_run, put, put_comparison, two_cells


def shown(found: Stored, *, against_others: bool = False) -> dict[str, list[str]]:
    """The ids of the runs of each cell, by its name."""
    return {
        one.name: [report.run_id for report in one.reports] for one in repeats(found, against_others=against_others)
    }


def of(*named: tuple[str, Report]) -> Stored:
    return Stored(list(named), [])


def test_runs_are_named_by_folder_or_file(tmp_path: Path) -> None:
    monday = put(tmp_path / "monday", a_run("1"))
    json_file.write(tmp_path / "tuesday.json", json_file.encode(a_run("2")))
    found = stored([monday, monday / "report.json", tmp_path / "tuesday.json"])
    assert [(name, report.run_id) for name, report in found.runs] == [
        ("monday", "1"),
        ("monday", "1"),
        ("tuesday", "2"),
    ]
    assert found.comparisons == []


@pytest.mark.parametrize("given", ["", "comparison.json"])
def test_a_comparison_is_its_folder_or_its_file_and_brings_its_runs(given: str, tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "monday", two_cells())
    found = stored([folder / given])
    assert found.runs == []
    ((name, comparison, members),) = found.comparisons
    assert (name, comparison.comparison_id) == ("monday", "monday")
    assert [report.run_id for report in members] == ["version-0", "version-1", "conditional-0", "conditional-1"]
    assert shown(found) == {
        "version": ["version-0", "version-1"],
        "conditional": ["conditional-0", "conditional-1"],
    }


def test_a_comparison_under_another_name_is_one_by_what_it_says(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "monday", two_cells())
    (folder / "comparison.json").rename(folder / "mine.json")
    assert len(stored([folder / "mine.json"]).comparisons) == 1


def test_runs_that_are_no_longer_there_are_left_out(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "monday", two_cells())
    for path in ("version-0", "conditional-0", "conditional-1"):
        (folder / path / "report.json").unlink()
    assert shown(stored([folder])) == {"version": ["version-1"]}


def test_several_comparisons_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    folders = [put_comparison(tmp_path / name, two_cells(name)) for name in ("monday", "tuesday")]
    assert list(shown(stored(folders))) == [
        "version, monday",
        "conditional, monday",
        "version, tuesday",
        "conditional, tuesday",
    ]


def test_a_comparison_and_a_run(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "monday", two_cells())
    alone = put(tmp_path / "alone", a_run("alone", strategy="transaction"))
    assert shown(stored([folder, alone])) == {
        "version": ["version-0", "version-1"],
        "conditional": ["conditional-0", "conditional-1"],
        "transaction, 100": ["alone"],
    }


@pytest.mark.parametrize("differing", [{}, {"seed": 2}, {"max_spend_usd": 5.0}, {"seed": 3, "max_spend_usd": 1.0}])
def test_runs_of_one_configuration_are_set_against_each_other_by_name(differing: dict[str, Any]) -> None:
    found = of(("before", a_run("1")), ("after", a_run("2", **differing)))
    assert shown(found) == {"before": ["1"], "after": ["2"]}
    assert [one.settings for one in repeats(found, against_others=False)] == [{"run": "before"}, {"run": "after"}]


def test_runs_of_one_configuration_and_one_name_are_still_two_cells() -> None:
    assert shown(of(("same", a_run("1")), ("same", a_run("2")))) == {"same": ["1"], "same (2)": ["2"]}


def test_against_a_baseline_they_are_repeats_of_one_cell() -> None:
    found = of(("before", a_run("1")), ("after", a_run("2", seed=2)))
    assert shown(found, against_others=True) == {"version, 100": ["1", "2"]}


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ({"strategy": "conditional"}, {"strategy": "conditional", "concurrency": 100}),
        ({"concurrency": 10}, {"strategy": "version", "concurrency": 10}),
        ({"attempts": 3}, {"strategy": "version", "concurrency": 100, "attempts": 3}),
        ({"rate_per_s": 50.0}, {"strategy": "version", "rate": 50.0}),
        (
            {"target": {"kind": "aws", "region": "eu-west-1"}},
            {"strategy": "version", "concurrency": 100, "kind": "aws", "region": "eu-west-1"},
        ),
        (
            {"faults": {"seed": 3, "faults": [{"kind": "reset", "rate": 0.1}, {"kind": "drop_answer"}]}},
            {"strategy": "version", "concurrency": 100, "faults": "reset, rate 0.1; drop_answer"},
        ),
    ],
)
def test_different_runs_are_grouped_by_what_differs(config: dict[str, Any], settings: dict[str, Any]) -> None:
    found = of(("a", a_run("1")), ("b", a_run("2", **config)), ("c", a_run("3", seed=9)), ("d", a_run("4", **config)))
    first, second = repeats(found, against_others=False)
    assert [report.run_id for report in first.reports] == ["1", "3"]
    assert [report.run_id for report in second.reports] == ["2", "4"]
    assert dict(second.settings) == settings


def test_a_race_and_a_load_are_never_repeats_of_one_another() -> None:
    found = of(("a", a_run("1")), ("b", replace(a_run("2"), command="race")), ("c", a_run("3")))
    assert list(shown(found).values()) == [["1", "3"], ["2"]]


def test_a_baseline_is_cells_of_both_and_not_of_what_was_a_baseline_then(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "monday", two_cells())
    old = comparisons.read(folder / "comparison.json")
    earlier = replace(old, cells=[replace(old.cells[0], baseline=True), *old.cells[1:]])
    json_file.write(folder / "comparison.json", json_file.encode(earlier))
    alone = put(tmp_path / "alone", a_run("alone", strategy="transaction"))
    assert [one.name for one in cells(stored([folder, alone]))] == ["conditional", "transaction, 100"]


def test_a_baseline_without_any_cell_is_a_wrong_usage(tmp_path: Path) -> None:
    folder = put_comparison(tmp_path / "monday", two_cells(), cells=[])
    with pytest.raises(UsageError, match="the baseline has no run"):
        cells(stored([folder]))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "is not a loadtest.report/2"),
        (b"{", "is not a loadtest.report/2"),
        (b"[]", "is not a loadtest.report/2"),
        (b"\xff\xfe", "is not a loadtest.report/2"),
        (b"[" * 100_000, "is not a loadtest.report/2"),
        (b'{"schema": "loadtest.report/1"}', "is a loadtest.report/1, not a loadtest.report/2"),
        (b'{"schema": "loadtest.report/2"}', "missing required field"),
        (b'{"schema": "loadtest.comparison/1"}', "is not a loadtest.comparison/1"),
        (b'{"schema": "loadtest.comparison/2"}', "is a loadtest.comparison/2"),
        (b'{"other": 1}', "is a None"),
    ],
)
def test_what_is_neither_a_run_nor_a_comparison_is_a_wrong_usage(document: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "any.json"
    path.write_bytes(document)
    with pytest.raises(UsageError, match=said) as refused:
        stored([path])
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing", r"cannot read .*No such file"),
        ("missing.json", r"cannot read .*No such file"),
        ("empty", "there is no run in .*empty"),
        ("latest", "there is no run in .*, so none is the latest"),
    ],
)
def test_what_is_not_there_is_a_wrong_usage(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=said):
        stored([tmp_path / name])


def put_search(folder: Path) -> Path:
    """The folder of a search with two runs of a level that held once."""
    ids = ["a", "b"]
    for run_id in ids:
        put(folder / run_id, a_run(run_id))
    level = Level(20.0, ids, ["", "p99 crossed"], 0.4, [1.0, 2.0], [3.0, None], {"safe": 2}, 0)
    search = Found(
        schema=searches.SCHEMA,
        search_id=folder.name,
        started_at="now",
        completed=True,
        of="concurrency",
        thresholds=["p99(order.accepted) < 50ms"],
        lowest=10.0,
        highest=40.0,
        precision=0.05,
        confidence=0.95,
        holds_at=None,
        fails_at=None,
        sure=False,
        sentence="nothing was shown",
        order=ids,
        levels=[level],
        config={},
        environment={},
    )
    json_file.write(folder / "search.json", json_file.encode(search))
    return folder


@pytest.mark.parametrize("file", ["", "search.json"])
def test_a_search_is_one_with_its_runs_which_compare_takes_one_by_one(file: str, tmp_path: Path) -> None:
    found = stored([put_search(tmp_path / "found") / file])
    ((search, members),) = found.searches
    assert (search.levels[0].held, search.levels[0].share, search.levels[0].counts) == (1, "1 of 2", {"safe": 2})
    assert [report.run_id for report in members] == ["a", "b"]
    assert found.runs == []
    assert [name for name, _ in found.every_run] == ["a", "b"]
    assert shown(found) == {"a": ["a"], "b": ["b"]}  # of one configuration, so each by itself


def test_a_search_whose_runs_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    file = put_search(tmp_path / "found") / "search.json"
    file.write_text(file.read_text().replace('"a"', '"../a"'))
    with pytest.raises(UsageError, match="no run has the name"):
        stored([file])
