"""What the wire makes of an answer is what the SDK makes of it, to the last member."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.helpers.examples import examples
from tests.unit.wire import shapes
from tests.unit.wire.canned import Canned, canned

CONDITION, CANCELLED = "ConditionalCheckFailedException", "TransactionCanceledException"
BINARY = st.binary(max_size=6).map(lambda data: base64.b64encode(data).decode())
WHOLE_AND_HALF = st.integers(0, 5) | st.floats(0, 5)
thorough = examples(10, 80, suppress_health_check=[HealthCheck.too_slow])
operations = pytest.mark.parametrize("operation", shapes.OPERATIONS)
answered = shapes.Shapes(BINARY, WHOLE_AND_HALF, frozenset())


def shown(value: Any) -> str:
    """A name for a case."""
    return json.dumps(value)[:70] if isinstance(value, dict) else str(value)[:30]


@pytest.fixture(scope="module")
def clients() -> Iterator[Canned]:
    with canned() as both:
        yield both


def same(clients: Canned, operation: str, status: int, document: Any) -> Any:
    """The answer as both clients see it, which must be the same."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    by_wire, by_sdk = clients.both(operation, status, body)
    assert by_wire == by_sdk
    return by_wire


@operations
@thorough
@given(st.data())
def test_every_answer(clients: Canned, operation: str, data: st.DataObject) -> None:
    document = data.draw(answered.of(shapes.MODEL.operation_model(operation).output_shape))
    assert same(clients, operation, 200, document).kind == "answer"


@pytest.mark.parametrize("code", [CONDITION, CANCELLED])
@operations
@thorough
@given(st.data())
def test_every_refusal(clients: Canned, operation: str, code: str, data: st.DataObject) -> None:
    document = data.draw(answered.of(shapes.MODEL.shape_for(code)))
    document |= data.draw(st.fixed_dictionaries({}, optional={"message": shapes.texts, "Message": shapes.texts}))
    namespace = data.draw(st.sampled_from(["", "com.amazonaws.dynamodb.v20120810#", "a#b#"]))
    kind = same(
        clients, operation, data.draw(st.sampled_from([400, 400, 500])), {"__type": namespace + code, **document}
    ).kind
    assert kind.startswith(code)


NULLS: list[tuple[str, int, dict[str, Any]]] = [
    ("GetItem", 200, {"Item": None}),
    ("GetItem", 200, {"Item": None, "ConsumedCapacity": None}),
    ("GetItem", 200, {"Item": {"a": {"S": "1", "N": None}}}),
    ("GetItem", 200, {"Item": {"a": {"S": "1", "B": None}}}),
    ("GetItem", 200, {"Item": {"a": {"M": {"b": {"L": [{"N": "1", "SS": None}]}}}}}),
    ("GetItem", 200, {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": None, "Table": {"CapacityUnits": None}}}),
    ("UpdateItem", 200, {"Attributes": None}),
    ("TransactWriteItems", 200, {"ConsumedCapacity": None}),
    ("TransactWriteItems", 200, {"ConsumedCapacity": [{"TableName": "t", "CapacityUnits": None}]}),
    ("UpdateItem", 400, {"__type": CONDITION, "message": None}),
    ("UpdateItem", 400, {"__type": CONDITION, "message": "no", "Item": None}),
    ("UpdateItem", 400, {"__type": CONDITION, "message": '"B', "Item": None}),
    ("UpdateItem", 400, {"__type": CONDITION, "message": "no", "Item": {"a": {"S": "1", "N": None}}}),
    ("TransactWriteItems", 400, {"__type": CANCELLED, "Message": None}),
    ("TransactWriteItems", 400, {"__type": CANCELLED, "message": "no", "CancellationReasons": None}),
    ("TransactWriteItems", 400, {"__type": CANCELLED, "CancellationReasons": [None, {"Code": "None"}]}),
    (
        "TransactWriteItems",
        400,
        {
            "__type": CANCELLED,
            "Message": "no",
            "CancellationReasons": [
                {"Code": "None", "Message": None, "Item": None},
                {"Code": "ConditionalCheckFailed", "Message": "no", "Item": {"id": {"S": "1"}, "b": {"B": "AAE="}}},
            ],
        },
    ),
]


@pytest.mark.parametrize(("operation", "status", "document"), NULLS, ids=shown)
def test_a_member_that_is_null_is_not_there(
    clients: Canned, operation: str, status: int, document: dict[str, Any]
) -> None:
    assert same(clients, operation, status, document).kind != "crash"


MORE: list[tuple[str, int, dict[str, Any]]] = [
    ("GetItem", 200, {"Item": {"a": {"S": "1"}}, "New": 1}),
    ("GetItem", 200, {"Item": {"a": {"Z": "1"}}}),
    ("GetItem", 200, {"Item": {"a": {"S": "1", "Z": "1"}}}),
    ("GetItem", 200, {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.0, "New": 2}}),
    ("GetItem", 200, {"ConsumedCapacity": {"Table": {"CapacityUnits": 1.0, "New": 2}}}),
    ("TransactWriteItems", 200, {"ConsumedCapacity": [{"TableName": "t", "New": 2}]}),
    ("PutItem", 400, {"__type": CONDITION, "message": "no", "New": 1}),
    ("PutItem", 400, {"__type": CONDITION, "message": "no", "Item": {"a": {"Z": "1"}}}),
    ("TransactWriteItems", 400, {"__type": CANCELLED, "CancellationReasons": [{"Code": "None", "New": 1}]}),
    ("GetItem", 400, {"__type": CONDITION + ":http://internal.amazon.com/coral/", "message": "no"}),
]


@pytest.mark.parametrize(("operation", "status", "document"), MORE, ids=shown)
def test_a_member_that_the_sdk_does_not_know_is_left_out(
    clients: Canned, operation: str, status: int, document: dict[str, Any]
) -> None:
    assert same(clients, operation, status, document).kind != "crash"


ELSE: list[tuple[int, Any]] = [
    (200, b""),
    (200, b"null"),
    (200, b"[]"),
    (200, b"no JSON"),
    (200, b"\xff"),
    (200, b'\xef\xbb\xbf{"Item":{}}'),
    (200, b'{"Item":{"a":{"S":"\\ud800"}}}'),
    (200, b'{"Item":{"a":{"N":NaN}}}'),
    (200, {"Item": []}),
    (200, {"Item": {"a": "text"}}),
    (200, {"Item": {"a": {"B": "#"}}}),
    (200, {"Item": {"a": {"B": 1}}}),
    (200, {"Item": {"a": {"L": 1}, "b": {"B": ""}}}),
    (200, {"ConsumedCapacity": 1}),
    (204, b""),
    (299, {"Item": {"a": {"S": "1"}}}),
    (300, {"Item": {"a": {"S": "1"}}}),
    (301, {"__type": CONDITION}),
    (400, b""),
    (400, b"no JSON"),
    (400, {}),
    (400, {"message": "no type"}),
    (400, {"__type": None, "message": "no"}),
    (400, {"__type": "ValidationException", "message": "no", "Item": {}}),
    (400, {"__type": "com.amazon.coral.validate#ValidationException", "Message": "no"}),
    (400, {"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "no"}),
    (400, {"__type": "ResourceNotFoundException", "message": "no"}),
    (400, {"__type": "TransactionConflictException"}),
    (400, {"__type": "CoffeeException", "message": "no"}),
    (400, {"__type": CONDITION, "Item": "text"}),
    (400, {"__type": CANCELLED, "CancellationReasons": {}}),
    (400, {"__type": CANCELLED, "CancellationReasons": ["text"]}),
    (403, b"<html><body>Forbidden</body></html>"),
    (500, {"__type": "InternalServerError", "message": "no"}),
    (500, b""),
    (502, b"<html><body>Bad gateway</body></html>"),
    (503, {"__type": "ServiceUnavailable"}),
]


@pytest.mark.parametrize("operation", ["GetItem", "TransactWriteItems"])
@pytest.mark.parametrize(("status", "document"), ELSE, ids=shown)
def test_whatever_else_a_server_may_answer(clients: Canned, operation: str, status: int, document: Any) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    by_wire, by_sdk = clients.both(operation, status, body)
    assert by_wire == by_sdk or by_sdk.kind == "crash"  # the SDK's parser has no good word for all of this


@operations
def test_figures_of_capacity_are_of_the_sdks_types(clients: Canned, operation: str) -> None:
    capacity = {"TableName": "t", "CapacityUnits": 2, "Table": {"CapacityUnits": 2, "WriteCapacityUnits": 1.5}}
    document = {"ConsumedCapacity": [capacity] if operation.startswith("Transact") else capacity}
    by_wire, by_sdk = clients.both(operation, 200, json.dumps(document).encode())
    seen, wanted = (json.dumps(made.answer["ConsumedCapacity"], sort_keys=True) for made in (by_wire, by_sdk))
    assert seen == wanted  # 2 is not 2.0


@pytest.mark.parametrize("headers", [{}, {"x-amz-crc32": "0"}, {"x-amzn-requestid": ""}, {"x-other": "a: b"}])
def test_the_headers_are_there_as_in_the_sdk(clients: Canned, headers: dict[str, str]) -> None:
    by_wire, by_sdk = clients.both("GetItem", 200, b"", headers)
    assert by_wire == by_sdk
