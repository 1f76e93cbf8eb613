"""A race keeps within what it may cost."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Cli


@pytest.fixture
def dear(tmp_path: Path, cli: Cli) -> Cli:
    """Runs a command whose writes cost a dollar each."""

    def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "dear.toml"
        file.write_text(f'command = "{command}"\nwrite-unit-price = 1000000\nread-unit-price = 0\n')
        return cli("run", str(file), *arguments)

    return run


def test_a_race_stops_before_the_round_that_could_pass_the_limit(dear: Cli, tmp_path: Path) -> None:
    done = dear("race", "-n", "10", "--rounds", "9", "--strategy", "conditional", "--max-spend", "35")
    assert done.returncode == 3
    assert "stopped at $30.000000: a further round may cost $10.000000" in done.stderr
    report = json.loads(next(tmp_path.glob("runs/*/report.json")).read_text())
    assert (report["completed"], report["rounds"]["count"], report["capacity"]["usd"]) == (False, 3, 30)


def test_a_race_whose_first_round_could_pass_it_is_not_begun(dear: Cli, tmp_path: Path) -> None:
    done = dear("race", "-n", "10", "--attempts", "2", "--strategy", "conditional", "--max-spend", "15")
    assert done.returncode == 2
    assert "a round of 10 orders may cost $20.000000, more than the $15.000000 that --max-spend leaves" in done.stderr
    assert not list(tmp_path.glob("runs/*"))


def test_the_races_of_a_comparison_share_the_limit(dear: Cli) -> None:
    matrix = ["--workload", "race", "--concurrency", "5", "-n", "5", "--rounds", "2", "--repeats", "2"]
    done = dear("compare", *matrix, "--strategy", "conditional,version", "--max-spend", "37")
    assert done.returncode == 3  # 5 for the run thrown away, 10 for each of three, and no more
    assert "2 cells, 3 runs, " in done.stdout
