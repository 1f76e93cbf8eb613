"""What makes all else of a product questionable: somebody else wrote it, or it went back to an earlier state.

Each is told once, in place of the many contradictions that follow from it.
"""

from collections.abc import Iterator

from loadtest.checker.bitsets import SHOWN, Evidence
from loadtest.checker.verdict import Violation, plural
from loadtest.checker.version_history import VersionHistory
from loadtest.events import Operation, is_own

_LOOKED_AT = 4_096  # versions behind the newest of which it is said whose they were
_MANY = 3  # versions that nobody made: one or two may be a write that was applied twice, or skipped a version
FOLLOWING = {  # kinds of violations that follow from a product that went back
    "oversold",
    "quantity_handed_out_twice",
    "stale_read",
    "stock_lost",
    "version_miscounted",
    "version_reused",
    "lost_update",
    "write_out_of_order",
    "wrong_quantity",
}


class Outside:
    """One product over the whole run."""

    def __init__(self, first: int, product_id: str) -> None:
        """`first` is the version that the run began with."""
        self.told = False  # that somebody else wrote it
        self.rests = False  # whether orders' writes rest on versions, and may put an old one back if nothing forbids it
        self._first, self._product_id = first, product_id
        self._strangers = Evidence()
        self._name = ""
        self._anew: Operation | None = None
        self._extra = self._missing = 0  # versions
        self._remade = 0  # versions that were made again
        self._stale: Operation | None = None  # the latest consistent read that showed an older version than was there
        self._looked = (0, 0)  # at which version, after which, the tool found it last
        self._back = False
        self._lowest: int | None = None
        self._highest = 0
        self._undone = Evidence()
        self._gone: set[str] = set()  # the same orders

    def stranger(self, name: str, version: int, op: Operation) -> None:
        """A version carries a name that nothing of this run has left."""
        if not self._strangers.count:
            self._name = f"version {version:,} carries the name {name!r}"
        self._strangers.add(name, op)

    def looked_back(self, version: int, newest: int, op: Operation, history: VersionHistory) -> None:
        """A consistent read, or a refusal, showed an older version than had been seen before it was sent."""
        if self.rests and _was_made_again(version, op, history):
            return  # by a write that put an old version back: no state is old that was made last
        self._stale = op
        if op.order_id or version >= newest:
            return
        if (version, newest) == self._looked:
            self._back = True  # which was told
            return
        self._looked = version, newest
        self._went_back(version, newest, op)
        # The tool reads when no order is in flight, so all that came later is gone.
        for gone in range(version + 1, min(newest, version + _LOOKED_AT) + 1):
            maker = history.versions.maker(gone)
            if maker is not None:
                self._undo(maker)

    def made_by_nobody(self, versions: int) -> None:
        """So many were made by nobody in this run; if fewer than none, so many writes that were accepted made none."""
        if versions >= _MANY:
            self._extra = max(self._extra, versions)
        elif versions <= -_MANY:
            self._missing = max(self._missing, -versions)

    def put_anew(self, op: Operation) -> None:
        """A consistent read showed an earlier state than the run began with, after it had begun."""
        self._anew = self._anew or op

    def made_late(self, version: int, newest: int, op: Operation, before: Operation | None, *, alike: bool) -> None:
        """A write made a version although that one, or a later one, had been seen before it was sent.

        `before` is who had made it, and left as many units then, if they are `alike`: else it may be a write that did
        not raise the version, unless there are many. Only a write that found an older state shows that the product
        went back: without a condition, or if the condition is ignored, a version may be made twice as well.
        """
        stale, self._remade = self._stale, self._remade + 1
        was_stale = stale is not None and stale.sent_ns <= op.sent_ns and (stale.version or 0) < version
        if not was_stale and (op.read_version is not None or self._remade < _MANY):
            return
        if op.read_version is None and not alike:
            if self._remade < _MANY:
                return
            self._anew = self._anew or op
        self._went_back(version - 1, newest, op)
        if before is not None and before is not op:
            self._undo(before)

    def _undo(self, op: Operation) -> None:
        if not is_own(op.order_id) and op.order_id not in self._gone:
            self._gone.add(op.order_id)
            self._undone.add(op.order_id, op)

    def _went_back(self, version: int, newest: int, op: Operation) -> None:
        if version <= self._first:
            self._anew = self._anew or op
        self._back = True
        self._lowest = version if self._lowest is None else min(version, self._lowest)
        self._highest = max(self._highest, newest)
        if not self._undone.count:
            self._undone.operations[:] = [op]

    @property
    def foreign(self) -> bool:
        """Whether somebody else wrote the product."""
        return bool(self.told or self._strangers.count or self._anew is not None or self._extra or self._missing)

    @property
    def back(self) -> bool:
        """Whether the product went back."""
        return self._back

    def drain(self, round_: int) -> Iterator[Violation]:
        """The one violation that there is, each time it is found anew; somebody else is told of once in a run."""
        if self.foreign and not self.told:
            self.told = True
            yield self._by_somebody(round_)
        elif self._lowest is not None and not self.told:
            undone, gone = self._undone, "what was written"
            if undone.count:
                gone = plural(undone.count, "accepted write")
            message = (
                f"the product went back to version {self._lowest:,} after version {self._highest:,} had been seen: "
                f"{gone} {'is' if undone.count <= 1 else 'are'} gone, or somebody else re-created it"
            )
            yield undone.violation("rolled_back", message, round_, self._product_id)
        self._strangers, self._undone, self._lowest, self._highest = Evidence(), Evidence(), None, 0
        self._gone, self._back = set(), False

    def _by_somebody(self, round_: int) -> Violation:
        evidence, fewest = self._strangers, 1
        if evidence.count:
            what = f"{self._name}, which no order of this run has"
        elif self._anew is not None:
            evidence, fewest = self._undone, SHOWN
            if not evidence.count:
                evidence = Evidence(1, [self._anew.order_id] * bool(self._anew.order_id), [self._anew])
            what = f"it was re-created, or went back to how it was when the run began, with version {self._first:,}"
        elif self._missing:
            what = f"it was re-created, or went back: {plural(self._missing, 'accepted write')} left no version"
        else:
            what = (
                f"{plural(self._extra, 'version')} were made by no write of this run, unless the server applied some "
                "more than once"
            )
        message = f"somebody else wrote the product: {what}"
        return evidence.violation("external_write", message, round_, self._product_id, fewest)


def _was_made_again(version: int, op: Operation, history: VersionHistory) -> bool:
    """Whether the state that was seen is not the one in which the version was made first."""
    maker = history.versions.maker(version)
    if op.last_order is not None and maker is not None and history.names_left:
        return op.last_order != maker.order_id
    return op.quantity not in (None, history.versions.left(version)) and maker is not None
