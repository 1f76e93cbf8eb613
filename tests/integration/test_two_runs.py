"""Somebody else writes the product of a run: another run, or who deletes it and puts it again. One finding says so."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import Cli, Start, clean_environment, free_port, wait_until_listening
from tests.helpers.processes import wait_for

STRATEGIES = ("version", "conditional", "transaction")
LONG_LOAD = ("load", "--rate", "8", "--duration", "10m")  # with pauses in which another run can set the stock
SHORT_LOAD = ("load", "--rate", "20", "--duration", "2s")  # as slow, so that neither starves the other
ALONE = "somebody else is writing product 'p#4'"
FLUSHED = 15_000  # bytes


@pytest.fixture
def url(cli: Cli) -> Iterator[str]:
    """The URL of a server of its own, with the sample products."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "loadtest", "serve", "--port", str(port)],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_listening(server, port)
        assert cli("populate", "--endpoint-url", f"http://127.0.0.1:{port}").returncode == 0
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def wait_until_it_runs(folder: Path, more: int = 0) -> Path:
    """The only run below the folder, once its history has grown by so many bytes and some dozen operations."""

    def grown() -> list[Path]:
        return [path for path in folder.glob("runs/*/history.jsonl") if path.stat().st_size > FLUSHED + more]

    (history,) = wait_for(grown, "a run under way")
    return Path(history.parent)


def run_beside(cli: Cli, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run, begun again where it could not set the stock because another wrote at that moment."""
    said = ""
    for _ in range(12):
        done = cli(*arguments, "--runs-dir", "other")
        if any(folder.glob("other/*")):
            return done
        assert (done.returncode, len(done.stderr.splitlines())) == (3, 1), done
        said = done.stderr
    pytest.fail(f"the stock could not be set: {said}")


def verdict_of(done: subprocess.CompletedProcess[str], run: Path) -> dict[str, Any]:
    """What the report of a run has, if the exit code is that of it."""
    verdict: dict[str, Any] = json.loads((run / "report.json").read_text())["verdict"]
    assert done.returncode == {"safe": 0, "violated": 1, "inconclusive": 4}[verdict["status"]], done
    return verdict


def assert_somebody_else(verdict: dict[str, Any], who: str) -> None:
    """One violation, or one reason, and it says what may be the cause; `who` is a pattern of what it names."""
    violations = verdict["violations"]
    if {violation["kind"] for violation in violations} == {"stock_lost", "version_miscounted"}:
        # One or two versions too many, whose name nobody saw: the server may have applied a write twice as well.
        assert ", or somebody else wrote the product" in violations[-1]["message"]
        return
    assert [violation["kind"] for violation in violations] == ["external_write"] * bool(violations)
    said = [violation["message"] for violation in violations] or verdict["reasons"]
    message = next((each for each in said if each.startswith("somebody else wrote the product")), str(verdict))
    assert re.search(f"{who}|made by no write of this run", message), message
    assert verdict["status"] == ("violated" if violations else "inconclusive")
    assert message in verdict["sentence"]


def an_order_of(run: Path) -> str:
    return f"{run.name[-10:]}-[0-9]+-[0-9]+"


@pytest.mark.parametrize(
    ("strategy", "other"),
    [
        ("version", "version"),
        *(pytest.param(*pair, marks=pytest.mark.slow) for pair in permutations(STRATEGIES, 2)),
    ],
)
def test_two_loads_on_one_product(strategy: str, other: str, url: str, cli: Cli, start: Start, tmp_path: Path) -> None:
    load = start(*LONG_LOAD, "--endpoint-url", url, "--strategy", strategy, "--quiet")
    long = wait_until_it_runs(tmp_path)
    done = run_beside(cli, tmp_path, *SHORT_LOAD, "--endpoint-url", url, "--strategy", other, "--quiet")
    (short,) = tmp_path.glob("other/*")
    load.terminate()
    load.communicate(timeout=60)
    assert_somebody_else(verdict_of(done, short), an_order_of(long))
    assert_somebody_else(verdict_of(cli("check", str(long)), long), an_order_of(short))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_race_while_a_load_goes_on(strategy: str, url: str, cli: Cli, start: Start, tmp_path: Path) -> None:
    """It needs to set the stock, which the load may make impossible: that ends it, and it says why."""
    load = start(*LONG_LOAD, "--endpoint-url", url, "--strategy", strategy, "--quiet")
    long = wait_until_it_runs(tmp_path)
    size = (long / "history.jsonl").stat().st_size
    raced = cli("race", "-n", "20", "--rounds", "20", "--endpoint-url", url, "--runs-dir", "other", "--quiet")
    wait_until_it_runs(tmp_path, size)
    load.terminate()
    load.communicate(timeout=60)
    if raced.returncode == 3:
        assert ALONE in raced.stderr
    else:
        (race,) = tmp_path.glob("other/*")
        assert_somebody_else(verdict_of(raced, race), an_order_of(long))
    checked = verdict_of(cli("check", str(long)), long)
    if raced.returncode == 3 and not checked["violations"]:
        return  # it was refused before it wrote anything
    assert_somebody_else(checked, "restock|" + "|".join(map(an_order_of, tmp_path.glob("other/*"))))


@pytest.mark.parametrize(
    ("strategy", "name"), [*((strategy, "") for strategy in STRATEGIES), ("conditional", "till-7")]
)
def test_a_product_that_is_deleted_and_put_again(
    strategy: str, name: str, url: str, cli: Cli, start: Start, tmp_path: Path
) -> None:
    client = boto3.client(
        "dynamodb", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    load = start(*LONG_LOAD, "--endpoint-url", url, "--strategy", strategy, "--quiet")
    run = wait_until_it_runs(tmp_path)
    client.delete_item(TableName="products", Key={"id": {"S": "p#4"}})
    item = {"id": {"S": "p#4"}, "name": {"S": "x"}, "quantity": {"N": "1000000"}, "version": {"N": "1"}}
    client.put_item(TableName="products", Item=item | ({"last_order": {"S": name}} if name else {}))
    wait_until_it_runs(tmp_path, (run / "history.jsonl").stat().st_size)
    load.terminate()
    load.communicate(timeout=60)
    assert_somebody_else(verdict_of(cli("check", str(run)), run), f"re-created|{name or 're-created'}")
