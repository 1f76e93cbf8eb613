"""`loadtest rerun`: what is run again, and how a run says what it was."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from loadtest.cli import execute
from loadtest.cli.app import app
from loadtest.cli.invoked import invocation
from loadtest.errors import UsageError
from loadtest.records import json_file
from loadtest.records.history import Conditions, HistoryWriter
from loadtest.records.invocation import Invocation
from loadtest.workload.faults import Delay, Faults, Fixed
from loadtest.workload.spec import Load, Race
from tests.helpers.reports import a_report
from tests.helpers.stored_runs import put, put_comparison, two_cells

DELAY = Faults(faults=(Delay(time=Fixed(0.005)),))
TOML = '[[fault]]\nkind = "delay"\ntime = "5ms"\noperations = ["UpdateItem"]\n'


class Ran:
    """Stands in for what runs a plan: keeps it, with what a report of it would say."""

    def __init__(self) -> None:
        self.plans: list[Race | Load] = []
        self.yes: list[bool] = []
        self.asked: list[Invocation] = []

    def __call__(self, plan: Race | Load, run_target: Any, output: Any) -> int:
        asked = invocation(plan.seed)
        assert asked is not None
        self.plans.append(plan)
        self.yes.append(run_target.yes)
        self.asked.append(asked)
        return 0

    def store(self, folder: Path) -> None:
        """Store the last of them."""
        put(folder, a_report(config=to_builtins(self.plans[-1]), invocation=self.asked[-1]))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    monkeypatch.chdir(tmp_path)
    kept = Ran()
    monkeypatch.setattr(execute, "execute", kept)
    return kept


def run(*arguments: str) -> None:
    assert app(list(arguments), standalone_mode=False) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["race", "-n", "7", "--stock", "3", "--no-gate"], id="race"),
        pytest.param(["race", "--threshold", "orders.failed == 0", "--threshold=p99(write.accepted) < 5s"], id="lists"),
        pytest.param(["load", "--rate", "20", "--duration", "2s", "--poisson", "--seed", "0"], id="load"),
        pytest.param(["race", "--product", "-x", "--units", "2", "--strategy=conditional"], id="dash"),
    ],
)
def test_a_run_is_run_again_with_its_options_and_its_seed(arguments: list[str], ran: Ran, tmp_path: Path) -> None:
    run(*arguments)
    ran.store(tmp_path / "runs" / "a")
    run("rerun", "runs/a")
    assert ran.plans[0] == ran.plans[1]
    assert ran.asked[0].scenario == ran.asked[1].scenario
    assert ran.asked[1].typed == "loadtest rerun runs/a"


def test_options_after_the_run_replace_its_own(ran: Ran, tmp_path: Path) -> None:
    run("race", "-n", "7", "--rounds", "2", "--threshold", "a == 0", "--threshold", "b == 0", "--seed", "1")
    ran.store(tmp_path / "a")
    run("rerun", "a", "-n", "9", "--seed", "5", "--threshold", "c == 0")
    plan = ran.plans[1]
    assert isinstance(plan, Race)
    assert (plan.number_of_requests, plan.rounds, plan.seed) == (9, 2, 5)
    assert ran.asked[1].scenario["threshold"] == ["c == 0"]


def test_a_scenario_and_its_faults_are_run_as_they_were(ran: Ran, tmp_path: Path) -> None:
    file = tmp_path / "sale.toml"
    file.write_text(f'command = "race"\nnumber-of-requests = 7\nrounds = 3\n{TOML}')
    run("run", "sale.toml", "--rounds", "2")
    assert ran.asked[0].typed == "loadtest run sale.toml --rounds 2"
    ran.store(tmp_path / "a")
    file.write_text(f'command = "load"\n{TOML.replace("5ms", "9ms")}')
    run("rerun", "a")
    ran.store(tmp_path / "b")
    file.unlink()
    run("rerun", "b")  # of a rerun
    assert ran.plans[0] == ran.plans[1] == ran.plans[2]
    assert ran.plans[0].faults is not None


@pytest.mark.parametrize("arguments", [["race", "--fault", "-"], ["run", "-"]])
def test_standard_input_is_read_once_for_the_faults_and_the_command(
    arguments: list[str], ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = TOML if arguments[0] == "race" else f'command = "race"\n{TOML}'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(toml.encode())))
    run(*arguments)
    assert ran.plans[0].faults == Faults(faults=(Delay(time=Fixed(0.005), operations=("UpdateItem",)),))


def test_the_faults_of_a_stored_run_can_be_made_in_another(ran: Ran, tmp_path: Path) -> None:
    (tmp_path / "day.toml").write_text(TOML)
    run("race", "--fault", "day.toml")
    ran.store(tmp_path / "a")
    ran.store(tmp_path / "runs" / "b")
    run("load", "--fault", "a")
    run("load", "--fault", "./latest")
    assert ran.plans[2].faults == ran.plans[1].faults == ran.plans[0].faults
    run("race")
    ran.store(tmp_path / "without")
    with pytest.raises(UsageError, match="without: no faults were made in that run"):
        run("race", "--fault", "without")


def test_a_run_that_was_cut_is_run_again_from_its_history(ran: Ran, tmp_path: Path) -> None:
    run("race", "-n", "7")
    conditions = Conditions(
        command="race",
        started_at="2026-11-20T09:31:28+00:00",
        plan=to_builtins(ran.plans[0]),
        orders=7,
        environment={},
        stamps="read",
        thresholds=[],
        lost=[],
        invocation=ran.asked[0],
    )
    (tmp_path / "a").mkdir()
    with HistoryWriter(tmp_path / "a" / "history.jsonl", "a", conditions):
        pass
    run("rerun", "a")
    assert ran.plans[0] == ran.plans[1]


def test_consent_is_not_repeated(ran: Ran, tmp_path: Path) -> None:
    run("race", "--endpoint-url", "http://127.0.0.1:1", "--yes")
    ran.store(tmp_path / "a")
    run("rerun", "a")
    run("rerun", "a", "--yes")
    assert ran.yes == [True, False, True]


def test_no_secret_and_nothing_that_json_cannot_hold_is_kept(ran: Ran) -> None:
    run("race", "--profile", "http://me:hunter2@host/", "--junit", "\udcff.xml", "--target", "aws")
    (asked,) = ran.asked
    assert "hunter2" not in repr(asked)
    assert asked.scenario["profile"] == "http://***@host/"
    assert json_file.encode(asked)


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (None, "does not say its command line"),
        ({}, "does not say which command made it"),
        ({"command": "populate", "yes": True}, "does not say which command made it"),
        ({"command": "rerun", "run": "a"}, "does not say which command made it"),
        ({"command": "compare", "concurrency": "1"}, "a is one run of a compare: name .*, which has all of them"),
        ({"command": "race", "colour": "red"}, "a: unknown key 'colour'"),
        ({"command": "race", "rounds": "0"}, "a: Invalid value for '--rounds'"),
    ],
)
def test_what_cannot_be_run_again_is_said(scenario: dict[str, Any] | None, said: str, ran: Ran, tmp_path: Path) -> None:
    put(tmp_path / "a", a_report(invocation=None if scenario is None else Invocation("loadtest", scenario)))
    with pytest.raises(UsageError, match=said):
        run("rerun", "a")
    assert ran.plans == []


def test_a_folder_of_several_runs_is_not_one(ran: Ran, tmp_path: Path) -> None:
    put(tmp_path / "runs" / "a", a_report())
    put_comparison(tmp_path / "runs" / "b", two_cells())
    with pytest.raises(UsageError, match="runs has several runs: name one of them"):
        run("rerun", "runs")


def test_a_comparison_is_run_again_whole(ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from loadtest.cli import comparing

    seeds: list[tuple[list[dict[str, Any]], int]] = []

    def run_matrix(matrix: Any, times: int, seed: int, *rest: Any) -> int:
        seeds.append(([setting.settings for setting in matrix], seed))
        return 0

    monkeypatch.setattr(comparing, "run_matrix", run_matrix)
    scenario = {"command": "compare", "concurrency": "1,2", "strategy": "conditional", "seed": 7}
    put_comparison(tmp_path / "a", two_cells(), invocation=Invocation("loadtest compare", scenario))
    run("rerun", "a")
    run("rerun", "a/comparison.json", "--concurrency", "4")
    level = [{"strategy": "conditional", "concurrency": n} for n in (1, 2, 4)]
    assert seeds == [(level[:2], 7), (level[2:], 7)]
