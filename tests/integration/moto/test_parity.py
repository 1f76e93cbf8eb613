"""The operations that the embedded server answers itself end as on moto_server."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.moto.pair import ALL_OLD, FAILS, ITEM, KEYS, A, Pair


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
