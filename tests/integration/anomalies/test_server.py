"""The server without an anomaly does what DynamoDB does, and its log tells when it did not."""

import asyncio
from typing import Any

import pytest

from tests.integration.anomalies.expressions import condition, update
from tests.integration.anomalies.server import PRODUCT, Anomaly, Server
from tests.integration.anomalies.store import Call, cancelled, product, refused
from tests.integration.anomalies.truth import first_difference

VALUES = {":one": {"N": "1"}, ":n": {"N": "10"}, ":name": {"S": "a"}}
ITEM = {"version": {"N": "9"}, "last": {"S": "a"}}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("version = :n", False),
        ("version < :n", True),  # by number, not by text
        ("version >= :n OR last = :name", True),
        ("attribute_not_exists(missing) AND version <= :one", False),
        ("attribute_not_exists(missing) OR missing < :n", True),
        ("attribute_not_exists(version) OR version < :n", True),
        ("last = :name OR version = :n AND version = :one", True),  # AND binds more closely
        ("(last = :name OR version = :n) AND version = :one", False),
        ("NOT (attribute_exists(missing)) AND version <> :n", True),
        ("missing = :n", False),
        ("missing <> :n", True),
        ("last = :n", False),  # of another type
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert condition(text)(ITEM, VALUES) is holds


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("SET version = version + :one, last = :name", {"version": {"N": "10"}}),
        ("SET version = :n - version", {"version": {"N": "1"}}),
        ("SET a = version, version = a0", {"a": {"N": "9"}}),
        ("SET a = if_not_exists(a, :one), last = if_not_exists(last, :n)", {"a": {"N": "1"}}),
        ("SET a = :one REMOVE last", {"a": {"N": "1"}}),
    ],
)
def test_updates(text: str, changed: dict[str, Any]) -> None:
    kept = {name: value for name, value in ITEM.items() if "REMOVE" not in text or name != "last"}
    assert update(text)(ITEM, VALUES) == {**kept, **changed}


@pytest.mark.parametrize("text", ["size(a) > :n", "a = :one; b = :n", "a BETWEEN :one AND :n", "a = :one)"])
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        condition(text)


def take(order: str, token: str = "") -> Call:
    values = {":units": {"N": "3"}, ":one": {"N": "1"}, ":order": {"S": order}}
    request = {
        "TableName": "products",
        "Key": {"id": {"S": PRODUCT}},
        "UpdateExpression": "SET quantity = quantity - :units, version = version + :one, last_order = :order",
        "ConditionExpression": "quantity >= :units",
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if not token:
        return Call("UpdateItem", {**request, "ReturnValues": "UPDATED_NEW"})
    put = {
        "TableName": "products",
        "Item": {"id": {"S": f"order#{order}"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    return Call(
        "TransactWriteItems", {"TransactItems": [{"Update": request}, {"Put": put}], "ClientRequestToken": token}
    )


def test_a_write_shows_what_it_left_and_a_refused_one_what_refused_it() -> None:
    server = Server(quantity=5)
    version = int(server.store.items[PRODUCT]["version"]["N"])
    left = {"quantity": {"N": "2"}, "version": {"N": str(version + 1)}, "last_order": {"S": "a"}}
    assert server.serve_now(take("a")) == (200, {"Attributes": left})
    assert server.serve_now(take("b")) == refused({**product(5), **left})
    assert first_difference(server) is None


def test_a_transaction_is_done_once_under_its_token_and_says_which_part_was_refused() -> None:
    server = Server(quantity=9)
    first = server.serve_now(take("a", "token"))
    assert (first, server.serve_now(take("a", "token"))) == ((200, {}), (200, {}))
    assert server.store.items[PRODUCT]["quantity"] == {"N": "6"}
    assert server.serve_now(take("a", "another")) == cancelled(["None", "ConditionalCheckFailed"])
    server.serve_now(take("b", "b"))
    server.serve_now(take("c", "c"))
    assert server.serve_now(take("d", "d")) == cancelled(
        ["ConditionalCheckFailed", "None"], server.store.items[PRODUCT]
    )
    assert first_difference(server) is None


async def not_applied(server: Server, call: Call) -> Any:
    return server.act(server.store.prepare(call), apply=False)


async def without_condition(server: Server, call: Call) -> Any:
    return server.act(server.store.prepare(call, forced=True))


async def twice(server: Server, call: Call) -> Any:
    server.act(server.store.prepare(call), (500, {}))
    return server.act(server.store.prepare(call, forced=True), (500, {}))


@pytest.mark.parametrize("anomaly", [not_applied, without_condition, twice])
def test_the_log_tells_what_a_correct_server_would_not_have_done(anomaly: Anomaly) -> None:
    server = Server(quantity=0 if anomaly is without_condition else 9)
    asyncio.run(anomaly(server, take("a")))  # type: ignore[arg-type]
    server.serve_now(take("b"))
    assert first_difference(server) is server.log[1 if anomaly is twice else 0]
