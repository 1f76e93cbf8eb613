"""When a product counts as left by a run, so that it is put back."""

from typing import Any

import pytest

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.foreign import described, value_of
from loadtest.dynamodb.items import is_made_here, number, to_item
from loadtest.dynamodb.put_back import Kept, by_hand
from loadtest.dynamodb.schema import TableSchema
from loadtest.events import Event, Kind, Outcome, Product, RoundEnded, StockSet
from tests.helpers.shop_events import operation

NAMES = TableSchema()
RUN = "0123456789"
BEFORE = {"id": {"S": "p#4"}, "quantity": number(7), "version": number(3), "price": number(12)}


def item(version: int, name: str, quantity: int = 0) -> dict[str, Any]:
    return {**BEFORE, "quantity": number(quantity), "version": number(version), "last_order": {"S": name}}


def ended(version: int, name: str, quantity: int = 0) -> Event:
    return RoundEnded(1, "p#4", Product("p#4", "", quantity, version, name), 5, 4)


def set_stock(outcome: Outcome) -> Event:
    return StockSet(1, Product("p#4", "", 7, 3), 1, f"restock-{RUN}-1", outcome, 1, 2, 3)


LOST = operation(product_id="p#4", kind=Kind.WRITE, outcome=Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("events", "now", "left"),
    [
        ([ended(5, f"{RUN}-1-1")], item(5, f"{RUN}-1-1"), True),
        ([ended(5, f"{RUN}-1-1")], item(6, f"{RUN}-1-2"), False),  # all its writes had answers: it is somebody's
        ([ended(5, f"{RUN}-1-1")], item(5, f"{RUN}-1-1", quantity=1), False),  # who leaves no name and no version
        ([ended(5, f"{RUN}-1-1"), LOST], item(6, f"{RUN}-1-2"), True),  # the lost one came
        ([ended(5, f"{RUN}-1-1"), LOST], item(6, "till-7"), False),
        ([], item(4, f"restock-{RUN}-1"), True),  # cut before its last read
        ([], item(4, f"{RUN}-1-1"), True),
        ([], item(4, "9876543210-1-1"), False),  # another run
        ([ended(5, f"{RUN}-1-1"), set_stock(Outcome.ACCEPTED)], item(6, f"restock-{RUN}-2"), True),  # of a next run
    ],
)
def test_what_a_run_left(events: list[Event], now: dict[str, Any], left: bool) -> None:
    kept = Kept({"p#4": BEFORE}, runs=[RUN])
    for event in events:
        kept(event)
    assert kept.left_by_run(now, NAMES) is left


def test_what_somebody_else_wrote_during_the_run_was_not_left_by_it() -> None:
    kept = Kept({"p#4": BEFORE}, runs=[RUN], others={"p#4"})
    kept(ended(5, f"{RUN}-1-1"))
    assert not kept.left_by_run(item(5, f"{RUN}-1-1"), NAMES)


def test_the_records_of_accepted_and_of_lost_transactions_are_remembered() -> None:
    kept = Kept({"p#4": BEFORE})
    for order_id, kind, outcome, product_id in (
        ("a", Kind.TRANSACTION, Outcome.ACCEPTED, "p#4"),
        ("b", Kind.TRANSACTION, Outcome.UNKNOWN, "p#4"),
        ("c", Kind.TRANSACTION, Outcome.REJECTED, "p#4"),
        ("d", Kind.WRITE, Outcome.ACCEPTED, "p#4"),
        ("e", Kind.TRANSACTION, Outcome.ACCEPTED, "p#0"),  # the tool's own: its records vanish by themselves
    ):
        kept(operation(order_id=order_id, kind=kind, outcome=outcome, product_id=product_id))
    assert kept.records == {"a": "p#4", "b": "p#4"}


def test_the_command_takes_every_attribute() -> None:
    product: dict[str, Any] = {"id": {"S": "it's"}, "picture": {"B": b"\x00\xff"}, "sizes": {"NS": ["1", "2"]}}
    connection = Connection(table="shop", endpoint_url="http://127.0.0.1:8000", region="eu-west-1", profile="a b")
    assert by_hand(connection, product) == (
        """aws dynamodb put-item --table-name shop --item '{"id":{"S":"it'"'"'s"},"picture":{"B":"AP8="},"""
        """"sizes":{"NS":["1","2"]}}' --endpoint-url http://127.0.0.1:8000 --region eu-west-1 --profile 'a b'"""
    )


def test_what_the_tool_makes_is_known_again() -> None:
    made = to_item(Product("p#4", "Last samovar", 1, 1), NAMES)
    assert is_made_here({**made, "quantity": number(0), "last_order": {"S": "x"}}, NAMES)
    assert not is_made_here({**made, "made_by": {"S": "us"}}, NAMES)
    assert not is_made_here(BEFORE, NAMES)


def test_an_item_in_words() -> None:
    assert (
        described({**BEFORE, "name": {"S": "x" * 100}}, NAMES) == f'name "{"x" * 39}…, price 12, quantity 7, version 3'
    )
    assert described({"id": {"S": "a"}}, NAMES) == "no attributes"
    assert value_of(BEFORE, "last_order") == "none"
