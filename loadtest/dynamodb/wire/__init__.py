"""The wire: the hot operations of an ordinary aioboto3 client, at a small part of the SDK's CPU time.

A `Wire` beside such a client serves GetItem, PutItem, UpdateItem, DeleteItem and TransactWriteItems: `codec` checks and
encodes, `signing` signs, `connection` and `pool` carry. Answers have the SDK's form; what the wire does not understand
exactly goes to the SDK and is counted.
"""

from loadtest.dynamodb.wire.client import Wire
from loadtest.dynamodb.wire.codec import OPERATIONS, NotUnderstood
from loadtest.dynamodb.wire.connection import Lost, Reply
from loadtest.dynamodb.wire.stamps import kernel_stamps

__all__ = [
    "OPERATIONS",
    "Lost",
    "NotUnderstood",
    "Reply",
    "Wire",
    "kernel_stamps",
]
