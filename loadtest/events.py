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
    """The item that is bought."""

    id: str  #: its key
    name: str  #: for people
    quantity: int  #: units left
    version: int  #: from 1; rises by one with every accepted write
    #: whose write made this version: an order's id, or `restock-` and more for the tool's own; null: not said
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
    """Orders of one product are about to be placed."""

    round: int  #: from 1
    product: Product  #: as read just before
    orders: int  #: about to be placed; 0 if they follow one by one, as in a load
    started_ns: int  #: the moment before the first
    item_bytes: int = 0  #: size of the product's item, by which capacity is charged
    prefix: str = ""  #: the orders are `prefix`-1, `prefix`-2 and so on; empty: nothing is said of their ids
    units: int = 0  #: that each of them wants; 0 without a prefix


class OrderPlaced(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="order_placed"):
    """One order of sustained load began."""

    round: int
    order_id: str
    product_id: str
    units: int  #: that the order wants
    scheduled_ns: int  #: when it was due
    started_ns: int  #: when its coroutine began: so much later than due it was late


class OrderDropped(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="order_dropped"):
    """One order was due and never began: as many as may be were in flight."""

    round: int
    order_id: str
    product_id: str
    units: int
    scheduled_ns: int  #: when it was due


class MeasuringStarted(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="measuring_started"
):
    """What was due before this moment was warm-up."""

    round: int
    at_ns: int  #: what was due before is warm-up


class StockSet(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="stock_set"):
    """The tool's own write before a round: after `before` it makes the next version, or is refused."""

    round: int  #: the one to come
    before: Product  #: the product as it was read for this, between `read_ns` and `sent_ns`
    quantity: int  #: that it sets, in the next version
    name: str  #: the `last_order` that it leaves, and no other write
    outcome: Outcome  #: `rejected`: the version had risen; `unknown`: it may have been applied, or may yet be
    read_ns: int  #: when `before` was asked for
    sent_ns: int  #: when the write was sent
    at_ns: int  #: when the answer was there, or given up

    @property
    def product_id(self) -> str:
        """The product that it was made for."""
        return self.before.id


class Restocked(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="restocked"
):
    """The tool added units to a product, or, if the outcome is unknown, perhaps did."""

    round: int  #: 1: a load is one round
    product_id: str  #: to which
    units: int  #: that were added
    outcome: Outcome  #: `accepted`, or `unknown` if the answer was lost for good
    at_ns: int  #: when the answer was there, or given up
    sent_ns: int = 0  #: when it was sent first: it is applied once, between then and `at_ns`; 0: not said
    name: str = RESTOCK  #: the `last_order` that it leaves
    version: int | None = None  #: that it made; null if that is not known
    quantity: int | None = None  #: that it left; null if that is not known


class OwnRequest(StrEnum):
    """What the tool itself asks of a table, around the orders."""

    TABLE = "table"  # what it is like; make it, or delete it
    READ = "read"  # a product
    RECORDS = "records"  # of orders: read them, or put something in their place
    POPULATE = "populate"  # put a product there
    SET_STOCK = "set_stock"  # before a round
    RESTOCK = "restock"


class Repaired(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="repaired"):
    """The answer to a request of the tool's own was lost, and it was asked for again."""

    round: int  #: of the event before; 1 if there was none
    request: OwnRequest  #: what was asked
    at_ns: int  #: when it was given up


class InFlight(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="in_flight"):
    """A write or a transaction was sent and had no answer when this was written.

    Its Operation comes later, unless the history is cut; of a worker that is lost it may be that of another attempt.
    """

    round: int
    order_id: str
    product_id: str
    units: int
    kind: Kind
    attempt: int
    read_version: int | None  #: as its operation will have it, like the fields before
    sent_ns: int  #: when it was sent, at the earliest


class Operation(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="operation"
):
    """One request made for an order, written when it has its answer.

    Times are nanoseconds of one monotonic clock. Received − sent is the service time, ended − scheduled the response
    time; the rest is the tool's own share. Times of another machine were put on this one's clock.
    """

    round: int  #: that the order is of
    order_id: str  #: for which it was made
    product_id: str  #: which the order wants
    units: int  #: how many of them
    kind: Kind  #: what was asked
    attempt: int  #: of the order, from 1
    outcome: Outcome  #: how it ended
    reason: str  #: empty if accepted; `conflict` or `sold_out`; else the code of an error
    message: str  #: the error in words; empty if accepted or rejected
    #: the version that a write rests on, because the order had read it; null where there is none
    read_version: int | None
    #: the product's, as the answer shows it: read, left behind, or met by a refused write; null: not said
    version: int | None
    quantity: int | None  #: the same for the quantity
    capacity: float | None  #: units as the answer reports them; null where it does not, as for every refused write
    scheduled_ns: int  #: the order wants it
    sent_ns: int  #: just before its bytes went to the socket; with the client `sdk`, just before the call
    #: when the answer's bytes came, or it was given up; with the client `sdk`, when the call returned
    received_ns: int
    ended_ns: int  #: the order had the answer
    last_order: str | None = None  #: whose write made that version, as in a product
    consistent: bool = True  #: of a read: whether it was asked for the newest version
    #: of another machine's request: by so much its times may be wrong, either way, all by the same
    clock_uncertainty_ns: int = 0
    #: whether any of it was sent; if not it has no service time, and its times are when that was clear
    sent: bool = True


class OrderEnded(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="order_ended"):
    """The one result of an order."""

    round: int
    order_id: str
    product_id: str
    units: int
    outcome: Outcome  #: of its last attempt
    reason: str  #: of its last attempt
    message: str  #: of its last attempt
    attempts: int  #: how many it made
    scheduled_ns: int  #: when the round placed its orders; in a load when the order was due
    ended_ns: int  #: when the result was known

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

    order_id: str  #: whose record it is
    product_id: str  #: what it took
    units: int  #: how many of them


class RecordsRead(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="records_read"
):
    """After a round the records of some of its orders were read."""

    round: int  #: whose orders they are of
    found: list[Record]  #: the records that are there
    missing: list[str]  #: the orders that have none
    at_ns: int  #: when all of that was known
    #: of the missing ones those that can never have one, because something in its place refuses it
    fenced: list[str] = []


class RoundEnded(
    Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="round_ended"
):
    """Every order of the round had ended."""

    round: int  #: the one that ended
    product_id: str  #: whose round it was
    product: Product | None  #: as read after the last order had ended; null if that failed
    ended_ns: int  #: every order of the round had ended
    read_ns: int = 0  #: when the product was read, or given up; 0: not said


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
