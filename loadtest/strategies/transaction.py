"""TransactWriteItems: take the units and put the order's record, both or neither."""

import time

from loadtest.dynamodb.admin import EXPIRES_AT, KEEP_S
from loadtest.dynamodb.items import number
from loadtest.dynamodb.order_records import PREFIX
from loadtest.events import Outcome, Result
from loadtest.strategies import Attempt


async def transaction(attempt: Attempt) -> Result:
    """The record proves afterwards that the order was accepted, even if the answer was lost."""
    order = attempt.order
    take = {
        "UpdateExpression": "SET quantity = quantity - :units, version = version + :one, last_order = :order",
        "ConditionExpression": "quantity >= :units",
        "ExpressionAttributeValues": {
            ":units": number(order.units),
            ":one": number(1),
            ":order": {"S": order.order_id},
        },
    }
    record = {
        "Item": {
            "id": {"S": PREFIX + order.order_id},
            "product_id": {"S": order.product_id},
            "units": number(order.units),
            EXPIRES_AT: number(int(time.time()) + KEEP_S),
        },
        "ConditionExpression": "attribute_not_exists(id)",
    }
    await attempt.gate()
    taken = await attempt.take_and_record(take, record)
    if taken.result.outcome is Outcome.REJECTED and taken.by_condition and taken.product is None:
        read = await attempt.read()  # no such product, or a server that does not say what refused the write
        if read.product is None:
            return read.result
    return taken.result
