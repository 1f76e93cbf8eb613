"""How large an answer may be, whoever reads it: a server must not fill this process's memory.

The largest that the tool asks for is one item of DynamoDB, 400 KB, as JSON, or a page of a scan, of which it asks for
the keys alone. BatchGetItem could give 16 MB, so it is asked for few items at a time where they are read whole.
"""

from botocore.exceptions import BotoCoreError

MEBIBYTE = 1 << 20
BODY_BYTES = 4 * MEBIBYTE  # text of Python's may take four times as much, and is there twice while it is read
AT_ONCE_BYTES = 8 * MEBIBYTE  # of all answers that one client is receiving: beyond that they come one by one
HEAD_BYTES = 64 << 10
HEADERS = 128
_VALUES = 100_000  # an empty list costs 30 times its two bytes


class OversizedAnswerError(BotoCoreError):  # type: ignore[misc]  # the SDK has no types
    """An answer larger than any of a DynamoDB, which was not read to its end."""

    fmt = "an answer of {size}"


def too_large(received: int) -> str | None:
    """What is too much of a body of which so many bytes were received; None if it is not."""
    return f"more than {BODY_BYTES // MEBIBYTE} MiB" if received > BODY_BYTES else None


def too_many_values(body: bytes) -> str | None:
    """The same of a whole body of JSON, by how many values it may hold at most."""
    if len(body) > _VALUES and body.count(b",") + body.count(b"[") + body.count(b"{") > _VALUES:
        return f"more than {_VALUES:,} values"
    return None
