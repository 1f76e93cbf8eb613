"""The laws of refusals: a version that never moved refuses nobody, and what is there is not sold out."""

from collections import defaultdict
from collections.abc import Iterator

from loadtest.checker.marks import Evidence
from loadtest.checker.verdict import Violation, plural
from loadtest.order import Operation, Outcome, Product, Reason


class Refusals:
    """What was refused in a round, of one product, and why."""

    def __init__(self) -> None:
        self._no_cause = Evidence()  # the answer itself shows a state that met the condition
        self._newest = 0
        self._blind = Evidence()  # of the newest version that a refused write rested on, without being shown another
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

    def add_blind(self, version: int, op: Operation) -> None:
        """A write that rested on this version, which had been made before it was sent, was refused without a word."""
        if version > self._newest:
            self._newest, self._blind = version, Evidence()
        if version == self._newest:
            self._blind.add(op.order_id, op)

    def sold_out(self, units: int, order_id: str) -> None:
        """An order was told that fewer than its units are left."""
        self._sold_out[units].add(order_id)

    def violations(
        self, round_: int, product_id: str, final: Product | None, *, only_fell: bool
    ) -> Iterator[Violation]:
        """`only_fell`: no unit was added, and nobody was shown a state of an earlier round."""

        def violation(message: str, evidence: Evidence) -> Violation:
            return evidence.violation("refused_without_cause", message, round_, product_id, 1)

        if self._no_cause.count:
            refused = plural(self._no_cause.count, "write")
            yield violation(f"{refused} refused by a state that met the condition", self._no_cause)
        if final is None:
            return
        if self._newest == final.version and self._blind.count:
            refused = plural(self._blind.count, "write")
            yield violation(f"{refused} refused though version {final.version:,} was still the one read", self._blind)
        served = Evidence()
        for units, orders in self._sold_out.items():
            if units <= final.quantity:
                served.count += orders.count
                served.orders += orders.orders
        if served.count and only_fell:
            yield violation(f"{plural(served.count, 'order')} told sold out with {final.quantity:,} left", served)
