"""Products as DynamoDB items and back."""

from collections.abc import Mapping
from typing import Any

from loadtest.dynamodb.numbers import whole
from loadtest.dynamodb.sdk_answers import NotUnderstoodError
from loadtest.events import Product
from loadtest.system.foreign_text import clean

Item = Mapping[str, Mapping[str, Any]]
_LONGEST = 256  # characters of a name: each operation keeps those of the product that it met
MADE_BY = {"made_by": {"S": "loadtest"}}  # in every item that the tool makes, but for the records of orders


def number(value: int) -> dict[str, str]:
    """An N attribute."""
    return {"N": str(value)}


def to_item(product: Product) -> dict[str, dict[str, str]]:
    """The product with all its attributes."""
    return {
        "id": {"S": product.id},
        "name": {"S": product.name},
        "quantity": number(product.quantity),
        "version": number(product.version),
        **MADE_BY,
    }


def is_made_here(item: Item) -> bool:
    """Whether the tool made the item, so that it may change it without being asked."""
    return all(item.get(name) == value for name, value in MADE_BY.items())


def text_in(item: Item, name: str) -> str:
    """An attribute that must be text. Raises NotUnderstoodError: whoever asks for an item gave its key."""
    try:
        text: str = item[name]["S"]
    except KeyError:
        raise NotUnderstoodError(f"an item without a text {name!r}") from None
    return text


def to_product(item: Item, product_id: str) -> Product:
    """The product in an item, or in the part of one that an answer shows.

    Raises ValueError, in words, if `quantity` or `version` is missing or no whole number of 63 bits.
    """
    last_order = item.get("last_order", {}).get("S")
    return Product(
        id=product_id,
        name=str(item.get("name", {}).get("S", ""))[:_LONGEST],
        quantity=_whole(item, "quantity", product_id),
        version=_whole(item, "version", product_id),
        last_order=last_order if last_order is None else str(last_order)[:_LONGEST],
    )


def restock_stamp(item: Item, product_id: str) -> int:
    """The number that the product's last restock left; 0 if there was none. ValueError if it is no whole number."""
    return _whole(item, "last_restock", product_id) if "last_restock" in item else 0


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
