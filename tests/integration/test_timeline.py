"""The operations around a violation, from a real run to the terminal and the report."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT, Cli
from tests.helpers.sound_verdicts import is_sound

RACE = ("race", "-n", "30", "--strategy", "unconditional")


def only_folder(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def timeline(printed: str) -> list[str]:
    """The lines from the title to the last operation."""
    lines = printed.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("trace of "))
    last = max(n for n, line in enumerate(lines) if line.endswith(("|", "?")))
    return lines[first : last + 1]


def test_an_oversold_race_shows_the_operations_around_it(cli: Cli, tmp_path: Path) -> None:
    done = cli(*RACE)
    assert done.returncode == 1
    folder = only_folder(tmp_path)
    report = json.loads((folder / "report.json").read_text())
    jsonschema.validate(report, json.loads((ROOT / "docs/reference/report.schema.json").read_text()))
    found: list[dict[str, Any]] = report["verdict"]["timelines"]
    assert [each["violation"] for each in found] == [*range(len(report["verdict"]["violations"]))]
    lines = timeline(done.stdout)
    assert all(len(line) <= 80 for line in lines[1:])
    assert len(lines) == len(found[0]["operations"]) + 2
    orders = report["verdict"]["violations"][0]["orders"]
    kinds = {(op["order_id"], op["kind"]) for op in found[0]["operations"]}
    assert {(order, kind) for order in orders for kind in ("read", "write")} <= kinds
    sent = [op["sent_ns"] for op in found[0]["operations"]]
    assert sent == sorted(sent)
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert all({"type": "operation", **op} in history for each in found for op in each["operations"])
    checked = cli("check", str(folder))
    assert timeline(checked.stdout) == lines


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        pytest.param(0, ("race", "-n", "10", "--rounds", "5"), id="safe"),
        pytest.param(
            1, ("load", "--duration", "300ms", "--strategy", "unconditional", "--no-history"), id="without a history"
        ),
    ],
)
def test_without_a_violation_or_a_history_there_is_none(
    cli: Cli, tmp_path: Path, code: int, arguments: tuple[str, ...]
) -> None:
    done = cli(*arguments)
    assert done.returncode == code or (code == 0 and is_sound(done))
    assert "trace of " not in done.stdout
    assert json.loads((only_folder(tmp_path) / "report.json").read_text())["verdict"]["timelines"] == []
