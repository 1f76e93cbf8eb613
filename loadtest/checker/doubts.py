"""Writes whose answer was lost: what evidence settles of them.

A lost write may be applied at any time after it was sent, or never. It surely was if its order is seen to have made a
version, if there is a record of its order, or if nobody else can have made the versions that were made. It surely was
not, and never will be, if the version that it rests on was won by another, or if its order's record is barred. If
enough time has gone by and no version is left that it can have made, it is taken as not applied.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from loadtest.checker.claims import Claims
from loadtest.checker.register import Register
from loadtest.order import REJECTED_AFTER_RESEND, Operation, Outcome

SETTLE_NS = 2_000_000_000  # a write that has not been applied by then is taken as lost on its way
_GAPS = 100_000


class Doubt:
    """One order with lost writes."""

    __slots__ = ("closed", "judged", "operations", "settled", "told")

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = list(operations)
        self.settled: Outcome | None = None
        self.closed = False  # whether it can no longer be applied, or surely was
        self.told: Outcome | None = None
        self.judged = False  # whether what was settled was held against what the order was told

    @property
    def order_id(self) -> str:
        """Whose it is."""
        return self.operations[0].order_id

    @property
    def units(self) -> int:
        """What it takes."""
        return self.operations[0].units

    @property
    def misled(self) -> bool:
        """Whether the last answer said that the order had lost."""
        return self.told is Outcome.REJECTED or self.operations[-1].reason == REJECTED_AFTER_RESEND

    def accept(self) -> None:
        """It was applied."""
        self.settled, self.closed = Outcome.ACCEPTED, True

    def reject(self, *, for_good: bool) -> None:
        """It was not applied; `for_good` if it cannot be any more."""
        self.settled, self.closed = Outcome.REJECTED, for_good

    def may_have_made(self, version: int, register: Register) -> bool:
        """Whether one of its writes rests on the version before, if on any, and was sent before somebody saw it."""
        by_ns, _ = register.made_by(version)
        return any(op.sent_ns < by_ns and op.read_version in (None, version - 1) for op in self.operations)


def settle(doubts: Mapping[str, Doubt], claims: Claims, register: Register, last: int, rest: int, read_ns: int) -> None:
    """Settle what the versions up to `last` decide, as they were at `read_ns`: `rest` of them are nobody's so far."""
    if 0 < rest <= _GAPS:
        gaps = list(islice(claims.gaps(last), _GAPS))
        if len(gaps) == rest:  # otherwise writes whose answers show no version made some of them
            rest -= _sole_candidates(gaps, doubts, claims, register)
    left = list(_open(doubts))
    if rest and rest == sum(len(doubt.operations) for doubt in left):
        for doubt in left:
            doubt.accept()
    elif not rest:
        for doubt in left:
            if all(read_ns - op.ended_ns >= SETTLE_NS for op in doubt.operations):
                doubt.reject(for_good=False)


def exclude(doubts: Mapping[str, Doubt], claims: Claims) -> None:
    """Settle what can never be applied: others won all the versions that its writes rest on."""
    for doubt in _open(doubts):
        if all(op.read_version is not None and claims.made(op.read_version + 1) for op in doubt.operations):
            doubt.reject(for_good=True)


def _sole_candidates(gaps: list[int], doubts: Mapping[str, Doubt], claims: Claims, register: Register) -> int:
    """Somebody made each version: if only one can have, it did. Returns how many were found."""
    if len(gaps) * len(doubts) > _GAPS:
        return 0
    found = 0
    for version in gaps:
        candidates = [doubt for doubt in _open(doubts) if doubt.may_have_made(version, register)]
        if len(candidates) == 1:
            (doubt,) = candidates
            doubt.accept()
            claims.settle(version, doubt.operations[0])
            found += 1
    if found:
        exclude(doubts, claims)
    return found


def _open(doubts: Mapping[str, Doubt]) -> Iterator[Doubt]:
    return (doubt for doubt in doubts.values() if doubt.settled is None)


def from_nowhere(gaps: Iterable[int], doubts: Iterable[Doubt], register: Register) -> int | None:
    """The first version that no lost write can have made: too few were sent before somebody saw it.

    Each makes one version at most, and whoever can have made an earlier version can have made a later one.
    """
    sent_ns = sorted(op.sent_ns for doubt in doubts for op in doubt.operations)
    for n, version in enumerate(gaps):
        by_ns, _ = register.made_by(version)
        if n >= len(sent_ns) or sent_ns[n] >= by_ns:
            return version
    return None
