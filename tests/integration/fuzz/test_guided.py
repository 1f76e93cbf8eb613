"""Fuzzing guided by coverage, for some seconds a reader; for longer: python -m tests.integration.fuzz.guided."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.records import json_file
from loadtest.records.history import HistoryWriter
from tests.conftest import ROOT, missing
from tests.helpers.exported_reports import configured
from tests.helpers.scripted_server import refusal
from tests.helpers.shop_events import STRATEGIES, one_round
from tests.integration.fuzz.test_readers import SCENARIO
from tests.integration.hostile.server import honest

SECONDS = 8


def begin_with(folder: Path) -> None:
    """One file for each reader and strategy."""
    for strategy in STRATEGIES:
        with HistoryWriter(folder / f"{strategy}.jsonl", "a-run") as writer:
            for event in one_round(strategy):
                writer(event)
    json_file.write(folder / "report.json", json_file.encode(configured("version", 10)))
    (folder / "sale.toml").write_bytes(SCENARIO)
    (folder / "answer").write_bytes(honest("GetItem"))
    (folder / "refusal").write_bytes(refusal("ConditionalCheckFailedException", message="no", Item={"id": {"S": "1"}}))


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["history", "report", "scenario", "answer"])
def test_no_input_breaks_a_reader(reader: str, tmp_path: Path) -> None:
    try:
        import atheris  # noqa: F401
    except ImportError:
        missing("atheris (only Linux on x86-64 has it)")
    begin_with(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.fuzz.guided", reader, str(SECONDS), str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stderr
