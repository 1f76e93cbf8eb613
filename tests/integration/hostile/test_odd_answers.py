"""Answers that are no DynamoDB's: a line that says what is odd, or an outcome of the run; never an internal error."""

import asyncio
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.dynamodb import admin
from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.foreign import foreign_item_in, foreign_items
from loadtest.dynamodb.order_records import read_records
from loadtest.dynamodb.patience import uncounted
from loadtest.dynamodb.table import Answer, Table
from loadtest.errors import TargetError
from loadtest.events import Outcome, Reason
from loadtest.workload.target import ClientKind
from tests.helpers.commands import run
from tests.helpers.scripted_server import Peer, Scripted, answer, in_a_thread, refusal
from tests.helpers.spoiled_files import spoiled
from tests.helpers.wire_clients import connected, transport_of
from tests.integration.hostile.server import honest, instead

WITHIN_S = 20  # for all that is asked, by both clients
OPERATIONS = ("DescribeTable", "GetItem", "BatchGetItem", "Scan", "UpdateItem", "ListTagsOfResource")


def without(operation: str, *path: str) -> bytes:
    """The honest answer but for a part of it."""
    whole = json.loads(honest(operation))
    inner = whole
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return answer(json.dumps(whole).encode())


def with_attribute(operation: str, where: str, name: str, value: object) -> bytes:
    """The honest answer with another value of one attribute."""
    whole = json.loads(honest(operation))
    whole[where][name] = value
    return answer(json.dumps(whole).encode())


GZIP = {"Content-Encoding": "gzip"}
DEEP = b'{"Item": ' + b'{"a": {"M": ' * 400 + b"{}" + b"}}" * 400 + b"}"
DEEPER = b"[" * 50_000
ODD: dict[str, dict[str, bytes]] = {
    "a table without keys": {"DescribeTable": without("DescribeTable", "Table", "KeySchema")},
    "a table without types": {"DescribeTable": without("DescribeTable", "Table", "AttributeDefinitions")},
    "a table without status": {"DescribeTable": without("DescribeTable", "Table", "TableStatus")},
    "no table": {"DescribeTable": answer(b"{}")},
    "a list for a table": {"DescribeTable": answer(b'{"Table": []}')},
    "a list": {"DescribeTable": answer(b"[]")},
    "null": {"DescribeTable": answer(b"null")},
    "no JSON": {"DescribeTable": answer(b"{]")},
    "no UTF-8": {"DescribeTable": answer(b'{"Table": "\xff"}')},
    "a number for a name": {"DescribeTable": answer(honest("DescribeTable").replace(b'"ACTIVE"', b"5"))},
    "an error that is a number": {"DescribeTable": answer(b'{"__type": 5}', "400 Bad Request")},
    "an error without a text": {"DescribeTable": answer(b'{"__type": "X", "message": null}', "400 Bad Request")},
    "an error that is a list": {"DescribeTable": answer(b"[1]", "500 Oh")},
    "an item that is a list": {"GetItem": answer(b'{"Item": [1]}')},
    "an item of nothing": {"GetItem": answer(b'{"Item": {"id": {}}}')},
    "an item with a null": {"GetItem": with_attribute("GetItem", "Item", "name", None)},
    "an item with a number that is one": {"GetItem": with_attribute("GetItem", "Item", "quantity", {"N": 5})},
    "an item with two values": {"GetItem": with_attribute("GetItem", "Item", "quantity", {"N": "5", "S": "5"})},
    "an item without a key": {"GetItem": without("GetItem", "Item", "id")},
    "a last order that is a list": {"GetItem": with_attribute("GetItem", "Item", "last_order", {"S": ["a"]})},
    "a capacity that is text": {"GetItem": answer(b'{"Item": {"id": {"S": "p#4"}}, "ConsumedCapacity": "x"}')},
    "a checksum that is no number": {"GetItem": answer(honest("GetItem"), headers={"x-amz-crc32": "abc"})},
    "a checksum of 5,000 digits": {"GetItem": answer(honest("GetItem"), headers={"x-amz-crc32": "7" * 5_000})},
    "a compressed body": {"GetItem": answer(gzip.compress(honest("GetItem")), headers=GZIP)},
    "deep JSON": {"GetItem": answer(DEEP)},
    "deeper JSON": {"GetItem": answer(DEEPER)},
    "another place": {"GetItem": answer(b"", "307 Temporary Redirect", {"Location": "http://127.0.0.1:1/"})},
    "another protocol": {
        "GetItem": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    },
    "attributes that are text": {"UpdateItem": answer(b'{"Attributes": "x"}')},
    "a refusal with a list for an item": {
        "UpdateItem": answer(refusal("ConditionalCheckFailedException", message="", Item=[]), "400 Bad Request")
    },
    "reasons that are none": {
        "UpdateItem": answer(refusal("TransactionCanceledException", CancellationReasons=[None]), "400 Bad Request")
    },
}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is tried for long."""
    monkeypatch.setattr("loadtest.dynamodb.patience.PATIENCE_S", 0.2)
    monkeypatch.chdir(tmp_path)


def place(url: str, client: ClientKind) -> Connection:
    return Connection(table="products", endpoint_url=url, region="eu-west-1", anonymous=True, client=client)


async def ask(client: DynamoDBClient, connection: Connection) -> Answer:
    """Everything that a run asks for; a TargetError if that is no use, else what became of a write."""
    table = Table(transport_of(client), connection)
    await admin.describe_table(client, connection)
    await table.read("p#4")
    await admin.read_stock(client, connection, "p#4")
    await foreign_items(client, connection, ["p#4"])
    await foreign_items(client, connection, ["p#3", "p#4"])
    await foreign_item_in(client, connection)
    await read_records(client, connection, ["a-1-1"], uncounted)
    await admin.is_tagged(client, connection, "arn:aws:dynamodb:eu-west-1:1:table/products")
    return await table.update("p#4", "SET quantity = :q", {":q": {"N": "0"}}, "version = :q", Reason.CONFLICT)


@pytest.mark.parametrize("client", list(ClientKind))
@pytest.mark.parametrize("what", ODD)
async def test_it_is_said_or_counted(what: str, client: ClientKind) -> None:
    async with Scripted(instead(ODD[what])) as server:
        connection = place(server.url, client)
        async with connected(connection) as opened:
            if "UpdateItem" in ODD[what]:
                answered = await ask(opened, connection)
                assert (answered.result.outcome, answered.result.reason) == (Outcome.UNKNOWN, "NotUnderstood")
                assert answered.result.message.isprintable()
                return
            with pytest.raises(TargetError) as raised:
                await ask(opened, connection)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("what", ["a table without keys", "a compressed body"])
def test_a_command_ends_in_words(what: str) -> None:
    with in_a_thread(Scripted(instead(ODD[what]))) as server:
        code, out, err = run("race", "-n", "3", "--quiet", "--endpoint-url", server.url)
    assert (code, out) == (3, "")
    assert err.startswith(f"loadtest: the server at {server.url} answers as no DynamoDB does: ")
    assert err.count("\n") == 1


@pytest.fixture(scope="module")
def mutated() -> Iterator[Callable[[str, bytes], None]]:
    """Gives one body for each operation, to both kinds of client, which must be understood or refused in words."""
    bodies: dict[str, bytes] = {}

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            operation = request.headers["x-amz-target"].rpartition(".")[2]
            peer.send(answer(bodies.get(operation, honest(operation))))

    async def opened(server: Scripted, stack: AsyncExitStack) -> list[tuple[DynamoDBClient, Connection]]:
        connections = [place(server.url, client) for client in ClientKind]
        return [(await stack.enter_async_context(connected(each)), each) for each in connections]

    async def ask_all(clients: list[tuple[DynamoDBClient, Connection]]) -> None:
        for client, connection in clients:
            with suppress(TargetError):
                await ask(client, connection)

    with in_a_thread(Scripted(script)) as server, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        clients = runner.run(opened(server, stack))

        def check(operation: str, body: bytes) -> None:
            bodies.clear()
            bodies[operation] = body
            runner.run(asyncio.wait_for(ask_all(clients), WITHIN_S))

        yield check
        runner.run(stack.aclose())


@given(st.sampled_from(OPERATIONS), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_spoiled_answer_breaks_neither_client(
    mutated: Callable[[str, bytes], None], operation: str, random: Random
) -> None:
    mutated(operation, spoiled(honest(operation), random))
