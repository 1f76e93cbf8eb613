"""One round of one product: what it began with, what was taken in it, and what was left."""

from loadtest.checker.bitsets import Room
from loadtest.checker.refusals import Refusals
from loadtest.checker.stock import Stock
from loadtest.events import Operation, Product, RoundEnded, RoundStarted


class Round:
    """What is counted anew in each round."""

    def __init__(self, started: RoundStarted, room: Room, perhaps: list[Operation]) -> None:
        """`perhaps` are writes of the tool's own that may yet be applied in it."""
        self.number, self.initial = started.round, started.product
        self.final: Product | None = None
        self.complete = False  # its end was seen; the history of a run that was cut has an open round
        self.placed_one_by_one = not started.orders  # as in a load, which may be restocked
        self.started_ns, self.read_ns = started.started_ns, 0
        self.eventual = False  # whether orders read what may have been old
        self.stock = Stock(self.initial.quantity, room)
        self.refusals = Refusals()
        self.surely = 0  # writes of orders that were applied
        self.perhaps = perhaps

    def end(self, event: RoundEnded) -> None:
        """It is over."""
        self.complete, self.final = True, event.product
        self.read_ns = event.read_ns or event.ended_ns

    @property
    def rose(self) -> int:
        """By how much the version rose."""
        return 0 if self.final is None else self.final.version - self.initial.version

    @property
    def rest(self) -> int | None:
        """How many versions lost writes made, None if nobody knows."""
        if self.final is None or self.stock.lost_restocks or self.perhaps:
            return None
        return self.rose - self.surely - self.stock.restocks

    def take(self, op: Operation, first: int, last: int) -> None:
        """A lost write was applied, and made a version from `first` to `last`, in this round or in an earlier one."""
        if first > self.initial.version:
            self.surely += 1
            self.stock.take(op.units)
        elif last > self.initial.version:
            self.perhaps.append(op)

    def take_unseen(self, units: int | None, version: int | None, usual: set[int]) -> None:
        """A write without an accepting answer took so many; None: as many as usual. An earlier round's counts there."""
        if version is not None and version <= self.initial.version:
            return
        self.surely += 1
        if units is None:
            fewest = min(usual, default=1)
            self.stock.take(fewest, max(usual, default=1) - fewest)
        else:
            self.stock.take(units)
