"""Whatever stands in a file: a verdict, a page, or a line that says why not; no traceback, no hang, no huge memory."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.records import json_file
from loadtest.records.history import HistoryWriter
from loadtest.records.invocation import Invocation
from tests.conftest import Cli
from tests.helpers.commands import obeys
from tests.helpers.exported_reports import configured
from tests.helpers.shop_events import one_round
from tests.helpers.spoiled_files import spoiled
from tests.helpers.stored_runs import put_comparison, two_cells

SCENARIO = b"""\
command = "race"
number-of-requests = 50
strategy = "version"
gate = true
threshold = ["goodput >= 1", "p99 < 2000"]
"""

by_chance = st.randoms(use_true_random=False)


def few(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """That many examples, all in one temporary folder."""
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def history(tmp_path: Path) -> bytes:
    """A history of one round."""
    with HistoryWriter(tmp_path / "whole.jsonl", "a-run") as writer:
        for event in one_round():
            writer(event)
    return (tmp_path / "whole.jsonl").read_bytes()


@given(st.binary(max_size=200))
@few(20)
def test_random_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert obeys("check", str(path)) == 2
    assert obeys("export", str(path), "--edn", "-") == 2
    assert obeys("report", str(path), "-o", str(tmp_path / "page.html")) == 2
    assert obeys("compare", str(path), str(path)) == 2
    assert obeys("run", str(path)) == 2


@given(by_chance)
@few(80)
def test_a_spoiled_history(tmp_path: Path, history: bytes, random: Random) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(spoiled(history, random))
    obeys("check", str(path))
    obeys("export", str(path), "--edn", "-")


def test_a_history_cut_anywhere(tmp_path: Path, history: bytes) -> None:
    path = tmp_path / "history.jsonl"
    header = history.index(b"\n")
    for end in range(0, len(history), 29):
        path.write_bytes(history[:end])
        assert obeys("check", str(path)) == (2 if end < header else 4 if end < len(history) - 1 else 0)


def test_sums_of_thousands_of_digits(tmp_path: Path, history: bytes) -> None:
    lines = history.replace(b'"units":1', b'"units":' + b"9" * 4300).splitlines(keepends=True)
    won = [line for line in lines if b'"kind":"write"' in line and b'"accepted"' in line]
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"".join([*lines[:-1], *won, *won, *lines[-1:]]))
    obeys("check", str(path))
    obeys("export", str(path), "--edn", str(tmp_path / "a.edn"))


@given(by_chance)
@few(25)
def test_a_spoiled_report(tmp_path: Path, random: Random) -> None:
    path, other = tmp_path / "a" / "report.json", tmp_path / "other.json"
    path.parent.mkdir(exist_ok=True)
    asked = Invocation("loadtest race -n 5", {"command": "race", "number-of-requests": "5", "gate": False, "seed": 1})
    path.write_bytes(spoiled(json_file.encode(configured("version", 10, invocation=asked)), random))
    other.write_bytes(json_file.encode(configured("conditional", 10)))
    obeys("report", str(path), "-o", str(tmp_path / "page.html"))
    obeys("compare", str(path), str(other))
    obeys("export", str(path), "--csv", str(tmp_path), "--hlog", "-")
    obeys("rerun", str(path), "--help")
    obeys("runs", str(tmp_path))


@given(by_chance)
@few(25)
def test_a_spoiled_comparison(tmp_path: Path, random: Random) -> None:
    folder = tmp_path / "comparison"
    if not folder.exists():
        put_comparison(folder, two_cells())
        (folder / "comparison.json").rename(folder / "whole.json")
    (folder / "comparison.json").write_bytes(spoiled((folder / "whole.json").read_bytes(), random))
    obeys("report", str(folder), "-o", str(tmp_path / "page.html"))
    obeys("compare", str(folder))
    obeys("compare", str(folder), "--baseline", str(folder))


@given(by_chance)
@few(40)
def test_a_spoiled_scenario(tmp_path: Path, random: Random) -> None:
    path = tmp_path / "sale.toml"
    path.write_bytes(spoiled(SCENARIO, random))
    obeys("run", str(path), "--help")
    obeys("run", str(path), "--nonsense")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "/dev/zero"],
        ["export", "/dev/zero", "--edn", "-"],
        ["run", "/dev/zero"],
        ["check", "rubbish"],
        ["run", "dotted"],
    ],
)
def test_what_has_no_end_or_no_lines_costs_little(arguments: list[str], cli: Cli, tmp_path: Path) -> None:
    with (tmp_path / "rubbish").open("wb") as rubbish:
        rubbish.truncate(500 << 20)  # one line of zeros, sparse
    (tmp_path / "dotted").write_text("a." * 30_000 + "a = 1")
    done = cli(*arguments, timeout_s=60)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line.startswith("loadtest: ")) == (2, True)
    assert "more than" in line
