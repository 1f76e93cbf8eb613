"""TransactWriteItems: take the units and put the order's record, both or neither."""

import time

from loadtest.dynamodb.items import number, to_record
from loadtest.events import Outcome, Result
from loadtest.strategies import Attempt


async def transaction(attempt: Attempt) -> Result:
    """The record proves afterwards that the order was accepted, even if the answer was lost."""
    order = attempt.order
    take = {
        "UpdateExpression": "SET #quantity = #quantity - :units, #version = #version + :one, #last_order = :order",
        "ConditionExpression": "#quantity >= :units",
        "ExpressionAttributeValues": {
            ":units": number(order.units),
            ":one": number(1),
            ":order": {"S": order.order_id},
        },
    }
    record = {
        "Item": to_record(order, time.time(), attempt.schema),
        "ConditionExpression": "attribute_not_exists(#key)",
    }
    await attempt.gate()
    taken = await attempt.take_and_record(take, record)
    if taken.result.outcome is Outcome.REJECTED and taken.by_condition and taken.product is None:
        read = await attempt.read()  # no such product, or a server that does not say what refused the write
        if read.product is None:
            return read.result
    return taken.result
