"""Runs from a scenario file."""

import json
from pathlib import Path

from tests.conftest import Cli

SALE = """
command = "race"
number-of-requests = 20
stock = 3
rounds = 2
strategy = "conditional"
gate = false
json = "-"
"""


def test_a_race_from_a_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text(SALE)
    done = cli("run", "sale.toml", "--rounds", "3", "--stock=4")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["command"] == "race"
    assert {key: report["config"][key] for key in ("number_of_requests", "stock", "rounds", "strategy", "gate")} == {
        "number_of_requests": 20,
        "stock": 4,
        "rounds": 3,
        "strategy": "conditional",
        "gate": False,
    }
    assert report["orders"]["accepted"] == 12


def test_a_run_from_a_file_ends_with_the_commands_exit_code(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text('command = "race"\nnumber-of-requests = 20\nstrategy = "unconditional"\n')
    done = cli("run", "sale.toml", "-q")
    assert done.returncode == 1, done.stderr
    assert "violated" in done.stdout
