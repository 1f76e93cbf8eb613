"""What the attributes of a table's items are called: the one place that decides it."""

import re
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

_FIELD = re.compile(r"#(\w+)")


class TableSchema(Struct, frozen=True, kw_only=True):
    """The names in a table of products: its key, of type S and alone, and the attributes that the tool uses.

    `last_restock` is of a product to which units were added, `made_by` of every item that the tool makes but for the
    records of orders. The key of a record is `record_prefix` and the order's id; `record_product` and `record_units`
    are what the order took, and `fenced` keeps a record from coming late. `expires_at` is the table's time to live.
    """

    key: str = "id"
    name: str = "name"
    quantity: str = "quantity"
    version: str = "version"
    last_order: str = "last_order"
    last_restock: str = "last_restock"
    made_by: str = "made_by"
    record_prefix: str = "order#"
    record_product: str = "product_id"
    record_units: str = "units"
    fenced: str = "fenced"
    expires_at: str = "expires_at"

    @property
    def changed(self) -> dict[str, str]:
        """What a run changes of a product, by field."""
        return {field: getattr(self, field) for field in ("quantity", "version", "last_order", "last_restock")}

    def key_of(self, item_id: str) -> dict[str, dict[str, str]]:
        """The key of one item."""
        return {self.key: {"S": item_id}}

    def record_key(self, order_id: str) -> dict[str, dict[str, str]]:
        """The key of an order's record."""
        return self.key_of(self.record_prefix + order_id)

    def expressions(self, **written: str) -> dict[str, Any]:
        """The parts of a request that are expressions, each with this table's name for every `#field` in it.

        A name that DynamoDB may have reserved, or that its grammar does not take, is given besides, as
        ExpressionAttributeNames.
        """
        names: dict[str, str] = {}

        def named(found: re.Match[str]) -> str:
            name: str = getattr(self, found[1])
            if name in _PLAIN:
                return name
            names[found[0]] = name
            return found[0]

        request: dict[str, Any] = {part: _FIELD.sub(named, expression) for part, expression in written.items()}
        return {**request, "ExpressionAttributeNames": names} if names else request


_PLAIN = frozenset(asdict(TableSchema()).values()) - {"name"}  # which DynamoDB has reserved
