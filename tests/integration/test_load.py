"""`loadtest load` through the command line: what arrives, what it costs, what is on disk."""

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from loadtest.checker import Checker
from loadtest.cli import main
from loadtest.events import Event, MeasuringStarted, OrderEnded, OrderPlaced
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import summarize
from loadtest.records import report as reports
from loadtest.records.history import read_history
from loadtest.workload.backoff import Backoff
from loadtest.workload.spec import Load
from tests.conftest import ROOT, Cli, Start, clean_environment, free_port, wait_until_listening
from tests.helpers.cut_runs import assert_all_ended, the_report, wait_for_operations
from tests.helpers.one_line import assert_one_line
from tests.integration.shop import Shop, opened

LoadRun = Callable[..., tuple[int, dict[str, Any]]]
BRIEF = ("--duration", "500ms")


@pytest.fixture
def load(cli: Cli) -> LoadRun:
    """Runs a load and returns its exit code and its report, in which every order has ended and the schema holds."""

    def run(*arguments: str, **options: Any) -> tuple[int, dict[str, Any]]:
        done = cli("load", "--json", "-", *arguments, **options)
        assert done.stdout, done.stderr
        report = json.loads(done.stdout)
        assert_all_ended(report)
        jsonschema.validate(report, json.loads((ROOT / "docs/reference/report.schema.json").read_text()))
        return done.returncode, report

    return run


def events(folder: Path) -> list[Event]:
    """The history of the only run below the folder."""
    (path,) = folder.glob("runs/*/history.jsonl")
    return list(read_history(path))


def test_a_closed_loop_of_buyers(load: LoadRun) -> None:
    code, report = load("--duration", "1s", "--concurrency", "4", "--strategy", "conditional")
    orders, arrivals = report["orders"], report["arrivals"]
    assert (code, report["command"], report["verdict"]["untested"], report["completed"]) == (4, "load", True, True)
    assert orders["accepted"] == orders["placed"] == report["stock"]["p#4"]["sold"] > 4
    assert (arrivals["kind"], arrivals["due"], orders["dropped"]) == ("closed", orders["placed"], 0)
    assert 1 <= report["duration_s"] < 3
    assert report["goodput_per_s"] == pytest.approx(orders["accepted"] / report["duration_s"], rel=0.001)
    assert max(second["in_flight"] for second in report["per_second"]) <= 4
    assert report["capacity"]["write_units"] > 0
    assert report["work"]["attempts_per_accepted"] == 1
    assert report["config"]["seed"] >= 0


def test_a_rate_places_exactly_its_orders(load: LoadRun) -> None:
    code, report = load("--rate", "100", "--duration", "1s", "--strategy", "conditional")
    arrivals = report["arrivals"]
    assert (code, report["orders"]["placed"], report["orders"]["accepted"]) == (4, 100, 100)
    assert (arrivals["kind"], arrivals["due"], arrivals["due_per_s"], arrivals["achieved_per_s"]) == (
        "open",
        100,
        100,
        pytest.approx(100, rel=0.2),  # the last one may have begun late
    )
    assert sum(second["placed"] for second in report["per_second"]) == 100
    assert report["per_second"][0]["placed"] == 100


def test_stages_raise_and_lower_the_rate(load: LoadRun) -> None:
    code, report = load("--stages", "1s:100,0s:20,1s:20", "--strategy", "conditional")
    assert (code, report["verdict"]["untested"]) == (4, True)
    assert [second["placed"] for second in report["per_second"][:2]] == [50, 20]
    assert report["orders"]["placed"] == 70


def test_a_seed_gives_the_same_orders_at_the_same_moments(cli: Cli, tmp_path: Path) -> None:
    def bought(seed: str) -> list[tuple[str, int]]:
        runs = f"runs-{uuid.uuid4().hex}/runs"
        done = cli("load", "--rate", "150", "--poisson", *BRIEF, "--products", "7", "--skew", "1", "--seed", seed,
                   "--runs-dir", runs, "-q")  # fmt: skip
        assert done.returncode in (0, 4), done.stderr  # whether two overlapped at one product is up to the machine
        all_ = events((tmp_path / runs).parent)
        (began_ns,) = [event.at_ns for event in all_ if isinstance(event, MeasuringStarted)]
        placed = [event for event in all_ if isinstance(event, OrderPlaced)]
        return [(event.product_id, event.scheduled_ns - began_ns) for event in placed]

    first = bought("11")
    assert len(first) > 40
    assert len({product_id for product_id, _ in first}) == 7
    assert first == bought("11")


def test_a_skew_sells_more_of_the_hottest(load: LoadRun) -> None:
    code, report = load(
        "--rate", "300", *BRIEF, "--products", "5", "--skew", "2", "--seed", "3", "--strategy", "conditional"
    )
    sold = {product: stock["sold"] for product, stock in report["stock"].items()}
    assert (code, report["verdict"]["untested"]) == (4, True)
    assert sold.keys() == {"load#1", "load#2", "load#3", "load#4", "load#5"}
    assert sum(sold.values()) == report["orders"]["accepted"] == 150
    assert sold["load#1"] > 2 * max(sold[f"load#{n}"] for n in range(2, 6))


def test_a_product_that_is_restocked_sells_more_than_its_stock(load: LoadRun) -> None:
    code, report = load(*BRIEF, "--concurrency", "3", "--stock", "20", "--restock", "--strategy", "conditional")
    stock = report["stock"]["p#4"]
    assert report["verdict"]["violations"] == []
    assert code == (4 if report["verdict"]["untested"] else 0)  # now and then it is sold out between two looks
    assert stock["sold"] == report["orders"]["accepted"] > stock["initial"] == 20
    assert "restocked" in report["verdict"]["sentence"]


@pytest.mark.parametrize("strategy", ["unconditional", "version", "conditional", "transaction"])
def test_one_buyer_puts_nothing_to_the_test(strategy: str, load: LoadRun) -> None:
    code, report = load(*BRIEF, "--strategy", strategy, "--concurrency", "1", "--threshold", "contested == 0")
    verdict = report["verdict"]
    assert (code, verdict["status"], verdict["untested"]) == (4, "inconclusive", True)
    assert "nothing was put to the test" in verdict["sentence"]
    assert [checked["holds"] for checked in report["thresholds"]] == [True]


@pytest.mark.parametrize("strategy", ["version", "conditional", "transaction"])
def test_buyers_who_want_the_same_put_it_to_the_test(strategy: str, load: LoadRun) -> None:
    stock = "1000" if strategy == "version" else "30"
    code, report = load(*BRIEF, "--strategy", strategy, "--concurrency", "20", "--stock", stock)
    assert (code, report["verdict"]["status"]) == (0, "safe")
    power = report["verdict"]["power"]
    assert power["contested"] >= power["contested_seconds"] >= 1


def test_without_a_condition_a_load_is_violated(load: LoadRun) -> None:
    code, report = load(*BRIEF, "--strategy", "unconditional")
    assert (code, report["verdict"]["status"]) == (1, "violated")
    assert {"oversold", "lost_update"} <= {violation["kind"] for violation in report["verdict"]["violations"]}


@pytest.mark.parametrize("client", ["wire", "sdk"])
def test_transactions_over_several_products(client: str, load: LoadRun) -> None:
    arguments = ["--strategy", "transaction", "--products", "3", "--attempts", "20", "--client", client]
    code, report = load(*BRIEF, *arguments)
    assert (code, report["verdict"]["untested"], report["client"]["name"]) == (4, True, client)
    assert report["operations"]["transaction"]["accepted"] == report["orders"]["accepted"] > 0
    assert sum(stock["sold"] for stock in report["stock"].values()) == report["orders"]["accepted"]


@pytest.mark.parametrize("backoff", Backoff)
def test_attempts_win_in_the_end_with_each_backoff(backoff: Backoff, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "load.toml").write_text(f'command = "load"\nbackoff = "{backoff.value}"\n')
    done = cli("run", "load.toml", "--json", "-", "-d", "300ms", "-c", "6", "--attempts", "100")
    report = json.loads(done.stdout)
    assert_all_ended(report)
    work = report["work"]
    assert (done.returncode, report["config"]["backoff"]) == (0, backoff.value)
    assert report["orders"]["accepted"] > 0
    assert work["conflicts"] == work["wasted_writes"] > 0
    assert work["most_tried"]["attempts"] > 1
    assert work["attempts_per_accepted"] > 1
    assert max(second["most_attempts"] for second in report["per_second"]) == work["most_tried"]["attempts"]


def test_the_warm_up_is_measured_by_the_verdict_alone(load: LoadRun) -> None:
    code, report = load("--rate", "100", "--warmup", "500ms", *BRIEF, "--strategy", "conditional", "--stock", "70")
    orders = report["orders"]
    assert code in (0, 4)  # whether one that was refused overlapped the last win is up to the machine
    assert (orders["warm_up"], orders["placed"], orders["accepted"]) == (50, 50, 20)
    assert report["verdict"]["sentence"].startswith("70 of 100 orders won from a stock of 70; 30 were rejected: ")
    assert report["stock"]["p#4"] == {"initial": 70, "final": 0, "sold": 70}
    assert (report["arrivals"]["due"], report["per_second"][0]["placed"]) == (50, 50)
    assert sum(report["operations"]["write"].values()) == pytest.approx(50, abs=15)  # the last may have been sent later


def test_what_is_due_beyond_the_limit_in_flight_is_dropped_and_said(cli: Cli, tmp_path: Path) -> None:
    with opened(Shop(delay_s=0.2)) as url:
        done = cli("load", "--endpoint-url", url, "--rate", "100", "--duration", "1s", "--max-in-flight", "4",
                   "--strategy", "conditional")  # fmt: skip
    report = the_report(tmp_path)
    orders, arrivals = report["orders"], report["arrivals"]
    assert (done.returncode, report["verdict"]["untested"]) == (4, True)
    assert orders["placed"] + orders["dropped"] == arrivals["due"] == 100
    assert 4 <= orders["placed"] <= 24  # four at a time, 0.2 s each
    assert_all_ended(report)
    assert sum(report["operations"]["write"].values()) == orders["placed"]
    assert (arrivals["due_per_s"], arrivals["achieved_per_s"]) == (100, orders["placed"])
    assert sum(second["dropped"] for second in report["per_second"]) == orders["dropped"]
    said = [line for line in done.stdout.splitlines() if "dropped" in line]
    assert any("as many as may be were under way" in line for line in said)
    assert any(f"{orders['dropped']} of 100 dropped" in line for line in said)


@pytest.mark.slow
def test_a_server_that_stalls_is_not_spared_the_orders_it_delayed(load: LoadRun) -> None:
    with opened(Shop(stall_at=600, stall_s=1.0)) as url:
        code, report = load("--endpoint-url", url, "--rate", "200", "--duration", "10s", "--strategy", "conditional")
    orders, response, service = (
        report["orders"],
        report["order_ms"]["accepted"],
        report["latency_ms"]["write"]["accepted"],
    )
    assert (code, orders["placed"], orders["accepted"], orders["dropped"]) == (4, 2000, 2000, 0)
    for figures in (response, service):  # each request went out when its order was due, and waited
        assert 900 < figures["p99.9"] < 1500
        assert 900 < figures["max"] < 1500
        assert figures["p50"] < 100
        assert figures["p90"] < 700
    stalled = max(report["per_second"], key=lambda second: second["response_ms"].get("accepted", {"max": 0})["max"])
    assert 2 <= stalled["second"] <= 5
    assert 50 < max(second["in_flight"] for second in report["per_second"]) <= 250


def test_ctrl_c_ends_each_order_once_and_leaves_a_report(start: Start, tmp_path: Path) -> None:
    process = start("load", "--rate", "150", "--duration", "10m", "--products", "3")
    wait_for_operations(tmp_path, 150)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    report = the_report(tmp_path)
    assert (report["completed"], report["stopped_by"]) == (False, "SIGINT")
    assert "stopped early, so this is a part: SIGINT" in output
    assert_all_ended(report)
    placed = [event.order_id for event in events(tmp_path) if isinstance(event, OrderPlaced)]
    ended = [event.order_id for event in events(tmp_path) if isinstance(event, OrderEnded)]
    assert len(placed) == len(set(placed)) == report["orders"]["placed"] >= 70
    assert sorted(placed) == sorted(ended)
    assert report["verdict"]["violations"] == []
    assert 0 < report["duration_s"] < 60


def test_spending_stops_a_load_and_leaves_no_order_unknown(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "load.toml").write_text('command = "load"\nwrite-unit-price = 4000\nread-unit-price = 0\n')
    done = cli("run", "load.toml", "--duration", "10m", "--strategy", "conditional", "--max-spend", "2")
    assert done.returncode == 3
    *announced, error = done.stderr.splitlines()
    assert any(line.startswith("estimate: ") for line in announced)
    assert "going on would pass --max-spend ($2.000000 for this run)" in error
    report = the_report(tmp_path)
    assert not report["completed"]
    assert "--max-spend" in report["stopped_by"]
    assert_all_ended(report)
    assert report["orders"]["unknown"] == 0
    assert report["verdict"]["untested"]
    assert 0 < report["capacity"]["usd"] <= 2


def test_a_rate_that_costs_too_much_is_refused_before_an_order_is_placed(cli: Cli, tmp_path: Path) -> None:
    done = cli("load", "--rate", "1000", "--duration", "1h", "--max-spend", "0.5")
    assert (done.returncode, done.stdout) == (2, "")
    (error,) = done.stderr.splitlines()  # and nothing of how long it would take
    for part in ("3,600,000 orders cost at least $2.70", "$0.500000 that --max-spend", "none of them was placed"):
        assert part in error
    assert list(tmp_path.glob("runs/*/report.json")) == []


def test_poisson_arrivals_may_not_come_at_all(cli: Cli, tmp_path: Path) -> None:
    done = cli("load", "--rate", "0.001", "--poisson", *BRIEF, "--seed", "1")
    assert_one_line(done, 3, "no order came")
    assert list(tmp_path.glob("runs/*/report.json")) == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(
            ["--duration", "1200ms", "--attempts", "3", "--concurrency", "5", "--warmup", "300ms"], id="closed"
        ),
        pytest.param([*BRIEF, "--rate", "200", "--products", "4", "--skew", "1", "--attempts", "5"], id="open"),
        pytest.param([*BRIEF, "--stock", "10", "--restock", "--strategy", "transaction"], id="restocked"),
    ],
)
def test_every_figure_of_a_load_comes_out_of_its_history_again(arguments: list[str], cli: Cli, tmp_path: Path) -> None:
    done = cli("load", *arguments, "-q")
    assert done.returncode in (0, 4), done.stderr
    (path,) = tmp_path.glob("runs/*/report.json")
    stored = reports.read(path)
    recorder, checker = Recorder(), Checker(is_load=True)
    for event in events(tmp_path):
        recorder(event)
        checker(event)
    again = summarize(
        recorder,
        checker.verdict(),
        ClientOverhead(stored.client.name, stored.client.stamps),
        msgspec.convert(stored.config, Load),
        run_id=stored.run_id,
        started_at=datetime.fromisoformat(stored.started_at),
        stopped_by=None,
        environment=stored.environment,
        invocation=stored.invocation,
    )
    for field in reports.Report.__struct_fields__:
        if field != "client":  # what the tool itself cost is no part of the history
            assert getattr(again, field) == getattr(stored, field), field
    assert again.client.own_share == stored.client.own_share


def test_hundreds_of_products_are_made_and_bought(load: LoadRun) -> None:
    code, report = load("--duration", "1s", "--products", "300", "--strategy", "conditional")
    assert (code, report["verdict"]["untested"], report["completed"]) == (4, True, True)
    assert len(report["stock"]) == 300
    assert sum(stock["sold"] for stock in report["stock"].values()) == report["orders"]["accepted"] > 0


def test_without_a_history_there_is_the_report_alone(cli: Cli, tmp_path: Path) -> None:
    done = cli("load", *BRIEF, "--no-history", "-q")
    assert (done.returncode, done.stderr) == (0, "")
    (folder,) = tmp_path.glob("runs/*")
    assert not (folder / "history.jsonl").exists()
    assert the_report(tmp_path)["orders"]["placed"] > 0


def test_on_another_server_products_are_made_that_are_missing(server_urls: Callable[[str], str], load: LoadRun) -> None:
    where = ["--endpoint-url", server_urls("ministack"), "--table", f"t-{uuid.uuid4().hex[:12]}"]
    code, report = load(*where, *BRIEF, "--products", "5", "--attempts", "5", "--populate-table", "--stock", "1000")
    assert (code, report["verdict"]["status"]) == (0, "safe")
    assert list(report["stock"]) == [f"load#{n}" for n in range(1, 6)]
    assert {stock["initial"] for stock in report["stock"].values()} == {1000}
    assert sum(stock["sold"] for stock in report["stock"].values()) == report["orders"]["accepted"] > 0
    assert report["capacity"]["reported"] > 0


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--rate", "0"], ["--rate must be above 0"]),
        (["--rate", "-5"], ["--rate must be above 0"]),
        (["--rate", "nan"], ["--rate must be above 0"]),
        (["--stages", "10s"], ["'10s' is no stage like 30s:500"]),
        (["--stages", "0s:5"], ["'0s:5' place no order"]),
        (["--stages", "5x:3"], ["'5x:3' is no stage"]),
        (["--stages", "5s:-1"], ["must be 0 or more"]),
        (["--rate", "5", "--stages", "1s:5"], ["--rate and --stages contradict"]),
        (["--rate", "5", "--concurrency", "5"], ["--concurrency and --rate contradict"]),
        (["--stages", "1s:5", "--duration", "1s"], ["--duration does not go with --stages"]),
        (["--concurrency", "5", "--max-in-flight", "5"], ["--max-in-flight go with --rate"]),
        (["--poisson"], ["--poisson and --max-in-flight go with --rate or --stages"]),
        (["--skew", "1"], ["--skew needs several --products"]),
        (["--skew", "nan", "--products", "3"], ["--skew"]),
        (["--products", "3", "--product", "p#1"], ["--product goes with one product"]),
        (["--duration", "0s"], ["--duration must be longer than 0"]),
        (["--duration", "10x"], ["'10x' is no duration like 500ms"]),
        (["--rate", "5/x"], ["'5/x' is no rate like 100, 100/s or 6000/m"]),
        (["--rate", "120000000/m"], ["--rate must be above 0 and at most 1,000,000"]),
        (["--warmup", "soon"], ["'soon' is no duration"]),
        (["--max-spend", "nan"], ["--max-spend"]),
        (["--write-unit-price", "1"], ["--write-unit-price is set in a scenario file only: write-unit-price = …"]),
    ],
)
def test_wrong_usage_of_a_load_is_one_line(
    arguments: list[str],
    parts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["loadtest", "load", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    output, errors = capsys.readouterr()
    done = subprocess.CompletedProcess(arguments, int(left.value.code or 0), output, errors)
    assert_one_line(done, 2, *parts)
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_is_the_exit_code_of_the_process(cli: Cli) -> None:
    assert_one_line(cli("load", "--rate", "0"), 2, "--rate must be above 0")


def resident_mb(pid: int) -> float:
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_does_not_grow_with_the_length_of_a_load(start: Start) -> None:
    port, duration_s = free_port(), 120
    server = subprocess.Popen(
        [sys.executable, "-m", "loadtest.targets.servers.minimal", str(port)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,  # it ends when this closes
    )
    try:
        wait_until_listening(server, port)
        began = time.monotonic()
        process = start("load", "--endpoint-url", f"http://127.0.0.1:{port}", "--duration", f"{duration_s}s",
                        "--no-history", "--stock", "1", "--quiet", "--json", "-")  # fmt: skip
        seen: list[float] = []
        for share in (0.2, 0.97):
            time.sleep(max(0.0, began + share * duration_s - time.monotonic()))
            seen.append(resident_mb(process.pid))
        output, errors = process.communicate(timeout=120)
    finally:
        server.kill()
        server.communicate()
    assert process.returncode == 1, errors  # that server refuses every write without a cause
    assert json.loads(output)["orders"]["placed"] > 20_000
    assert seen[1] - seen[0] < 10, seen
