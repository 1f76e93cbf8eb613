"""What a lost worker leaves behind: orders without a result, which are unknown until the table says more."""

from collections.abc import Iterator
from itertools import islice, takewhile
from math import inf
from random import Random

from loadtest.engine.dispatch import ROUND, Part
from loadtest.events import (
    ACCEPTED,
    WORKER_LOST,
    Event,
    Kind,
    Operation,
    Order,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Result,
)
from loadtest.workload.popularity import zipf
from loadtest.workload.spec import Load


def perhaps_placed(plan: Load, part: Part, prefix: str, last: int, to: int, until_s: float = inf) -> Iterator[Order]:
    """The orders of a part after the one with the number `last`, up to `to`: a worker may have got so far.

    Of those that come by a schedule, only what was due in its first `until_s` seconds.
    """
    pick = zipf(plan.product_ids, plan.skew, part.picks(plan.seed))
    for number in range(part.index + 1, min(to, _due(plan, to, until_s)) + 1, part.count):
        product_id = pick()  # also for those before: each draws from the same numbers
        if number > last:
            yield Order(f"{prefix}-{number}", product_id, plan.units, ROUND)


def _due(plan: Load, most: int, until_s: float) -> int:
    """How many orders the schedule has until then, counted up to so many; as many as that if there is no schedule."""
    schedule = plan.schedule
    if schedule is None:
        return most
    due_s = schedule.poisson(Random(plan.seed)) if plan.poisson else schedule.constant()
    return sum(1 for _ in takewhile(lambda moment_s: moment_s <= until_s, islice(due_s, most)))


def unknown(order: Order | OrderPlaced, message: str, kind: Kind, since_ns: int, now_ns: int) -> Iterator[Event]:
    """An order whose worker was lost: its write may have been sent at any time in between, or never."""
    yield Operation(
        round=order.round,
        order_id=order.order_id,
        product_id=order.product_id,
        units=order.units,
        kind=kind,
        attempt=1,
        outcome=Outcome.UNKNOWN,
        reason=WORKER_LOST,
        message=message,
        read_version=None,
        version=None,
        quantity=None,
        capacity=None,
        scheduled_ns=since_ns,
        sent_ns=since_ns,
        received_ns=now_ns,
        ended_ns=now_ns,
    )
    yield OrderEnded.of(order, Result(Outcome.UNKNOWN, WORKER_LOST, message), 1, since_ns, now_ns)


def won(op: Operation) -> OrderEnded:
    """The result of an order whose accepted write had been told, and nothing after it."""
    return OrderEnded.of(op, ACCEPTED, op.attempt, op.scheduled_ns, op.ended_ns)


def placed(order: Order, now_ns: int) -> OrderPlaced:
    """An order that may have been placed, as one that was."""
    return OrderPlaced(order.round, order.order_id, order.product_id, order.units, now_ns, now_ns)
