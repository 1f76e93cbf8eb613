"""`loadtest probe` against the real servers, and against servers that misbehave in exactly one way."""

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest

from loadtest.checker.power import excluded
from loadtest.dynamodb import admin
from loadtest.dynamodb.client import connect
from loadtest.studies.probe import atomicity, connections, features, reads
from loadtest.studies.probe.bill import bill
from loadtest.studies.probe.findings import Finding, Shown
from loadtest.studies.probe.subject import Subject, under_question
from loadtest.targets import opened as opened_target
from loadtest.workload.target import Target, TargetKind
from tests.conftest import ATOMIC, ROOT, Cli, Start, free_port, wait_until_listening
from tests.helpers.one_line import assert_one_line
from tests.helpers.processes import wait_for
from tests.helpers.scripted_server import Peer, Scripted, answer, in_a_thread
from tests.integration.registers import Registers, opened

Ask = Callable[[Subject], Awaitable[Finding]]
YES, NO, NOT_SHOWN = Shown.YES, Shown.NO, Shown.NOT_SHOWN
RACY_MOTO = """
import sys
sys.setswitchinterval(1e-6)
from moto.server import main
main(["-p", sys.argv[1]])
"""
QUESTIONS = {
    "ALL_OLD": features.all_old,
    "transactions": features.exists,
    "token": features.token,
    "read capacity": features.read_capacity,
    "write capacity": features.write_capacity,
    "consistent reads": reads.consistent,
    "latency": reads.latency_floor,
    "keep-alive": connections.keep_alive,
}
EXPECTED = {
    "embedded": [YES, YES, NO, NO, NO, YES, YES, YES],
    "moto_server": [YES, YES, NO, NO, NO, YES, YES, NO],
    "dynamodb_local": [YES, YES, YES, YES, YES, YES, YES, YES],
    "dynalite": [NO, NO, NOT_SHOWN, YES, YES, YES, YES, YES],
    "ministack": [YES, YES, YES, YES, YES, YES, YES, YES],
}


SILENCED = (reads.consistent, reads.latency_floor, features.all_old, features.write_capacity)


@pytest.fixture
def few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that always do the same."""
    for module, name in ((atomicity, "RACES"), (atomicity, "TRANSACTION_RACES"), (reads, "WRITES")):
        monkeypatch.setattr(module, name, 20)


@asynccontextmanager
async def asked(url: str, table: str | None = None) -> AsyncIterator[Subject]:
    """A server under question; with a table of its own unless it names one."""
    name = table or f"t-{uuid.uuid4().hex}"
    target = Target(kind=TargetKind.ENDPOINT, endpoint_url=url, table=name)
    async with opened_target(target, 1) as connection, connect(connection.patient()) as admin_client:
        if table is None:
            await admin.create_table(admin_client, connection)
        async with under_question(connection, admin_client) as subject:
            yield subject
        assert subject.left_behind == []


def client_of(url: str) -> Any:
    keys = {"aws_access_key_id": "loadtest", "aws_secret_access_key": "loadtest"}
    return boto3.client("dynamodb", endpoint_url=url, region_name="us-east-1", **keys)


def probe_items(client: Any, table: str) -> list[str]:
    try:
        ids = [item["id"]["S"] for item in client.scan(TableName=table, ConsistentRead=True)["Items"]]
    except client.exceptions.ResourceNotFoundException:
        return []
    return [item_id for item_id in ids if item_id.startswith("probe#")]


async def test_each_server_gives_the_answers_that_are_certain(any_server: tuple[str, str]) -> None:
    name, url = any_server
    async with asked(url) as subject:
        found = {question: (await ask(subject)).answer for question, ask in QUESTIONS.items()}
    assert found == dict(zip(QUESTIONS, EXPECTED[name], strict=True))


@pytest.mark.parametrize("server", ATOMIC)
async def test_a_server_that_is_atomic_passes_the_canary(server: str, server_urls: Callable[[str], str]) -> None:
    async with asked(server_urls(server)) as subject:
        found = [await atomicity.conditional_update(subject), await atomicity.transactions(subject)]
    for finding in found:
        assert finding.answer is YES
        assert finding.basis == f"0 of {finding.figures['contested']:,} races"
        assert finding.figures["excluded_rate"] == excluded(int(finding.figures["contested"]))


@pytest.fixture
def racy_moto() -> Iterator[str]:
    """moto_server, whose threads take turns every microsecond."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", RACY_MOTO, str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until_listening(process, port)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


async def test_the_canary_finds_double_winners_in_a_racy_server(racy_moto: str) -> None:
    """About 1 in 4 races has two winners there, and 100 or more are held: it cannot be missed but by a miracle."""
    async with asked(racy_moto) as subject:
        finding = await atomicity.conditional_update(subject)
    assert finding.answer is NO, finding
    assert finding.figures["doubled"] == finding.figures["doubled_by_answers"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("", [(atomicity.conditional_update, YES), (atomicity.transactions, YES), (reads.consistent, YES)]),
        ("deaf", [(atomicity.conditional_update, NO), (atomicity.transactions, NO), (features.all_old, NO)]),
        ("twice", [(atomicity.conditional_update, NO), (reads.consistent, YES)]),
        ("torn", [(atomicity.transactions, NO), (atomicity.conditional_update, YES)]),
        ("stale", [(reads.consistent, NO), (atomicity.conditional_update, NOT_SHOWN)]),
        ("forgetful", [(reads.consistent, NO), (atomicity.conditional_update, NO)]),
        ("silent", [(ask, NOT_SHOWN) for ask in (atomicity.conditional_update, *SILENCED)]),
    ],
)
async def test_what_a_doctored_server_does_is_seen(
    fault: str, expected: list[tuple[Ask, Shown]], few_tries: None
) -> None:
    registers = Registers(fault)
    with opened(registers) as url:
        async with asked(url, "products") as subject:
            found = [((await ask(subject)).answer, ask) for ask, _ in expected]
    assert found == [(answer, ask) for ask, answer in expected]
    assert registers.items == {}


async def test_a_double_win_that_no_answer_shows_is_seen_in_the_item(few_tries: None) -> None:
    with opened(Registers("twice")) as url:
        async with asked(url, "products") as subject:
            finding = await atomicity.conditional_update(subject)
    assert (finding.figures["doubled_by_answers"], finding.figures["doubled_by_state"]) == (0, finding.figures["races"])


async def test_what_cannot_be_deleted_is_named() -> None:
    registers = Registers("sticky")
    with opened(registers) as url:
        target = Target(kind=TargetKind.ENDPOINT, endpoint_url=url)
        async with (
            opened_target(target, 1) as connection,
            connect(connection.patient()) as admin_client,
            under_question(connection, admin_client) as subject,
        ):
            await features.exists(subject)
    assert sorted(subject.left_behind) == sorted(registers.items)


@pytest.mark.parametrize(
    ("off_s", "expected"),
    [
        (-60.0, NO),
        (None, NOT_SHOWN),
        pytest.param(0.0, YES, marks=pytest.mark.slow),
        pytest.param(3600.0, NO, marks=pytest.mark.slow),
    ],
)
async def test_the_clock(off_s: float | None, expected: Shown) -> None:
    with opened(Registers(clock_off_s=off_s)) as url:
        async with asked(url, "products") as subject:
            finding = await connections.clock(subject)
    assert finding.answer is expected
    if off_s is not None:
        assert abs(finding.figures["offset_s"] - off_s) <= finding.figures["uncertainty_s"]


@pytest.mark.parametrize("answered", ["all", "half"])
async def test_a_burst_counts_the_connections_that_were_served(answered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only every second connection is answered, the others are held for ever."""
    registers = Registers()

    async def serve(peer: Peer) -> None:
        if answered == "half" and peer.number > 2 and peer.number % 2:
            await asyncio.sleep(60)
        await registers.serve(peer)

    monkeypatch.setattr(connections, "BURST_WITHIN_S", 0.5)
    with in_a_thread(Scripted(serve)) as server:
        async with asked(server.url, "products") as subject:
            finding = await connections.at_once(subject, 40)
    assert finding.figures["connections"] == 40
    assert finding.figures["served"] == (40 if answered == "all" else 20)
    assert finding.answer is (YES if answered == "all" else NO)


def test_the_command_prints_a_table_and_writes_a_document(cli: Cli, tmp_path: Path) -> None:
    done = cli("probe", "--json", "probe.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "probe.json").read_text())
    jsonschema.validate(found, json.loads((ROOT / "docs/reference/probe.schema.json").read_text()))
    assert (found["schema"], found["fit"], found["completed"]) == ("loadtest.probe/1", True, True)
    assert found["left_behind"] == []
    assert done.stdout.splitlines()[-1] == found["sentence"]
    for finding in found["findings"]:
        assert finding["question"] in done.stdout
    assert done.stderr.startswith("13 questions: at most about 17 s\n")
    most, requests = bill(connections.BURSTS), found["requests"]
    assert requests["GetItem"] <= most.reads
    assert requests["UpdateItem"] + requests["PutItem"] + requests["DeleteItem"] <= most.writes
    assert requests["TransactWriteItems"] <= most.transactions


def test_a_dry_run_asks_nothing(server_urls: Callable[[str], str], cli: Cli) -> None:
    where = ["--endpoint-url", server_urls("dynalite"), "--table", f"t-{uuid.uuid4().hex}"]
    assert_one_line(cli("probe", "--dry-run", *where), 3, "there is no table")
    done = cli("probe", "--dry-run", "--populate-table", *where)
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("which is made first", "405 transactions", "about 17 s"):
        assert part in done.stdout
    assert_one_line(cli("probe", *where), 3, "there is no table")


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["--client", "sdk"], ["--sdk-retries", "2"]], ids=["wire", "sdk", "retries"])
def test_the_command_on_each_server(any_server: tuple[str, str], more: list[str], cli: Cli) -> None:
    name, url = any_server
    table = f"t-{uuid.uuid4().hex}"
    done = cli("probe", "--endpoint-url", url, "--table", table, "--populate-table", "--quiet", "--json", "-", *more)
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["fit"] else 1), done.stderr
    assert found["fit"] or name == "moto_server"
    assert done.stderr.splitlines()[-1] == found["sentence"]
    assert probe_items(client_of(url), table) == []


@pytest.mark.parametrize(
    ("number", "items"), [(signal.SIGINT, 4), pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow)]
)
def test_an_interrupted_probe_leaves_nothing_behind(
    number: signal.Signals, items: int, start: Start, server_urls: Callable[[str], str]
) -> None:
    url, table = server_urls("embedded"), f"t-{uuid.uuid4().hex}"
    client = client_of(url)
    process = start("probe", "--endpoint-url", url, "--table", table, "--populate-table")
    wait_for(lambda: len(probe_items(client, table)) >= items, "the probe's items")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"stopped by {number.name}" in output + errors
    assert probe_items(client, table) == []


@pytest.mark.slow
def test_a_server_that_ends_meanwhile(start: Start) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.executable, "-m", "loadtest.targets.servers.moto_host", str(port)], cwd=ROOT)
    wait_until_listening(server, port)
    process = start("probe", "--endpoint-url", url, "--populate-table")
    wait_for(lambda: len(probe_items(client_of(url), "products")) >= 3, "the probe's items")
    server.kill()
    server.wait()
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "conditional UpdateItem is atomic" in output
    assert "not known whether it is fit to judge: stopped by " in output
    assert f"no answer at {url}" in errors.splitlines()[-1]


def test_a_dead_endpoint_and_a_missing_table(cli: Cli, server_urls: Callable[[str], str]) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    assert_one_line(cli("probe", "--endpoint-url", dead), 3, f"no answer at {dead}", "is it running")
    where = ["--endpoint-url", server_urls("embedded"), "--table", f"t-{uuid.uuid4().hex}"]
    assert_one_line(cli("probe", *where), 3, "there is no table", f"loadtest populate {' '.join(where)}")


@pytest.mark.parametrize("body", [b"{}", b"\xff\xfe"])
def test_a_server_that_answers_nonsense(body: bytes, cli: Cli) -> None:
    async def nonsense(peer: Peer) -> None:
        while await peer.request():
            peer.send(answer(body))

    with in_a_thread(Scripted(nonsense)) as server:
        assert_one_line(cli("probe", "--endpoint-url", server.url), 3, server.url)


def test_a_table_on_aws_that_is_not_tagged_is_left_alone(cli: Cli, server_urls: Callable[[str], str]) -> None:
    url, table = server_urls("embedded"), f"t-{uuid.uuid4().hex}"
    client_of(url).create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    aws = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a", "AWS_ENDPOINT_URL_DYNAMODB": url}
    done = cli("probe", "--target", "aws", "--region", "us-east-1", "--table", table, **aws)
    assert_one_line(done, 3, "--tags Key=loadtest,Value=allowed")
