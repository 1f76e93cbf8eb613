"""A race keeps within what it may cost."""

import json
from pathlib import Path

from tests.conftest import Cli

DEAR = ["--write-unit-price", "1000000", "--read-unit-price", "0"]  # a dollar for a write


def test_a_race_stops_before_the_round_that_could_pass_the_limit(cli: Cli, tmp_path: Path) -> None:
    done = cli("race", "-n", "10", "--rounds", "9", "--strategy", "conditional", *DEAR, "--max-spend", "35")
    assert done.returncode == 3
    assert "stopped at $30.000000: a further round may cost $10.000000" in done.stderr
    report = json.loads(next(tmp_path.glob("runs/*/report.json")).read_text())
    assert (report["completed"], report["rounds"]["count"], report["capacity"]["usd"]) == (False, 3, 30)


def test_a_race_whose_first_round_could_pass_it_is_not_begun(cli: Cli, tmp_path: Path) -> None:
    done = cli("race", "-n", "10", "--attempts", "2", "--strategy", "conditional", *DEAR, "--max-spend", "15")
    assert done.returncode == 2
    assert "a round of 10 orders may cost $20.000000, more than the $15.000000 that --max-spend leaves" in done.stderr
    assert not list(tmp_path.glob("runs/*"))


def test_the_races_of_a_comparison_share_the_limit(cli: Cli) -> None:
    matrix = ["--workload", "race", "--concurrency", "5", "-n", "5", "--rounds", "2", "--repeats", "2"]
    done = cli("compare", *matrix, "--strategy", "conditional,version", *DEAR, "--max-spend", "37")
    assert done.returncode == 3  # 5 for the run thrown away, 10 for each of three, and no more
    assert "3 of 4: " in done.stderr
    assert "4 of 4" not in done.stderr
