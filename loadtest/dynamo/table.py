"""The operations of a run on one table: read a product, change it, take it in a transaction.

Nothing here raises for what a server answers: every answer is a value.
"""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from loadtest.dynamo.client import DynamoDBClient
from loadtest.dynamo.errors import CANCELED, CONDITION_FAILED, SDK_ERRORS, translate
from loadtest.dynamo.items import Item, to_product
from loadtest.order import ACCEPTED, SOLD_OUT, Outcome, Product, Reason, Result

Values = dict[str, dict[str, str]]
Request = Mapping[str, Any]


class Answer(Struct, frozen=True, gc=False):
    """What came back for one request, and when: handed to the client, answered (monotonic clock).

    `product` is what a read found, what a write left behind or what a refused write met; None where there is
    no such product or the server does not say. `by_condition` tells a write that its own condition refused
    from one that met a transaction.
    """

    result: Result
    product: Product | None
    sent_ns: int
    received_ns: int
    by_condition: bool = False


class Table:
    """One table and an open client."""

    def __init__(self, client: DynamoDBClient, name: str, sdk_retries: int = 0) -> None:
        self._client = client
        self._name = name
        self._sdk_retries = sdk_retries

    async def read(self, product_id: str) -> Answer:
        """A consistent read. A product that is not there, or is not one, is `failed`."""
        sent_ns = time.perf_counter_ns()
        try:
            response = await self._client.get_item(
                TableName=self._name, Key={"id": {"S": product_id}}, ConsistentRead=True
            )
        except SDK_ERRORS as error:
            received_ns = time.perf_counter_ns()
            return Answer(self._translate(error, writes=False), None, sent_ns, received_ns)
        received_ns = time.perf_counter_ns()
        if "Item" not in response:
            return Answer(no_such_product(product_id), None, sent_ns, received_ns)
        try:
            return Answer(ACCEPTED, to_product(response["Item"], product_id), sent_ns, received_ns)
        except ValueError as error:
            return Answer(Result(Outcome.FAILED, "InvalidProduct", str(error)), None, sent_ns, received_ns)

    async def update(
        self, product_id: str, expression: str, values: Values, condition: str | None, refused: Reason
    ) -> Answer:
        """Change one product. A write that its condition refuses is rejected for the reason `refused`."""
        request: dict[str, Any] = {
            "TableName": self._name,
            "Key": {"id": {"S": product_id}},
            "UpdateExpression": expression,
            "ExpressionAttributeValues": values,
            "ReturnValues": "UPDATED_NEW",
        }
        if condition is not None:
            request["ConditionExpression"] = condition
            request["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        sent_ns = time.perf_counter_ns()
        try:
            response = await self._client.update_item(**request)
        except SDK_ERRORS as error:
            received_ns = time.perf_counter_ns()
            result = self._translate(error, writes=True)
            by_condition, item = _refusal(error)
            if by_condition and result.outcome is Outcome.REJECTED:
                result = Result(Outcome.REJECTED, refused)
            return Answer(result, _seen(item, product_id), sent_ns, received_ns, by_condition)
        received_ns = time.perf_counter_ns()
        return Answer(ACCEPTED, _seen(response.get("Attributes"), product_id), sent_ns, received_ns)

    async def take_and_record(self, product_id: str, take: Request, record: Request, token: str) -> Answer:
        """One transaction: update the product as `take` says and put the order's `record`, both or neither.

        Rejected as sold out if `take`'s condition refused, as a conflict if another write was under way.
        A record that is there already is proof that this very order was accepted before.
        """
        key = {"id": {"S": product_id}}
        all_old = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        actions = [
            {"Update": {"TableName": self._name, "Key": key, **all_old, **take}},
            {"Put": {"TableName": self._name, **record}},
        ]
        sent_ns = time.perf_counter_ns()
        try:
            await self._client.transact_write_items(TransactItems=actions, ClientRequestToken=token)
        except SDK_ERRORS as error:
            received_ns = time.perf_counter_ns()
            result = self._translate(error, writes=True)
            reasons = _cancellation_reasons(error)
            item = reasons[0].get("Item") if reasons else None
            by_condition = [reason.get("Code") == "ConditionalCheckFailed" for reason in reasons]
            if len(by_condition) == 2 and by_condition[1]:
                result = ACCEPTED
            elif result.outcome is Outcome.REJECTED and by_condition[0]:
                result = SOLD_OUT
            return Answer(result, _seen(item, product_id), sent_ns, received_ns, any(by_condition))
        return Answer(ACCEPTED, None, sent_ns, time.perf_counter_ns())

    def _translate(self, error: BotoCoreError | ClientError, *, writes: bool) -> Result:
        return translate(error, writes=writes, sdk_retries=self._sdk_retries)


def no_such_product(product_id: str) -> Result:
    """The result of an order for a product that is not in the table."""
    return Result(Outcome.FAILED, "NoSuchProduct", f"product {product_id!r} is not in the table")


def _refusal(error: BotoCoreError | ClientError) -> tuple[bool, Item | None]:
    response = _response(error)
    return response.get("Error", {}).get("Code") == CONDITION_FAILED, response.get("Item")


def _cancellation_reasons(error: BotoCoreError | ClientError) -> list[dict[str, Any]]:
    response = _response(error)
    return response.get("CancellationReasons", []) if response.get("Error", {}).get("Code") == CANCELED else []


def _response(error: BotoCoreError | ClientError) -> dict[str, Any]:
    return dict(error.response) if isinstance(error, ClientError) else {}


def _seen(item: Item | None, product_id: str) -> Product | None:
    try:
        return to_product(item, product_id) if item else None
    except ValueError:
        return None
