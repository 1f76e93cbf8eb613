"""HTTP answers: those of the server handed on, and those that DynamoDB gives when it is overloaded or broken.

Codes, fields and messages: the API reference and the SDK's service model, 2012-08-10.
"""

from binascii import crc32
from collections.abc import Iterable, Mapping
from http.client import responses

import orjson

from loadtest.dynamodb.wire import Reply
from loadtest.system.guard import Refusal

_NOT_HANDED_ON = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"))
_TYPE = "com.amazonaws.dynamodb.v20120810#"
_TOO_MUCH = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)


def handed_on(reply: Reply) -> bytes:
    """The server's answer as it came, but for what belongs to its own connection."""
    return _message(reply.status, reply.headers, reply.body)


def half(reply: Reply) -> bytes:
    """All of its head, and half of its body."""
    whole = handed_on(reply)
    return whole[: len(whole) - (len(reply.body) + 1) // 2]


def internal_error() -> bytes:
    """After this, nobody knows whether the write was applied."""
    return _error(500, "InternalServerError", {"message": "Internal server error"})


def throttled(arn: str) -> bytes:
    """One write to an item of this table that has too few write units left."""
    reasons = [{"reason": "TableWriteKeyRangeThroughputExceeded", "resource": arn}]
    return _error(400, "ProvisionedThroughputExceededException", {"message": _TOO_MUCH, "ThrottlingReasons": reasons})


def cancelled(lacking: Iterable[bool]) -> bytes:
    """A transaction of which some items have too few write units left."""
    reasons = [
        {"Code": "ProvisionedThroughputExceeded", "Message": _TOO_MUCH} if lacks else {"Code": "None"}
        for lacks in lacking
    ]
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return _error(400, "TransactionCanceledException", {"Message": message, "CancellationReasons": reasons})


def not_passed_on(operation: str) -> bytes:
    """An operation that no order makes."""
    return _error(400, "UnknownOperationException", {"message": f"the fault proxy does not pass on {operation!r}"})


def not_let_in(refusal: Refusal) -> bytes:
    """A request of somebody else, which must not be signed with the user's credentials."""
    return _error(refusal.status, refusal.code, {"message": refusal.sentence})


def no_credentials(sentence: str) -> bytes:
    """A request that could not be signed, and so was not sent to the server."""
    return _error(400, "CredentialsError", {"message": sentence})


def done() -> bytes:
    """An empty answer to a command."""
    return _message(200, {}, b"")


def _error(status: int, code: str, fields: Mapping[str, object]) -> bytes:
    body = orjson.dumps({"__type": _TYPE + code, **fields})
    return _message(status, {"content-type": "application/x-amz-json-1.0", "x-amz-crc32": str(crc32(body))}, body)


def _message(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items() if name not in _NOT_HANDED_ON])
    head = f"HTTP/1.1 {status} {responses.get(status, '')}\r\n{lines}content-length: {len(body)}\r\n\r\n"
    return head.encode("latin-1") + body
