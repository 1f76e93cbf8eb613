"""Each fault in front of a real server: what a real client is told, what is true, and what is on record."""

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loadtest.dynamodb.errors import CredentialsError
from loadtest.dynamodb.table import Answer, Table
from loadtest.events import Outcome, Product, Reason
from loadtest.workload.faults import (
    AnyFault,
    Delay,
    DropAnswer,
    Duplicate,
    Error500,
    Fixed,
    HalfAnswer,
    Reset,
    Throttle,
)
from tests.conftest import ATOMIC
from tests.integration.faults.conftest import ARN, KEY, Link, Open

pytestmark = pytest.mark.asyncio(loop_scope="module")
LONG = Fixed(30.0)


async def write(product: Product, table: Table) -> Answer:
    """Take one unit of version 1, as the strategy `version` does."""
    values = {
        ":quantity": {"N": "9"},
        ":version": {"N": "2"},
        ":order": {"S": f"order of {product.id}"},
        ":read_version": {"N": "1"},
    }
    expression = "SET quantity = :quantity, version = :version, last_order = :order"
    return await table.update(product.id, expression, values, "version = :read_version", Reason.CONFLICT)


async def transact(product: Product, table: Table, order: str) -> Answer:
    """Take one unit and record the order, as the strategy `transaction` does."""
    take = {
        "UpdateExpression": "SET quantity = quantity - :units, version = version + :units, last_order = :order",
        "ConditionExpression": "quantity >= :units",
        "ExpressionAttributeValues": {":units": {"N": "1"}, ":order": {"S": order}},
    }
    order = f"{product.id}-{order}"
    record = {"Item": {"id": {"S": f"order#{order}"}}, "ConditionExpression": "attribute_not_exists(id)"}
    return await table.take_and_record(product.id, take, record, order[-36:])


@pytest.mark.parametrize(
    ("fault", "outcome", "applied", "statuses"),
    [
        (DropAnswer(), Outcome.UNKNOWN, True, [200]),
        (Error500(), Outcome.UNKNOWN, True, [200]),
        (Reset(), Outcome.UNKNOWN, True, [200]),
        (Reset(when="before"), Outcome.UNKNOWN, False, []),
        (HalfAnswer(), Outcome.UNKNOWN, True, [200]),
        (Duplicate(answer="first"), Outcome.ACCEPTED, True, [200, 400]),
        (Duplicate(answer="second"), Outcome.REJECTED, True, [200, 400]),
        (Delay(time=LONG, where="request"), Outcome.UNKNOWN, False, []),
        (Delay(time=LONG, where="answer"), Outcome.UNKNOWN, True, [200]),
    ],
    ids=["drop_answer", "error_500", "reset", "reset before", "half_answer", "first", "second", "request", "answer"],
)
async def test_what_the_client_is_told_and_what_is_true(
    fault: AnyFault, outcome: Outcome, applied: bool, statuses: list[int], link: Open
) -> None:
    async with link(fault) as opened:
        answers = await asyncio.gather(*(write(*client) for client in opened.clients))
        assert [answer.result.outcome for answer in answers] == [outcome, outcome]
        products = [product for product, _ in opened.clients]
        assert [await opened.version(product) for product in products] == [2 if applied else 1] * 2
        found = {(one.kind, one.operation, one.order_id, one.product_id): one.statuses for one in opened.injected()}
        assert found == {(fault.kind, "UpdateItem", f"order of {one.id}", one.id): statuses for one in products}


async def asked(link: Link, operation: str, body: bytes = b"{}", key: str = KEY) -> bytes:
    """Everything that comes for one request until the proxy closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", link.bench.port)
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.{operation}\r\n"
    head += f"Authorization: x Credential={key}/y\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_reset_is_a_reset(link: Open) -> None:
    async with link(Reset()) as opened:
        with pytest.raises(ConnectionResetError):
            await asked(opened, "UpdateItem")


async def test_half_an_answer_promises_all_of_it(link: Open) -> None:
    async with link(HalfAnswer(operations=("GetItem",))) as opened:
        product, _ = opened.clients[0]
        body = f'{{"TableName": "{opened.table}", "Key": {{"id": {{"S": "{product.id}"}}}}}}'
        head, _, half = (await asked(opened, "GetItem", body.encode())).partition(b"\r\n\r\n")
    promised = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    assert len(half) == promised // 2
    assert half.startswith(b'{"Item')


async def test_a_throttle_refuses_as_dynamodb_does_and_forwards_nothing(link: Open) -> None:
    async with link(Throttle(write_units=0.001, burst=1)) as opened:
        for client in opened.clients:  # each product is a partition of its own
            assert (await write(*client)).result.outcome is Outcome.ACCEPTED
            refused = (await write(*client)).result
            assert (refused.outcome, refused.reason) == (Outcome.THROTTLED, "ProvisionedThroughputExceededException")
        assert [(one.kind, one.product_id, one.statuses) for one in opened.injected()] == [
            ("throttle", product.id, []) for product, _ in opened.clients
        ]
        with pytest.raises(ClientError) as raised:
            await opened.bench.sdk.delete_item(TableName=opened.table, Key={"id": {"S": opened.clients[0][0].id}})
    answer: Any = raised.value.response
    assert answer["ThrottlingReasons"] == [{"reason": "TableWriteKeyRangeThroughputExceeded", "resource": ARN}]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("server", ATOMIC)
async def test_a_transaction_names_the_item_that_was_throttled(server: str, link: Open) -> None:
    async with link(Throttle(write_units=0.001, burst=2), server=server) as opened:
        for client in opened.clients:
            assert (await transact(*client, "1")).result.outcome is Outcome.ACCEPTED  # two units of each item
            refused = (await transact(*client, "2")).result
            assert refused.outcome is Outcome.THROTTLED
            assert "[ProvisionedThroughputExceeded, None]" in refused.message
            assert await opened.version(client[0]) == 2
        assert [(one.order_id, one.statuses) for one in opened.injected()] == [("2", []), ("2", [])]


@pytest.mark.parametrize("server", ["ministack", "dynamodb_local"])  # moto forgets the token
async def test_a_transaction_with_its_token_survives_a_second_delivery(server: str, link: Open) -> None:
    async with link(Duplicate(), server=server) as opened:
        for client in opened.clients:
            assert (await transact(*client, "1")).result.outcome is Outcome.ACCEPTED
            assert await opened.version(client[0]) == 2
        assert [one.statuses for one in opened.injected()] == [[200, 200], [200, 200]]


async def test_an_item_is_charged_by_the_size_that_was_seen(link: Open) -> None:
    async with link(Throttle(write_units=0.001, burst=3)) as opened:
        here: dict[str, Any] = {"TableName": opened.table, "Key": {"id": {"S": "large"}}}
        item = {**here["Key"], "text": {"S": "x" * 2000}}
        await opened.bench.admin_client.put_item(TableName=opened.table, Item=item)
        await opened.bench.wire.get_item(**here)  # 2 KB: two units for each write from now on
        await opened.bench.wire.delete_item(**here)
        with pytest.raises(ClientError, match="ProvisionedThroughputExceeded"):
            await opened.bench.wire.delete_item(**here)


async def test_nobody_else_may_use_the_proxy(link: Open) -> None:
    async with link() as opened:
        assert b"UnrecognizedClientException" in await asked(opened, "GetItem", key="somebody")
        assert b"UnknownOperationException" in await asked(opened, "DeleteTable")


async def test_faults_have_their_window_and_operations(link: Open) -> None:
    later, reads = DropAnswer(from_s=3600.0), Error500(operations=("GetItem",))
    async with link(later, reads) as opened:
        product, table = opened.clients[0]
        assert (await write(product, table)).result.outcome is Outcome.ACCEPTED
        assert (await table.read(product.id)).result.outcome is Outcome.FAILED
        assert [(one.fault, one.kind) for one in opened.injected()] == [(2, "error_500")]


async def test_delays_add_up_and_one_other_fault_has_its_way(link: Open) -> None:
    first, second = Delay(time=Fixed(0.001), where="request"), Delay(time=Fixed(0.002))
    async with link(first, Error500(), DropAnswer(), second) as opened:
        assert (await write(*opened.clients[0])).result.reason == "InternalServerError"
        assert [(one.fault, one.delay_ms) for one in opened.injected()] == [(1, 1.0), (4, 2.0), (2, None)]


async def test_the_same_seed_meets_the_same_requests_however_they_come(link: Open) -> None:
    faults = (DropAnswer(rate=0.2), Delay(rate=0.3, time=Fixed(0.0)), Error500(rate=0.2))

    async def struck(seed: int, at_once: int) -> set[tuple[int, int]]:
        async with link(*faults, seed=seed) as opened:
            slots = asyncio.Semaphore(at_once)

            async def one() -> None:
                async with slots:
                    await write(*opened.clients[0])

            await asyncio.gather(*(one() for _ in range(100)))
            return {(one.fault, one.request) for one in opened.injected()}

    alone = await struck(7, 1)
    assert alone == await struck(7, 10)
    assert alone != await struck(8, 10)


@pytest.mark.parametrize("applied", [False, True], ids=["before anything was sent", "before it is sent again"])
async def test_credentials_that_the_proxy_cannot_renew(
    applied: bool, link: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with link(Duplicate(answer="second")) as through:
        for product, table in through.clients:
            with monkeypatch.context() as patch:
                patch.setattr(
                    through.bench.current.injector, "_forward", Lapsing(through.bench.admin_client, after=applied)
                )
                answer = await write(product, table)
            assert answer.result.outcome is (Outcome.UNKNOWN if applied else Outcome.FAILED)
            assert await through.version(product) == (2 if applied else 1)
            assert applied or "log in again" in answer.result.message


class Lapsing:
    """A way to the server whose credentials end after so many requests."""

    def __init__(self, admin_client: Any, *, after: int) -> None:
        self._admin_client, self._left = admin_client, after

    async def __call__(self, operation: str, body: bytes) -> Any:
        if not self._left:
            raise CredentialsError(sentence="log in again")
        self._left -= 1
        return await self._admin_client.wire.forward(operation, body)
