"""Optimistic locking: read, then write if the version is still the one that was read."""

from loadtest.dynamodb.items import number
from loadtest.events import SOLD_OUT, Result
from loadtest.strategies import Attempt


async def version(attempt: Attempt) -> Result:
    """Of all orders that read the same version, one write is accepted and every other is a conflict."""
    read = await attempt.read()
    product, units = read.product, attempt.order.units
    if product is None:
        return read.result
    if product.quantity < units:
        return SOLD_OUT
    await attempt.gate()
    written = await attempt.update(
        "SET #quantity = :quantity, #version = :version, #last_order = :order",
        {
            ":quantity": number(product.quantity - units),
            ":version": number(product.version + 1),
            ":order": {"S": attempt.order.order_id},
            ":read_version": number(product.version),
        },
        condition="#version = :read_version",
        read_version=product.version,
    )
    return written.result
