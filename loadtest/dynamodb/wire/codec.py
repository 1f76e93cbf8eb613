"""Requests to JSON and answers back, for the operations that the wire serves, strictly by their shapes.

Shapes: DynamoDB API reference 2012-08-10. What is not exactly understood raises NotUnderstood, and the SDK takes it.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

import orjson

Check = Callable[[Any], Any]


class NotUnderstood(Exception):  # noqa: N818 - it is no error: the SDK takes the call
    """A request or an answer that the wire leaves to the SDK; the message says which part."""


def encode(operation: str, params: Mapping[str, Any]) -> bytes:
    """The request's body. Raises NotUnderstood."""
    members, required = _REQUESTS[operation]
    try:
        return orjson.dumps(_structure(members, required, params))
    except orjson.JSONEncodeError as error:  # a lone surrogate, or too deep: the SDK has its own way with them
        raise NotUnderstood("JSON") from error


def decode(operation: str, body: bytes) -> dict[str, Any]:
    """What the SDK would return for an answer of status 200, without its metadata. Raises NotUnderstood."""
    answer = _document(body or b"{}")
    members = _ANSWERS[operation]
    return {member: _check(members, member)(value) for member, value in answer.items()}


def decode_refusal(body: bytes) -> dict[str, Any]:
    """The SDK's error response for the two errors a race is made of, without metadata. Raises NotUnderstood."""
    answer = _document(body)
    code = _string(answer.get("__type", "")).rpartition("#")[2]
    members = _REFUSALS.get(code)
    if members is None:
        raise NotUnderstood(f"error {code}")
    kept = {member: check(answer[member]) for member, check in members.items() if member in answer}
    message = _string(answer.get("message", answer.get("Message", "")))
    return {"Error": {"Message": message, "Code": code}, **kept}


def _check(members: dict[str, Check], name: str) -> Check:
    check = members.get(name)
    if check is None:
        raise NotUnderstood(f"member {name}")
    return check


def _document(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotUnderstood("body") from error
    if type(answer) is not dict:
        raise NotUnderstood("body")
    return answer


def _structure(members: dict[str, Check], required: tuple[str, ...], given: Any) -> dict[str, Any]:
    if type(given) is not dict:
        raise NotUnderstood("structure")
    for name in required:
        if name not in given:
            raise NotUnderstood(f"no {name}")
    checked = {}
    for name, value in given.items():
        check = members.get(name)
        if check is None:
            raise NotUnderstood(f"member {name}")
        checked[name] = check(value)
    return checked


def _string(value: Any) -> str:
    if type(value) is not str:
        raise NotUnderstood("string")
    return value


def _filled(value: Any) -> str:
    if type(value) is not str or not value:
        raise NotUnderstood("string")
    return value


def _table_name(value: Any) -> str:
    if type(value) is not str or not value or value.startswith("arn:"):  # an ARN may lead to another endpoint
        raise NotUnderstood("table name")
    return value


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise NotUnderstood("boolean")
    return value


def _strings(value: Any) -> dict[str, str]:
    if type(value) is not dict:
        raise NotUnderstood("names")
    return {_string(key): _string(name) for key, name in value.items()}


def _binary(value: Any) -> str:
    if type(value) is str:  # the SDK takes text for bytes in UTF-8
        try:
            value = value.encode()
        except UnicodeEncodeError as error:
            raise NotUnderstood("binary") from error
    elif type(value) not in (bytes, bytearray):
        raise NotUnderstood("binary")
    return b64encode(value).decode("ascii")


def _bytes(value: Any) -> bytes:
    if type(value) is not str:
        raise NotUnderstood("binary")
    try:
        return b64decode(value)
    except ValueError as error:
        raise NotUnderstood("binary") from error


def _elements(check: Check, least: int = 0) -> Check:
    def checked(value: Any) -> list[Any]:
        if type(value) is not list or len(value) < least:
            raise NotUnderstood("list")
        return [check(element) for element in value]

    return checked


def _attribute_map(binary: Check) -> Check:
    """Checks a map of attribute values of all types; `binary` turns one binary value."""

    def attribute_map(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise NotUnderstood("map")
        checked = {}
        for name, attribute in value.items():
            if type(name) is not str or type(attribute) is not dict or len(attribute) != 1:
                raise NotUnderstood("attribute value")
            ((type_, content),) = attribute.items()
            if type(content) is str and (type_ == "N" or type_ == "S"):  # noqa: PLR1714 - nearly all: worth the haste
                checked[name] = attribute
            else:
                checked[name] = {type_: _check(types, type_)(content)}
        return checked

    def attribute_value(value: Any) -> dict[str, Any]:
        return attribute_map({"": value})[""]  # type: ignore[no-any-return]

    types: dict[str, Check] = {
        "S": _string,
        "N": _string,
        "B": binary,
        "BOOL": _boolean,
        "NULL": _boolean,
        "SS": _elements(_string),
        "NS": _elements(_string),
        "BS": _elements(binary),
        "M": attribute_map,
        "L": _elements(attribute_value),
    }
    return attribute_map


def _number(value: Any) -> float:
    if type(value) is not int and type(value) is not float:
        raise NotUnderstood("number")
    return value


def _capacity(value: Any) -> dict[str, Any]:
    return _structure(_CAPACITY, (), value)


def _reason(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise NotUnderstood("cancellation reason")
    return _structure(_REASON, (), {key: member for key, member in value.items() if member is not None})


def _action(value: Any) -> dict[str, Any]:
    if type(value) is not dict or len(value) != 1:
        raise NotUnderstood("transaction item")
    ((kind, action),) = value.items()
    if kind not in _ACTIONS:
        raise NotUnderstood(f"transaction item {kind}")
    return {kind: _structure(*_ACTIONS[kind], action)}


_attributes = _attribute_map(_binary)
_answered = _attribute_map(_bytes)
_EXPRESSIONS: dict[str, Check] = {
    "TableName": _table_name,
    "ExpressionAttributeNames": _strings,
    "ExpressionAttributeValues": _attributes,
    "ConditionExpression": _string,
    "ReturnValuesOnConditionCheckFailure": _string,
}
_PUT = {**_EXPRESSIONS, "Item": _attributes}
_UPDATE = {**_EXPRESSIONS, "Key": _attributes, "UpdateExpression": _string}
_DELETE = {**_EXPRESSIONS, "Key": _attributes}
_RETURNS: dict[str, Check] = {"ReturnConsumedCapacity": _string, "ReturnValues": _string}
_ACTIONS = {
    "Put": (_PUT, ("TableName", "Item")),
    "Update": (_UPDATE, ("TableName", "Key", "UpdateExpression")),
    "Delete": (_DELETE, ("TableName", "Key")),
    "ConditionCheck": (_DELETE, ("TableName", "Key", "ConditionExpression")),
}
_READ: dict[str, Check] = {
    "TableName": _table_name,
    "Key": _attributes,
    "ConsistentRead": _boolean,
    "ProjectionExpression": _string,
    "ExpressionAttributeNames": _strings,
    "ReturnConsumedCapacity": _string,
}
_TRANSACTION: dict[str, Check] = {
    "TransactItems": _elements(_action, least=1),
    "ClientRequestToken": _filled,
    "ReturnConsumedCapacity": _string,
}
_REQUESTS: dict[str, tuple[dict[str, Check], tuple[str, ...]]] = {
    "GetItem": (_READ, ("TableName", "Key")),
    "PutItem": ({**_PUT, **_RETURNS}, ("TableName", "Item")),
    "UpdateItem": ({**_UPDATE, **_RETURNS}, ("TableName", "Key")),
    "DeleteItem": ({**_DELETE, **_RETURNS}, ("TableName", "Key")),
    "TransactWriteItems": (_TRANSACTION, ("TransactItems", "ClientRequestToken")),
}
_UNITS: dict[str, Check] = {"CapacityUnits": _number, "ReadCapacityUnits": _number, "WriteCapacityUnits": _number}
_CAPACITY: dict[str, Check] = {
    **_UNITS,
    "TableName": _string,
    "Table": lambda value: _structure(_UNITS, (), value),
}
_CHANGED: dict[str, Check] = {"Attributes": _answered, "ConsumedCapacity": _capacity}
_ANSWERS: dict[str, dict[str, Check]] = {
    "GetItem": {"Item": _answered, "ConsumedCapacity": _capacity},
    "PutItem": _CHANGED,
    "UpdateItem": _CHANGED,
    "DeleteItem": _CHANGED,
    "TransactWriteItems": {"ConsumedCapacity": _elements(_capacity)},
}
_REASON: dict[str, Check] = {"Item": _answered, "Code": _string, "Message": _string}
_REFUSALS: dict[str, dict[str, Check]] = {
    "ConditionalCheckFailedException": {"message": _string, "Item": _answered},
    "TransactionCanceledException": {"Message": _string, "CancellationReasons": _elements(_reason)},
}
OPERATIONS = frozenset(_REQUESTS)
_KEY = {"TableName": "table", "Key": {"key": {"S": "1"}}}
EXAMPLES: dict[str, dict[str, Any]] = {
    "GetItem": _KEY,
    "PutItem": {"TableName": "table", "Item": {"key": {"S": "1"}}},
    "UpdateItem": _KEY,
    "DeleteItem": _KEY,
    "TransactWriteItems": {"TransactItems": [{"Delete": _KEY}], "ClientRequestToken": "1"},
}
