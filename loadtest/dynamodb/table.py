"""The operations of a run on one table: read a product, change it, take it in a transaction.

Nothing here raises for what a server answers: every answer is a value.
"""

import time
from collections import Counter
from functools import lru_cache
from typing import Any

from msgspec import Struct

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import (
    CANCELED,
    CONDITION_FAILED,
    NOT_UNDERSTOOD,
    translate_answer,
    translate_no_answer,
)
from loadtest.dynamodb.items import Item, to_product
from loadtest.dynamodb.transport import NoAnswer, Request, Transport
from loadtest.events import ACCEPTED, SOLD_OUT, Outcome, Product, Reason, Result

Values = dict[str, dict[str, str]]
_TOTAL = {"ReturnConsumedCapacity": "TOTAL"}
_ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
_MOST_EXPRESSIONS = 256  # a strategy has a few; one that writes values into them must not fill the memory
_MOST_UNITS = 1e6  # of one answer; DynamoDB's largest transaction takes some ten thousand


class Stamps(Struct, frozen=True, gc=False):
    """When a request was sent, when its answer arrived, and when the answer was read (monotonic clock).

    If no byte of it was `sent`, all three are when that was clear.
    """

    sent_ns: int
    received_ns: int
    ended_ns: int
    sent: bool = True


class Answer(Struct, frozen=True, gc=False):
    """What came back for one request, and when.

    `product` is what a read found, what a write left behind or what a refused write met; None where there is
    no such product or the server does not say. `by_condition` tells a write that its own condition refused
    from one that met a transaction. `capacity` is the units consumed, None where the server does not say: it never
    does for a refused write.
    """

    result: Result
    product: Product | None
    stamps: Stamps
    by_condition: bool = False
    capacity: float | None = None


class Table:
    """One table and what carries its requests; `calls` counts them by operation."""

    def __init__(self, transport: Transport, connection: Connection, *, consistent_reads: bool = True) -> None:
        self._transport = transport
        self._name = connection.table
        self._sdk_retries = connection.sdk_retries
        self._expressions = lru_cache(_MOST_EXPRESSIONS)(self._written)
        self.schema = connection.schema
        self.consistent_reads = consistent_reads
        self.calls: Counter[str] = Counter()

    async def read(self, product_id: str) -> Answer:
        """A read, consistent unless told otherwise. A product that is not there, or is not one, is `failed`."""
        key = self.schema.key_of(product_id)
        request = {"TableName": self._name, "Key": key, "ConsistentRead": self.consistent_reads, **_TOTAL}
        result, response, stamps = await self._call("GetItem", request, writes=False)
        if result is not ACCEPTED:
            return Answer(result, None, stamps)
        if "Item" not in response:
            return Answer(no_such_product(product_id), None, stamps, capacity=_consumed(response))
        try:
            product = to_product(response["Item"], product_id, self.schema)
        except ValueError as error:
            result, product = Result(Outcome.FAILED, "InvalidProduct", str(error)), None
        return Answer(result, product, stamps, capacity=_consumed(response))

    async def update(
        self, product_id: str, expression: str, values: Values, condition: str | None, refused: Reason
    ) -> Answer:
        """Change one product. A write that its condition refuses is rejected for the reason `refused`.

        `#quantity` and the like in the expressions are the fields of the table's schema.
        """
        request: dict[str, Any] = {
            "TableName": self._name,
            "Key": self.schema.key_of(product_id),
            "ExpressionAttributeValues": values,
            "ReturnValues": "UPDATED_NEW",
            **self._expressions(expression, condition),
            **_TOTAL,
        }
        result, response, stamps = await self._call("UpdateItem", request, writes=True)
        if result is ACCEPTED:
            left = self._seen(response.get("Attributes"), product_id)
            return Answer(ACCEPTED, left, stamps, capacity=_consumed(response))
        by_condition = response.get("Error", {}).get("Code") == CONDITION_FAILED
        if by_condition and result.outcome is Outcome.REJECTED:
            result = Result(Outcome.REJECTED, refused)
        return Answer(result, self._seen(response.get("Item"), product_id), stamps, by_condition)

    async def take_and_record(self, product_id: str, take: Request, record: Request, token: str) -> Answer:
        """One transaction: update the product as `take` says and put the order's `record`, both or neither.

        Their expressions are as those of `update`.
        Rejected as sold out if `take`'s condition refused, as a conflict if another write was under way.
        A record that is there already is proof that this very order was accepted before.
        """
        key = self.schema.key_of(product_id)
        written = self._expressions(take["UpdateExpression"], take.get("ConditionExpression"))
        put = self._expressions(None, record.get("ConditionExpression"))
        actions = [
            {"Update": {"TableName": self._name, "Key": key, **take, **written}},
            {"Put": {"TableName": self._name, **record, **put}},
        ]
        request = {"TransactItems": actions, "ClientRequestToken": token, **_TOTAL}
        result, response, stamps = await self._call("TransactWriteItems", request, writes=True)
        if response.get("Error", {}).get("Code") != CANCELED:
            return Answer(result, None, stamps, capacity=_consumed(response))
        reasons = response.get("CancellationReasons", [])
        by_condition = [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]
        if len(by_condition) == 2 and by_condition[1]:
            return Answer(ACCEPTED, None, stamps, by_condition=True)  # what it shows is not what this order left
        if result.outcome is Outcome.REJECTED and by_condition[0]:
            result = SOLD_OUT
        item = reasons[0].get("Item") if reasons else None
        return Answer(result, self._seen(item, product_id), stamps, any(by_condition))

    async def _call(self, operation: str, request: Request, *, writes: bool) -> tuple[Result, dict[str, Any], Stamps]:
        """ACCEPTED and the answer, or what a refusal means and its answer ({} if there was none)."""
        self.calls[operation] += 1
        called_ns = time.perf_counter_ns()
        outcome = await self._transport(operation, request)
        ended_ns = time.perf_counter_ns()
        if isinstance(outcome, NoAnswer):
            result = translate_no_answer(outcome, writes=writes, sdk_retries=self._sdk_retries)
            if not outcome.sent and result.outcome is Outcome.FAILED:
                return result, {}, Stamps(ended_ns, ended_ns, ended_ns, sent=False)
            return result, {}, Stamps(outcome.sent_ns or called_ns, ended_ns, ended_ns)
        response, stamps = outcome.response, Stamps(outcome.sent_ns, outcome.received_ns, ended_ns)
        if response["ResponseMetadata"]["HTTPStatusCode"] >= 300:
            return translate_answer(response, writes=writes), response, stamps
        content = response["ResponseMetadata"]["HTTPHeaders"].get("content-type", "")
        if "json" not in content:
            foreign = NoAnswer(NOT_UNDERSTOOD, f"an answer of the type {content!r}")
            return translate_no_answer(foreign, writes=writes, sdk_retries=0), response, stamps
        return ACCEPTED, response, stamps

    def _written(self, update: str | None, condition: str | None) -> dict[str, Any]:
        """The parts of a request that are the same for every order, made once for all of them."""
        written = {"UpdateExpression": update, "ConditionExpression": condition}
        named = self.schema.expressions(**{part: text for part, text in written.items() if text is not None})
        return {**named, **_ALL_OLD} if update is not None and condition is not None else named

    def _seen(self, item: Item | None, product_id: str) -> Product | None:
        try:
            return to_product(item, product_id, self.schema) if item else None
        except ValueError:
            return None


def calls_by_client(transport: Transport, table: Table) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """The table's calls by client and operation, and those that the wire left to the SDK by operation and reason."""
    served = transport.served
    if served is None:
        return {"sdk": table.calls}, Counter()
    return {"wire": served.wire, "sdk": table.calls - served.wire}, served.sdk


def no_such_product(product_id: str) -> Result:
    """The result of an order for a product that is not in the table."""
    return Result(Outcome.FAILED, "NoSuchProduct", f"product {product_id!r} is not in the table")


def _consumed(response: dict[str, Any]) -> float | None:
    """The capacity units that the answer names; those of a transaction come table by table."""
    tables = response.get("ConsumedCapacity")
    if not tables:
        return None
    units = [table.get("CapacityUnits") for table in (tables if isinstance(tables, list) else [tables])]
    return sum(units) if all(isinstance(one, int | float) and 0 <= one <= _MOST_UNITS for one in units) else None
