"""The commonest requests and answers, whose attributes are all strings and numbers, checked and turned in C.

Gives None for anything else, which is for `codec`; both must make the same of what they take.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

_Attribute = Annotated[dict[Literal["S", "N"], str], Meta(min_length=1, max_length=1)]
_Attributes = dict[str, _Attribute]
_TableName = Annotated[str, Meta(min_length=1)]


class _Get(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    TableName: _TableName
    Key: _Attributes
    ConsistentRead: bool | UnsetType = UNSET
    ReturnConsumedCapacity: str | UnsetType = UNSET


class _Update(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    TableName: _TableName
    Key: _Attributes
    UpdateExpression: str | UnsetType = UNSET
    ConditionExpression: str | UnsetType = UNSET
    ExpressionAttributeNames: dict[str, str] | UnsetType = UNSET
    ExpressionAttributeValues: _Attributes | UnsetType = UNSET
    ReturnValues: str | UnsetType = UNSET
    ReturnValuesOnConditionCheckFailure: str | UnsetType = UNSET
    ReturnConsumedCapacity: str | UnsetType = UNSET


class _Refusal(Struct, frozen=True, forbid_unknown_fields=True, gc=False, rename={"type_": "__type"}):
    type_: str
    message: str
    Item: _Attributes | UnsetType = UNSET


_REQUESTS: dict[str, type[Struct]] = {"GetItem": _Get, "UpdateItem": _Update}
_encode = msgspec.json.Encoder().encode
_decode_refusal = msgspec.json.Decoder(_Refusal).decode


def encode(operation: str, params: Mapping[str, Any]) -> bytes | None:
    """The request's body."""
    shape = _REQUESTS.get(operation)
    if shape is None or str(params.get("TableName")).startswith("arn:"):
        return None
    try:
        return _encode(msgspec.convert(params, shape))
    except (msgspec.ValidationError, UnicodeEncodeError):
        return None


def decode_refusal(body: bytes) -> dict[str, Any] | None:
    """The SDK's error response, without its metadata, for a write that its condition refused."""
    try:
        refusal = _decode_refusal(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    code = refusal.type_.rpartition("#")[2]
    if code != "ConditionalCheckFailedException":
        return None
    response: dict[str, Any] = {"Error": {"Message": refusal.message, "Code": code}, "message": refusal.message}
    if refusal.Item is not UNSET:
        response["Item"] = refusal.Item
    return response
