"""After a round: get the evidence that settles the orders whose answers were lost."""

import time
from collections.abc import Sequence

import anyio

from loadtest.checker.unresolved import RECONCILE_NS
from loadtest.dynamodb import admin
from loadtest.dynamodb.client import Connection, DynamoDBClient
from loadtest.dynamodb.order_records import bar, read_records
from loadtest.dynamodb.patience import OnRepair
from loadtest.events import (
    Event,
    Kind,
    Operation,
    OrderEnded,
    Outcome,
    Product,
    Record,
    RecordsRead,
    Restocked,
    RoundStarted,
)

RECORDS_READ = 10_000  # at most, evenly spread over the round, and those of all in doubt besides
_BATCH = 100
_LOOK_EVERY_S = 0.05


class _Seen:
    """What a round's events say of one product."""

    def __init__(self, initial: Product) -> None:
        self.initial = initial
        self.made = 0  # versions that surely were
        self.restock_lost = False
        self.lost: list[Operation] = []

    def decided(self, now: Product) -> bool:
        """Whether the product as it is now tells of each lost write if it was applied."""
        rest = now.version - self.initial.version - self.made
        if self.restock_lost:
            return False
        if rest == len(self.lost):
            return True
        return not rest and all(op.read_version is not None and op.read_version < now.version for op in self.lost)


class Reconciliation:
    """A listener that remembers which orders of the round under way are in doubt, and then finds out about them."""

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, round_: int) -> None:
        self._round = round_
        self._products: dict[str, _Seen] = {}
        self._doubtful: dict[str, Operation] = {}
        self._ended: list[str] = []
        self._every, self._next = 1, 0
        self._transactions = False

    def __call__(self, event: Event) -> None:
        """Take one event of the run."""
        if isinstance(event, Operation):
            if event.kind is not Kind.READ:
                self._write(event)
        elif isinstance(event, OrderEnded):
            if self._transactions:  # only they leave records
                self._end(event.order_id)
        elif isinstance(event, RoundStarted):
            if event.round != self._round:
                self._begin(event.round)
            self._products[event.product.id] = _Seen(event.product)
        elif isinstance(event, Restocked):
            seen = self._products[event.product_id]
            seen.made += event.outcome is Outcome.ACCEPTED
            seen.restock_lost |= event.outcome is not Outcome.ACCEPTED

    def _write(self, op: Operation) -> None:
        if op.outcome is Outcome.ACCEPTED:
            self._products[op.product_id].made += 1
        elif op.outcome is Outcome.UNKNOWN:
            self._products[op.product_id].lost.append(op)
            self._doubtful[op.order_id] = op
        self._transactions |= op.kind is Kind.TRANSACTION

    def _end(self, order_id: str) -> None:
        if not self._next:
            self._ended.append(order_id)
            if len(self._ended) > RECORDS_READ:
                del self._ended[1::2]
                self._every *= 2
        self._next = (self._next + 1) % self._every

    async def records(
        self, client: DynamoDBClient, connection: Connection, repaired: OnRepair
    ) -> Sequence[RecordsRead]:
        """What the table has of the orders' records, if there are any. TargetError if it cannot be read."""
        if not self._transactions:
            return []
        order_ids = list(dict.fromkeys([*self._ended, *self._doubtful]))
        batches = [order_ids[n : n + _BATCH] for n in range(0, len(order_ids), _BATCH)]
        return [await self._batch(client, connection, batch, repaired) for batch in batches]

    async def _batch(
        self, client: DynamoDBClient, connection: Connection, order_ids: Sequence[str], repaired: OnRepair
    ) -> RecordsRead:
        found = {record.order_id: record for record in await read_records(client, connection, order_ids, repaired)}
        missing, fenced = [], []
        for order_id in order_ids:
            if order_id in found:
                continue
            if order_id not in self._doubtful:
                missing.append(order_id)
                continue
            late: Record | None = await bar(client, connection, order_id, time.time(), repaired)
            if late is None:
                fenced.append(order_id)
            else:
                found[order_id] = late
        self._reconcile(set(found), set(fenced))
        return RecordsRead(self._round, list(found.values()), missing, time.perf_counter_ns(), fenced)

    def _reconcile(self, found: set[str], fenced: set[str]) -> None:
        """What is settled needs no waiting for; what was applied has made a version."""
        for seen in self._products.values():
            seen.made += sum(op.order_id in found for op in seen.lost)
            seen.lost = [op for op in seen.lost if op.order_id not in found | fenced]

    async def last_look(
        self, client: DynamoDBClient, connection: Connection, product_id: str, repaired: OnRepair
    ) -> tuple[Product, int]:
        """The product once it tells of each lost write, or once they have had their time; and when that was."""
        seen = self._products[product_id]
        while True:
            product = await admin.read_product(client, connection, product_id, repaired)
            now_ns = time.perf_counter_ns()
            waited_ns = now_ns - max((op.ended_ns for op in seen.lost), default=0)
            if not seen.lost or waited_ns > RECONCILE_NS or seen.decided(product):
                return product, now_ns
            await anyio.sleep(_LOOK_EVERY_S)
