"""On every real server the wire's client and the SDK's own see the same: results, exceptions, traces in the table."""

import uuid
from collections import Counter
from typing import Any

import pytest

from tests.helpers.wire_clients import STAMPS, Outcome, a_client, outcome, served

Call = tuple[str, dict[str, Any]]
NO_TRANSACTIONS = {"dynalite"}

ITEM: dict[str, Any] = {
    "id": {"S": "1"},
    "n": {"N": "7"},
    "b": {"B": b"\x00\xff"},
    "bs": {"BS": [b"a", b"b"]},
    "ss": {"SS": ["a"]},
    "ns": {"NS": ["1.5"]},
    "yes": {"BOOL": True},
    "nil": {"NULL": True},
    "m": {"M": {"größe ☃": {"L": [{"S": '"\\/'}, {"B": b"\x01"}, {"M": {}}]}}},
}
PRESENT, ABSENT = {"id": {"S": "1"}}, {"id": {"S": "nowhere"}}
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
SEVEN = {":seven": {"N": "7"}}
NOT_SEVEN: dict[str, Any] = {"ConditionExpression": "n <> :seven", "ExpressionAttributeValues": SEVEN}


def get(**more: Any) -> Call:
    return "get_item", {"Key": PRESENT, **more}


def put(**more: Any) -> Call:
    return "put_item", {"Item": ITEM, **more}


def delete(**more: Any) -> Call:
    return "delete_item", {"Key": PRESENT, **more}


def update(expression: str = "SET n = n + :one", **more: Any) -> Call:
    values = {":one": {"N": "1"}, **more.pop("ExpressionAttributeValues", {})}
    return "update_item", {"Key": PRESENT, "UpdateExpression": expression, "ExpressionAttributeValues": values, **more}


def transact(*items: dict[str, Any], **more: Any) -> Call:
    return "transact_write_items", {"TransactItems": list(items), **more}


def action(kind: str, **members: Any) -> dict[str, Any]:
    return {kind: {"TableName": "TABLE", **members}}


def check(key: dict[str, Any], condition: str, **more: Any) -> dict[str, Any]:
    return action("ConditionCheck", Key=key, ConditionExpression=condition, **more)


SINGLE: list[Call] = [
    delete(),
    get(),
    get(ConsistentRead=True, ReturnConsumedCapacity="TOTAL"),
    update("SET n = :one", ConditionExpression="attribute_exists(id)", **ALL_OLD),
    put(ReturnValues="ALL_OLD", ReturnConsumedCapacity="INDEXES"),
    put(ReturnValues="ALL_OLD"),
    get(ConsistentRead=True),
    get(ProjectionExpression="#n, m", ExpressionAttributeNames={"#n": "n"}, ReturnConsumedCapacity="INDEXES"),
    get(Key=ABSENT),
    put(ConditionExpression="attribute_not_exists(id)"),
    put(ConditionExpression="attribute_not_exists(id)", **ALL_OLD),
    update(**NOT_SEVEN),
    update(**NOT_SEVEN, **ALL_OLD),
    update(**NOT_SEVEN, ReturnConsumedCapacity="TOTAL", **ALL_OLD),
    delete(**NOT_SEVEN),
    delete(**NOT_SEVEN, **ALL_OLD),
    delete(Key=ABSENT, ConditionExpression="attribute_exists(id)", **ALL_OLD),
    *(update(ReturnValues=returned) for returned in ("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")),
    update("SET b = :b REMOVE m", ExpressionAttributeValues={":b": {"B": "text"}}, ReturnValues="UPDATED_OLD"),
    update("SET b = :b", ExpressionAttributeValues={":b": {"B": b"\x02"}}, ReturnValues="ALL_NEW"),
    update(ReturnConsumedCapacity="TOTAL", ReturnValues="UPDATED_NEW"),
    delete(ReturnValues="ALL_OLD", ReturnConsumedCapacity="TOTAL"),
    get(),
]
INVALID: list[Call] = [
    put(),
    get(Key={}),
    get(Key={"id": {"N": "1"}}),
    get(Key={"id": {"S": ""}}),
    get(Key={"other": {"S": "1"}}),
    get(ProjectionExpression="n,"),
    get(TableName="no-such-table"),
    put(TableName="no-such-table"),
    put(Item={"n": {"N": "1"}}),
    put(Item={**PRESENT, "n": {"N": "no number"}}),
    put(Item={**PRESENT, "ss": {"SS": []}}),
    put(Item={**PRESENT, "v": {"S": "v" * 450_000}}),
    update("SETT n = :one"),
    update("SET n = :two"),
    update("SET v = :one, v = :one"),
    update("ADD ss :one"),
    update(ConditionExpression="n = "),
    update(ReturnValues="EVERYTHING"),
    update(TableName="no-such-table"),
    delete(TableName="no-such-table"),
    get(TableName="x"),
]
TRANSACTIONS: list[Call] = [
    delete(),
    transact(action("Put", Item=ITEM), action("Put", Item={"id": {"S": "2"}})),
    transact(
        action("Update", Key=PRESENT, UpdateExpression="SET n = :seven", ExpressionAttributeValues=SEVEN),
        check({"id": {"S": "2"}}, "attribute_exists(id)"),
        ReturnConsumedCapacity="TOTAL",
    ),
    transact(
        check(PRESENT, "n <> :seven", ExpressionAttributeValues=SEVEN, **ALL_OLD),
        action("Put", Item={"id": {"S": "2"}}),
    ),
    transact(
        action("Put", Item={"id": {"S": "3"}}),
        action("Put", Item=ITEM, ConditionExpression="attribute_not_exists(id)", **ALL_OLD),
        check({"id": {"S": "4"}}, "attribute_exists(id)", **ALL_OLD),
    ),
    transact(action("Delete", Key=PRESENT, ConditionExpression="attribute_not_exists(id)")),
    transact(action("Delete", Key=PRESENT), action("Put", Item=ITEM)),
    transact(action("Delete", Key=PRESENT, TableName="no-such-table")),
    transact(action("Delete", Key={"id": {"S": "2"}}), ClientRequestToken="t" * 37),
    transact(*(action("Delete", Key={"id": {"S": str(number)}}) for number in range(101))),
    get(ConsistentRead=True),
]


@pytest.fixture
async def table(any_server: tuple[str, str]) -> str:
    name = f"w-{uuid.uuid4().hex[:12]}"
    async with a_client(any_server[1], wired=False) as client:
        await client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    return name


def on(table: str, call: Call) -> Call:
    method, params = call
    named: dict[str, Any] = {"TableName": table, **params} if "TransactItems" not in params else dict(params)
    if "TransactItems" in named:
        actions = [next(iter(item.items())) for item in named["TransactItems"]]
        named["TransactItems"] = [
            {kind: {**members, "TableName": members["TableName"].replace("TABLE", table)}} for kind, members in actions
        ]
    return method, named


def operation(method: str) -> str:
    return method.title().replace("_", "")


async def seen_by(client: Any, table: str, calls: list[Call]) -> list[Outcome]:
    """What becomes of the calls, one after the other."""
    seen = []
    for call in calls:
        method, params = on(table, call)
        seen.append(await outcome(getattr(client, method)(**params)))
    return seen


@pytest.mark.parametrize("calls", [SINGLE, INVALID, TRANSACTIONS], ids=["single", "invalid", "transactions"])
async def test_the_same_calls_end_the_same_way(any_server: tuple[str, str], table: str, calls: list[Call]) -> None:
    name, url = any_server
    async with a_client(url, wired=False) as stock, a_client(url) as wired:
        ends = []
        for client in (stock, wired):
            for key in "1234":
                await stock.delete_item(TableName=table, Key={"id": {"S": key}})
            ends.append(await seen_by(client, table, calls))
        counted = served(wired)
    for number, (by_sdk, by_wire) in enumerate(zip(*ends, strict=True)):
        assert by_wire == by_sdk, f"call {number} on {name}: {calls[number]}"
    assert counted.wire == Counter(operation(method) for method, _ in calls)
    assert not counted.sdk
    if calls is TRANSACTIONS:
        ended = {end.kind.partition(" ")[0] for end in ends[1] if end.operation == "TransactWriteItems"}
        assert ended & {"TransactionCanceledException", "UnknownOperationException", "ClientError"}


async def test_a_transaction_without_a_token_gets_one_as_in_the_sdk(any_server: tuple[str, str], table: str) -> None:
    name, url = any_server
    if name in NO_TRANSACTIONS:
        pytest.skip(f"{name} has no transactions")
    add = action("Update", Key=PRESENT, UpdateExpression="ADD n :n", ExpressionAttributeValues={":n": {"N": "1"}})
    method, params = on(table, transact(add))
    async with a_client(url) as client:
        for more in ({}, {}, {"ClientRequestToken": "once"}):
            await getattr(client, method)(**params, **more)
        answer = await client.get_item(TableName=table, Key=PRESENT, ConsistentRead=True)
        assert answer["Item"]["n"] == {"N": "3"}
        assert served(client).wire == {"TransactWriteItems": 3, "GetItem": 1}


async def test_what_the_wire_does_not_serve_the_sdk_does_and_it_is_counted(
    any_server: tuple[str, str], table: str
) -> None:
    async with a_client(any_server[1], wired=False) as stock, a_client(any_server[1]) as wired:
        described = [await outcome(client.describe_table(TableName=table)) for client in (stock, wired)]
        assert described[0] == described[1]
        scanned = await wired.scan(TableName=table)
        assert scanned["Count"] == 0
        await wired.put_item(TableName=table, Item=PRESENT)
        old = await wired.get_item(TableName=table, Key=PRESENT, AttributesToGet=["id"])
        assert old["Item"] == PRESENT
        assert served(wired).wire == {"PutItem": 1}
        assert served(wired).sdk == {"GetItem: member AttributesToGet": 1}


async def test_the_answers_of_the_wire_carry_its_stamps(any_server: tuple[str, str], table: str) -> None:
    async with a_client(any_server[1]) as client:
        read = await client.get_item(TableName=table, Key=PRESENT)
        with pytest.raises(client.exceptions.ConditionalCheckFailedException) as refused:
            await client.delete_item(TableName=table, Key=PRESENT, ConditionExpression="attribute_exists(id)")
        with pytest.raises(client.exceptions.ClientError) as invalid:
            await client.get_item(TableName=table, Key={})
    for response in (read, refused.value.response, invalid.value.response):
        sent_ns, received_ns = response["ResponseMetadata"][STAMPS]
        assert 0 < sent_ns <= received_ns
