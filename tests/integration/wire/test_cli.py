"""`--client`: who sends the requests of a race, and what the report says of it."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from loadtest.dynamodb import wire
from loadtest.dynamodb.items import MAKER
from tests.conftest import Cli
from tests.helpers.scripted_server import Peer, Scripted, answer, in_a_thread, refusal

ORDERS = 10
CALLS: dict[str, Counter[str]] = {  # the first read is to warm up
    "version": Counter({"GetItem": 1 + ORDERS, "UpdateItem": ORDERS}),
    "conditional": Counter({"GetItem": 1, "UpdateItem": ORDERS}),
    "transaction": Counter({"GetItem": 1, "TransactWriteItems": ORDERS}),
}
KERNEL = "kernel" if wire.kernel_stamps() else "reader"


def served(client: dict[str, Any]) -> dict[str, Counter[str]]:
    """The calls that the report says each client has served."""
    return {name: Counter(calls) for name, calls in client["served"].items() if calls}


@pytest.fixture
def report(cli: Cli) -> Callable[..., dict[str, Any]]:
    """Runs a race against the embedded server and returns its report."""

    def run(*arguments: str) -> dict[str, Any]:
        done = cli("race", "-n", str(ORDERS), "--json", "-", *arguments)
        assert done.returncode in (0, 4), done.stderr  # one round of ten orders need not have a contested win
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    return run


@pytest.mark.parametrize(
    ("options", "name", "stamps"),
    [
        ([], "wire", KERNEL),
        (["--client", "wire"], "wire", KERNEL),
        (["--client", "sdk"], "sdk", "sdk"),
        (["--sdk-retries", "3"], "sdk", "sdk"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_report_says_who_sent_the_requests(
    options: list[str], name: str, stamps: str, report: Callable[..., dict[str, Any]]
) -> None:
    written = report(*options)
    client = written["client"]
    assert (client["name"], client["stamps"]) == (name, stamps)
    assert written["config"]["target"]["client"] == name
    assert served(client) == {name: CALLS["version"]}
    assert client["fallbacks"] == {}


@pytest.mark.parametrize("strategy", ["conditional", "transaction"])
def test_every_strategy_is_served_by_the_wire(strategy: str, report: Callable[..., dict[str, Any]]) -> None:
    client = report("--strategy", strategy)["client"]
    assert served(client) == {"wire": CALLS[strategy]}
    assert client["fallbacks"] == {}


def refused_with(done: Any) -> str:
    """The one line of a command that was used wrongly."""
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    return str(line)


def test_the_wire_does_not_go_with_the_sdks_retries(cli: Cli) -> None:
    line = refused_with(cli("race", "--client", "wire", "--sdk-retries", "3"))
    assert "--sdk-retries" in line
    assert "--client sdk" in line


ELSEWHERE = ("--endpoint-url", "http://db.example:8000", "--allow-untagged-table")  # a proxy never leads to loopback
BEHIND_A_PROXY = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "", "no_proxy": ""}  # nobody listens there


def test_a_run_that_the_wire_cannot_serve_is_told_the_way_out(cli: Cli) -> None:
    line = refused_with(cli("race", *ELSEWHERE, **BEHIND_A_PROXY))
    assert "proxy" in line
    assert "--client sdk" in line


def test_what_is_done_around_runs_does_not_need_the_wire(cli: Cli) -> None:
    done = cli("populate", *ELSEWHERE, **BEHIND_A_PROXY)
    assert (done.returncode, "db.example" in done.stderr, "proxy" in done.stderr) == (3, True, True)
    assert "--client" not in done.stderr  # populate has no such option


def test_calls_whose_answer_was_lost_are_the_wires_own(cli: Cli) -> None:
    product = {"id": {"S": "p#4"}, "name": {"S": "x"}, "quantity": {"N": "1"}, "version": {"N": "1"}, "made_by": MAKER}
    table = {
        "TableStatus": "ACTIVE",
        "TableName": "products",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            operation = request.headers["x-amz-target"].rpartition(".")[2]
            if operation == "UpdateItem":
                return  # and the connection ends
            known = {"GetItem": {"Item": product}, "DescribeTable": {"Table": table}}.get(operation)
            body = json.dumps(known).encode() if known else refusal("UnknownOperationException")
            peer.send(answer(body, "200 OK" if known else "400 Bad Request"))

    with in_a_thread(Scripted(script)) as server:
        done = cli("race", "-n", str(ORDERS), "--json", "-", "--endpoint-url", server.url)
    assert done.stdout, done.stderr
    written = json.loads(done.stdout)
    assert written["orders"]["unknown"] == ORDERS
    assert served(written["client"]) == {"wire": CALLS["version"]}
    assert written["client"]["fallbacks"] == {}
