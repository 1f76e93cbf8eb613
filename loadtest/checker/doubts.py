"""Writes whose answer was lost: what evidence settles of them.

A lost write may be applied at any time after it was sent, or never. It surely was if its order is seen to have made a
version, if there is a record of its order, or if nobody else can have made the versions that were made. It surely was
not, and never will be, if the version that it rests on was won by another, or if its order's record is barred. If
enough time has gone by and no version is left that it can have made, it is taken as not applied; should it be applied
later all the same, what was taken is taken back.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from operator import attrgetter

from loadtest.checker.claims import Claims
from loadtest.checker.register import Register
from loadtest.order import REJECTED_AFTER_RESEND, Kind, Operation, Outcome

SETTLE_NS = 2_000_000_000  # a write that has not been applied by then is taken as lost on its way
_RECEIVED = attrgetter("received_ns")
_PAIRS = 100_000  # versions times lost writes that are held against each other at most


class Doubt:
    """One order with lost writes."""

    __slots__ = (
        "_expired",
        "_missed",
        "applied",
        "carried",
        "judged",
        "last",
        "open",
        "order_id",
        "told",
        "units",
        "unplaced",
    )

    def __init__(self, op: Operation) -> None:
        self.order_id, self.units = op.order_id, op.units
        self.open = [op]  # those that may be applied yet
        self.last = op
        self.carried = False  # from an earlier round or run, perhaps one on another clock
        self.applied = 0
        self.unplaced: list[Operation] = []  # of them, those of which nobody saw which version they made
        self.told: Outcome | None = None
        self.judged = False  # whether what was settled was held against what the order was told
        self._expired = False  # those that are open have had their time
        self._missed = False  # nobody knows whether one was applied, in a round that is over

    @property
    def settled(self) -> Outcome | None:
        """Whether the order took its units, None if that is not known."""
        if self.applied:
            return Outcome.ACCEPTED
        return None if self._missed or (self.open and not self._expired) else Outcome.REJECTED

    @property
    def misled(self) -> bool:
        """Whether the last answer said that the order had lost."""
        return self.told is Outcome.REJECTED or self.last.reason == REJECTED_AFTER_RESEND

    @property
    def is_recorded(self) -> bool:
        """Whether its writes leave a record, or nothing."""
        return self.last.kind is Kind.TRANSACTION

    def sent_ns(self, op: Operation) -> float:
        """When one of its writes was sent, on the clock of the round that goes on."""
        return -inf if self.carried else op.sent_ns

    def lose(self, op: Operation) -> None:
        """Another write of the order was lost."""
        self.open.append(op)
        self.last = op

    def accept(self, op: Operation, *, placed: bool = True) -> None:
        """One was applied, of those that were open unless the order is seen to have taken more often than that."""
        if op in self.open:
            self.open.remove(op)
        self.applied += 1
        if not placed:
            self.unplaced.append(op)

    def close(self, op: Operation, *, missed: bool = False) -> None:
        """One of those that were open was not applied and cannot be any more; or it is `missed` whether it was."""
        self.open.remove(op)
        self._missed |= missed and not self._expired

    def expire(self, now_ns: int) -> None:
        """None of those that are open has been applied by now."""
        self._expired |= all(now_ns - op.ended_ns >= SETTLE_NS for op in self.open)

    def miss(self) -> None:
        """One of those that are open was perhaps applied, and nobody knows which: no later round tells any more."""
        self._missed |= bool(self.open)


Doubts = Mapping[str, Doubt]  # by order


def open_writes(doubts: Doubts) -> list[tuple[Doubt, Operation]]:
    """Every write that may be applied yet."""
    return [(doubt, op) for doubt in doubts.values() for op in doubt.open]


def can_make(version: int, op: Operation) -> bool:
    """Whether the write rests on the version before, or on none."""
    return op.read_version is None or op.read_version == version - 1


def exclude(doubts: Doubts, claims: Claims, first: int) -> None:
    """Close what can never be applied: others made the version that it would make, or had made it `first`."""
    for doubt, op in open_writes(doubts):
        if op.read_version is None:
            continue
        if claims.made(op.read_version + 1):
            doubt.close(op)
        elif op.read_version < first:  # between two rounds nobody looks
            doubt.close(op, missed=doubt.carried)


def settle(
    doubts: Doubts, claims: Claims, register: Register, last: int, rest: int, read_ns: int
) -> Iterator[Operation]:
    """Settle what the versions up to `last` decide, as they were at `read_ns`: `rest` of them are nobody's so far.

    Yields the writes that were applied, as that is found.
    """
    gaps = list(islice(claims.gaps(last), max(0, min(rest + 1, _PAIRS))))
    if 0 < rest == len(gaps):  # otherwise writes whose answers show no version made some of them
        for op in _sole_candidates(gaps, doubts, claims, register):
            rest -= 1
            yield op
    left = open_writes(doubts)
    if 0 < rest == len(left):
        for doubt, op in left:
            doubt.accept(op, placed=False)
            yield op
    elif rest > 0:
        for doubt in doubts.values():
            doubt.miss()
    elif not rest:
        _none_is_left(doubts, left, last, read_ns)


def _none_is_left(doubts: Doubts, left: list[tuple[Doubt, Operation]], last: int, read_ns: int) -> None:
    for doubt, op in left:
        if op.read_version is not None and op.read_version < last:
            doubt.close(op)
    for doubt in doubts.values():
        doubt.expire(read_ns)


def _sole_candidates(gaps: list[int], doubts: Doubts, claims: Claims, register: Register) -> Iterator[Operation]:
    """Somebody made each version: if only one write can have, it did, and has made no other."""
    left, nobodys = open_writes(doubts), dict.fromkeys(gaps)
    if len(gaps) * len(left) > _PAIRS:
        return
    before = -1
    while before != len(nobodys):
        before = len(nobodys)
        for version in list(nobodys):
            by_ns, _ = register.made_by(version)
            took = claims.took(version)
            candidates = [
                (doubt, op)
                for doubt, op in left
                if can_make(version, op) and doubt.sent_ns(op) <= by_ns and took in (None, op.units)
            ]
            if len(candidates) == 1:
                ((doubt, op),) = candidates
                doubt.accept(op)
                claims.settle(version, op)
                left.remove((doubt, op))
                del nobodys[version]
                yield op
    for doubt, op in left:
        if op.read_version is not None and claims.made(op.read_version + 1):
            doubt.close(op)


Write = tuple[float, int | None]  # when it was sent, and the version it rests on


def from_nowhere(gaps: Iterable[int], writes: Sequence[Write], unseen: int, register: Register) -> int | None:
    """The first version that no write can have made: too few that could were sent before somebody saw it.

    Each of the `writes` makes one version at most, as do so many `unseen` ones of which no time is known. Whoever can
    have made an earlier version can have made a later one, unless it rests on one.
    """
    resting: dict[int, float] = {}
    sent_ns = sorted((sent for sent, rests_on in writes if rests_on is None), reverse=True)
    for sent, rests_on in writes:
        if rests_on is not None:
            resting[rests_on] = min(sent, resting.get(rests_on, sent))
    for version in gaps:
        by_ns, _ = register.made_by(version)
        if version - 1 in resting and resting[version - 1] <= by_ns:
            continue
        if unseen:
            unseen -= 1
        elif sent_ns and sent_ns[-1] <= by_ns:
            sent_ns.pop()
        else:
            return version
    return None


def without_version(gaps: list[int], accepted: Iterable[Operation], register: Register) -> Operation | None:
    """An accepted write that made none of the versions that are nobody's: too few were there when it was answered."""
    answered = sorted(accepted, key=_RECEIVED)
    return next((op for op, n in zip(answered, gaps, strict=False) if register.not_before(n) > op.received_ns), None)
