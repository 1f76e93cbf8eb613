"""What the tool did not make is changed only after a yes, and is afterwards as it was."""

import os
import pty
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest

from tests.conftest import Cli, Start, clean_environment

SERVERS = ("embedded", "moto_server", "dynalite", "ministack")
THEIRS = {
    "id": {"S": "p#4"},
    "name": {"S": "Blue kettle"},
    "quantity": {"N": "7"},
    "version": {"N": "3"},
    "price": {"N": "12.5"},
    "tags": {"SS": ["new", "sale"]},
    "picture": {"B": b"\x00\xff"},
}


class Shop:
    """A table of somebody else's on a server, with a product in it."""

    def __init__(self, url: str) -> None:
        keys = {"aws_access_key_id": "loadtest", "aws_secret_access_key": "loadtest"}
        self.client: Any = boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", **keys)
        self.table = f"t-{uuid.uuid4().hex}"
        self.where = ["--endpoint-url", url, "--table", self.table]

    def make(self, *items: dict[str, Any]) -> None:
        self.client.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        self.client.get_waiter("table_exists").wait(TableName=self.table, WaiterConfig={"Delay": 1})
        for item in items:
            self.client.put_item(TableName=self.table, Item=item)

    def items(self) -> dict[str, dict[str, Any]]:
        found = self.client.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return {item["id"]["S"]: item for item in found}

    def exists(self) -> bool:
        """Whether it is there, and not being deleted, which takes dynalite a while."""
        try:
            status: str = self.client.describe_table(TableName=self.table)["Table"]["TableStatus"]
        except self.client.exceptions.ResourceNotFoundException:
            return False
        return status != "DELETING"

    def until_changed(self) -> None:
        deadline = time.monotonic() + 60
        while self.items()["p#4"] == THEIRS:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture(params=SERVERS)
def shop(request: pytest.FixtureRequest, server_urls: Callable[[str], str]) -> Shop:
    return Shop(server_urls(request.param))


@pytest.fixture
def here(server_urls: Callable[[str], str]) -> Shop:
    """The same on one server alone, where it makes no difference which."""
    return Shop(server_urls("embedded"))


RUNS = {
    "race": ["race", "-n", "10", "--rounds", "3"],
    "transaction": ["race", "-n", "10", "--strategy", "transaction"],
    "load": ["load", "--duration", "200ms", "--stock", "20", "--restock", "--concurrency", "2"],
    "compare": ["compare", "--workload", "race", "--concurrency", "5", "--rounds", "2", "--repeats", "2"],
    "find": ["find", "--p99-under", "60s", "--to", "1", "--duration", "200ms", "--warmup", "0s"],
}


@pytest.mark.parametrize("command", [[*RUNS["race"]], [*RUNS["load"]], ["populate"], ["table", "delete"]])
def test_nobody_to_ask_means_that_nothing_is_changed(command: list[str], shop: Shop, cli: Cli) -> None:
    shop.make(THEIRS)
    done = cli(*command, *shop.where)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "not made by loadtest" in line or "loadtest did not make" in line
    assert line.endswith("Nobody is there to ask: add --yes")
    if command != ["table", "delete"]:
        assert 'name "Blue kettle", picture "AP8=", price 12.5, quantity 7' in line
    assert shop.items() == {"p#4": THEIRS}


@pytest.mark.parametrize("run", RUNS)
def test_after_a_run_the_product_is_as_it_was(run: str, here: Shop, cli: Cli) -> None:
    here.make(THEIRS)
    done = cli(*RUNS[run], "--yes", *here.where)
    assert done.returncode in (0, 4), done.stderr  # so few may not overlap
    assert "put 'p#4' back as it was" in done.stderr
    assert here.items() == {"p#4": THEIRS}


@pytest.mark.parametrize("strategy", ["version", "transaction"])
def test_on_every_server_it_is_put_back(strategy: str, shop: Shop, cli: Cli) -> None:
    """Also where there are no transactions. One order at a time: what the server makes of a race is not the point."""
    shop.make({**THEIRS, "last_order": {"S": "till-7"}})
    done = cli("race", "-n", "5", "--concurrency", "1", "--no-gate", "--strategy", strategy, "--yes", *shop.where)
    assert done.returncode == 4, done.stderr  # no win was contested
    assert shop.items() == {"p#4": {**THEIRS, "last_order": {"S": "till-7"}}}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("processes", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_it_is_put_back_after_a_signal(number: int, processes: str, here: Shop, start: Start) -> None:
    here.make(THEIRS)
    load = start("load", "--duration", "5m", "--processes", processes, "--strategy", "transaction", "-y", *here.where)
    here.until_changed()
    load.send_signal(number)
    _, errors = load.communicate(timeout=120)
    assert load.returncode == 130, errors
    assert here.items() == {"p#4": THEIRS}


def test_what_somebody_else_writes_meanwhile_stays(here: Shop, start: Start) -> None:
    here.make(THEIRS)
    load = start("load", "--duration", "5m", "--concurrency", "1", "-y", *here.where)
    here.until_changed()
    here.client.put_item(TableName=here.table, Item={**THEIRS, "version": {"N": "9000000"}, "price": {"N": "99"}})
    load.send_signal(signal.SIGINT)
    _, errors = load.communicate(timeout=120)
    assert load.returncode in (1, 130), errors
    assert here.items()["p#4"]["price"] == {"N": "99"}
    assert "product 'p#4'" in errors
    assert "somebody else has written it" in errors
    assert "aws dynamodb put-item --table-name" in errors
    assert '"picture":{"B":"AP8="}' in errors


def test_what_else_is_in_the_product_may_change_meanwhile(here: Shop, start: Start) -> None:
    """A run has nothing to do with the price, so a new one stays, and the stock is put back."""
    here.make(THEIRS)
    load = start("load", "--duration", "5m", "-y", *here.where)
    here.until_changed()
    here.client.update_item(
        TableName=here.table,
        Key={"id": {"S": "p#4"}},
        UpdateExpression="SET price = :price",
        ExpressionAttributeValues={":price": {"N": "99"}},
    )
    load.send_signal(signal.SIGINT)
    _, errors = load.communicate(timeout=120)
    assert load.returncode == 130, errors
    assert here.items() == {"p#4": {**THEIRS, "price": {"N": "99"}}}


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", (0, 4)), (b"n\n", (3,))])
def test_on_a_terminal_it_asks(answer: bytes, code: tuple[int, ...], here: Shop, tmp_path: Any) -> None:
    here.make(THEIRS)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", "race", "-n", "10", *here.where],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.write(ours, answer)
    _, errors = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode in code
    assert "quantity 7 → 1 and what the orders leave of it" in errors
    assert "version 3 → one more with each write, last_order none → an order's id" in errors
    assert "Go on? [y/N]" in errors
    assert here.items() == {"p#4": THEIRS}


def test_what_the_tool_made_is_used_and_deleted_without_a_question(shop: Shop, cli: Cli) -> None:
    assert cli("populate", *shop.where).returncode == 0
    assert cli("race", "-n", "5", *shop.where).returncode in (0, 1, 4)
    assert cli("race", "-n", "5", "--populate-table", *shop.where).returncode in (0, 1, 4)
    assert cli("populate", *shop.where).returncode == 0
    done = cli("table", "delete", *shop.where)
    assert done.returncode == 0, done.stderr
    assert not shop.exists()


def test_the_sample_is_written_beside_what_is_there(here: Shop, cli: Cli) -> None:
    here.make(THEIRS)
    done = cli("race", "-n", "10", "--populate-table", "--yes", *here.where)
    assert done.returncode in (0, 4), done.stderr
    assert "left as they are, for loadtest did not make them: p#4" in done.stderr
    assert sorted(here.items()) == [f"p#{n}" for n in range(6)]
    assert here.items()["p#4"] == THEIRS


@pytest.mark.parametrize(
    ("named", "item_id", "name"),
    [([], "p#4", "Last samovar"), (["--product", "sku-1", "--product", "sku-1", "--product", "x"], "sku-1", "sku-1")],
)
def test_populate_says_how_to_have_again_what_it_overwrites(
    named: list[str], item_id: str, name: str, here: Shop, cli: Cli
) -> None:
    theirs = {**THEIRS, "id": {"S": item_id}}
    here.make(theirs)
    done = cli("populate", *named, *here.where)
    assert done.returncode == 2
    assert f'→ made_by "loadtest", name "{name}", quantity' in done.stderr
    assert here.items() == {item_id: theirs}
    done = cli("populate", *named, "--yes", *here.where)
    assert done.returncode == 0
    assert here.items()[item_id]["name"] == {"S": name}
    assert f"'{item_id}' is overwritten; to have it again: aws dynamodb put-item" in done.stderr


def test_a_table_of_its_own_that_holds_a_strangers_item_is_asked_about(shop: Shop, cli: Cli) -> None:
    assert cli("populate", *shop.where).returncode == 0
    shop.client.put_item(TableName=shop.table, Item={**THEIRS, "id": {"S": "sku-1"}})
    done = cli("table", "delete", *shop.where)
    assert done.returncode == 2
    assert "such as 'sku-1'" in done.stderr
    assert cli("table", "delete", "--yes", *shop.where).returncode == 0
    assert not shop.exists()


@pytest.mark.parametrize("command", [RUNS["race"], RUNS["load"], RUNS["compare"], RUNS["find"]])
def test_a_dry_run_writes_nothing(command: list[str], shop: Shop, cli: Cli, tmp_path: Any) -> None:
    shop.make(THEIRS)
    done = cli(*command, "--dry-run", *shop.where)
    assert done.returncode == 0, done.stderr
    assert "which loadtest did not make" in done.stdout
    assert "quantity 7 → " in done.stdout
    assert " write units" not in done.stderr
    assert "(on demand, us-east-1, as of " in done.stdout
    assert shop.items() == {"p#4": THEIRS}
    assert not list(tmp_path.iterdir())
