"""Writes whose answer was lost: what evidence says became of them.

A lost write may be applied at any time after it was sent, or never. It surely was if its order is seen to have made a
version, if there is a record of its order, or if nobody else can have made the versions that were made. It surely was
not, and never will be, if the version that it rests on was won by another, or if its order's record is fenced. If
enough time has gone by and there is no version that it can have made, it is taken as not applied; should it be applied
later all the same, what was taken is taken back.
"""

from collections.abc import Mapping
from math import inf

from loadtest.checker.matching import Matching, Write
from loadtest.checker.version_history import VersionHistory
from loadtest.events import REJECTED_AFTER_RESEND, Kind, Operation, Outcome

RECONCILE_NS = 2_000_000_000  # a write that has not been applied by then is taken as never received


class UnresolvedWrites:
    """The lost writes of one order, and what is known of them."""

    __slots__ = (
        "_expired",
        "_missed",
        "applied",
        "counted",
        "judged",
        "last",
        "open",
        "order_id",
        "past",
        "pending",
        "perhaps",
        "told",
        "units",
        "unplaced",
    )

    def __init__(self, op: Operation) -> None:
        self.order_id, self.units = op.order_id, op.units
        self.open = [op]  # those that may have been applied, or may be yet
        self.perhaps: list[Operation] = []  # those that may have been, but will not be any more
        self.last = op
        self.pending = False  # from an earlier round or run, perhaps one on another clock
        self.applied = 0
        self.unplaced: list[Operation] = []  # of them, those of which nobody saw which version they made
        self.past: list[Operation] = []  # the same of versions that are behind
        self.told: Outcome | None = None
        self.judged = 0  # of those that were applied, how many were held against what the order was told
        self.counted = False  # among the orders of its round
        self._expired = False  # those that are open have had their time
        self._missed = False  # nobody knows whether one was applied, in a round that is over

    @property
    def outcome(self) -> Outcome | None:
        """Whether the order took its units, None if that is not known."""
        if self.applied:
            return Outcome.ACCEPTED
        return None if self._missed or self.perhaps or (self.open and not self._expired) else Outcome.REJECTED

    @property
    def misled(self) -> bool:
        """Whether the last answer said that the order had lost."""
        resent = self.last.reason == REJECTED_AFTER_RESEND and (self.told is not None or self.pending)
        return self.told is Outcome.REJECTED or resent

    @property
    def is_of_use(self) -> bool:
        """Whether what others see later may say something about it."""
        return bool(self.open or self.perhaps or self.unplaced or self.past)

    @property
    def is_recorded(self) -> bool:
        """Whether its writes leave a record, or nothing."""
        return self.last.kind is Kind.TRANSACTION

    def sent_ns(self, op: Operation) -> float:
        """When one of its writes was sent, on the clock of the round that goes on."""
        return -inf if self.pending else op.sent_ns

    def lose(self, op: Operation) -> None:
        """Another write of the order was lost."""
        self.open.append(op)
        self.last = op

    def accept(self, op: Operation, *, placed: bool = True) -> None:
        """One was applied, of those that were open unless the order is seen to have taken more often than that."""
        for ops in (self.open, self.perhaps):
            if op in ops:
                ops.remove(op)
                break
        self.applied += 1
        if not placed:
            self.unplaced.append(op)

    def close(self, op: Operation, *, missed: bool = False) -> None:
        """One was not applied and cannot be any more; or it is `missed` whether it was."""
        (self.open if op in self.open else self.perhaps).remove(op)
        self._missed |= missed and not self._expired

    def fence(self, version: int) -> None:
        """This version was made: what rests on an older one is not applied any more."""
        fenced = [op for op in self.open if op.read_version is not None and op.read_version < version]
        self.open = [op for op in self.open if op not in fenced]
        self.perhaps += fenced

    def expire(self, now_ns: int) -> None:
        """None of those that are open has been applied by now."""
        self._expired |= all(now_ns - op.ended_ns >= RECONCILE_NS for op in self.open)

    def miss(self) -> None:
        """One was perhaps applied, and nobody knows which: no later round tells any more."""
        self._missed |= bool(self.open or self.perhaps)

    def decide(self) -> None:
        """Which versions those made that were applied is no question any more."""
        self.past += self.unplaced
        self.unplaced = []
        self._missed |= bool(self.perhaps)
        self.perhaps = []


Unresolved = Mapping[str, UnresolvedWrites]  # by order


def open_writes(unresolved: Unresolved) -> list[tuple[UnresolvedWrites, Operation]]:
    """Every write that may have been applied, or may be yet."""
    return [(writes, op) for writes in unresolved.values() for op in (*writes.open, *writes.perhaps)]


def can_make(version: int, op: Operation) -> bool:
    """Whether the write rests on the version before, or on none."""
    return op.read_version is None or op.read_version == version - 1


def exclude(unresolved: Unresolved, history: VersionHistory, first: int) -> None:
    """Close what can never be applied: others made the version that it would make, or had made it `first`."""
    for writes, op in open_writes(unresolved):
        if op.read_version is None:
            continue
        if history.made(op.read_version + 1):
            writes.close(op)
        elif op.read_version < first:  # between two rounds nobody looks
            writes.close(op, missed=writes.pending)


def decide(
    unresolved: Unresolved, matching: Matching, last: int | None, read_ns: int
) -> list[tuple[Operation, int, int]]:
    """Find out what the versions up to `last` decide, as they were at `read_ns`; None if nobody has read the last one.

    Returns the writes that were applied, each with the first and the last version that it can have made.
    """
    if matching.uncovered() is not None or (last is not None and matching.unplaced(_musts(matching)) is not None):
        for writes in unresolved.values():
            writes.miss()
        return []
    applied, never = _decided(unresolved, matching)
    resolved = []
    for write in applied:
        op = _op(write)
        versions = matching.made(write)
        unresolved[op.order_id].accept(op, placed=versions[0] == versions[1])
        resolved.append((op, *versions))
    if last is None:
        return resolved
    excluded = {id(_op(write)) for write in never}
    for writes, op in open_writes(unresolved):
        if id(op) in excluded and op.read_version is not None and op.read_version < last:
            writes.close(op)
    for writes in unresolved.values():
        writes.fence(last)
        if all(id(op) in excluded for op in writes.open):
            writes.expire(read_ns)
    return resolved


def _musts(matching: Matching) -> list[Write]:
    return [write for write in matching.writes if write.must]


def _decided(unresolved: Unresolved, matching: Matching) -> tuple[list[Write], list[Write]]:
    """Of the writes that are open, those that were applied in every matching, and those that were in none."""
    writes = [
        write
        for write in matching.writes
        if not write.must and write.op is not None and write.op.order_id in unresolved
    ]
    if not matching.gaps:
        return [], writes
    if len(matching.writes) == len(matching.gaps):
        return writes, []  # each made one
    if not matching.small:
        return [], []
    musts = _musts(matching)
    return (
        [write for write in writes if matching.uncovered(without=write) is not None],
        [write for write in writes if matching.unplaced([*musts, write]) is not None],
    )


def _op(write: Write) -> Operation:
    if write.op is None:
        raise ValueError("a write of which nothing is known")
    return write.op
