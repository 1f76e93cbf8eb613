"""The checker's model in its plainest form: is there any order of the operations that explains all answers?

An exhaustive search after Wing and Gong ("Testing and verifying concurrent objects", 1993), for a handful of
operations of one product in one round. The state is the item; each operation takes effect at one moment between its
sending and its receiving; a lost write at any moment after its sending, or never; a read that need not be consistent
shows any state there was until it was received.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf

from loadtest.order import RESTOCK, Event, Kind, Operation, Outcome, Reason, Restocked, RoundEnded, RoundStarted

State = tuple[int, int, str | None]  # version, quantity, last_order


@dataclass(frozen=True)
class Step:
    """What takes effect at one moment between two, if it must or may, and on what the answer says it was."""

    sent: float
    received: float
    op: Operation | None
    writes: bool = False
    must: bool = True
    shown: tuple[int | None, int | None, str | None] = (None, None, None)
    units: int = 0
    name: str = ""

    def after(self, state: State) -> State | None:
        """The state it leaves, None if it cannot have happened on this one."""
        op = self.op
        if not self.writes:
            refused = op is not None and op.kind is not Kind.READ and not _refuses(op, state)
            return None if refused or not _matches(self.shown, state) else state
        if op is not None and _refuses(op, state):
            return None
        left = (state[0] + 1, state[1] - self.units, self.name)
        return left if _matches(self.shown, left) else None


def _refuses(op: Operation, state: State) -> bool:
    if op.reason == Reason.CONFLICT and op.read_version is None:
        return op.outcome is Outcome.REJECTED  # it met a transaction
    return state[1] < op.units if op.read_version is None else state[0] != op.read_version


def _matches(shown: tuple[int | None, int | None, str | None], state: State) -> bool:
    return all(one is None or one == other for one, other in zip(shown, state, strict=True))


def steps(events: Iterable[Event]) -> tuple[State, list[Step]]:
    """The first state, and all that happened to it.

    If nobody was shown the name of an order, orders may be of a kind that leaves none: then the name that stood there
    in the beginning says nothing.
    """
    first, found = _steps(events)
    names = {step.shown[2] for step in found if (step.shown[0] or 0) > first[0]} - {None, RESTOCK, first[2]}
    if not names and first[2] is not None:
        found = [
            replace(step, shown=(*step.shown[:2], None))
            if step.shown[2] == first[2] and step.shown[0] != first[0]
            else step
            for step in found
        ]
    return first, found


def _steps(events: Iterable[Event]) -> tuple[State, list[Step]]:
    first: State = (0, 0, None)
    found: list[Step] = []
    for event in events:
        if isinstance(event, RoundStarted):
            product = event.product
            first = (product.version, product.quantity, product.last_order)
        elif isinstance(event, Operation):
            found.extend(_of(event, first))
        elif isinstance(event, Restocked) and event.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            sure = event.outcome is Outcome.ACCEPTED
            until = event.at_ns if sure else inf
            found.append(Step(-inf, until, None, writes=True, must=sure, units=-event.units, name=RESTOCK))
        elif isinstance(event, RoundEnded) and event.product is not None:
            left = event.product
            found.append(
                Step(event.ended_ns, event.read_ns, None, shown=(left.version, left.quantity, left.last_order))
            )
    return first, found


def _of(op: Operation, first: State) -> list[Step]:
    shown = (op.version, op.quantity, op.last_order if op.version is not None else None)
    before_the_round = not op.consistent and op.version is not None and op.version < first[0]
    if op.outcome in (Outcome.THROTTLED, Outcome.FAILED) or before_the_round:
        return []
    if op.kind is Kind.READ:
        return [Step(op.sent_ns if op.consistent else -inf, op.received_ns, op, shown=shown)]
    if op.outcome is Outcome.REJECTED:
        return [Step(op.sent_ns, op.received_ns, op, shown=shown)]
    if op.outcome is Outcome.ACCEPTED:
        return [
            Step(op.sent_ns, op.received_ns, op, writes=True, shown=shown, units=op.units, name=op.order_id),
        ]
    lost = Step(op.sent_ns, inf, op, writes=True, must=False, units=op.units, name=op.order_id)
    if op.version is None:
        return [lost]
    return [lost, Step(op.sent_ns, op.received_ns, op, shown=shown)]  # what refused it when it was sent again


def explainable(first: State, todo: list[Step]) -> bool:
    """Whether there is an order in which all that must happen happens, as it was answered."""
    dead: set[tuple[State, int]] = set()

    def go(state: State, left: int) -> bool:
        if (state, left) in dead:
            return False
        remaining = [n for n in range(len(todo)) if left >> n & 1]
        musts = [n for n in remaining if todo[n].must]
        if not musts:
            return True
        by = min(todo[n].received for n in musts)
        for n in remaining:
            if todo[n].sent > by:
                continue
            after = todo[n].after(state)
            if after is not None and after[1] >= 0 and go(after, left & ~(1 << n)):
                return True
        dead.add((state, left))
        return False

    return first[1] >= 0 and go(first, (1 << len(todo)) - 1)
