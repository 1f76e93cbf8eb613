"""The tool's own writes to a product: what sets its stock before a round, and what restocks it in one."""

from math import inf

from msgspec.structs import replace

from loadtest.checker.matching import Write
from loadtest.events import RESTOCK, Kind, Operation, Outcome, Product, Restocked, StockSet, is_own

_MOST_IMPLIED = 64  # of histories that do not tell how the stock was set
_MOST_PAST = 64  # that somebody may see only now


class OwnWrites:
    """Remembers those of which nobody knows which version they made, and the names of all."""

    def __init__(self, initial: Product) -> None:
        self.quiet_ns = 0  # what is restocked next was not sent before
        self.names: set[str] = {name for name in (initial.last_order,) if name and is_own(name)} | {RESTOCK}
        self.written: set[str] = set()  # names of those of this run
        self._told = False  # whether the history tells how the stock is set
        self._unplaced: list[Write] = []
        self._past: list[Write] = []  # that made a version up to one which is decided, if they were applied
        self._implied: list[Write] = []

    @property
    def anonymous(self) -> bool:
        """Whether some may have left the name that all of them left once, or are not known to have been applied."""
        return bool(self._unplaced or self._implied)

    def is_strange(self, name: str, *, complete: bool) -> bool:
        """Whether a name as the tool leaves them is not one of this run's, which are all known if it is `complete`."""
        return complete and name not in self.names

    def seen(self, version: int, name: str, *, names_left: bool) -> tuple[int, Operation] | None:
        """The version that the write of this name made, and the write, if it was not known to have made one.

        Where orders leave no names (`names_left`), it may stand at later ones too.
        """
        for writes in (self._unplaced, self._past):
            for write in writes:
                if write.op is not None and write.op.order_id == name != RESTOCK:
                    made = version if names_left else None if write.rests_on is None else write.rests_on + 1
                    if made is not None:
                        writes.remove(write)
                        return made, write.op
        return None

    def writes(self) -> list[Write]:
        """Those that may have made a version of which nobody knows who made it."""
        return [*self._unplaced, *self._implied]

    def decide(self, version: int) -> None:
        """Each of them made one of the versions up to this one, or may yet make a later one."""
        self._past = [*self._past, *self._unplaced][-_MOST_PAST:]
        self._unplaced = [write for write in self._unplaced if _may_follow(write, version)]
        self._implied = []

    def lost_after(self, version: int) -> list[Operation]:
        """Those whose answer was lost, and that may make a version after this one."""
        return [write.op for write in self._unplaced if _may_follow(write, version) and write.op is not None]

    def imply(self, product: Product, since_ns: int, newest: int) -> None:
        """A round begins with this; what set its stock need not have been told."""
        if not self._told and product.version > newest and len(self._implied) < _MOST_IMPLIED:
            self._implied.append(Write(since_ns, own=True, name=RESTOCK))
            self.written.add(RESTOCK)

    def set(self, event: StockSet) -> Operation:
        """As an operation: it takes what was there before, less what it leaves."""
        self._told = True
        self.names.add(event.name)
        self.written.add(event.name)
        units, rests_on = event.before.quantity - event.quantity, event.before.version
        op = _operation(event, units, event.sent_ns, rests_on)
        if event.outcome is Outcome.UNKNOWN:
            self._unplaced.append(Write(event.sent_ns, inf, rests_on, units, True, event.name, op=op))
        return _made(op, rests_on + 1, event.quantity) if event.outcome is Outcome.ACCEPTED else op

    def restock(self, event: Restocked) -> Operation:
        """As an operation that takes fewer units than none."""
        self.names.add(event.name)
        self.written.add(event.name)
        sent_ns, self.quiet_ns = event.sent_ns or min(self.quiet_ns, event.at_ns), event.at_ns
        op = _operation(event, -event.units, sent_ns, None)
        if event.outcome is Outcome.UNKNOWN:
            self._unplaced.append(Write(sent_ns, inf, None, -event.units, True, event.name, op=op))
        elif event.outcome is Outcome.ACCEPTED and event.version is None:
            self._unplaced.append(Write(sent_ns, event.at_ns, None, -event.units, True, event.name, True, op))
        return op if event.version is None else _made(op, event.version, event.quantity)


def _may_follow(write: Write, version: int) -> bool:
    return not write.must and (write.rests_on is None or write.rests_on >= version)


def own_read(round_: int, product: Product, sent_ns: int, received_ns: int) -> Operation:
    """The tool's own read of a product, as an operation of no order."""
    return Operation(
        round=round_,
        order_id="",
        product_id=product.id,
        units=0,
        kind=Kind.READ,
        attempt=0,
        outcome=Outcome.ACCEPTED,
        reason="",
        message="",
        read_version=None,
        version=product.version,
        quantity=product.quantity,
        capacity=None,
        scheduled_ns=sent_ns,
        sent_ns=sent_ns,
        received_ns=received_ns,
        ended_ns=received_ns,
        last_order=product.last_order,
    )


def _operation(event: StockSet | Restocked, units: int, sent_ns: int, read_version: int | None) -> Operation:
    return Operation(
        round=event.round,
        order_id=event.name,
        product_id=event.product_id,
        units=units,
        kind=Kind.WRITE,
        attempt=0,
        outcome=event.outcome,
        reason="",
        message="",
        read_version=read_version,
        version=None,
        quantity=None,
        capacity=None,
        scheduled_ns=sent_ns,
        sent_ns=sent_ns,
        received_ns=event.at_ns,
        ended_ns=event.at_ns,
    )


def _made(op: Operation, version: int, quantity: int | None) -> Operation:
    return replace(op, version=version, quantity=quantity, last_order=op.order_id)
