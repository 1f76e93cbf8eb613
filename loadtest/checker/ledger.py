"""The laws of one product in one round.

Stock is taken by orders only, and added by restocking only; nobody else writes. So the version rises by one with each
of them, and without restocking the quantity only falls. Writes whose answer was lost may or may not have been
applied; every law holds for both. Everything is kept as counts: a round of any length takes the same memory.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator

from loadtest.checker.marks import Bitmap, Evidence
from loadtest.checker.verdict import Violation, plural
from loadtest.order import Operation, Outcome, Product, Restocked

_CONTESTED = 100  # versions told apart that were won twice: without a condition, all are
_REMEMBERED = 10_000  # the latest winners by name, so that a second one of the same version can be named with the first


class Ledger:
    """What a round showed of one product. `lost` are the units and number of earlier writes that may yet be applied."""

    def __init__(self, round_: int, initial: Product, lost: tuple[int, int] = (0, 0)) -> None:
        self.round = round_
        self.initial = initial
        self.final: Product | None = None
        self.complete = False  # its end was seen; the history of a run that was cut has an open round
        self.lost_units, self.lost_writes = lost
        self._accepted_units = 0
        self._accepted = Evidence()
        self._restocked_units = self._restocks = 0
        self._lost_restocked_units = self._lost_restocks = 0
        self._lowest: tuple[int, str] | None = None
        self._claimed = Bitmap()
        self._winners: OrderedDict[int, str] = OrderedDict()
        self._contested: dict[int, Evidence] = {}
        self._contested_more = Evidence()  # second winners of the versions after those
        self._newest_refused = 0
        self._refused = Evidence()  # of the newest version that a refused write rested on
        self._sold_out: defaultdict[int, Evidence] = defaultdict(Evidence)  # by units wanted

    @property
    def lost(self) -> tuple[int, int]:
        """Units and number of writes that may or may not have been applied."""
        return self.lost_units, self.lost_writes

    @property
    def restocked(self) -> bool:
        """Whether units were added, perhaps."""
        return self._restocks + self._lost_restocks > 0

    def see(self, quantity: int, order_id: str) -> None:
        """An answer showed this quantity."""
        if self._lowest is None or quantity < self._lowest[0]:
            self._lowest = quantity, order_id

    def accept(self, op: Operation) -> None:
        """A write took its units: the version it rested on, or the one it made, is its own."""
        self._accepted_units += op.units
        self._accepted.add(op.order_id)
        version = op.read_version
        if version is None and op.version is not None:
            version = op.version - 1
        if version is not None:
            self._claim(version, op.order_id)

    def refuse(self, op: Operation) -> None:
        """A condition refused a write."""
        version = op.read_version
        if version is None or version < self._newest_refused:
            return
        if version > self._newest_refused:
            self._newest_refused, self._refused = version, Evidence()
        self._refused.add(op.order_id)

    def lose(self, units: int) -> None:
        """The answer to a write was lost."""
        self.lost_units += units
        self.lost_writes += 1

    def find(self, op: Operation) -> None:
        """A lost write was applied after all."""
        self.lost_units -= op.units
        self.lost_writes -= 1
        self.accept(op)

    def sold_out(self, units: int, order_id: str) -> None:
        """An order was told that fewer than its units are left."""
        self._sold_out[units].add(order_id)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        if event.outcome is Outcome.ACCEPTED:
            self._restocked_units += event.units
            self._restocks += 1
        else:
            self._lost_restocked_units += event.units
            self._lost_restocks += 1

    def _claim(self, version: int, order_id: str) -> None:
        if self._claimed.add(version - self.initial.version):
            self._winners[version] = order_id
            if len(self._winners) > _REMEMBERED:
                self._winners.popitem(last=False)
            return
        contested = self._contested.get(version)
        if contested is None and len(self._contested) >= _CONTESTED:
            self._contested_more.add(order_id)
            return
        if contested is None:
            contested = self._contested[version] = Evidence()
            contested.add(self._winners.get(version, "an earlier one"))
        contested.add(order_id)

    def writes(self) -> Iterator[Violation]:
        """What is wrong with the stock and the versions."""
        yield from self._stock_is_conserved()
        yield from self._never_below_zero()
        yield from self._no_version_won_twice()
        yield from self._version_counts_writes()

    def refusals(self) -> Iterator[Violation]:
        """A version that never moved refuses nobody, and a product that could still serve an order is not sold out."""
        if self.final is None:
            return
        if self._newest_refused == self.final.version and self._refused.count:
            refused = plural(self._refused.count, "write")
            message = f"{refused} refused though version {self.final.version:,} was still the one read"
            yield self._violation("refused_without_cause", message, self._refused)
        if self.restocked:
            return
        sold_out = Evidence()
        for units, orders in self._sold_out.items():
            if units <= self.final.quantity:
                sold_out.count += orders.count
                sold_out.orders += orders.orders
        if sold_out.count:
            message = f"{plural(sold_out.count, 'order')} told sold out with {self.final.quantity:,} left"
            yield self._violation("refused_without_cause", message, sold_out)

    def _violation(self, kind: str, message: str, evidence: Evidence) -> Violation:
        return evidence.violation(kind, message, self.round, self.initial.id)

    def _stock_is_conserved(self) -> Iterator[Violation]:
        """The stock fell by the units accepted, plus at most the units of writes whose answer was lost."""
        if self.final is None:
            return
        accepted, added = self._accepted_units, self._restocked_units
        fell = self.initial.quantity + added - self.final.quantity
        stock = "the stock" if not added else f"the stock, with {added:,} added,"
        if accepted > fell + self._lost_restocked_units:
            message = f"{plural(accepted, 'unit')} {_were(accepted)} accepted, but {stock} fell by {fell:,}"
            yield self._violation("oversold", message, self._accepted)
        elif fell > accepted + self.lost_units:
            message = f"{stock} fell by {fell:,}, but only {plural(accepted, 'unit')} {_were(accepted)} accepted"
            yield self._violation("stock_lost", message, self._accepted)

    def _never_below_zero(self) -> Iterator[Violation]:
        """No answer and no final read shows a negative quantity."""
        if self.final is not None and self.final.quantity < 0:
            message = f"the stock ended at {self.final.quantity:,}"
            yield self._violation("negative_quantity", message, self._accepted)
        elif self._lowest is not None and self._lowest[0] < 0:
            message = f"the stock went down to {self._lowest[0]:,}"
            yield self._violation("negative_quantity", message, Evidence(1, [self._lowest[1]]))

    def _version_counts_writes(self) -> Iterator[Violation]:
        """The version rose by one for every accepted write, plus at most once for each whose answer was lost."""
        if self.final is None:
            return
        rose = self.final.version - self.initial.version
        surely = self._accepted.count + self._restocks
        if not surely <= rose <= surely + self.lost_writes + self._lost_restocks:
            message = f"the version rose by {rose:,} for {plural(surely, 'accepted write')}"
            yield self._violation("version_miscounted", message, self._accepted)

    def _no_version_won_twice(self) -> Iterator[Violation]:
        """Each version is made by one write: two orders that both won from version 1 cannot both have won."""
        for version, orders in self._contested.items():
            message = f"{orders.count:,} orders won from version {version:,}"
            yield self._violation("version_won_twice", message, orders)
        if more := self._contested_more.count:
            message = f"{plural(more, 'order')} more won from a version that another had won"
            yield self._violation("version_won_twice", message, self._contested_more)


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
