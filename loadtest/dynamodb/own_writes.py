"""The tool's own writes to the products of a run: set the stock before a round, and add to it during a load.

Each leaves a `last_order` that no other write leaves: what became of one whose answer was lost can be found out, and
whoever judges the run can tell these writes from those of orders and from a stranger's.
"""

import time
from collections.abc import Collection
from itertools import count

from botocore.exceptions import ClientError

from loadtest.dynamodb.admin import Stocked, read_stock, to_stocked
from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import CONDITION_FAILED, SDK_ERRORS, code_of, explained, translate
from loadtest.dynamodb.items import Item, number, to_product
from loadtest.dynamodb.patience import PATIENCE_S, OnRepair, Patience, answered, patiently
from loadtest.dynamodb.schema import TableSchema
from loadtest.errors import TargetError
from loadtest.events import (
    ACCEPTED,
    RESTOCK,
    Listener,
    Outcome,
    OwnRequest,
    Product,
    Restocked,
    Result,
    StockSet,
)
from loadtest.system.foreign_text import clean

_LOST = Result(Outcome.UNKNOWN)


class OwnWrites:
    """`prefix` begins the ids of all orders of the run; `emit` hears of each write, `repaired` of each lost answer.

    `late` are the orders of earlier runs whose writes may yet be applied: they are no strangers either.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        connection: Connection,
        prefix: str,
        emit: Listener,
        repaired: OnRepair,
        late: Collection[str] = (),
    ) -> None:
        self._client = client
        self._connection = connection
        self._schema = connection.schema
        self._orders = f"{prefix}-"
        self._own = f"{RESTOCK}-{prefix}-"
        self._late = frozenset(late)
        self._numbers = count(1)
        self._emit = emit
        self._repaired = repaired

    async def read(self, product_id: str) -> Stocked:
        """The product as a consistent read shows it. TargetError if it is missing or not a product."""
        return await read_stock(self._client, self._connection, product_id, self._repaired)

    async def set_stock(self, round_: int, product_id: str, quantity: int) -> Stocked:
        """Bring the product's quantity to `quantity`, and return it as a consistent read shows it after that.

        The version goes on rising, so that a straggler of an earlier round cannot pass for a fresh write. Where a lost
        answer or a late write of the run's own orders comes between, it is set again. TargetError if that does
        not help within PATIENCE_S, and if somebody else writes the product.
        """
        patience, read_ns = Patience(), time.perf_counter_ns()
        stocked = await self.read(product_id)
        while stocked.product.quantity != quantity:
            before = stocked.product
            result = await self._set(round_, before, read_ns, quantity)
            read_ns = time.perf_counter_ns()
            stocked = await self.read(product_id)
            self._refuse_strangers(before, stocked.product)
            if stocked.product.quantity == quantity:
                break
            if patience.over:
                raise TargetError(_not_set(stocked.product, quantity, result))
            await patience.pause()
        return stocked

    async def _set(self, round_: int, product: Product, read_ns: int, quantity: int) -> Result:
        """Set it once, if it is as it was when read from `read_ns` on. TargetError if that surely cannot be done."""
        name, sent_ns, result = self._name(), time.perf_counter_ns(), _LOST
        try:
            await answered(
                self._client.update_item,
                TableName=self._connection.table,
                Key=self._schema.key_of(product.id),
                **self._schema.expressions(
                    UpdateExpression="SET #quantity = :quantity, #version = :next, #last_order = :name",
                    ConditionExpression="#version = :version",
                ),
                ExpressionAttributeValues={
                    ":quantity": number(quantity),
                    ":version": number(product.version),
                    ":next": number(product.version + 1),
                    ":name": {"S": name},
                },
            )
            result = ACCEPTED
        except SDK_ERRORS as error:
            result = translate(error, writes=True, sdk_retries=0)
            if result.outcome is Outcome.FAILED:
                with explained(self._connection):
                    raise
        finally:
            at_ns = time.perf_counter_ns()
            self._emit(StockSet(round_, product, quantity, name, result.outcome, read_ns, sent_ns, at_ns))
        if result.outcome is Outcome.UNKNOWN:
            self._repaired(OwnRequest.SET_STOCK)
        return result

    def _refuse_strangers(self, before: Product, now: Product) -> None:
        """A newer version that neither a known order nor the tool made is somebody else's: TargetError."""
        name = now.last_order
        known = name is not None and (name.startswith((self._orders, self._own)) or name in self._late)
        if known or now.version <= before.version:
            return
        said = f"without a {self._schema.last_order}" if name is None else f"as {_shown(name)}"
        raise TargetError(f"somebody else is writing product {now.id!r}, {said}; a run needs it alone")

    async def restock(self, round_: int, stocked: Stocked, units: int) -> None:
        """Add units to a product that was read before, whoever else is writing it, and emit that it was restocked.

        However often it is sent, it is applied once: `last_restock` in the item rises each time, else the
        write is refused. TargetError if it is refused otherwise, or if its answer stays lost for PATIENCE_S.
        """
        product, name = stocked.product, self._name()
        stamp = max(time.time_ns(), stocked.last_restock + 1)
        outcome, left, sent_ns = Outcome.UNKNOWN, None, time.perf_counter_ns()
        try:
            with explained(self._connection):
                left = await self._add(product.id, units, name, stamp)
            outcome = Outcome.ACCEPTED
        finally:
            version, quantity = (left.version, left.quantity) if left else (None, None)
            at_ns = time.perf_counter_ns()
            self._emit(Restocked(round_, product.id, units, outcome, at_ns, sent_ns, name, version, quantity))

    async def _add(self, product_id: str, units: int, name: str, stamp: int) -> Product | None:
        """Add them, and return what that left; None if nobody knows any more."""
        try:
            answer = await patiently(
                self._client.update_item,
                OwnRequest.RESTOCK,
                self._repaired,
                TableName=self._connection.table,
                Key=self._schema.key_of(product_id),
                **self._schema.expressions(
                    UpdateExpression="SET #quantity = #quantity + :units, #version = #version + :one, "
                    "#last_order = :name, #last_restock = :stamp",
                    ConditionExpression="attribute_not_exists(#last_restock) OR #last_restock < :stamp",
                ),
                ExpressionAttributeValues={
                    ":units": number(units),
                    ":one": number(1),
                    ":name": {"S": name},
                    ":stamp": number(stamp),
                },
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if code_of(error) != CONDITION_FAILED:
                raise
            return await self._applied_before(product_id, name, stamp, error.response.get("Item"))
        return _product(answer.get("Attributes"), product_id, self._schema)

    async def _applied_before(self, product_id: str, name: str, stamp: int, refused_by: Item | None) -> Product | None:
        """What a restock left that is refused because it is in the product already. TargetError if it is not."""
        stocked = to_stocked(refused_by, product_id, self._schema) if refused_by else await self.read(product_id)
        if stocked.last_restock != stamp:
            raise TargetError(
                f"a restock of product {product_id!r} was refused and is not in it (its {self._schema.last_restock} is "
                f"{stocked.last_restock}, not {stamp}): somebody else restocks it, and a run needs it alone"
            )
        return stocked.product if stocked.product.last_order == name else None

    def _name(self) -> str:
        return f"{self._own}{next(self._numbers)}"


def _product(item: Item | None, product_id: str, schema: TableSchema) -> Product | None:
    """The product in what an answer shows; None where it shows none."""
    try:
        return to_product(item, product_id, schema) if item else None
    except ValueError:
        return None


def _not_set(product: Product, quantity: int, result: Result) -> str:
    why = result.message or ("it was refused" if result.outcome is Outcome.REJECTED else "it did not last")
    return (
        f"the stock of product {product.id!r} could not be set to {quantity:,} within {PATIENCE_S:g} s: it is "
        f"{product.quantity:,} at version {product.version:,} (the last try: {why})"
    )


def _shown(name: str) -> str:
    return clean(name, 100)
