"""Of a whole history the few operations around a violation. Pure: events in, values out."""

import sys
from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop

from msgspec import Struct

from loadtest.checker.verdict import Violation
from loadtest.events import Event, Operation

MOST_VIOLATIONS = 5
MOST_OPERATIONS = 30

_Rank = tuple[int, int, int]


class Timeline(Struct, frozen=True):
    """The operations around one violation.

    First come the operations that show it, its own, then the others of its orders, then those of the same product and
    round that were in flight between the first and the last of its own, the nearest first.
    """

    violation: int  #: its place in `verdict.violations`, from 0
    operations: list[Operation]  #: at most 30, in the order they were sent


def timelines(violations: Sequence[Violation], events: Iterable[Event]) -> list[Timeline]:
    """The time line of each of the first five violations, if operations belong to it, in one pass.

    Reads no further than the last round that they are of. Of a violation that has no operations of its own there are
    those of its orders. Memory does not grow with the number of events.
    """
    pickers = [_Picker(violation) for violation in violations[:MOST_VIOLATIONS]]
    wanted: dict[int, list[_Picker]] = {}
    for picker in pickers:
        wanted.setdefault(picker.round, []).append(picker)
    last = max(wanted, default=0)
    for event in events:
        if event.round > last:
            break
        if isinstance(event, Operation):
            for picker in wanted.get(event.round, ()):
                picker.look_at(event)
    lines = [Timeline(number, picker.picked()) for number, picker in enumerate(pickers)]
    return [timeline for timeline in lines if timeline.operations]


class _Picker:
    """Keeps, of all operations that it is shown, those that belong to one violation the most."""

    def __init__(self, violation: Violation) -> None:
        evidence = violation.operations[:MOST_OPERATIONS]
        self.round = violation.round
        self._evidence = evidence
        self._orders = {*violation.orders, *(op.order_id for op in evidence)}
        self._products = {op.product_id for op in evidence}
        self._times = [(op.sent_ns, op.received_ns) for op in evidence]
        self._first_ns = min((op.sent_ns for op in evidence), default=0)
        self._last_ns = max((op.received_ns for op in evidence), default=0)
        self._room = MOST_OPERATIONS - len(evidence)
        self._shown = 0
        self._kept: list[tuple[_Rank, int, Operation]] = []  # a heap whose first is the farthest

    def look_at(self, op: Operation) -> None:
        """Keep it if it is nearer than one that is kept, or if there is room."""
        named = op.order_id in self._orders
        if not named and (
            op.sent_ns > self._last_ns or op.received_ns < self._first_ns or op.product_id not in self._products
        ):
            return
        if op in self._evidence or not self._room:
            return
        self._shown += 1
        entry = (self._nearness(op, named=named), -self._shown, op)
        if len(self._kept) < self._room:
            heappush(self._kept, entry)
        else:
            heappushpop(self._kept, entry)

    def _nearness(self, op: Operation, *, named: bool) -> _Rank:
        """Higher is nearer: of an order that is named, then the time between it and one of the evidence."""
        sent, received = op.sent_ns, op.received_ns
        gap = apart = sys.maxsize
        for from_ns, to_ns in self._times:
            between = from_ns - received if from_ns > received else sent - to_ns if sent > to_ns else 0
            if between <= gap:
                differ = abs(sent - from_ns) + abs(received - to_ns)
                if between < gap or differ < apart:
                    gap, apart = between, differ
        return named, -gap, -apart

    def picked(self) -> list[Operation]:
        """The evidence and what was kept, in the order they were sent."""
        return sorted([*self._evidence, *(op for _, _, op in self._kept)], key=lambda op: (op.sent_ns, op.received_ns))
