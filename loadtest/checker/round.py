"""One round of one product: what it began with, what was taken in it, and what was left."""

from loadtest.checker.marks import Room
from loadtest.checker.overlap import Overlap
from loadtest.checker.refusals import Refusals
from loadtest.checker.stock import Stock
from loadtest.order import Operation, Product, RoundEnded, RoundStarted


class Round:
    """What is counted anew in each round."""

    def __init__(self, started: RoundStarted, room: Room) -> None:
        self.number, self.initial = started.round, started.product
        self.final: Product | None = None
        self.complete = False  # its end was seen; the history of a run that was cut has an open round
        self.placed_one_by_one = not started.orders  # as in a load, which may be restocked
        self.read_ns = 0
        self.stock = Stock(self.initial.quantity, room)
        self.refusals = Refusals()
        self.overlap = Overlap()
        self.surely = 0  # writes of orders that were applied
        self.maybe: list[Operation] = []  # and those that were applied in this round or in one before

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
        if self.final is None or self.stock.lost_restocks:
            return None
        return self.rose - self.surely - self.stock.restocks

    def take(self, units: int | None, version: int | None, usual: set[int]) -> None:
        """A write without an accepting answer took so many; None: as many as usual. One of an earlier round does not count."""
        if version is not None and version <= self.initial.version:
            return
        self.surely += 1
        if units is None:
            fewest = min(usual, default=1)
            self.stock.take(fewest, max(usual, default=1) - fewest)
        else:
            self.stock.take(units)
