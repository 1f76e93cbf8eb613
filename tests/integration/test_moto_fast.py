"""The embedded server's own host answers as moto_server does, and speaks HTTP as a server must."""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtest.targets.moto_fast import Reply, Request, _Connection, _Turns
from tests.conftest import ROOT, Cli, free_port, wait_until_listening

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential={key}/20260101/{region}/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=00ff"
)
COMPARED_HEADERS = ("content-type", "x-amzn-errortype", "status", "access-control-allow-origin", "vary")
KEYS = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST"}  # fmt: skip
A = {"id": {"S": "a"}}
ITEM: dict[str, Any] = {
    **A,
    "n": {"N": "10"},
    "s": {"S": "text"},
    "ss": {"SS": ["x", "y"]},
    "ns": {"NS": ["1", "2.50"]},
    "b": {"B": b"\x00\xff"},
    "bs": {"BS": [b"a", b"\xff"]},
    "m": {"M": {"k": {"S": "v"}, "deep": {"M": {"n": {"N": "1"}, "b": {"B": b"\x01"}}}}},
    "l": {"L": [{"S": "e"}, {"N": "2"}, {"BS": [b"c"]}, {"NULL": True}]},
    "t": {"BOOL": True},
    "z": {"NULL": True},
}
FAILS = {"ConditionExpression": "n > :most", "ExpressionAttributeValues": {":most": {"N": "99"}}}
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def outcome(client: Any, operation: str, parameters: dict[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Status, headers and parsed body. The SDK has compared the body with its checksum."""
    try:
        answer = getattr(client, operation)(**parameters)
    except ClientError as error:
        answer = dict(error.response)
    metadata = answer.pop("ResponseMetadata")
    headers = metadata["HTTPHeaders"]
    assert metadata["HTTPStatusCode"] == 500 or {"x-amzn-requestid", "x-amz-crc32"} <= headers.keys()
    return metadata["HTTPStatusCode"], {name: headers.get(name, "") for name in COMPARED_HEADERS}, in_order(answer)


def in_order(answer: Any) -> Any:
    """Sets sorted: on their way through a projection moto makes them Python's, whose order changes with the process."""
    if isinstance(answer, list):
        return [in_order(element) for element in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        name: sorted(value) if name in ("SS", "NS", "BS") and isinstance(value, list) else in_order(value)
        for name, value in answer.items()
    }


class Pair:
    """Two clients, of the embedded server and of moto_server. Every call goes to both and must end alike."""

    def __init__(self, urls: tuple[str, str], region: str = "us-east-1") -> None:
        once = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
        keys = {"aws_access_key_id": "loadtest", "aws_secret_access_key": "loadtest"}
        self.clients = [
            boto3.client("dynamodb", endpoint_url=url, region_name=region, config=once, **keys) for url in urls
        ]

    def call(self, operation: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
        """The status and answer that both gave."""
        fast, moto = (outcome(client, operation, parameters) for client in self.clients)
        assert fast == moto
        return fast[0], fast[2]

    def table(self, **schema: Any) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        for client in self.clients:
            client.create_table(**{"TableName": name, **KEYS, **schema})
        return name


@pytest.fixture(scope="module")
def urls(server_urls: Callable[[str], str]) -> tuple[str, str]:
    return server_urls("embedded"), server_urls("moto_server")


@pytest.fixture(scope="module")
def pair(urls: tuple[str, str]) -> Iterator[Pair]:
    pair = Pair(urls)
    yield pair
    for client in pair.clients:
        client.close()


@pytest.fixture(scope="module")
def table(pair: Pair) -> str:
    return pair.table()


def update(expression: str, value: Any = None, **more: Any) -> dict[str, Any]:
    values = {} if value is None else {"ExpressionAttributeValues": {":v": value}}
    return {"Key": A, "UpdateExpression": expression, **values, **more}


def put(condition: str = "", value: Any = None, **attributes: Any) -> dict[str, Any]:
    values = {} if value is None else {"ExpressionAttributeValues": {":v": value}}
    return {"Item": {**A, **attributes}, **({"ConditionExpression": condition} if condition else {}), **values}


def each(parameter: str, *choices: str, **more: Any) -> list[dict[str, Any]]:
    return [{**more, parameter: choice} for choice in choices]


MISSING = {"Key": {"id": {"S": "new"}}}
NEW = {"Item": {"id": {"S": "new"}}}
MANY_CLAUSES = {
    "Key": A,
    "UpdateExpression": "SET n = n + :n, m.deep.n = :n, #new = :m REMOVE s, l[0], l[2] DELETE ss :s ADD ns :z",
    "ExpressionAttributeNames": {"#new": "new"},
    "ExpressionAttributeValues": {":n": {"N": "1"}, ":m": {"M": {"b": {"B": b"\xfe"}}}, ":s": {"SS": ["y"]},
                                  ":z": {"NS": ["3"]}},
}  # fmt: skip
NAMES = ("NONE", "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW", "BOGUS")
CAPACITIES = ("NONE", "TOTAL", "INDEXES", "BOGUS")
WRONG_KEYS: list[dict[str, Any]] = [
    {"Key": {"id": {"N": "1"}}},
    {"Key": {"id": {"S": ""}}},
    {"Key": {"other": {"S": "a"}}},
    {"Key": {**A, "other": {"S": "a"}}},
    {"Key": {}},
    {"Key": A, "TableName": "missing"},
    {},
]
EMPTY_OR_WRONG: list[dict[str, Any]] = [{"SS": []}, {"NS": []}, {"BS": []}, {}, {"S": None}, {"S": 5}]
CASES: dict[str, list[dict[str, Any]]] = {
    "get_item": [
        *WRONG_KEYS,
        *each("ReturnConsumedCapacity", *CAPACITIES, Key=A),
        *each("ProjectionExpression", "n, m.deep.b, l[1], bs", "name", "", "no.where", "n, n", Key=A),
        MISSING,
        {**MISSING, "ReturnConsumedCapacity": "TOTAL"},
        {"Key": A, "ConsistentRead": True},
        {"Key": A, "ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "n"}},
        {"Key": A, "ProjectionExpression": "n", "ExpressionAttributeNames": {"#n": "n"}},
        {"Key": A, "ExpressionAttributeNames": {"#n": "n"}},
        {"Key": A, "AttributesToGet": ["n"]},
    ],
    "put_item": [
        *each("ReturnValues", *NAMES, **put(n={"N": "1"})),
        *each("ReturnValues", *NAMES, **NEW),
        *each("ReturnConsumedCapacity", *CAPACITIES, **put()),
        {**put(), **FAILS},
        {**put(), **FAILS, **ALL_OLD},
        {**NEW, **FAILS, **ALL_OLD},
        {**put("attribute_not_exists(id)"), **ALL_OLD},
        {**NEW, "ConditionExpression": "attribute_not_exists(id)"},
        {**put("attribute_exists(#n)"), "ExpressionAttributeNames": {"#n": "n"}},
        {**put("attribute_exists(id)"), "ExpressionAttributeNames": {"#unused": "n"}},
        put("attribute_exists(id)", {"N": "1"}),
        put("n = = :v", {"N": "1"}),
        {**put(), "ExpressionAttributeValues": {}},
        {**put(), "ExpressionAttributeValues": {"no colon": {"N": "1"}}},
        {**put(), "TableName": "missing"},
        *({**put(), "Expected": {"n": {"Value": {"N": number}}}} for number in ("10", "11")),
        *({"Item": {"id": key}} for key in ({"S": ""}, {"N": "1"}, {"B": b"a"})),
        put(s={"S": ""}, b={"B": b""}, l={"L": []}, m={"M": {}}),
        *(put(v=value) for value in EMPTY_OR_WRONG),
        *(put(v={"N": number}) for number in ("1" + "0" * 40, "1E+130", "many", "-0.0010", "007", "1e-5")),
        put(s={"S": "a&b=c é\0\U0001f600\"\\"}, t={"BOOL": False}, z={"NULL": False}),
        put(s={"S": "x" * 410_000}),
        {},
    ],
    "update_item": [
        *({"UpdateExpression": "REMOVE s", **key} for key in WRONG_KEYS),
        *each("ReturnValues", *NAMES, **MANY_CLAUSES),
        *each("ReturnValues", *NAMES, **{**update("SET s = if_not_exists(id, :v)", {"S": "x"}), **MISSING}),
        *each("ReturnConsumedCapacity", *CAPACITIES, **update("REMOVE s")),
        {**update("REMOVE s"), **FAILS},
        {**update("REMOVE s"), **FAILS, **ALL_OLD},
        {**update("REMOVE s"), **MISSING, **FAILS, **ALL_OLD},
        {"Key": A},
        MISSING,
        *map(update, ("", "SET", "SET s == 5", "REMOVE s REMOVE n", "SET name = s", "SET #s = n", "SET s = :v")),
        *(update(f"SET {setting}", {"N": "1"})
          for setting in ("s = = :v", "s = :w", "s = :v, s = :v", "m.k = :v, m = :v", "id = :v", "no.where = :v",
                          "s = s + :v", "s = missing + :v", "n = n - :v", "l[1] = :v, l[9] = :v", "n[0] = :v")),
        update("REMOVE s", ExpressionAttributeNames={"#unused": "x"}),
        update("REMOVE s", {"N": "1"}),
        update("REMOVE s", ExpressionAttributeValues={}),
        update("SET n = :v", {"N": "9" * 45}),
        update("SET n = n + :v", {"N": "0.1"}),
        update("ADD n :v", {"S": "1"}),
        update("ADD fresh :v", {"NS": ["1", "1"]}),
        update("DELETE ss :v", {"SS": ["x", "y"]}),
        update("DELETE bs :v", {"BS": [b"a"]}),
        update("SET l = list_append(l, :v)", {"L": [{"B": b"\0"}]}, ReturnValues="ALL_NEW"),
        {"Key": A, "AttributeUpdates": {"n": {"Action": "ADD", "Value": {"N": "1"}}}, "ReturnValues": "ALL_NEW"},
        {"Key": A, "AttributeUpdates": {"n": {"Action": "DELETE"}}, "Expected": {"n": {"Exists": False}}},
        update("REMOVE n", AttributeUpdates={"n": {"Action": "DELETE"}}),
    ],
    "delete_item": [
        *WRONG_KEYS,
        *each("ReturnValues", *NAMES, Key=A),
        *each("ReturnValues", *NAMES, **MISSING),
        *each("ReturnConsumedCapacity", *CAPACITIES, Key=A),
        {"Key": A, **FAILS},
        {"Key": A, **FAILS, **ALL_OLD},
        {**MISSING, **FAILS, **ALL_OLD},
        {"Key": A, "ConditionExpression": "size(s) = :n", "ExpressionAttributeValues": {":n": {"N": "4"}}},
        {"Key": A, "ConditionExpression": "n >", "ExpressionAttributeValues": {":n": {"N": "4"}}},
        {"Key": A, "ExpressionAttributeNames": {"#unused": "n"}},
    ],
}  # fmt: skip
NUMBERED = [(operation, number) for operation, cases in CASES.items() for number in range(len(cases))]


@pytest.mark.parametrize(("operation", "number"), NUMBERED)
def test_an_operation_ends_as_on_moto_server(operation: str, number: int, pair: Pair, table: str) -> None:
    pair.call("put_item", TableName=table, Item=ITEM)
    pair.call("delete_item", TableName=table, Key={"id": {"S": "new"}})
    pair.call(operation, **{"TableName": table, **CASES[operation][number]})
    pair.call("get_item", TableName=table, Key=A)
    pair.call("scan", TableName=table)


def test_the_hot_operations_are_not_left_to_the_application(pair: Pair, table: str) -> None:
    client = pair.clients[0]
    for answer in (
        client.put_item(TableName=table, Item=ITEM),
        client.update_item(TableName=table, **MANY_CLAUSES),
        client.get_item(TableName=table, Key=A),
        client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": A}}]),
        client.delete_item(TableName=table, Key=A),
    ):
        assert re.fullmatch("[0-9a-f]{52}", answer["ResponseMetadata"]["RequestId"])  # moto's own has all letters


def test_keys_may_have_two_parts_and_be_numbers_or_bytes(pair: Pair) -> None:
    schema = [{"AttributeName": "b", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]
    types = [{"AttributeName": "b", "AttributeType": "B"}, {"AttributeName": "n", "AttributeType": "N"}]
    table = pair.table(KeySchema=schema, AttributeDefinitions=types)
    for number in ("1", "1.0", "2", "-3e2"):
        key = {"b": {"B": b"\x00\x01"}, "n": {"N": number}}
        pair.call("put_item", TableName=table, Item={**key, "s": {"S": number}}, ReturnValues="ALL_OLD")
        pair.call("get_item", TableName=table, Key=key)
        pair.call("update_item", TableName=table, Key=key, UpdateExpression="REMOVE s", ReturnValues="ALL_NEW")
    pair.call("get_item", TableName=table, Key={"b": {"B": b"\x00\x01"}})
    pair.call("delete_item", TableName=table, Key={"b": {"S": "x"}, "n": {"N": "1"}}, ReturnValues="ALL_OLD")
    pair.call("scan", TableName=table)


def test_an_expression_is_used_again_with_other_names_values_and_items(pair: Pair, table: str) -> None:
    expression = "SET #a = if_not_exists(#a, :v), #b = :v + :w REMOVE l[0], l[1]"
    for round_ in range(3):
        for key in (A, {"id": {"S": f"fresh {round_}"}}):
            pair.call("put_item", TableName=table, Item=ITEM)
            for names in ({"#a": "p", "#b": "q"}, {"#a": "q", "#b": "p"}):
                values = {":v": {"N": str(round_)}, ":w": {"N": "10"}}
                for values_now in (values, {":v": {"S": "no number"}, ":w": {"N": "1"}}, values):
                    pair.call("update_item", TableName=table, Key=key, UpdateExpression=expression,
                              ExpressionAttributeNames=names, ExpressionAttributeValues=values_now,
                              ReturnValues="ALL_NEW")  # fmt: skip
        for _ in range(2):  # an expression that is wrong stays so
            status, _answer = pair.call("update_item", TableName=table, Key=A, UpdateExpression="SET a = = :v",
                                        ExpressionAttributeValues={":v": {"N": "1"}})  # fmt: skip
            assert status == 400
    pair.call("scan", TableName=table)


def _change(key: str, **more: Any) -> dict[str, Any]:
    return {"Update": {"TableName": "T", "Key": {"id": {"S": key}}, "UpdateExpression": "SET n = n - :one",
                       "ExpressionAttributeValues": {":one": {"N": "1"}}, **more}}  # fmt: skip


def _put(key: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "T", "Item": {"id": {"S": key}}, **more}}


ABSENT = {"ConditionExpression": "attribute_not_exists(id)"}
TRANSACTIONS: list[dict[str, Any]] = [
    {"TransactItems": [_change("a"), _put("new")]},
    {"TransactItems": [_change("a"), _put("new")], "ReturnConsumedCapacity": "TOTAL"},
    {"TransactItems": [_change("a"), _put("a2"), {"Delete": {"TableName": "T", "Key": {"id": {"S": "new"}}}}],
     "ClientRequestToken": "same"},
    {"TransactItems": [_change("a"), _put("b", **ABSENT)], "ClientRequestToken": "same"},
    {"TransactItems": [_put("a", **ABSENT), _put("new")]},
    {"TransactItems": [_put("new"), _put("a", **ABSENT, **ALL_OLD), _put("a2")]},
    {"TransactItems": [{"ConditionCheck": {"TableName": "T", "Key": A, **FAILS, **ALL_OLD}}, _change("none")]},
    {"TransactItems": [{"ConditionCheck": {"TableName": "T", "Key": A, "ConditionExpression": "attribute_exists(n)"}}]},
    {"TransactItems": [_change("a", ConditionExpression="n >= :one", **ALL_OLD), _put("a")]},
    {"TransactItems": [_put("x"), _put("x")]},
    {"TransactItems": [{"Put": {"TableName": "missing", "Item": A}}]},
    {"TransactItems": [_put("new"), _put("")]},
    {"TransactItems": [_change("a", UpdateExpression="SET n = = :one")]},
    {"TransactItems": [_change("a", UpdateExpression="SET s = s - :one")]},
    {"TransactItems": [_change("a", ExpressionAttributeNames={"#unused": "n"})]},
    {"TransactItems": [_put("new", ExpressionAttributeValues={})]},
    {"TransactItems": [{**_put("new"), **_change("a")}]},
    {"TransactItems": [{"Update": {"TableName": "T", "Key": A}}]},
    {"TransactItems": [_put(f"new {number}") for number in range(101)]},
    {"TransactItems": [{}]},
    {"TransactItems": []},
    {},
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(TRANSACTIONS)))
def test_a_transaction_ends_as_on_moto_server(number: int, pair: Pair, table: str) -> None:
    call = json.loads(json.dumps(TRANSACTIONS[number]).replace('"TableName": "T"', f'"TableName": "{table}"'))
    pair.call("put_item", TableName=table, Item=ITEM)
    for key in ("new", "a2", "b"):
        pair.call("delete_item", TableName=table, Key={"id": {"S": key}})
    for _ in range(2):  # a token does not make it idempotent on moto
        pair.call("transact_write_items", **call)
    pair.call("scan", TableName=table)


def test_each_region_has_its_own_tables(pair: Pair, table: str, urls: tuple[str, str]) -> None:
    elsewhere = Pair(urls, "eu-west-1")
    pair.call("put_item", TableName=table, Item=ITEM)
    status, answer = elsewhere.call("get_item", TableName=table, Key=A)
    assert (status, answer["Error"]["Code"]) == (400, "ResourceNotFoundException")
    for client in elsewhere.clients:
        client.create_table(TableName=table, **KEYS)
    assert elsewhere.call("get_item", TableName=table, Key=A) == (200, {})
    elsewhere.call("put_item", TableName=table, Item=A)
    assert pair.call("get_item", TableName=table, Key=A)[1]["Item"].keys() == ITEM.keys()


numbers = st.one_of(
    st.integers(-(10**37), 10**37).map(str),
    st.decimals(-1000, 1000, places=3).map(str),
    st.sampled_from(["0", "-0", "00.10", "1E5", "1e-5", "-1.50E+3", "+7"]),
)
scalars = st.one_of(
    st.builds(lambda value: {"S": value}, st.text(max_size=20)),
    st.builds(lambda value: {"N": value}, numbers),
    st.builds(lambda value: {"B": value}, st.binary(max_size=20)),
    st.builds(lambda value: {"BOOL": value}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda value: {"SS": value}, st.lists(st.text(min_size=1, max_size=5), min_size=1, unique=True)),
    st.builds(lambda value: {"NS": value}, st.lists(numbers, min_size=1, max_size=4, unique=True)),
    st.builds(lambda value: {"BS": value}, st.lists(st.binary(max_size=5), min_size=1, max_size=4, unique=True)),
)
names = st.one_of(st.text(min_size=1, max_size=8), st.sampled_from(["id", "n", "S", "L", "Item", "a.b"]))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda value: {"L": value}, st.lists(inner, max_size=3)),
        st.builds(lambda value: {"M": value}, st.dictionaries(names, inner, max_size=3)),
    ),
    max_leaves=8,
)
items = st.builds(lambda attributes: {**attributes, **A}, st.dictionaries(names, values, max_size=6))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=items, second=items, name=names, value=values)
def test_any_item_is_kept_changed_and_given_back_as_on_moto_server(
    pair: Pair, table: str, first: dict[str, Any], second: dict[str, Any], name: str, value: dict[str, Any]
) -> None:
    pair.call("delete_item", TableName=table, Key=A)
    pair.call("put_item", TableName=table, Item=first, ReturnValues="ALL_OLD")
    pair.call("get_item", TableName=table, Key=A)
    placeholder = {"ExpressionAttributeNames": {"#a": name}, "ExpressionAttributeValues": {":v": value}}
    for expression in ("SET #a = if_not_exists(#a, :v)", "SET #a = :v", "ADD #a :v", "DELETE #a :v"):
        for condition in ("attribute_exists(#a)", "#a <> :v"):
            pair.call("update_item", TableName=table, Key=A, UpdateExpression=expression, **placeholder,
                      ConditionExpression=condition, ReturnValues="UPDATED_NEW", **ALL_OLD)  # fmt: skip
    pair.call("get_item", TableName=table, Key=A)
    pair.call("put_item", TableName=table, Item=second, ReturnValues="ALL_OLD", **ALL_OLD, **placeholder,
              ConditionExpression="#a = :v")  # fmt: skip
    pair.call("delete_item", TableName=table, Key=A, ReturnValues="ALL_OLD")


def post(url: str, operation: str, body: bytes, method: str = "POST", path: str = "/", **headers: str | None) -> Any:
    """Status, headers and body of one HTTP request; a header that is None is left out."""
    scope = {"key": headers.pop("key", "test"), "region": headers.pop("region", "us-east-1")}
    given = {
        "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        "Content-Type": "application/x-amz-json-1.0",
        "Authorization": AUTHORIZATION.format(**scope),
        **{name if "-" in name else name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request(method, path, body, {name: value for name, value in given.items() if value is not None})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    kept = {name: answer.headers.get(name) for name in COMPARED_HEADERS}
    try:
        return answer.status, kept, json.loads(content)
    except ValueError:
        return answer.status, kept, content


READ = '{"TableName": "T", "Key": {"id": {"S": "a"}}}'
WRITE = '{"TableName": "T", "Item": {"id": {"S": "a"}, %s}}'
UNUSUAL_BODIES: dict[str, list[str]] = {
    "Nonsense": ["{}"],
    "": ["{}"],
    "GetItem": ["", '{"TableName"', "[]", "null", READ[:-1] + ', "Bogus": 1, "ConsistentRead": "yes"}',
                READ.replace('"S"', '"X"')],
    "PutItem": [WRITE % f'"s": {value}' for value in (
        '{"S": "&Action=ListTables"}',  # moto takes it for the operation
        '{"S": "a&b"}', '{"S": "1"}, "s": {"S": "2"}', '{"N": "1", "S": "2"}', '{"N": 12345678901234567890123}',
        '{"N": 12}', '{"NS": [1, 2]}',
        '{"N": NaN}', '{"S": "\\ud800"}', '{"BOOL": "true"}', '{"NULL": null}', "null", '"text"', '{"B": "abc"}',
        '{"B": "Y%W=I="}', '{"SS": "abc"}', '{"L": {"S": "a"}}', '{"M": []}')],
    "TransactWriteItems": [f'{{"TransactItems": [{{"Get": {READ}}}]}}', '{"TransactItems": {}}'],
}  # fmt: skip
UNUSUAL_HEADS: list[dict[str, Any]] = [
    {"Content_Type": "application/json"},
    {"Content_Type": "application/x-amz-json-1.1"},
    {"Content_Type": "application/x-www-form-urlencoded"},
    {"Content_Type": None},
    {"Origin": "http://example.org"},
    {"Origin": "http://example.org", "method": "OPTIONS"},
    {"User_Agent": "sdk region/eu-west-3"},
    {"Host": "dynamodb.eu-west-3.amazonaws.com"},
    {"region": "nowhere-1"},
    {"x_moto_account_id": "111111111111"},
    {"key": "AKIAIOSFODNN7EXAMPLE"},
    {"method": "PUT"},
    {"method": "PUT", "x-moto_account-id": "111111111111"},
    {"method": "GET"},
    {"method": "HEAD"},
    {"path": "/other"},
    {"path": "/?a=b"},
    {"path": "/?Action=DescribeLimits"},
]
UNUSUAL: list[tuple[str, str, dict[str, Any]]] = [
    (operation, body, {}) for operation, bodies in UNUSUAL_BODIES.items() for body in bodies
]
UNUSUAL += [("GetItem", READ, how) for how in UNUSUAL_HEADS]


@pytest.mark.parametrize("number", range(len(UNUSUAL)))
def test_an_unusual_request_gets_what_moto_server_gives(
    number: int, pair: Pair, table: str, urls: tuple[str, str]
) -> None:
    operation, body, how = UNUSUAL[number]
    pair.call("put_item", TableName=table, Item=ITEM)
    for sent, text, options in ((operation, body, how), ("GetItem", READ, {})):
        data = text.replace('"T"', f'"{table}"').encode()
        fast, moto = (post(url, sent, data, **options) for url in urls)
        assert fast == moto


def test_a_packed_body_is_unpacked(pair: Pair, table: str, urls: tuple[str, str]) -> None:
    pair.call("put_item", TableName=table, Item=ITEM)
    data = READ.replace('"T"', f'"{table}"').encode()
    assert post(urls[0], "GetItem", gzip.compress(data), Content_Encoding="gzip") == post(urls[1], "GetItem", data)


@pytest.fixture
def connection(server_urls: Callable[[str], str]) -> Iterator[socket.socket]:
    address = urlsplit(server_urls("embedded"))
    with socket.create_connection((str(address.hostname), address.port or 0), 60) as connection:
        yield connection


def request(operation: str, body: dict[str, Any], *lines: str, version: str = "1.1") -> bytes:
    data = json.dumps(body).encode()
    head = [f"POST / HTTP/{version}", "Host: localhost", f"X-Amz-Target: DynamoDB_20120810.{operation}",
            "Content-Type: application/x-amz-json-1.0", f"Content-Length: {len(data)}",
            f"Authorization: {AUTHORIZATION.format(key='test', region='us-east-1')}", *lines]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode() + data


def answers(connection: socket.socket) -> Iterator[tuple[int, Any]]:
    """Status and document of one answer after the other, until the server closes the connection."""
    with connection.makefile("rb") as stream:
        while line := stream.readline():
            headers = http.client.parse_headers(stream)
            data = stream.read(int(headers["Content-Length"] or 0))
            yield int(line.split()[1]), json.loads(data) if data else None


def test_pipelined_requests_are_answered_in_order(pair: Pair, table: str, connection: socket.socket) -> None:
    sent = []
    for number in range(150):  # more than wait on a connection before it is read no further
        item = {"id": {"S": "pipelined"}, "n": {"N": str(number)}}
        sent += [request("PutItem", {"TableName": table, "Item": item}),
                 request("GetItem", {"TableName": table, "Key": {"id": {"S": "pipelined"}}}),
                 request("ListTables", {"Limit": 1})]  # fmt: skip
    connection.sendall(b"".join(sent))
    got = answers(connection)
    for number in range(150):
        assert next(got) == (200, {})
        assert next(got) == (200, {"Item": {"id": {"S": "pipelined"}, "n": {"N": str(number)}}})
        assert next(got)[1].keys() == {"TableNames", "LastEvaluatedTableName"}


def test_requests_may_come_in_pieces(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    whole = request("Nonsense", {"some": "body"}).replace(b" / ", b" /?Action=DescribeLimits ") * 2
    for at in range(0, len(whole), 7):
        connection.sendall(whole[at : at + 7])
    got = answers(connection)
    assert [next(got)[0] for _ in range(2)] == [200, 200]


def test_a_body_may_come_in_chunks_and_wait_for_leave(connection: socket.socket) -> None:
    head, body = request("DescribeLimits", {}, "Expect: 100-continue").replace(
        b"Content-Length: 2", b"Transfer-Encoding: chunked"
    ).split(b"\r\n\r\n")  # fmt: skip
    connection.sendall(head + b"\r\n\r\n")
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"1\r\n" + body[:1] + b"\r\n1\r\n" + body[1:] + b"\r\n0\r\n\r\n")
    assert next(answers(connection))[1]["AccountMaxReadCapacityUnits"] == 20000


@pytest.mark.parametrize(
    ("version", "lines"),
    [("1.0", []), ("1.1", ["Connection: close"]), ("1.1", ["Connection: Upgrade", "Upgrade: h2c"])],
)
def test_the_connection_ends_when_the_client_wants_so(
    version: str, lines: list[str], connection: socket.socket
) -> None:
    first, second = request("DescribeLimits", {}), request("DescribeLimits", {}, *lines, version=version)
    connection.sendall(first + second + first)
    assert [status for status, _ in answers(connection)] == [200, 200]


def test_a_client_that_has_shut_down_its_side_gets_its_answers(connection: socket.socket) -> None:
    connection.sendall(request("DescribeLimits", {}) * 50)
    connection.shutdown(socket.SHUT_WR)
    assert [status for status, _ in answers(connection)] == [200] * 50


def test_what_is_no_http_ends_its_connection_and_no_other(pair: Pair, table: str, connection: socket.socket) -> None:
    pair.call("put_item", TableName=table, Item=ITEM)
    with socket.create_connection(connection.getpeername(), 60) as bad:
        bad.sendall(request("DescribeLimits", {}) + b"NO HTTP AT ALL\r\n\r\n" + request("DescribeLimits", {}))
        assert [status for status, _ in answers(bad)] == [200, 400]
    connection.sendall(request("GetItem", {"TableName": table, "Key": A}))
    assert next(answers(connection))[0] == 200


def test_half_a_request_and_a_lost_client_are_harmless(pair: Pair, table: str, connection: socket.socket) -> None:
    whole = request("PutItem", {"TableName": table, "Item": {"id": {"S": "half"}}})
    for length in (1, 60, len(whole) - 1):
        with socket.create_connection(connection.getpeername(), 60) as lost:
            lost.sendall(whole[:length])
    for _ in range(20):
        with socket.create_connection(connection.getpeername(), 60) as lost:
            lost.sendall(request("GetItem", {"TableName": table, "Key": A}) * 5)
    connection.sendall(request("GetItem", {"TableName": table, "Key": {"id": {"S": "half"}}}))
    assert next(answers(connection)) == (200, {})


def test_a_client_that_does_not_read_holds_up_nobody(pair: Pair, table: str, connection: socket.socket) -> None:
    pair.call("put_item", TableName=table, Item={**A, "s": {"S": "x" * 300_000}})
    read = request("GetItem", {"TableName": table, "Key": A})
    with socket.create_connection(connection.getpeername(), 60) as unread:
        unread.sendall(read * 100)
        for _ in range(20):
            connection.sendall(read)
            with connection.makefile("rb") as stream:
                assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
                stream.read(int(http.client.parse_headers(stream)["Content-Length"] or 0))
        unread.shutdown(socket.SHUT_WR)
        assert [status for status, _ in answers(unread)] == [200] * 100


def test_what_answers_head_has_no_body(connection: socket.socket) -> None:
    wrong = request("Nonsense", {}).replace(b"POST", b"HEAD")
    connection.sendall(wrong + request("Nonsense", {}, "Connection: close"))
    received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.count(b"HTTP/1.1 500 ") == 2
    assert received.count(b"<!doctype html>") == 1


class Loop:
    """The part of an event loop that the queue uses."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def run(self) -> None:
        while self.soon:
            self.soon.pop(0)()


class Transport:
    """The part of a transport that a connection uses; keeps the bodies that are written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data.split(b"\r\n\r\n")[1])


class Clients:
    """Connections whose requests are their names, and which get them back."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.answered: list[bytes] = []
        self._turns = _Turns(self.loop, self._reply)  # type: ignore[arg-type]  # all of a loop that it uses

    def _reply(self, request: Request) -> Reply:
        self.answered.append(request.body)
        return Reply(200, [("Content-Length", "1")], request.body)

    def ask(self, name: str, times: int) -> tuple[_Connection, Transport]:
        connection, transport = _Connection(self._turns), Transport()
        connection.connection_made(transport)  # type: ignore[arg-type]  # all of a transport that it uses
        connection.data_received(f"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n{name}".encode() * times)
        return connection, transport


def test_a_connection_gets_one_answer_in_its_turn() -> None:
    clients = Clients()
    _, a = clients.ask("a", 4)
    _, b = clients.ask("b", 1)
    _, c = clients.ask("c", 2)
    clients.loop.run()
    assert b"".join(clients.answered) == b"abcacaa"
    assert (a.written, b.written, c.written) == ([b"a"] * 4, [b"b"], [b"c"] * 2)


def test_requests_wait_while_answers_are_not_read_and_go_with_the_client() -> None:
    clients = Clients()
    slow, written = clients.ask("s", 3)
    gone, _ = clients.ask("g", 3)
    slow.pause_writing()
    gone.connection_lost(None)
    clients.loop.run()
    assert clients.answered == []
    slow.resume_writing()
    clients.loop.run()
    assert clients.answered == written.written == [b"s"] * 3


@pytest.mark.parametrize(("strategy", "rounds"), [("version", 100), ("conditional", 100), ("transaction", 20)])
def test_of_thirty_racers_for_the_last_item_one_wins_each_round(
    strategy: str, rounds: int, cli: Cli, server_urls: Callable[[str], str]
) -> None:
    done = cli("race", "--rounds", str(rounds), "-n", "30", "-q", "--strategy", strategy, "--endpoint-url",
               server_urls("embedded"), "--table", f"t-{uuid.uuid4().hex[:12]}", "--populate-table")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"in each of {rounds} rounds 1 of 30 orders won the last item" in done.stdout


Start = Callable[..., tuple["subprocess.Popen[str]", int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a host by its command line, to which a port is added, and waits until it listens."""
    started = []

    def run(*arguments: str) -> tuple["subprocess.Popen[str]", int]:
        port = free_port()
        command = [sys.executable, *(str(port) if argument == "PORT" else argument for argument in arguments)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        wait_until_listening(process, port)  # type: ignore[arg-type]  # text or bytes, it only polls
        return process, port

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_one_thread_of_one_process_serves(start: Start) -> None:
    process, port = start("-m", "loadtest.targets.moto_host", "PORT")
    assert post(f"http://127.0.0.1:{port}", "DescribeLimits", b"{}")[0] == 200
    if sys.platform == "linux":
        (task,) = Path(f"/proc/{process.pid}/task").iterdir()
        assert (task / "children").read_text() == ""


def test_it_goes_when_its_lifeline_closes(start: Start) -> None:
    process, _port = start("-m", "loadtest.targets.moto_host", "PORT", "--until-stdin-closes")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_quietly_also_while_clients_are_connected(number: signal.Signals, start: Start) -> None:
    process, port = start("-m", "loadtest", "serve", "--port", "PORT")
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(request("DescribeLimits", {}))
        assert next(answers(connection))[0] == 200
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(errors.splitlines()) == 1


def test_a_moto_that_was_not_compared_is_served_by_granian(start: Start) -> None:
    program = (
        "import sys; from loadtest.targets import moto_fast, moto_host; moto_fast.SUPPORTED_MOTO = frozenset({'0.0'}); "
        "moto_host.serve('127.0.0.1', int(sys.argv[1]))"
    )
    process, port = start("-c", program, "PORT")
    assert post(f"http://127.0.0.1:{port}", "DescribeLimits", b"{}")[0] == 200
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert re.fullmatch(r"moto \S+ is served by granian, more slowly: .* only moto 0\.0\n", errors)
