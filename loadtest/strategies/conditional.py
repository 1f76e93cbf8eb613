"""One write and no read: take the units if there are enough of them."""

from loadtest.dynamodb.items import number
from loadtest.events import Outcome, Reason, Result
from loadtest.strategies import Attempt


async def conditional(attempt: Attempt) -> Result:
    """The server computes the new quantity, so there is nothing that could have gone stale."""
    await attempt.gate()
    written = await attempt.update(
        "SET #quantity = #quantity - :units, #version = #version + :one, #last_order = :order",
        {
            ":units": number(attempt.order.units),
            ":one": number(1),
            ":order": {"S": attempt.order.order_id},
        },
        condition="#quantity >= :units",
        refused=Reason.SOLD_OUT,
    )
    if written.result.outcome is not Outcome.REJECTED or not written.by_condition:
        return written.result
    if written.product is None:  # no such product, or a server that does not say what refused the write
        read = await attempt.read()
        if read.product is None:
            return read.result
    return written.result
