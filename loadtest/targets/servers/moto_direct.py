"""Requests answered by moto: the hot operations by its handler's own methods, all others by its whole application.

Routing, Flask and two walks through botocore's model cost a multiple of what moto's GetItem costs; a direct call
does without them. Whatever is not plainly an SDK's call of a hot operation goes through the application, whose
answer is what moto_server gives. Not safe under threads.
"""

import math
import os
import pickle  # nosec B403 # of what was pickled here
import re
import secrets
from base64 import b64decode, b64encode
from binascii import crc32
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from moto import settings
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.dynamodb.parsing.expressions import UpdateExpressionParser  # type: ignore[attr-defined]  # it has no types
from moto.dynamodb.responses import DynamoHandler
from moto.moto_server.werkzeug_app import BackendRequest
from msgspec import Struct
from msgspec.structs import replace
from werkzeug.exceptions import HTTPException

from loadtest.targets.servers.moto_application import Application, environ, failed
from loadtest.targets.servers.moto_fast import Reply, Request

HOT = ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
_MOST_HANDLERS = 1000
_MOST_EXPRESSIONS = 1000
_ANSWERED_OTHERWISE = frozenset((b"content-encoding", b"x-moto-account-id"))
_AUTHORIZATION = re.compile(
    rb"(AWS4-HMAC-SHA256 Credential=[^/,\s]+/[^/,\s]+/[^/,\s]+/dynamodb/aws4_request), ?"
    rb"SignedHeaders=[a-z0-9;-]*, ?Signature=[0-9a-f]*"
)

Convert = Callable[[Any], Any]


class Unusual(Exception):  # noqa: N818 - it is no error: moto's own, slower code takes over
    """A value of which only moto's own code knows what to make."""


class _Operation(Struct, frozen=True):
    method: Callable[[Any], Any]
    decode: Convert
    encode: Convert


class Answers:
    """Answers the requests that the guard has let through, and holds the tables between them."""

    def __init__(self) -> None:
        self._application = Application()
        self._operations = _operations() if _as_shipped() else {}
        self._handlers: dict[tuple[bytes, ...], Any] = {}
        UpdateExpressionParser.make = staticmethod(_kept(UpdateExpressionParser.make))

    def reply(self, request: Request) -> Reply:
        """What moto answers. An exception in moto becomes status 500, as in moto_server, and goes to stderr."""
        try:
            called = self._called(request)
        except Exception:  # noqa: BLE001 - one request must not end the server, whatever it meets in moto
            return failed()
        return called or self._application.reply(request)

    def _called(self, request: Request) -> Reply | None:
        """The reply of moto's method, or None, with nothing done, if the application should answer."""
        headers = dict(request.headers)
        target = headers.get(b"x-amz-target", b"")
        operation = self._operations.get(target)
        authorization = _AUTHORIZATION.fullmatch(headers.get(b"authorization", b""))
        if (
            operation is None
            or authorization is None
            or request.url != b"/"
            or len(headers) != len(request.headers)
            or not _ANSWERED_OTHERWISE.isdisjoint(headers)
            or b"&" in request.body  # moto also reads the body as a form, whose Action field overrules the header
        ):
            return None
        try:
            parameters = operation.decode(orjson.loads(request.body))
        except (Unusual, ValueError, RecursionError):
            return None
        key = (target, authorization[1], headers[b"host"], headers.get(b"user-agent", b""))
        return _call(operation, self._handler(key, request), parameters)

    def _handler(self, key: tuple[bytes, ...], request: Request) -> Any:
        """Moto's handler for all requests with these headers: they decide account and region, and moto reads them."""
        handler = self._handlers.get(key)
        if handler is None:
            if len(self._handlers) >= _MOST_HANDLERS:
                self._handlers.clear()
            handler = self._handlers[key] = DynamoHandler()
            handler.setup_class(BackendRequest(environ(replace(request, body=b"{}"))))
        return handler


def _call(operation: _Operation, handler: Any, parameters: dict[str, Any]) -> Reply:
    handler.body = parameters
    try:
        result = operation.method(handler)
    except HTTPException as refusal:
        status = refusal.code or HTTPStatus.INTERNAL_SERVER_ERROR
        headers = [*refusal.get_headers(), ("status", str(status))]
        body = (refusal.description or "").encode()
    else:
        status, headers = 200, [("Content-Type", "application/x-amz-json-1.0")]
        try:
            body = orjson.dumps(operation.encode(result.result))
        except (Unusual, TypeError):
            body = handler.serialized(result)[2].encode()
    headers += (
        ("server", "amazon.com"),
        ("x-amzn-requestid", secrets.token_hex(26)),
        ("x-amz-crc32", str(crc32(body))),
        ("Content-Length", str(len(body))),
    )
    return Reply(status, headers, body)


def _as_shipped() -> bool:
    """Whether nothing in the environment makes moto check signatures, record, or write answers in another way."""
    return (
        math.isinf(settings.INITIAL_NO_AUTH_ACTION_COUNT)
        and not settings.PRETTIFY_RESPONSES
        and not os.environ.get("MOTO_ENABLE_RECORDING")
    )


def _kept(make: Callable[[str], Any]) -> Callable[[str], Any]:
    """The parser of update expressions, with its trees kept.

    Moto looks names up in a tree, and changes only the deep copy that its validator makes for itself.
    """

    @lru_cache(_MOST_EXPRESSIONS)
    def parsed(expression: str) -> Any:
        tree = make(expression)
        pickled = pickle.dumps(tree)
        tree.__deepcopy__ = lambda _memo: pickle.loads(pickled)  # nosec B301 # pickled here; a fifth of deepcopy's cost
        return tree

    return parsed


def _operations() -> dict[bytes, _Operation]:
    model = get_service_model("dynamodb")
    found = {}
    for name in HOT:
        operation = model.operation_model(name)
        found[f"DynamoDB_20120810.{name}".encode()] = _Operation(
            getattr(DynamoHandler, camelcase_to_underscores(name)),
            _converter(operation.input_shape, _FROM_JSON, {}),
            _converter(operation.output_shape, _TO_JSON, {}),
        )
    return found


def _converter(shape: Any, scalars: dict[str, Convert], done: dict[str, Convert]) -> Convert:
    """A function that turns a value of this shape from or to JSON as moto does, or raises Unusual."""
    if shape.type_name == "structure":
        if shape.name not in done:
            members: dict[str, Convert] = {}
            done[shape.name] = _structure(members)  # before its members: attribute values hold attribute values
            members |= {name: _converter(member, scalars, done) for name, member in shape.members.items()}
        return done[shape.name]
    if shape.type_name == "map":
        return _map(_converter(shape.value, scalars, done))
    if shape.type_name == "list":
        return _list(_converter(shape.member, scalars, done))
    return scalars.get(shape.type_name, _unusual)


def _structure(members: dict[str, Convert]) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise Unusual
        if len(value) == 1:
            ((name, inner),) = value.items()
            return {name: members[name](inner)} if name in members else {}
        return {name: member(value[name]) for name, member in members.items() if name in value}

    return convert


def _map(member: Convert) -> Convert:
    def convert(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise Unusual
        return {key: member(inner) for key, inner in value.items()}

    return convert


def _list(member: Convert) -> Convert:
    def convert(value: Any) -> list[Any]:
        if type(value) is not list:
            raise Unusual
        return [member(inner) for inner in value]

    return convert


def _unusual(_value: Any) -> Any:
    raise Unusual


def _only(kind: type) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not kind:
            raise Unusual
        return value

    return convert


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise Unusual
    return float(value)


def _encoded(value: Any) -> str:
    if type(value) is not bytes:
        raise Unusual
    return b64encode(value).decode("ascii")


_TEXT, _BOOLEAN = _only(str), _only(bool)
_FROM_JSON: dict[str, Convert] = {"string": _TEXT, "boolean": _BOOLEAN, "blob": lambda value: b64decode(_TEXT(value))}
_TO_JSON: dict[str, Convert] = {"string": _TEXT, "boolean": _BOOLEAN, "blob": _encoded, "double": _number}
