"""Products and the records of orders as DynamoDB items, and back."""

from collections.abc import Mapping
from typing import Any

from loadtest.dynamodb.numbers import whole
from loadtest.dynamodb.schema import TableSchema
from loadtest.dynamodb.sdk_answers import NotUnderstoodError
from loadtest.events import Order, Product
from loadtest.system.foreign_text import clean

Item = Mapping[str, Mapping[str, Any]]
_LONGEST = 256  # characters of a name: each operation keeps those of the product that it met
MAKER = {"S": "loadtest"}
KEEP_S = 24 * 3600  # until a record vanishes by itself


def number(value: int) -> dict[str, str]:
    """An N attribute."""
    return {"N": str(value)}


def to_item(product: Product, schema: TableSchema) -> dict[str, dict[str, str]]:
    """The product with all its attributes."""
    return {
        schema.key: {"S": product.id},
        schema.name: {"S": product.name},
        schema.quantity: number(product.quantity),
        schema.version: number(product.version),
        schema.made_by: MAKER,
    }


def to_record(order: Order, now_s: float, schema: TableSchema) -> dict[str, dict[str, str]]:
    """The record that a transaction puts with the order's write, which vanishes after KEEP_S."""
    return {
        **schema.record_key(order.order_id),
        schema.record_product: {"S": order.product_id},
        schema.record_units: number(order.units),
        schema.expires_at: number(int(now_s) + KEEP_S),
    }


def is_made_here(item: Item, schema: TableSchema) -> bool:
    """Whether the tool made the item, so that it may change it without being asked."""
    return item.get(schema.made_by) == MAKER


def text_in(item: Item, name: str) -> str:
    """An attribute that must be text. Raises NotUnderstoodError: whoever asks for an item gave its key."""
    try:
        text: str = item[name]["S"]
    except KeyError:
        raise NotUnderstoodError(f"an item without a text {name!r}") from None
    return text


def to_product(item: Item, product_id: str, schema: TableSchema) -> Product:
    """The product in an item, or in the part of one that an answer shows.

    Raises ValueError, in words, if quantity or version is missing or no whole number of 63 bits.
    """
    last_order = item.get(schema.last_order, {}).get("S")
    return Product(
        id=product_id,
        name=str(item.get(schema.name, {}).get("S", ""))[:_LONGEST],
        quantity=_whole(item, schema.quantity, product_id),
        version=_whole(item, schema.version, product_id),
        last_order=last_order if last_order is None else str(last_order)[:_LONGEST],
    )


def restock_stamp(item: Item, product_id: str, schema: TableSchema) -> int:
    """The number that the product's last restock left; 0 if there was none. ValueError if it is no whole number."""
    return _whole(item, schema.last_restock, product_id) if schema.last_restock in item else 0


def _whole(item: Item, attribute: str, product_id: str) -> int:
    text = item.get(attribute, {}).get("N")
    if text is None:
        raise ValueError(f"product {product_id!r} has no number `{attribute}`")
    try:
        return whole(text)
    except ValueError as error:
        raise ValueError(f"product {product_id!r} has {attribute} {clean(text, 50)}, which is {error}") from error


def item_bytes(item: Item) -> int:
    """The size that DynamoDB charges an item by: the developer guide's "DynamoDB item sizes and formats"."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    if kind in ("S", "B"):
        return len(inner.encode() if kind == "S" else inner)
    if kind == "N":
        digits = inner.lstrip("-").partition("E")[0].replace(".", "").strip("0")
        return (len(digits) + 1) // 2 + 1
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + _value_bytes(one) for name, one in inner.items())
    if kind == "L":
        return 3 + sum(1 + _value_bytes(one) for one in inner)
    return sum(_value_bytes({kind[0]: one}) for one in inner)  # the sets SS, NS and BS
