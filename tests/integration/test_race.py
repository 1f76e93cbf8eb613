"""`loadtest race` on every server: who won, what was counted, what is on disk."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from loadtest.checker import Checker
from loadtest.events import OrderEnded
from loadtest.measure.recorder import Recorder
from loadtest.records.history import read_history
from tests.conftest import ATOMIC, ROOT, Cli, clean_environment
from tests.helpers.one_line import assert_one_line
from tests.helpers.sound_verdicts import is_sound, is_sound_report

SAFE_STRATEGIES = ("version", "conditional", "transaction")


def a_table() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def race(cli: Cli) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Runs a race and returns its exit code and its report."""

    def run(*arguments: str, **options: Any) -> tuple[int, dict[str, Any]]:
        done = cli("race", "--json", "-", *arguments, **options)
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    return run


@pytest.mark.parametrize("strategy", SAFE_STRATEGIES)
def test_exactly_one_order_wins_the_last_item(any_server: tuple[str, str], strategy: str, race: Any) -> None:
    name, url = any_server
    code, report = race("--endpoint-url", url, "--table", a_table(), "--populate-table", "--rounds", "4", "-n", "40",
                        "--strategy", strategy)  # fmt: skip
    orders = report["orders"]
    ends = sum(orders[outcome] for outcome in ("accepted", "rejected", "throttled", "failed", "unknown"))
    assert orders["placed"] == ends == 160
    if name == "dynalite" and strategy == "transaction":
        assert (code, orders["failed"]) == (4, 160)
        assert "UnknownOperationException" in orders["problems"][0]["message"]
    elif report["verdict"]["violations"] or report["verdict"]["reconciled"]["unresolved"]:
        # Its check-and-write is not atomic under its threads, and a transaction that copies its tables while another
        # writes ends in 500: then the run must not say safe.
        assert name == "moto_server"
        assert code == (1 if report["verdict"]["violations"] else 4)
    else:
        reconciled = report["verdict"]["reconciled"]
        assert is_sound_report(code, report)
        assert name == "moto_server" or not orders["unknown"]
        assert orders["accepted"] + reconciled["accepted"] == report["rounds"]["count"] == 4
        assert orders["rejected"] + reconciled["rejected"] == 156
        assert report["stock"] == {"p#4": {"initial": 1, "final": 0, "sold": 4}}
        reason = "conflict" if strategy == "version" else "sold_out"
        assert orders["rejected_by_reason"] == {reason: orders["rejected"]}


def test_without_a_condition_the_last_item_is_sold_many_times(any_server: tuple[str, str], race: Any) -> None:
    code, report = race("--endpoint-url", any_server[1], "--table", a_table(), "--populate-table", "-n", "40",
                        "--strategy", "unconditional")  # fmt: skip
    assert (code, report["verdict"]["status"]) == (1, "violated")
    assert {"oversold", "lost_update"} <= {violation["kind"] for violation in report["verdict"]["violations"]}


def test_the_embedded_server_needs_no_set_up_and_any_product_can_be_raced_for(race: Any) -> None:
    code, report = race("--product", "a seat, row 7", "--stock", "3", "-n", "30", "--strategy", "conditional")
    assert is_sound_report(code, report)
    assert report["stock"] == {"a seat, row 7": {"initial": 3, "final": 0, "sold": 3}}


def test_more_attempts_sell_the_whole_stock_and_the_rest_hear_sold_out(race: Any) -> None:
    code, report = race("--stock", "5", "-n", "20", "--attempts", "1000")
    assert is_sound_report(code, report)
    assert (report["orders"]["accepted"], report["orders"]["rejected_by_reason"]) == (5, {"sold_out": 15})


@pytest.mark.parametrize("strategy", [*SAFE_STRATEGIES, "unconditional"])
def test_a_sold_out_product_rejects_everybody_and_stays_at_zero(strategy: str, race: Any) -> None:
    code, report = race("--product", "p#5", "--stock", "0", "-n", "10", "--strategy", strategy)
    assert code == 0
    assert report["orders"]["rejected_by_reason"] == {"sold_out": 10}
    assert report["stock"]["p#5"]["final"] == 0


def test_fewer_slots_than_orders_do_not_deadlock_the_gate(race: Any) -> None:
    code, report = race("-n", "30", "--concurrency", "2")
    assert code in (0, 4)  # whether the second overlapped the first is up to the machine
    assert (report["orders"]["accepted"], report["config"]["concurrency"]) == (1, 2)


def test_one_order_alone_puts_nothing_to_the_test(race: Any) -> None:
    code, report = race("-n", "1", "--rounds", "3", "--threshold", "contested == 0")
    assert (code, report["verdict"]["status"], report["verdict"]["untested"]) == (4, "inconclusive", True)
    assert report["verdict"]["reasons"][0].startswith("no win was contested")
    assert report["thresholds"][0]["holds"]


@pytest.mark.parametrize("strategy", ["conditional", "transaction"])
def test_where_more_want_it_than_there_is_the_last_win_is_contested(strategy: str, race: Any) -> None:
    code, report = race("-n", "200", "--stock", "50", "--rounds", "3", "--strategy", strategy)
    assert (code, report["orders"]["accepted"]) == (0, 150)
    assert 1 <= report["verdict"]["power"]["contested"] < 150
    code, report = race("-n", "20", "--stock", "50", "--strategy", strategy)
    assert (code, report["orders"]["accepted"], report["verdict"]["power"]["contested"]) == (0, 20, 0)


def test_a_race_goes_on_until_a_rate_is_excluded(cli: Cli, tmp_path: Path) -> None:
    done = cli("race", "-n", "20", "--exclude", "30%", "--json", "out.json", "--threshold", "excluded_rate <= 30%")
    report = json.loads((tmp_path / "out.json").read_text())
    assert (done.returncode, report["verdict"]["status"]) == (0, "safe"), done.stderr
    assert report["config"]["exclude"] == 0.3
    assert report["rounds"]["count"] >= report["verdict"]["power"]["contested_rounds"] == 9
    (folder,) = tmp_path.glob("runs/*")
    (folder / "report.json").unlink()
    checked = cli("check", str(folder))
    assert (checked.returncode, "partial" in checked.stdout) == (0, False)
    lines = (folder / "history.jsonl").read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b"round_started" in line)
    (folder / "history.jsonl").write_bytes(b"".join(lines[:last]))
    cut = cli("check", str(folder))
    assert (cut.returncode, "more rounds were to follow" in cut.stdout) == (4, True)
    assert "is not excluded: 8 wins were contested, and 9 must be" in cut.stdout


@pytest.mark.parametrize("bound", [("--rounds", "2"), ("--within", "0s")])
def test_a_rate_that_could_not_be_excluded_in_time_leaves_it_open(bound: tuple[str, str], race: Any) -> None:
    code, report = race("-n", "20", "--exclude", "0.01", *bound)
    assert (code, report["verdict"]["untested"], report["completed"]) == (4, False, True)
    assert "a rate of double wins above 1 % is not excluded" in report["verdict"]["sentence"]
    assert report["rounds"]["count"] == (2 if "--rounds" in bound else 1)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--within", "5s"], "--within goes with --exclude"),
        (["--exclude", "0"], "--exclude '0' is no share above 0 and below 1"),
        (["--exclude", "100%"], "--exclude '100%' is no share"),
        (["--exclude", "often"], "--exclude 'often' is no share"),
        (["--exclude", "1%%"], "--exclude '1%%' is no share"),
        (["--exclude", "1%", "--within", "soon"], "--within"),
    ],
)
def test_what_is_no_share_is_refused(arguments: list[str], part: str, cli: Cli) -> None:
    assert_one_line(cli("race", *arguments), 2, part)


def test_where_open_files_are_few_one_line_says_what_fits_and_nothing_fails(tmp_path: Path) -> None:
    command = 'ulimit -n 300 && "$0" -m loadtest race -n 1000 --quiet'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert is_sound(done)
    assert done.stdout.splitlines()[-1].startswith("1 of 1,000 orders won the last item; 999 were rejected: ")
    (line,) = done.stderr.splitlines()
    assert "236 of 1,000 requests" in line
    assert "--concurrency 236" in line


def test_every_figure_of_the_report_comes_out_of_the_history_again(cli: Cli, tmp_path: Path) -> None:
    assert is_sound(cli("race", "-n", "25", "--rounds", "3", "--runs-dir", "stored"))
    (folder,) = (tmp_path / "stored").iterdir()
    assert {path.name for path in folder.iterdir()} == {"report.json", "history.jsonl", "server.log"}
    report = json.loads((folder / "report.json").read_text())
    recorder, checker, results = Recorder(), Checker(), []
    for event in read_history(folder / "history.jsonl"):
        recorder(event)
        checker(event)
        if isinstance(event, OrderEnded):
            results.append(event.order_id)
    assert len(results) == len(set(results)) == report["orders"]["placed"] == 75
    assert checker.verdict().sentence == report["verdict"]["sentence"]
    counts = {
        kind: {outcome.value: recorder.service[k, outcome].count for k, outcome in recorder.service if k == kind}
        for kind in ("read", "write")
    }
    assert counts == report["operations"]
    encoded = {f"{kind} {outcome}": figures.encode() for (kind, outcome), figures in recorder.service.items()}
    assert encoded == {
        f"{kind} {outcome}": figures["hdr"]
        for kind, outcomes in report["latency_ms"].items()
        for outcome, figures in outcomes.items()
    }


def test_the_report_is_what_its_schema_says(race: Any) -> None:
    _, report = race("-n", "10", "--strategy", "unconditional")
    schema = json.loads((ROOT / "docs/reference/report.schema.json").read_text())
    jsonschema.validate(report, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**report, "orders": {}}, schema)


def test_with_json_on_standard_output_nothing_else_goes_there_and_the_tables_go_to_standard_error(cli: Cli) -> None:
    done = cli("race", "-n", "10", "--json", "-")
    assert json.loads(done.stdout)["schema"] == "loadtest.report/2"
    assert "1 of 10 orders won the last item; 9 were rejected: " in done.stderr


def test_quiet_prints_the_verdict_with_its_worth_and_json_goes_to_its_file(cli: Cli, tmp_path: Path) -> None:
    done = cli("race", "-n", "10", "--quiet", "--json", "out.json")
    contention, verdict = done.stdout.splitlines()
    assert verdict.startswith("1 of 10 orders won the last item; 9 were rejected: ")
    assert is_sound(done)
    assert done.stderr == ""
    assert contention.startswith("contention: ")
    assert json.loads((tmp_path / "out.json").read_text())["orders"]["placed"] == 10


def test_the_tables_show_what_the_report_holds(cli: Cli) -> None:
    done = cli("race", "-n", "30", "--rounds", "2", "-v")
    assert is_sound(done)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {"client overhead", "send spread", "overlap"} <= {
        line.partition(":")[0] for line in done.stdout.splitlines()
    }
    assert ["rejected", "58", "conflict", "58"] in lines
    assert ["p#4", "1", "0", "2"] in lines
    assert ["1", "2"] in lines  # one winner in two rounds
    assert any(line[:3] == ["read", "accepted", "60"] and len(line) == 8 for line in lines)
    assert lines[-1][:8] == ["in", "each", "of", "2", "rounds", "1", "of", "30"]


@pytest.mark.slow
@pytest.mark.parametrize("server", ATOMIC)
@pytest.mark.parametrize("strategy", SAFE_STRATEGIES)
def test_two_hundred_rounds_have_one_winner_each(server: str, strategy: str, server_urls: Any, race: Any) -> None:
    code, report = race("--endpoint-url", server_urls(server), "--table", a_table(), "--populate-table",
                        "--rounds", "200", "-n", "50", "--strategy", strategy, timeout_s=600)  # fmt: skip
    assert (code, report["rounds"]) == (0, {"count": 200, "winners": {"1": 200}})


@pytest.mark.slow
@pytest.mark.parametrize("server", ATOMIC)
def test_of_five_thousand_orders_none_fails(server: str, server_urls: Any, race: Any) -> None:
    code, report = race("--endpoint-url", server_urls(server), "--table", a_table(), "--populate-table", "-n", "5000",
                        timeout_s=600)  # fmt: skip
    orders = report["orders"]
    assert (code, orders["placed"], orders["accepted"], orders["rejected"]) == (0, 5000, 1, 4999)


def test_a_long_report_reaches_a_slow_reader_whole(cli: Cli) -> None:
    """Unbuffered, as containers set it: a pipe takes 64 kB at once, and signals cut a longer write short."""
    many = ["-n", "30", "--rounds", "20", "--strategy", "unconditional"]
    for _ in range(3):
        done = cli("race", *many, "--json", "-", PYTHONUNBUFFERED="1")
        assert len(done.stdout) > 2**17
        assert json.loads(done.stdout)["rounds"]["count"] == 20
