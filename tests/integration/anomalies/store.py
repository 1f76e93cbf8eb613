"""A table in memory that does at one moment what each request asks: correct, and the ground truth of the anomalies."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from loadtest.events import is_own
from tests.integration.anomalies.expressions import Item, condition, names, update

THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException")
CONDITION_FAILED = "ConditionalCheckFailedException"
Answer = tuple[int, dict[str, Any]]
_NAME = re.compile(r"last_order = (:\w+)")
_KEY = [{"AttributeName": "id", "KeyType": "HASH"}]
_ATTRIBUTES = [{"AttributeName": "id", "AttributeType": "S"}]


def product(quantity: int, version: int = 1, product_id: str = "p#4") -> Item:
    """A product as the sample has it."""
    return {
        "id": {"S": product_id},
        "name": {"S": "Last samovar"},
        "quantity": {"N": str(quantity)},
        "version": {"N": str(version)},
    }


def refused(item: Item | None = None) -> Answer:
    """What a write is told that its condition refuses; with the item, if it asked for that."""
    shown = {"Item": item} if item else {}
    return 400, {"__type": f"x#{CONDITION_FAILED}", "message": "The conditional request failed", **shown}


def cancelled(codes: list[str], item: Item | None = None) -> Answer:
    """What a transaction is told that was cancelled: a code for each of its actions; the first may show its item."""
    reasons: list[dict[str, Any]] = [{"Code": code} for code in codes]
    if item:
        reasons[0]["Item"] = item
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]"
    return 400, {"__type": "x#TransactionCanceledException", "Message": message, "CancellationReasons": reasons}


def error(code: str, status: int = 400) -> Answer:
    """An error without more to it."""
    return status, {"__type": f"x#{code}", "message": "so says the server"}


class Call(Struct, frozen=True):
    """One request."""

    operation: str
    request: dict[str, Any]

    @property
    def actions(self) -> list[tuple[str, dict[str, Any]]]:
        """The single writes that it asks for, each with its kind."""
        if self.operation == "TransactWriteItems":
            return [next(iter(action.items())) for action in self.request["TransactItems"]]
        return (
            [(self.operation.removesuffix("Item"), self.request)] if self.operation in ("UpdateItem", "PutItem") else []
        )

    @property
    def key(self) -> str:
        """The id of the item it reads, or that it writes first; empty for a request without one."""
        request = self.actions[0][1] if self.actions else self.request
        return str((request.get("Key") or request.get("Item") or {}).get("id", {}).get("S", ""))

    @property
    def name(self) -> str:
        """The `last_order` that it would leave; empty for a request that leaves none."""
        for _, request in self.actions:
            if found := _NAME.search(request.get("UpdateExpression", "")):
                return str(request["ExpressionAttributeValues"][found[1]]["S"])
        return ""

    @property
    def by_order(self) -> bool:
        """Whether it is a write that an order makes."""
        return bool(self.name) and not is_own(self.name)

    @property
    def by_tool(self) -> bool:
        """Whether it is the tool's own change of a product."""
        return is_own(self.name)


class Prepared(Struct, frozen=True):
    """What a request would do at this moment: the items after it, None of it if it is refused, and its answer."""

    call: Call
    items: dict[str, Item]
    answer: Answer

    @property
    def accepted(self) -> bool:
        """Whether it would write something."""
        return bool(self.items)


class Store:
    """The items by id, and the transactions that were done by their tokens."""

    def __init__(self, items: Mapping[str, Item] | None = None) -> None:
        self.items: dict[str, Item] = dict(items or {})
        self._done: dict[str, Answer] = {}

    def copy(self) -> "Store":
        """The same items and tokens in a store of their own; items themselves are never changed."""
        other = Store(self.items)
        other._done = dict(self._done)
        return other

    def handle(self, call: Call) -> Answer:
        """Do what it asks and answer it."""
        prepared = self.prepare(call)
        self.commit(prepared)
        return prepared.answer

    def commit(self, prepared: Prepared) -> None:
        """Do what was prepared, whatever has happened since."""
        self.items |= prepared.items
        token = prepared.call.request.get("ClientRequestToken")
        if token and prepared.accepted:
            self._done[token] = prepared.answer

    def prepare(self, call: Call, *, forced: bool = False) -> Prepared:
        """What it would do now; if it is `forced`, whatever its condition and its token say."""
        if call.operation == "TransactWriteItems":
            return self._transaction(call, forced)
        if call.operation in ("UpdateItem", "PutItem"):
            return self._write(call, forced)
        return Prepared(call, {}, self._look(call))

    def _write(self, call: Call, forced: bool) -> Prepared:
        ((_, request),) = call.actions
        if not forced and not self._holds(call.key, request):
            return Prepared(call, {}, refused(self._shown(call.key, request)))
        item = self._made(call.key, request)
        shown: dict[str, Any] = {}
        if request.get("ReturnValues") == "UPDATED_NEW":
            shown = {"Attributes": {name: item[name] for name in names(request["UpdateExpression"])}}
        return Prepared(call, {call.key: item}, (200, {**shown, **_consumed(request)}))

    def _transaction(self, call: Call, forced: bool) -> Prepared:
        token = call.request["ClientRequestToken"]
        if not forced and token in self._done:
            return Prepared(call, {}, self._done[token])
        keyed = [(_key(request), request) for _, request in call.actions]
        codes = ["None" if forced or self._holds(key, request) else "ConditionalCheckFailed" for key, request in keyed]
        if set(codes) != {"None"}:
            key, request = keyed[0]
            return Prepared(call, {}, cancelled(codes, self._shown(key, request) if codes[0] != "None" else None))
        return Prepared(call, {key: self._made(key, request) for key, request in keyed}, (200, {}))

    def _holds(self, key: str, request: dict[str, Any]) -> bool:
        text = request.get("ConditionExpression")
        return text is None or condition(text)(self.items.get(key, {}), request.get("ExpressionAttributeValues", {}))

    def _shown(self, key: str, request: dict[str, Any]) -> Item | None:
        return self.items.get(key) if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else None

    def _made(self, key: str, request: dict[str, Any]) -> Item:
        if "Item" in request:
            return dict(request["Item"])
        old = self.items.get(key, {"id": {"S": key}})
        return update(request["UpdateExpression"])(old, request.get("ExpressionAttributeValues", {}))

    def _look(self, call: Call) -> Answer:
        request = call.request
        if call.operation == "GetItem":
            item = self.items.get(call.key)
            return 200, {**({"Item": item} if item else {}), **_consumed(request)}
        if call.operation == "BatchGetItem":
            ((table, wanted),) = request["RequestItems"].items()
            found = [self.items[key["id"]["S"]] for key in wanted["Keys"] if key["id"]["S"] in self.items]
            return 200, {"Responses": {table: found}, "UnprocessedKeys": {}}
        if call.operation == "ListTagsOfResource":
            return 200, {"Tags": [{"Key": "loadtest", "Value": "allowed"}]}
        if call.operation in ("DescribeTable", "CreateTable", "DeleteTable"):
            return 200, {("Table" if call.operation == "DescribeTable" else "TableDescription"): _table(request)}
        return error("UnknownOperationException")


def _key(request: dict[str, Any]) -> str:
    return str((request.get("Key") or request["Item"])["id"]["S"])


def _consumed(request: dict[str, Any]) -> dict[str, Any]:
    if request.get("ReturnConsumedCapacity") != "TOTAL":
        return {}
    return {"ConsumedCapacity": {"TableName": request["TableName"], "CapacityUnits": 1.0}}


def _table(request: dict[str, Any]) -> dict[str, Any]:
    name = request["TableName"]
    return {
        "TableName": name,
        "TableArn": f"arn:aws:dynamodb:us-east-1:000000000000:table/{name}",
        "TableStatus": "ACTIVE",
        "KeySchema": _KEY,
        "AttributeDefinitions": _ATTRIBUTES,
        "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
        "ItemCount": 1,
    }
