"""After a round: get the evidence that reconciles the orders whose answers were lost.

What became of them the checker alone decides. Here it is only asked how long to wait and what to read, which must be
known in the process that has the table, while the checker may run in another one, far behind: so this keeps a count of
its own, which errs towards waiting.
"""

import time
from collections.abc import Collection, Sequence

import anyio

from loadtest.checker.unresolved import RECONCILE_NS
from loadtest.dynamodb import admin
from loadtest.dynamodb.client import DynamoDBClient
from loadtest.dynamodb.endpoint import Connection
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

RECORDS_READ = 10_000  # at most, evenly spread over the round, and those of all unresolved besides
_BATCH = 100
_LOOK_EVERY_S = 0.05


class ProductWrites:
    """What a round's events say of the writes to one product."""

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


class RoundWrites:
    """A listener that remembers of the round under way which writes were lost, and whose orders may have records."""

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, round_: int) -> None:
        self.round = round_
        self.products: dict[str, ProductWrites] = {}
        self.unresolved: dict[str, None] = {}  # orders with a lost write
        self.transactions = False
        self._ended: list[str] = []
        self._every, self._next = 1, 0

    def __call__(self, event: Event) -> None:
        """Take one event of the run."""
        if isinstance(event, Operation):
            if event.kind is not Kind.READ:
                self._write(event)
        elif isinstance(event, OrderEnded):
            if self.transactions:  # only they leave records
                self._end(event.order_id)
        elif isinstance(event, RoundStarted):
            if event.round != self.round:
                self._begin(event.round)
            self.products[event.product.id] = ProductWrites(event.product)
        elif isinstance(event, Restocked):
            writes = self.products[event.product_id]
            writes.made += event.outcome is Outcome.ACCEPTED
            writes.restock_lost |= event.outcome is not Outcome.ACCEPTED

    def _write(self, op: Operation) -> None:
        if op.outcome is Outcome.ACCEPTED:
            self.products[op.product_id].made += 1
        elif op.outcome is Outcome.UNKNOWN:
            self.products[op.product_id].lost.append(op)
            self.unresolved[op.order_id] = None
        self.transactions |= op.kind is Kind.TRANSACTION

    def _end(self, order_id: str) -> None:
        if not self._next:
            self._ended.append(order_id)
            if len(self._ended) > RECORDS_READ:
                del self._ended[1::2]
                self._every *= 2
        self._next = (self._next + 1) % self._every

    def with_records(self) -> list[str]:
        """The orders whose records are worth a look: some of those that ended, and all that are unresolved."""
        return list(dict.fromkeys([*self._ended, *self.unresolved])) if self.transactions else []

    def reconcile(self, recorded: Collection[str], fenced: Collection[str]) -> None:
        """What its record tells of needs no waiting for; what was applied has made a version."""
        for writes in self.products.values():
            writes.made += sum(op.order_id in recorded for op in writes.lost)
            writes.lost = [op for op in writes.lost if op.order_id not in recorded and op.order_id not in fenced]


class Reconciler:
    """Looks into the table after a round; `repaired` hears of each lost answer."""

    def __init__(self, writes: RoundWrites, client: DynamoDBClient, connection: Connection, repaired: OnRepair) -> None:
        self._writes = writes
        self._client = client
        self._connection = connection
        self._repaired = repaired

    async def records(self) -> Sequence[RecordsRead]:
        """What the table has of the orders' records, if there are any. TargetError if it cannot be read."""
        order_ids = self._writes.with_records()
        return [await self._batch(order_ids[n : n + _BATCH]) for n in range(0, len(order_ids), _BATCH)]

    async def _batch(self, order_ids: Sequence[str]) -> RecordsRead:
        client, connection, repaired = self._client, self._connection, self._repaired
        found = {record.order_id: record for record in await read_records(client, connection, order_ids, repaired)}
        missing, fenced = [], []
        for order_id in order_ids:
            if order_id in found:
                continue
            if order_id not in self._writes.unresolved:
                missing.append(order_id)
                continue
            late: Record | None = await bar(client, connection, order_id, time.time(), repaired)
            if late is None:
                fenced.append(order_id)
            else:
                found[order_id] = late
        self._writes.reconcile(found, set(fenced))
        return RecordsRead(self._writes.round, list(found.values()), missing, time.perf_counter_ns(), fenced)

    async def last_look(self, product_id: str) -> tuple[Product, int]:
        """The product once it tells of each lost write, or once they have had their time; and when that was."""
        writes = self._writes.products[product_id]
        while True:
            product = await admin.read_product(self._client, self._connection, product_id, self._repaired)
            now_ns = time.perf_counter_ns()
            waited_ns = now_ns - max((op.ended_ns for op in writes.lost), default=0)
            if not writes.lost or waited_ns > RECONCILE_NS or writes.decided(product):
                return product, now_ns
            await anyio.sleep(_LOOK_EVERY_S)
