"""What the wire sends is what botocore would send, and what botocore would refuse the wire does not take."""

import json
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from loadtest.dynamodb.wire import codec
from loadtest.dynamodb.wire.codec import NotUnderstood
from tests.helpers.examples import examples
from tests.helpers.scripted_server import Peer, Scripted, answer
from tests.helpers.wire_clients import a_client, served
from tests.unit.wire import shapes

SERIALIZER = create_serializer("json", include_validation=True)
operations = pytest.mark.parametrize("operation", shapes.OPERATIONS)
thorough = examples(15, 150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def by_botocore(operation: str, params: dict[str, Any]) -> Any:
    """The body that botocore makes, parsed. Raises ParamValidationError."""
    return json.loads(SERIALIZER.serialize_to_request(params, shapes.MODEL.operation_model(operation))["body"])


@operations
@thorough
@given(st.data())
def test_every_member_of_every_operation_is_encoded_as_botocore_does(operation: str, data: st.DataObject) -> None:
    params = data.draw(shapes.requests(operation))
    assert json.loads(codec.encode(operation, params)) == by_botocore(operation, params)


@operations
@thorough
@given(st.data())
def test_what_the_wire_takes_is_never_less_or_other_than_what_botocore_makes_of_it(
    operation: str, data: st.DataObject
) -> None:
    params = data.draw(shapes.spoiled(operation))
    try:
        body = codec.encode(operation, params)
    except NotUnderstood:
        return
    assert json.loads(body) == by_botocore(operation, params)  # which raises what the wire should not have taken


KEY: dict[str, Any] = {"id": {"S": "1"}}
READ = {"TableName": "t", "Key": KEY}
PUT: dict[str, Any] = {"TableName": "t", "Item": KEY}
TRANSACTION: dict[str, Any] = {"TransactItems": [{"Put": PUT}], "ClientRequestToken": "t"}
REFUSED_BY_BOTOCORE: list[tuple[str, dict[str, Any]]] = [
    ("GetItem", {}),
    ("GetItem", {"TableName": "t"}),
    ("GetItem", {**READ, "TableName": ""}),
    ("GetItem", {**READ, "TableName": None}),
    ("GetItem", {**READ, "TableName": b"t"}),
    ("GetItem", {**READ, "ConsistentRead": 1}),
    ("GetItem", {**READ, "ConsistentRead": "true"}),
    ("GetItem", {**READ, "Key": []}),
    ("GetItem", {**READ, "Key": {"id": "1"}}),
    ("GetItem", {**READ, "Key": {"id": {"S": 1}}}),
    ("GetItem", {**READ, "Key": {"id": {"N": 1}}}),
    ("GetItem", {**READ, "Key": {"id": {"B": 1}}}),
    ("GetItem", {**READ, "Key": {"id": {"NULL": None}}}),
    ("GetItem", {**READ, "Key": {"id": {"SS": "ab"}}}),
    ("GetItem", {**READ, "Key": {"id": {"X": "1"}}}),
    ("GetItem", {**READ, "Key": {1: {"S": "1"}}}),
    ("GetItem", {**READ, "ExpressionAttributeNames": {"#a": 1}}),
    ("GetItem", {**READ, "Unknown": "1"}),
    ("PutItem", READ),
    ("PutItem", {**PUT, "ConditionExpression": None}),
    ("UpdateItem", {**READ, "ExpressionAttributeValues": {":v": 1}}),
    ("UpdateItem", {**READ, "UpdateExpression": ["SET"]}),
    ("DeleteItem", {**READ, "ReturnValues": 1}),
    ("TransactWriteItems", {"ClientRequestToken": "t"}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": []}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": {"Put": PUT}}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": [{"Get": READ}]}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": [{"Update": READ}]}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": [{"ConditionCheck": READ}]}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": [{"Put": {**PUT, "TableName": ""}}]}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": [{"Put": {**PUT, "ReturnValues": "NONE"}}]}),
    ("TransactWriteItems", {**TRANSACTION, "ClientRequestToken": ""}),
    ("TransactWriteItems", {**TRANSACTION, "ClientRequestToken": None}),
]


@pytest.mark.parametrize(("operation", "params"), REFUSED_BY_BOTOCORE)
def test_what_botocores_validation_refuses_is_left_to_botocore(operation: str, params: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        by_botocore(operation, params)
    with pytest.raises(NotUnderstood):
        codec.encode(operation, params)


ARN = "arn:aws:dynamodb:eu-central-1:123456789012:table/t"
LEFT_TO_BOTOCORE = [
    ("GetItem", {**READ, "TableName": ARN}),
    ("GetItem", {**READ, "AttributesToGet": ["a"]}),
    ("GetItem", {**READ, "Key": {"id": {"S": "\ud800"}}}),
    ("GetItem", {**READ, "Key": {"\udfff": {"S": "1"}}}),
    ("GetItem", {**READ, "Key": {"id": {"SS": ("a", "b")}}}),
    ("GetItem", {**READ, "Key": {"id": {}}}),
    ("GetItem", {**READ, "Key": {"id": {"S": "1", "N": "1"}}}),
    ("PutItem", {**PUT, "Expected": {"id": {"Exists": False}}}),
    ("UpdateItem", {**READ, "AttributeUpdates": {"a": {"Value": {"S": "1"}}}}),
    ("UpdateItem", {**READ, "ReturnItemCollectionMetrics": "SIZE"}),
    ("DeleteItem", {**READ, "ConditionalOperator": "AND"}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": [{"Put": {**PUT, "TableName": ARN}}]}),
    ("TransactWriteItems", {**TRANSACTION, "TransactItems": [{"Put": PUT, "Delete": READ}]}),
]


@pytest.mark.parametrize(("operation", "params"), LEFT_TO_BOTOCORE)
def test_what_botocore_takes_in_its_own_way_is_left_to_it(operation: str, params: dict[str, Any]) -> None:
    by_botocore(operation, params)
    with pytest.raises(NotUnderstood):
        codec.encode(operation, params)


@pytest.mark.parametrize("given", ["text", "größe ☃ 🫖", "", b"text", bytearray(b"\x00\xff")])
@pytest.mark.parametrize("kind", ["B", "BS", "M", "L"])
def test_text_that_stands_for_bytes_is_encoded_as_the_sdk_does(kind: str, given: Any) -> None:
    value = {"B": {"B": given}, "BS": {"BS": [given]}, "M": {"M": {"a": {"B": given}}}, "L": {"L": [{"B": given}]}}
    params = {**PUT, "Item": {**KEY, "v": value[kind]}}
    assert json.loads(codec.encode("PutItem", params)) == by_botocore("PutItem", params)


def test_an_item_may_be_deeper_than_dynamodb_takes_it() -> None:
    deep: dict[str, Any] = {"S": "the bottom"}
    for _ in range(60):
        deep = {"L": [{"M": {"a": deep}}]}
    params = {**PUT, "Item": {**KEY, "deep": deep}}
    assert json.loads(codec.encode("PutItem", params)) == by_botocore("PutItem", params)


async def test_what_the_wire_does_not_take_the_sdk_refuses_or_sends_and_it_is_counted() -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            peer.send(answer())

    async with Scripted(script) as server, a_client(server.url) as client:
        for params in ({**READ, "Unknown": 1}, {**READ, "Key": {"id": {"N": 1}}}):
            with pytest.raises(ParamValidationError):
                await client.get_item(**params)
        assert not server.requests
        await client.get_item(**READ, AttributesToGet=["a"])
        await client.put_item(TableName="t", Item={"id": {"S": "\ud800"}})
        assert served(client).sdk == {
            "GetItem: member Unknown": 1,
            "GetItem: string": 1,
            "GetItem: member AttributesToGet": 1,
            "PutItem: JSON": 1,
        }
        assert not served(client).wire
    assert [json.loads(request.body) for request in server.requests] == [
        {**READ, "AttributesToGet": ["a"]},
        {"TableName": "t", "Item": {"id": {"S": "\ud800"}}},
    ]
