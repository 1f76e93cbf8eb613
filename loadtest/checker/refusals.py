"""The invariants of refusals: a version that never moved refuses nobody, and what is there is not sold out."""

from collections import defaultdict, deque
from collections.abc import Iterator
from math import isfinite

from loadtest.checker.bitsets import Evidence, Room
from loadtest.checker.realtime import RealTime
from loadtest.checker.verdict import Violation, plural
from loadtest.checker.versions import Versions
from loadtest.events import Operation, Outcome, Product, Reason

_LOOKED_AT = 256  # versions that may have been there while one write was refused


class Refusals:
    """What was refused in a round, of one product, and why."""

    def __init__(self) -> None:
        self._no_cause = Evidence()  # the answer itself shows a state that met the condition
        self._sold_out: defaultdict[int, Evidence] = defaultdict(Evidence)  # by units wanted

    def add(self, op: Operation) -> None:
        """A condition refused a write, perhaps one that had been lost; the answer may show what it found."""
        if op.read_version is not None:
            met = op.version == op.read_version
        else:
            sold_out = op.reason == Reason.SOLD_OUT or op.outcome is Outcome.UNKNOWN
            met = sold_out and op.quantity is not None and op.quantity >= op.units
        if met:
            self._no_cause.add(op.order_id, op)

    def sold_out(self, units: int, order_id: str) -> None:
        """An order was told that fewer than its units are left."""
        self._sold_out[units].add(order_id)

    def violations(
        self, round_: int, product_id: str, final: Product | None, *, only_fell: bool
    ) -> Iterator[Violation]:
        """`only_fell`: no unit was added, and nobody was shown a state of an earlier round."""

        def violation(message: str, evidence: Evidence) -> Violation:
            return evidence.violation("spurious_rejection", message, round_, product_id, 1)

        if self._no_cause.count:
            refused = plural(self._no_cause.count, "write")
            yield violation(f"{refused} refused by a state that met the condition", self._no_cause)
        if final is None:
            return
        served = Evidence()
        for units, orders in self._sold_out.items():
            if units <= final.quantity:
                served.count += orders.count
                served.orders += orders.orders
        if served.count and only_fell:
            yield violation(f"{plural(served.count, 'order')} told sold out with {final.quantity:,} left", served)


class Blind:
    """The latest refused writes whose answers show no item: what refused them is known only from what others saw."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._refused: deque[Operation] = deque()

    def add(self, op: Operation) -> None:
        """A condition refused it. A conflict of a write that rests on no version was one with a transaction."""
        if op.read_version is None and op.reason != Reason.SOLD_OUT:
            return
        self._refused.append(op)
        if len(self._refused) > self._room.each:
            self._refused.popleft()

    def spurious(self, time: RealTime, versions: Versions, most: float, fewest: int | None) -> Evidence:
        """Those that no version can have refused that was there between their sending and their answer.

        A write takes `most` units at most and `fewest` at least, None if units may have been added too.
        """
        refused, self._refused = self._refused, deque()
        evidence = Evidence()
        for op in refused:
            first, last = time.at_least(op.sent_ns), time.at_most(op.received_ns)
            if not isfinite(last) or last - first > _LOOKED_AT or last < first:
                continue
            there = range(first, int(last) + 1)
            if op.read_version is not None:
                met = all(version == op.read_version for version in there)
            else:
                met = all(versions.at_least(version, most, fewest=fewest) >= op.units for version in there)
            if met:
                evidence.add(op.order_id, op)
        return evidence
