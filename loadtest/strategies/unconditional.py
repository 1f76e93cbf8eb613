"""The control: read, compute, write, and no condition. It oversells as soon as two orders overlap."""

from loadtest.dynamodb.items import number
from loadtest.events import SOLD_OUT, Result
from loadtest.strategies import Attempt


async def unconditional(attempt: Attempt) -> Result:
    """Write what was right when the product was read."""
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
        },
        read_version=product.version,
    )
    return written.result
