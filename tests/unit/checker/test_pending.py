"""Lost writes from one run to the next."""

from loadtest.checker.pending import pending, still_open
from tests.helpers.shop_events import operation

LOST = [
    operation(order_id="a-1", product_id="p#4"),
    operation(order_id="a-2", product_id="p#5"),
    operation(order_id="a-1", product_id="p#4", attempt=2),
    operation(order_id="a-1", product_id="p#5"),
]


def test_pending_writes_are_kept_by_product_and_order() -> None:
    found = pending(LOST)
    open_writes = {
        name: {order_id: writes.open for order_id, writes in by_order.items()} for name, by_order in found.items()
    }
    assert open_writes == {"p#4": {"a-1": [LOST[0], LOST[2]]}, "p#5": {"a-2": [LOST[1]], "a-1": [LOST[3]]}}
    assert found["p#4"]["a-1"].last is LOST[2]


def test_they_come_back_as_they_were() -> None:
    assert still_open(pending(LOST)) == [LOST[0], LOST[2], LOST[1], LOST[3]]
    assert not pending([])
    assert still_open({}) == []
