"""`--fault` on the command line: reports, journal, seeds, bad files, and a proxy or a tool that is killed."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from loadtest.events import Kind, Operation, Outcome
from loadtest.faults.proxy.journal import Injected, read_faults
from loadtest.records.history import read_history
from tests.conftest import Cli, Start
from tests.helpers.cut_runs import wait_for_operations
from tests.helpers.processes import children, is_gone, wait_for

FAULTS = """
[[fault]]
kind = "drop_answer"
rate = 0.2

[[fault]]
kind = "reset"
when = "before"
rate = 0.2
operations = ["UpdateItem"]

[[fault]]
kind = "delay"
time = "1ms"
rate = 0.5
"""


@pytest.fixture
def faults(tmp_path: Path) -> str:
    (tmp_path / "faults.toml").write_text(FAULTS)
    return "faults.toml"


def the_run(tmp_path: Path) -> Path:
    (folder,) = tmp_path.glob("runs/*")
    return folder


def journal(folder: Path) -> list[Injected]:
    return read_faults(folder / "faults.jsonl")[1]


def test_the_journal_the_history_and_the_report_tell_the_same(cli: Cli, faults: str, tmp_path: Path) -> None:
    done = cli("race", "-n", "100", "--stock", "10", "--fault", faults, "--strategy", "conditional", "--seed", "5")
    assert done.returncode in (0, 4), done.stderr
    folder = the_run(tmp_path)
    report = json.loads((folder / "report.json").read_text())
    injected = journal(folder)
    assert report["faults"] == {"seed": 5, "injected": dict(Counter(one.kind for one in injected))}
    assert [fault["kind"] for fault in report["config"]["faults"]["faults"]] == [
        "drop_answer", "reset", "delay"
    ]  # fmt: skip
    assert f"faults injected: {report['faults']['injected']['delay']} delay, " in done.stdout.replace("\n", " ")
    assert (folder / "proxy.log").read_text() == ""
    lost = {one.order_id: one for one in injected if one.kind != "delay"}
    writes = {
        event.order_id: event
        for event in read_history(folder / "history.jsonl")
        if isinstance(event, Operation) and event.kind is Kind.WRITE
    }
    assert lost.keys() == {order for order, write in writes.items() if write.outcome is Outcome.UNKNOWN}
    for order, fault in lost.items():
        assert order is not None
        assert fault.product_id == "p#4"
        assert writes[order].sent_ns <= fault.at_ns <= writes[order].ended_ns
        assert len(fault.statuses) == (1 if fault.kind == "drop_answer" else 0)
    applied = sum(one.statuses == [200] for one in lost.values())
    stock = report["stock"]["p#4"]
    assert stock["initial"] - stock["final"] == report["orders"]["accepted"] + applied


def test_a_scenario_has_its_own_faults_and_the_seed_decides(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text(f"command = 'load'\nduration = '500ms'\nconcurrency = 1\nseed = 8\n{FAULTS}")
    seen = []
    load = ["load", "--concurrency", "1", "--duration", "500ms", "--fault", "sale.toml", "--seed", "8"]
    for arguments in (["run", "sale.toml"], load):
        folders = set(tmp_path.glob("runs/*"))
        assert cli(*arguments).returncode in (0, 4)
        (folder,) = set(tmp_path.glob("runs/*")) - folders
        header, injected = read_faults(folder / "faults.jsonl")
        assert (header.run_id, header.seed) == (folder.name, 8)
        seen.append([(one.fault, one.request) for one in injected if one.kind != "delay"])
    shorter, longer = sorted(seen, key=len)
    assert shorter
    assert shorter == longer[: len(shorter)]


@pytest.mark.parametrize("command", ["race", "load", "find", "compare"])
def test_a_bad_file_is_one_line(command: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[[fault]]\nkind = 'reset'\nrate = 2\n")
    more = {"find": ["--p99-under", "1s"], "compare": ["--concurrency", "1,2"]}.get(command, [])
    done = cli(command, "--fault", "bad.toml", *more)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "loadtest: bad.toml: fault 1: rate must be at most 1, not 2\n"
    assert not (tmp_path / "runs").exists() or not list(tmp_path.glob("runs/*"))


def test_a_bad_section_of_a_scenario_is_one_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text("command = 'race'\n[[fault]]\nkind = 'reset'\nwen = 'before'\n")
    done = cli("run", "sale.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "loadtest: sale.toml: fault 1: unknown key 'wen' for reset; did you mean 'when'?\n"


def proxy_of(pid: int) -> int | None:
    found = children(pid, called="loadtest.faults.proxy")
    return found[0] if found else None


def test_a_proxy_that_is_killed_ends_the_run_and_is_named(start: Start, faults: str, tmp_path: Path) -> None:
    process = start("race", "-n", "100", "--rounds", "10000", "--strategy", "conditional", "--fault", faults)
    wait_for_operations(tmp_path, 200)
    proxy = proxy_of(process.pid)
    assert proxy is not None
    os.kill(proxy, signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    folder = the_run(tmp_path)
    report = json.loads((folder / "report.json").read_text())
    assert process.returncode == 3
    assert "the fault proxy ended during the run; its log is" in errors.splitlines()[-1]
    assert not report["completed"]
    assert report["faults"]["injected"] == dict(Counter(one.kind for one in journal(folder)))
    assert report["verdict"]["violations"] == []
    assert report["stock"]["p#4"]["final"] is not None  # read straight from the server


def test_the_proxy_goes_when_the_tool_is_killed(start: Start, faults: str, tmp_path: Path) -> None:
    process = start("race", "-n", "100", "--rounds", "10000", "--strategy", "conditional", "--fault", faults)
    wait_for_operations(tmp_path, 200)
    proxy = proxy_of(process.pid)
    assert proxy is not None
    process.kill()
    process.communicate()
    wait_for(lambda: is_gone(proxy), "the end of the proxy")
    assert journal(the_run(tmp_path))


def test_a_server_that_is_down_is_told_and_leaves_nothing(cli: Cli, faults: str, tmp_path: Path) -> None:
    done = cli("race", "--endpoint-url", "http://127.0.0.1:9", "--fault", faults)
    assert done.returncode == 3
    assert "no answer at http://127.0.0.1:9" in done.stderr
    assert not list(tmp_path.glob("runs/*"))


def test_more_connections_than_files_is_one_line(start: Start, faults: str) -> None:
    process = start("race", "-n", "200", "--fault", faults, wrapped_in="ulimit -n 300")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (2, "")
    assert "the fault proxy needs two open files for each of 200 requests in flight, and may have 300" in errors


@pytest.mark.slow
def test_comparisons_and_searches_run_through_the_proxy(cli: Cli, faults: str, tmp_path: Path) -> None:
    times = ["--duration", "300ms", "--warmup", "0s"]
    cli("compare", "--concurrency", "1,2", "--repeats", "2", "--fault", faults, *times)
    cli("find", "--p99-under", "10s", "--to", "2", "--fault", faults, *times)
    folders = [path.parent for path in tmp_path.glob("runs/*/*/report.json")]
    assert len(folders) >= 5
    seeds = set()
    for folder in folders:
        report = json.loads((folder / "report.json").read_text())
        assert report["faults"]["injected"] == dict(Counter(one.kind for one in journal(folder)))
        seeds.add(report["faults"]["seed"])
    assert len(seeds) >= 4  # each repeat has faults of its own
    done = cli("compare", *(str(folder) for folder in folders))
    assert done.returncode in (0, 1, 4), done.stderr


KINDS = {
    "drop_answer": "kind = 'drop_answer'",
    "error_500": "kind = 'error_500'",
    "reset": "kind = 'reset'",
    "reset before": "kind = 'reset'\nwhen = 'before'",
    "half_answer": "kind = 'half_answer'",
    "delay": "kind = 'delay'\ndistribution = 'exponential'\nmean = '20ms'",
    "throttle": "kind = 'throttle'\nwrite_units = 100",
    "duplicate first": "kind = 'duplicate'\nanswer = 'first'",
    "duplicate second": "kind = 'duplicate'",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("server", "strategy", "kind"),
    [
        *product(("embedded", "dynamodb_local"), ("version", "conditional", "transaction"), KINDS),
        # What other servers do in ways of their own: transactions that are lost or sent again.
        *product(("ministack",), ("transaction",), ("drop_answer", "reset before", "duplicate second")),
    ],
)
def test_two_thousand_orders_and_no_false_verdict(
    server: str, strategy: str, kind: str, cli: Cli, server_urls: Callable[[str], str], tmp_path: Path
) -> None:
    """What the proxy's journal has as applied or not is the truth that verdict and reconciliation are held against."""
    (tmp_path / "day.toml").write_text(f"[[fault]]\nrate = 0.1\n{KINDS[kind]}\n")
    where: list[str] = []  # an embedded server of the run's own
    if server != "embedded":
        where = ["--endpoint-url", server_urls(server), "--table", f"{kind}-{strategy}".replace(" ", "-")]
        assert cli("populate", *where).returncode == 0
    plan = ["-n", "200", "--rounds", "10", "--stock", "20", "--strategy", strategy]
    done = cli("race", *where, *plan, "--fault", "day.toml", "--json", "-")
    report: dict[str, Any] = json.loads(done.stdout)
    orders, verdict = report["orders"], report["verdict"]
    assert orders["placed"] == 2000 == sum(orders[outcome.value] for outcome in Outcome)
    assert done.returncode == {"safe": 0, "violated": 1, "inconclusive": 4}[verdict["status"]]
    injected = journal(tmp_path / "runs" / report["run_id"])
    applied_twice = any(one.statuses == [200, 200] for one in injected) and strategy != "transaction"
    phantoms = sum(one.statuses == [200, 400] for one in injected) if kind == "duplicate second" else 0
    phantoms = 0 if strategy == "transaction" else phantoms  # a token, or the record, tells who asks again
    assert (verdict["status"] == "violated") == (applied_twice or phantoms > 0)
    if strategy == "version":
        assert verdict["phantom_rejects"] == phantoms
    assert verdict["phantom_rejects"] <= phantoms  # whose `conditional` write was overtaken at once, nobody saw
    reconciled = verdict["reconciled"]
    assert sum(reconciled.values()) == orders["unknown"]
    if orders["unknown"]:
        assert reconciled["accepted"] <= sum(200 in one.statuses for one in injected)
        assert reconciled["rejected"] <= sum(200 not in one.statuses for one in injected)
    assert (verdict["status"] == "safe") == (not applied_twice and not phantoms and not reconciled["unresolved"])
