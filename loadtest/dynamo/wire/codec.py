"""Requests to JSON and answers back, for the operations that the wire serves, strictly by their shapes.

Shapes: DynamoDB API reference 2012-08-10. What is not exactly understood raises NotUnderstood, and the SDK takes it.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import orjson

Check = Callable[[Any], Any]


class NotUnderstood(Exception):  # noqa: N818 - it is no error: the SDK takes the call
    """A request or an answer that the wire leaves to the SDK; the message says which part."""


def encode(operation: str, params: dict[str, Any]) -> bytes:
    """The request's body. Raises NotUnderstood."""
    members, required = _REQUESTS[operation]
    try:
        return orjson.dumps(_structure(members, required, params))
    except orjson.JSONEncodeError as error:  # a lone surrogate, or too deep: the SDK has its own way with them
        raise NotUnderstood("JSON") from error


def decode(operation: str, body: bytes) -> dict[str, Any]:
    """What the SDK would return for an answer of status 200, without its metadata. Raises NotUnderstood."""
    answer = _document(body or b"{}")
    for member, value in answer.items():
        if member in _ITEM_MEMBERS.get(operation, ()) and type(value) is dict:
            if b'"B' in body:
                answer[member] = _decoded_map(value)
        elif member == "ConsumedCapacity" and value is not None:
            answer[member] = _floats(value)
        else:
            raise NotUnderstood(f"answer member {member}")
    return answer


def decode_refusal(body: bytes) -> dict[str, Any]:
    """The SDK's error response for the two errors a race is made of, without metadata. Raises NotUnderstood."""
    answer = _document(body)
    code = str(answer.pop("__type", "")).rpartition("#")[2]
    message = answer.get("message", answer.get("Message", ""))
    if code == "ConditionalCheckFailedException":
        kept: dict[str, Any] = {key: answer[key] for key in ("message", "Item") if key in answer}
        if "Item" in kept and b'"B' in body:
            kept["Item"] = _decoded_map(kept["Item"])
    elif code == "TransactionCanceledException":
        kept = {key: answer[key] for key in ("Message", "CancellationReasons") if key in answer}
        if "CancellationReasons" in kept:
            kept["CancellationReasons"] = [_reason(reason) for reason in kept["CancellationReasons"]]
    else:
        raise NotUnderstood(f"error {code}")
    return {"Error": {"Message": message, "Code": code}, **kept}


def _reason(reason: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in reason.items() if value is not None}
    if "Item" in kept:
        kept["Item"] = _decoded_map(kept["Item"])
    return kept


def _document(body: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotUnderstood("body") from error
    if type(answer) is not dict:
        raise NotUnderstood("body")
    return answer


def _floats(value: Any) -> Any:
    """Capacity figures are doubles, also where the server writes them as whole numbers."""
    if type(value) is dict:
        return {key: _floats(inner) for key, inner in value.items() if inner is not None}
    return float(value) if type(value) is int else value


def _decoded_map(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: _decoded(value) for name, value in attributes.items()}


def _decoded(value: dict[str, Any]) -> dict[str, Any]:
    for type_, content in value.items():
        if type_ == "B":
            return {"B": b64decode(content)}
        if type_ == "BS":
            return {"BS": [b64decode(element) for element in content]}
        if type_ == "M":
            return {"M": _decoded_map(content)}
        if type_ == "L":
            return {"L": [_decoded(element) for element in content]}
    return value


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


def _table_name(value: Any) -> str:
    if type(value) is not str or value.startswith("arn:"):  # an ARN may lead to another endpoint
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


def _elements(check: Check) -> Check:
    def checked(value: Any) -> list[Any]:
        if type(value) is not list:
            raise NotUnderstood("list")
        return [check(element) for element in value]

    return checked


def _attributes(value: Any) -> dict[str, Any]:
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
            checked[name] = _attribute(attribute)
    return checked


def _attribute(value: Any) -> dict[str, Any]:
    if type(value) is not dict or len(value) != 1:
        raise NotUnderstood("attribute value")
    ((type_, content),) = value.items()
    check = _TYPES.get(type_)
    if check is None:
        raise NotUnderstood(f"attribute type {type_}")
    return {type_: check(content)}


def _action(value: Any) -> dict[str, Any]:
    if type(value) is not dict or len(value) != 1:
        raise NotUnderstood("transaction item")
    ((kind, action),) = value.items()
    if kind not in _ACTIONS:
        raise NotUnderstood(f"transaction item {kind}")
    return {kind: _structure(*_ACTIONS[kind], action)}


_TYPES: dict[str, Check] = {
    "S": _string,
    "N": _string,
    "B": _binary,
    "BOOL": _boolean,
    "NULL": _boolean,
    "SS": _elements(_string),
    "NS": _elements(_string),
    "BS": _elements(_binary),
    "M": _attributes,
    "L": _elements(_attribute),
}
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
    "TransactItems": _elements(_action),
    "ClientRequestToken": _string,
    "ReturnConsumedCapacity": _string,
}
_REQUESTS: dict[str, tuple[dict[str, Check], tuple[str, ...]]] = {
    "GetItem": (_READ, ("TableName", "Key")),
    "PutItem": ({**_PUT, **_RETURNS}, ("TableName", "Item")),
    "UpdateItem": ({**_UPDATE, **_RETURNS}, ("TableName", "Key")),
    "DeleteItem": ({**_DELETE, **_RETURNS}, ("TableName", "Key")),
    "TransactWriteItems": (_TRANSACTION, ("TransactItems", "ClientRequestToken")),
}
_ITEM_MEMBERS = {
    "GetItem": ("Item",),
    "PutItem": ("Attributes",),
    "UpdateItem": ("Attributes",),
    "DeleteItem": ("Attributes",),
}
OPERATIONS = frozenset(_REQUESTS)
_KEY = {"TableName": "table", "Key": {"id": {"S": "1"}}}
EXAMPLES: dict[str, dict[str, Any]] = {
    "GetItem": _KEY,
    "PutItem": {"TableName": "table", "Item": {"id": {"S": "1"}}},
    "UpdateItem": _KEY,
    "DeleteItem": _KEY,
    "TransactWriteItems": {"TransactItems": [{"Delete": _KEY}], "ClientRequestToken": "1"},
}
