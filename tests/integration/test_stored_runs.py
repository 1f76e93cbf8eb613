"""What a user does after a run, with the commands in the order in which they would be typed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cli

pytestmark = pytest.mark.slow  # each runs several times
SHORT = ("--strategy", "conditional", "--duration", "300ms", "--warmup", "0s")


def reports(folder: Path) -> list[dict[str, Any]]:
    """All reports below it, the oldest first."""
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("report.json"))]


def folders(tmp_path: Path) -> list[str]:
    return [f"runs/{path.name}" for path in sorted((tmp_path / "runs").iterdir())]


def test_after_a_race(cli: Cli, tmp_path: Path) -> None:
    raced = cli("race", "-n", "6", "--product", "it's")
    (folder,) = folders(tmp_path)
    assert f"as a page: loadtest report {folder}" in raced.stdout
    typed = reports(tmp_path)[0]["invocation"]["typed"]
    assert typed == """loadtest race -n 6 --product 'it'"'"'s'"""
    header = json.loads((tmp_path / folder / "history.jsonl").read_text().splitlines()[0])
    assert header["conditions"]["invocation"]["typed"] == typed

    assert cli("rerun", "latest", "--rounds", "2").returncode in (0, 4)
    before, again = reports(tmp_path)
    assert before["config"] | {"rounds": 2} == again["config"]  # the seed is in it

    listed = cli("runs").stdout.splitlines()
    assert [line.split()[-1] for line in listed[1:]] == folders(tmp_path)
    drawn = cli("report", "latest")
    assert drawn.stderr == f"wrote {folders(tmp_path)[1]}/report.html\n"
    assert "loadtest rerun latest --rounds 2" in (tmp_path / folders(tmp_path)[1] / "report.html").read_text()
    assert cli("check", "latest").returncode == cli("check", folders(tmp_path)[1]).returncode
    assert cli("export", *folders(tmp_path), "--csv", "tables").returncode == 0


def test_after_a_compare_and_a_find(cli: Cli, tmp_path: Path) -> None:
    assert cli("compare", "--concurrency", "1,2", "--repeats", "1", *SHORT).returncode == 0
    assert cli("find", "--p99-under", "10s", "--to", "1", *SHORT).returncode == 0
    compared, found = folders(tmp_path)
    assert cli("export", compared, found, "--csv", "tables").returncode == 0
    assert len((tmp_path / "tables" / "runs.csv").read_text().splitlines()) == 1 + 2 + 3
    seeds = {report["config"]["seed"] for report in reports(tmp_path / found)}
    assert len(seeds) == 1

    assert cli("rerun", compared, "--repeats", "1").returncode == 0
    assert cli("rerun", found).returncode == 0
    compared_again, found_again = folders(tmp_path)[2:]
    first, second = (
        json.loads((tmp_path / folder / "comparison.json").read_text()) for folder in (compared, compared_again)
    )
    assert (first["seed"], first["order"]) == (second["seed"], second["order"])
    assert {report["config"]["seed"] for report in reports(tmp_path / found_again)} == seeds
    one = next((tmp_path / compared).glob("*/report.json")).parent
    assert cli("rerun", str(one)).returncode == 2
    assert [line.split()[2] for line in cli("runs").stdout.splitlines()[1:]] == ["compare,", "find,"] * 2
