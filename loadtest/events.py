"""The values a run is made of: products, orders, and the events that tell what happened to them.

They are msgspec structs: made five times faster than frozen dataclasses, and written to and read from the
history as they are. Events carry their name in the field `type`.
"""

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct


class Outcome(StrEnum):
    """How an order or an operation ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # a condition said no
    THROTTLED = "throttled"  # the server refused for lack of capacity; surely not applied
    FAILED = "failed"  # surely not applied
    UNKNOWN = "unknown"  # perhaps applied: the answer was lost, or the server failed after it got the request


class Reason(StrEnum):
    """Why a condition said no."""

    CONFLICT = "conflict"
    SOLD_OUT = "sold_out"


REJECTED_AFTER_RESEND = "RejectedAfterResend"  # of an unknown: the SDK sent it again, and then a condition said no


WORKER_LOST = "WorkerLost"  # of an unknown: the process that placed the order is gone, with what it knew


class Kind(StrEnum):
    """The three kinds of request an order makes."""

    READ = "read"
    WRITE = "write"
    TRANSACTION = "transaction"


class Product(Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The item that is bought. `version` starts at 1 and rises by one with every accepted write.

    `last_order` is whose write made this version: an order's id, `RESTOCK` for the tool's own, None where it is not
    said.
    """

    id: str
    name: str
    quantity: int
    version: int
    last_order: str | None = None


RESTOCK = "restock"  # the `last_order` that the tool's own writes leave, alone or followed by a dash and which one


def is_own(name: str) -> bool:
    """Whether a `last_order` is one that the tool's own writes leave."""
    return name == RESTOCK or name.startswith(f"{RESTOCK}-")


class Order(Struct, frozen=True, gc=False):
    """One buyer's wish for `units` of one product."""

    order_id: str
    product_id: str
    units: int
    round: int


class Result(Struct, frozen=True, gc=False):
    """How an order ended, or how one request did. `reason` is a `Reason`, or an error's code."""

    outcome: Outcome
    reason: str = ""
    message: str = ""


ACCEPTED = Result(Outcome.ACCEPTED)
SOLD_OUT = Result(Outcome.REJECTED, Reason.SOLD_OUT)


class RoundStarted(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="round_started"):
    """`orders` orders of one product are about to be placed, or, if 0, orders will follow one by one.

    `product` was read just before; its item had `item_bytes`, which capacity is charged by. The orders are
    `prefix`-1, `prefix`-2 and so on, for `units` each; without a prefix nothing is said of their ids.
    """

    round: int
    product: Product
    orders: int
    started_ns: int
    item_bytes: int = 0
    prefix: str = ""
    units: int = 0


class OrderPlaced(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="order_placed"):
    """One order of sustained load was due at `scheduled_ns` and began at `started_ns`."""

    round: int
    order_id: str
    product_id: str
    units: int
    scheduled_ns: int
    started_ns: int


class OrderDropped(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="order_dropped"):
    """One order was due at `scheduled_ns` and never began: as many as may be were under way."""

    round: int
    order_id: str
    product_id: str
    units: int
    scheduled_ns: int


class MeasuringStarted(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="measuring_started"
):
    """What was due before this moment was warm-up."""

    round: int
    at_ns: int


class StockSet(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="stock_set"):
    """The tool's own write before a round: after `before` it makes the next version, of that quantity, or is refused.

    `before` was read between `read_ns` and `sent_ns`; the write was sent at `sent_ns`, and answered or given up at
    `at_ns`. If the outcome is unknown, it may have been applied, or may yet be. `name` is the `last_order` that it
    leaves, and that no other write leaves.
    """

    round: int
    before: Product
    quantity: int
    name: str
    outcome: Outcome
    read_ns: int
    sent_ns: int
    at_ns: int

    @property
    def product_id(self) -> str:
        """The product that it was made for."""
        return self.before.id


class Restocked(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="restocked"
):
    """The tool added `units` to a product, or, if the outcome is unknown, perhaps did.

    It was sent at `sent_ns` (0: not said) and had its answer at `at_ns`. `name` is the `last_order` that it leaves.
    Where it is known, `version` is the one that it made, and `quantity` what was there then.
    """

    round: int
    product_id: str
    units: int
    outcome: Outcome
    at_ns: int
    sent_ns: int = 0
    name: str = RESTOCK
    version: int | None = None
    quantity: int | None = None


class OwnRequest(StrEnum):
    """What the tool itself asks of a table, around the orders."""

    TABLE = "table"  # what it is like; make it, or delete it
    READ = "read"  # a product
    RECORDS = "records"  # of orders: read them, or put something in their place
    POPULATE = "populate"  # put a product there
    SET_STOCK = "set_stock"  # before a round
    RESTOCK = "restock"


class Repaired(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="repaired"):
    """The answer to a request of the tool's own was lost: given up at `at_ns`, and asked for again.

    `round` is that of the event before; 1 if there was none.
    """

    round: int
    request: OwnRequest
    at_ns: int


class InFlight(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="in_flight"):
    """A write or a transaction that was sent, at `sent_ns` at the earliest, and had no answer when this was written.

    Its Operation comes later, unless the history is cut; of a worker that is lost it may be that of another attempt.
    The other fields are those that the Operation will have.
    """

    round: int
    order_id: str
    product_id: str
    units: int
    kind: Kind
    attempt: int
    read_version: int | None
    sent_ns: int


class Operation(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="operation"
):
    """One request made for an order.

    `read_version` is the version that a write rests on, because the order had read it. `version` and `quantity` are the
    product's as the answer shows them: what a read returned, what an accepted write left behind, what a
    refused write found; None where the server does not say. `last_order` is whose write made that version. `capacity`
    is how many units the answer says were consumed. A read that was not `consistent` may show an old version.

    Times are nanoseconds of one monotonic clock: `scheduled` when the order wanted it, `sent` just before its
    bytes went to the socket, `received` when the answer's bytes came, `ended` when the order had the answer.
    Received − sent is the service time, ended − scheduled the response time; the rest is the tool's own share. One that
    was never `sent`, for want of a connection or of credentials, has no service time, and its times are when that was
    clear. If it was made on another machine, its times were put on this one's clock, and together may be wrong by
    `clock_uncertainty_ns` either way.
    """

    round: int
    order_id: str
    product_id: str
    units: int
    kind: Kind
    attempt: int
    outcome: Outcome
    reason: str
    message: str
    read_version: int | None
    version: int | None
    quantity: int | None
    capacity: float | None
    scheduled_ns: int
    sent_ns: int
    received_ns: int
    ended_ns: int
    last_order: str | None = None
    consistent: bool = True
    clock_uncertainty_ns: int = 0
    sent: bool = True


class OrderEnded(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="order_ended"):
    """The one result of an order, after `attempts` attempts."""

    round: int
    order_id: str
    product_id: str
    units: int
    outcome: Outcome
    reason: str
    message: str
    attempts: int
    scheduled_ns: int
    ended_ns: int

    @classmethod
    def of(
        cls,
        order: Order | OrderPlaced | Operation,
        result: Result,
        attempts: int,
        scheduled_ns: int,
        ended_ns: int,
    ) -> "OrderEnded":
        """The result of an order that this is, or that this was made for."""
        return cls(
            order.round,
            order.order_id,
            order.product_id,
            order.units,
            result.outcome,
            result.reason,
            result.message,
            attempts,
            scheduled_ns,
            ended_ns,
        )


class Record(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What the table has of one order: `transaction` writes it with the units it takes, both or neither."""

    order_id: str
    product_id: str
    units: int


class RecordsRead(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="records_read"
):
    """After a round the records of some of its orders were read: these were `found`, these were `missing`.

    Of the orders in `fenced` there was none, and there will never be one: what stands in its place refuses it.
    """

    round: int
    found: list[Record]
    missing: list[str]
    at_ns: int
    fenced: list[str] = []


class RoundEnded(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="round_ended"
):
    """Every order of the round had ended at `ended_ns`; `product` was read at `read_ns`, None if that failed."""

    round: int
    product_id: str
    product: Product | None
    ended_ns: int
    read_ns: int = 0


Event = (
    RoundStarted
    | MeasuringStarted
    | OrderPlaced
    | OrderDropped
    | InFlight
    | Operation
    | OrderEnded
    | StockSet
    | Restocked
    | Repaired
    | RecordsRead
    | RoundEnded
)
Listener = Callable[[Event], None]
