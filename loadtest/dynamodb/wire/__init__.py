"""The wire: the hot operations of an ordinary aioboto3 client, at a small part of the SDK's CPU time.

A client made from a session after `install` serves GetItem, PutItem, UpdateItem, DeleteItem and
TransactWriteItems itself: `codec` checks and encodes, `signing` signs, `connection` and `pool` carry. Results and
exceptions are the SDK's; what the wire does not understand exactly goes to the SDK and is counted.
"""

from loadtest.dynamodb.wire.client import Served, fill, install, opened, prepare, served, stamped_by_reader
from loadtest.dynamodb.wire.codec import OPERATIONS, NotUnderstood
from loadtest.dynamodb.wire.connection import Lost, Reply
from loadtest.dynamodb.wire.stamps import kernel_stamps

__all__ = [
    "OPERATIONS",
    "Lost",
    "NotUnderstood",
    "Reply",
    "Served",
    "fill",
    "install",
    "kernel_stamps",
    "opened",
    "prepare",
    "served",
    "stamped_by_reader",
]
