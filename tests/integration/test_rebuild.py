"""A report made from a history alone: field by field that of the run, and of a history that was cut a part of it."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.events import Outcome
from loadtest.rebuild import rebuild
from loadtest.records.completeness import Completeness, follow
from loadtest.records.history import read_header, read_history
from loadtest.records.judging import checker
from tests.conftest import Cli, Start
from tests.helpers.cut_runs import the_report, wait_for_operations
from tests.helpers.shop_events import operation

OVERHEAD = dict.fromkeys(("reader_stamps", "served", "fallbacks", "loop_lag_ms", "cpu_s", "cpu_cores", "bound"))
LOAD = ("load", "--duration", "1500ms")


def stored(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """The one run's history, and its report without what the tool itself cost."""
    report = the_report(tmp_path)
    report["client"] |= OVERHEAD
    return next(tmp_path.glob("runs/*/history.jsonl")), report


def as_document(history: Path) -> Any:
    return json.loads(msgspec.json.encode(rebuild(history)))


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("race", "-n", "30", "--rounds", "3", "--attempts", "3"), id="race"),
        pytest.param(("race", "-n", "20", "--strategy", "unconditional"), id="violated"),
        pytest.param(("race", "-n", "20", "--exclude", "60%"), id="as many rounds as it takes"),
        pytest.param(
            (*LOAD, "--warmup", "300ms", "--products", "3", "--restock", "--threshold", "p99(order.accepted) < 1ms"),
            id="closed loop",
        ),
        pytest.param((*LOAD, "--rate", "150", "--max-in-flight", "2", "--warmup", "200ms"), id="constant rate"),
        pytest.param(("load", "--stages", "500ms:100,700ms:20", "--poisson"), id="Poisson"),
    ],
)
def test_it_is_the_run_s_report_field_by_field(arguments: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    cli(*arguments)
    history, report = stored(tmp_path)
    assert report["completed"]
    assert as_document(history) == report


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """The history of a race, or of a load, of some orders."""
    made: dict[str, bytes] = {}

    def history(command: str) -> bytes:
        if command not in made:
            folder = tmp_path_factory.mktemp(command)
            arguments = ("-n", "5", "--rounds", "3") if command == "race" else ("--rate", "20", "--duration", "1s")
            done = subprocess.run(
                [sys.executable, "-m", "loadtest", command, *arguments, "-q"], cwd=folder, check=False
            )
            assert done.returncode in (0, 4)  # a load of twenty orders a second puts nothing to the test
            made[command] = next(folder.glob("runs/*/history.jsonl")).read_bytes()
        return made[command]

    return history


@pytest.mark.parametrize("command", ["race", "load"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 1))
def test_a_history_cut_at_any_byte_is_a_part_and_never_blames_a_server(
    share: float, command: str, whole: Callable[[str], bytes], tmp_path: Path
) -> None:
    content, path = whole(command), tmp_path / "history.jsonl"
    end = round(share * len(content))
    path.write_bytes(content[:end])
    lines = [line for line in content[:end].splitlines() if line.endswith(b"}")]
    if not any(b"order_placed" in line or b'"orders":5,"started_ns"' in line for line in lines):
        with pytest.raises(UsageError, match=r"line 1 is not|does not begin|has no order"):
            rebuild(path)
        return
    report = rebuild(path)
    assert report.completed == (end >= len(content) - 1)
    assert (report.stopped_by is None) == report.completed
    assert report.verdict.status != "violated"
    header = read_header(path)
    judging = checker(header.conditions)
    part = follow(path, Completeness(header), judging)
    assert (part, judging.verdict().sentence) == (report.stopped_by, report.verdict.sentence)
    orders = report.orders
    ended = sum(b"order_ended" in line for line in lines)
    assert orders.accepted + orders.rejected + orders.throttled + orders.failed + orders.unknown == ended
    assert report.duration_s > 0 or not ended


def test_a_run_that_ctrl_c_ended_is_a_part_from_its_history_too(start: Start, cli: Cli, tmp_path: Path) -> None:
    process = start("race", "-n", "100", "--rounds", "1000")
    wait_for_operations(tmp_path, 300)
    process.send_signal(2)
    process.communicate(timeout=60)
    history, report = stored(tmp_path)
    assert report["stopped_by"] == "SIGINT"
    made = as_document(history)
    assert "of 1,000 rounds" in made.pop("stopped_by")
    assert made == {name: value for name, value in report.items() if name != "stopped_by"}
    checked = cli("check", str(history))
    assert checked.stdout.startswith("partial: the history ends at 20")
    assert checked.stdout.splitlines()[-1] == report["verdict"]["sentence"]


@pytest.mark.parametrize(("kilobytes", "reported"), [(100, True), (4, False)])
def test_what_a_full_disk_has_can_be_read(
    kilobytes: int, reported: bool, start: Start, cli: Cli, tmp_path: Path
) -> None:
    process = start("race", "-n", "200", "--rounds", "50", wrapped_in=f"ulimit -f {kilobytes}; trap '' XFSZ")
    output, errors = process.communicate(timeout=60)
    (folder,) = tmp_path.glob("runs/*")
    assert process.returncode == 3, errors
    assert (folder / "report.json").exists() == reported
    assert [path.name for path in folder.glob("report.json?*")] == []
    assert f"{'report and history' if reported else 'history'} in runs/" in output
    checked = cli("check", str(folder))
    assert checked.returncode == 4, checked
    assert "its last line is cut" in checked.stdout
    drawn = cli("report", str(folder), "-o", "report.html")
    assert (drawn.returncode, "its last line is cut" in drawn.stderr) == (0, not reported), drawn
    assert rebuild(folder / "history.jsonl").orders.placed == 200


def test_late_writes_of_an_earlier_run_are_held_against_no_later_one(cli: Cli, tmp_path: Path) -> None:
    """The run knew of them, and so does its history: a stock that fell by them is no violation."""
    cli("race", "-n", "5", "--stock", "3")
    history, _ = stored(tmp_path)
    *lines, last = history.read_bytes().splitlines(keepends=True)
    assert b'"quantity":2,"version":3' in last
    fallen = re.sub(b'"quantity":2,"version":3,"last_order":"[^"]*"', b'"quantity":1,"version":4', last)
    history.write_bytes(b"".join([*lines, fallen]))
    assert cli("check", str(history)).returncode == 1
    lost = operation(order_id="earlier-1-1", outcome=Outcome.UNKNOWN, sent_ns=0, received_ns=1, ended_ns=1)
    known = lines[0].replace(b'"lost":[]', b'"lost":[' + msgspec.json.encode(lost) + b"]")
    history.write_bytes(b"".join([known, *lines[1:], fallen]))
    assert cli("check", str(history)).returncode in (0, 4)  # whether its one win was contested is up to the machine
    verdict = rebuild(history).verdict
    assert verdict.status == "safe" or verdict.untested


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"rounds":3', b'"rounds":"many"', id="a plan that is none"),
        pytest.param(b'"kind":"embedded"', b'"kind":"moon"', id="a target that is none"),
        pytest.param(b'"client":"wire"', b'"client":"wire","sdk_retries":3', id="a plan that contradicts itself"),
        pytest.param(b'"started_at":"2', b'"started_at":"?', id="a start that is none"),
        pytest.param(b'"thresholds":[]', b'"thresholds":["nonsense"]', id="a threshold that is none"),
        pytest.param(b'"ended_ns":', b'"ended_ns":9999', id="times of another age"),
        pytest.param(b'"ended_ns":', b'"ended_ns":' + b"9" * 400, id="times of no calendar"),
        pytest.param(b'"scheduled_ns":', b'"scheduled_ns":99', id="due in another age"),
        pytest.param(b'"sent_ns":', b'"sent_ns":9', id="received before it was sent"),
    ],
)
def test_a_history_that_makes_no_report_is_one_line(
    old: bytes, new: bytes, whole: Callable[[str], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "history.jsonl"
    assert old in whole("race")
    path.write_bytes(whole("race").replace(old, new))
    with pytest.raises(UsageError) as refused:
        rebuild(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_the_history_of_a_run_has_its_conditions(whole: Callable[[str], bytes], tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(whole("race"))
    conditions = read_header(path).conditions
    assert conditions is not None
    assert (conditions.command, conditions.orders, conditions.plan["rounds"]) == ("race", 15, 3)
    assert conditions.environment["endpoint_url"].startswith("http://127.0.0.1:")
    assert len(list(read_history(path))) > 15
