"""What the SDK makes of a DynamoDB's answer, with all its values of the types that DynamoDB's model gives them.

The SDK takes what stands there: text for a number, a list for an item, nothing at all for what is no JSON. Who reads
an answer shall not have to ask again, so one that is of another shape is an error, of the SDK's kind, that says where.
"""

import json
import math
import re
from datetime import datetime
from typing import Any

from aiobotocore.parsers import AioJSONParser, AioResponseParserFactory
from botocore.exceptions import BotoCoreError

from loadtest.system.foreign_text import clean

_DEEPEST = 80  # steps into an answer; DynamoDB has 32 values in one another, each two steps deep
_CHECKSUM = re.compile("[0-9]{1,10}")
_LARGEST = 1 << 63
_TYPES: dict[str, type | tuple[type, ...]] = {
    "blob": bytes,
    "boolean": bool,
    "double": (int, float),
    "integer": int,
    "list": list,
    "long": int,
    "map": dict,
    "string": str,
    "structure": dict,
    "timestamp": datetime,
}


class NotUnderstoodError(BotoCoreError, ValueError):  # type: ignore[misc]  # the SDK has no types
    """An answer that no DynamoDB gives; its text says what of it, in one short line."""

    fmt = "{what}"

    def __init__(self, what: str) -> None:
        super().__init__(what=clean(what))  # type: ignore[call-arg]


class ParserFactory(AioResponseParserFactory):  # type: ignore[misc]  # the SDK has no types
    """As the SDK's; of what DynamoDB speaks, the parser is this module's."""

    def create_parser(self, protocol_name: str) -> Any:
        """The parser for one of the SDK's protocols."""
        return _Parser(**self._defaults) if protocol_name == "json" else super().create_parser(protocol_name)


class _Parser(AioJSONParser):  # type: ignore[misc]  # the SDK has no types
    async def parse(self, response: Any, shape: Any) -> Any:
        if not _CHECKSUM.fullmatch(response["headers"].get("x-amz-crc32", "0")):  # the SDK takes it for a number
            raise NotUnderstoodError(f"a checksum of {response['headers']['x-amz-crc32'][:60]!r}")
        try:
            parsed = await super().parse(response, shape)
            if "Error" in parsed:
                _require_error(parsed["Error"])
            elif shape is not None:
                _require(parsed, shape, shape.name, 0)
                if len(parsed) <= 1:  # but for metadata nothing that is known
                    _require_document(response)
        except NotUnderstoodError:
            raise
        except RecursionError as error:
            raise NotUnderstoodError("values too deep in one another") from error
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:  # the SDK trips over it
            raise NotUnderstoodError(f"a body that begins {response['body'][:60]!r}") from error
        return parsed


def _require_error(error: dict[str, Any]) -> None:
    if error["Message"] is None:
        error["Message"] = ""
    for name, value in error.items():
        if not isinstance(value, str):
            raise NotUnderstoodError(f"the {name} of an error is {value!r:.80}")


def _require_document(response: Any) -> None:
    """What says that it is JSON is a JSON object, or nothing: the SDK takes anything else for an empty one."""
    body = response["body"]
    if body not in (b"", b"{}") and "json" in response["headers"].get("content-type", ""):
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError(f"a JSON {type(found).__name__}")


def _require(value: Any, shape: Any, where: str, depth: int) -> None:
    """NotUnderstoodError unless the value, and all there is in it, is of the type that the shape says."""
    kind = shape.type_name
    unfit = not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
    if unfit or depth > _DEEPEST:
        raise NotUnderstoodError(f"{where} is {value!r:.80}, which is no {kind}")
    if kind == "structure":
        if shape.name == "AttributeValue" and len(value) != 1:
            raise NotUnderstoodError(f"{where} is {value!r:.80}, which is not one value")
        for name, member in shape.members.items():
            if name in value:
                _require(value[name], member, f"{where}.{name}", depth + 1)
    elif kind == "map":
        for key, each in value.items():
            _require(each, shape.value, f"{where}.{key}", depth + 1)
    elif kind == "list":
        for each in value:
            _require(each, shape.member, f"{where}[]", depth + 1)
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) < _LARGEST):
        raise NotUnderstoodError(f"{where} is {value!r:.80}, which is too large")
