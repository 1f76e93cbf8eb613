"""Files that are made to fill the memory, or to keep the tool busy: refused in a line, or read in little room."""

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loadtest.records import hdr
from tests.helpers.commands import run
from tests.helpers.reports import a_load, a_report

SIZE = 4_000_000


def assert_refused(path: Path, words: str, *command: str) -> None:
    code, out, err = run(*(command or ("export", "--markdown", "-")), str(path))
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert words in line


def a_file(folder: Path, filler: str, **at: Any) -> Path:
    """A report with the filler in the place of "@"."""
    made = json.dumps({**msgspec.to_builtins(a_report()), **at}).replace('"@"', filler)
    (folder / "report.json").write_text(made)
    return folder / "report.json"


FLOODS = {
    "lists": "[" + "[]," * (SIZE // 3) + "0]",
    "objects": "[" + "{}," * (SIZE // 3) + "0]",
    "numbers": "[" + "1.5," * (SIZE // 4) + "0]",
}


@pytest.mark.parametrize("filler", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("field", ["config", "unknown"])
def test_more_values_than_a_report_of_that_size_has(tmp_path: Path, filler: str, field: str) -> None:
    path = a_file(tmp_path, filler, **{field: {"a": "@"}})
    assert_refused(path, "has too many values for its")
    assert_refused(path, "has too many values for its", "report", "-o", str(tmp_path / "page.html"))


def test_the_header_of_a_history(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    header = {"type": "history", "schema": "loadtest.history/1", "conditions": {"plan": {"a": "@"}}}
    path.write_text(json.dumps(header).replace('"@"', FLOODS["lists"]) + "\n")
    assert_refused(path, "has too many values for its", "check")


def test_a_report_as_jq_writes_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(a_load([100] * 20_000)))
    code, out, err = run("export", "--markdown", "-", str(tmp_path))
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_a_file_without_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"large.{suffix}"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert_refused(path, "too large" if suffix == "json" else "bytes: no", "export", "--markdown", "-")


def test_json_that_is_deep(tmp_path: Path) -> None:
    assert_refused(a_file(tmp_path, "[" * 40_000, config={"a": "@"}), "is not a loadtest.report/2")


def test_a_histogram_that_unpacks_to_much_more_than_it_is(tmp_path: Path) -> None:
    stream = zlib.compress(bytes(64 << 20), 9)
    text = base64.b64encode(struct.pack(">II", 0x1C849314, len(stream)) + stream).decode()
    made = msgspec.to_builtins(a_report())
    made["order_ms"]["accepted"]["hdr"] = text
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(made))
    assert_refused(tmp_path, "damaged histogram", "export", "--hlog", "-")


def test_more_histograms_than_there_are(tmp_path: Path) -> None:
    made = msgspec.to_builtins(a_report())
    figures = {**next(iter(made["order_ms"].values())), "count": 1, "hdr": hdr.encode([1], 1)}
    made["order_ms"] = {str(n): figures for n in range(1_000)}
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(made))
    assert_refused(tmp_path, "more than 100 histograms")


def test_a_history_of_two_months_in_a_few_lines(tmp_path: Path) -> None:
    """Each second between its two orders would stand in the report."""
    day_ns = 86_400 * 10**9
    product = {"id": "p#4", "name": "", "quantity": 9, "version": 1}
    placed = {"type": "order_placed", "round": 1, "order_id": "1-1", "product_id": "p#4", "units": 1}
    events: list[dict[str, Any]] = [
        {"type": "history", "schema": "loadtest.history/1", "run_id": "r", "unix_ns": 0, "monotonic_ns": 0},
        {"type": "round_started", "round": 1, "product": product, "orders": 0, "started_ns": 1},
        {"type": "measuring_started", "round": 1, "at_ns": 1},
        {**placed, "scheduled_ns": 2, "started_ns": 2},
        {**placed, "order_id": "1-2", "scheduled_ns": 61 * day_ns, "started_ns": 61 * day_ns},
    ]
    path = tmp_path / "history.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert_refused(path, "a load of more than 3 days")
