"""What a run put to the test: its chances to show a double win, and whether they are enough to say anything."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from loadtest.checker.overlap import Counts, Overlap
from loadtest.checker.verdict import Power, plural
from loadtest.events import Event, Operation, OrderEnded, Restocked, RoundEnded, RoundStarted

_CONFIDENCE = 0.95
_NO_WIN = "no win was contested"
_UNTESTED_RACE = (
    f"{_NO_WIN}: no order that wanted the same was in flight with a winner's write, so this run could not have shown a "
    "double win; use more orders, more --rounds, or the gate"
)
_UNTESTED_LOAD = (
    f"nothing was put to the test: {_NO_WIN}, so this run could not have shown a double win; let more buyers order at "
    "once, or more than the stock"
)


def excluded(chances: int) -> float:
    """The share that 0 in so many independent chances excludes with 95 % confidence: whatever is above it.

    That is the exact upper bound of a binomial share after 0 in n, 1 - 0.05^(1/n). The rule of three, 3/n, is its
    approximation: a little above it (at n = 30 0.100, not 0.095) and of no use below three. Without a chance nothing is
    excluded: 1. (It is Clopper and Pearson's bound, in closed form after none; the core does without SciPy for it.)
    """
    return -math.expm1(math.log1p(-_CONFIDENCE) / chances) if chances else 1.0


def needed(rate: float) -> int:
    """How many chances exclude a rate (above 0, below 1)."""
    chances = max(1, math.ceil(math.log1p(-_CONFIDENCE) / math.log1p(-rate)))
    return chances if excluded(chances) <= rate else chances + 1


@dataclass(slots=True)
class _Product:
    """One product in one round: its stock, what orders wanted of it, and its writes."""

    stock: int
    overlap: Overlap
    wanted: int = 0
    smallest: float = math.inf
    restocked: bool = False
    ended: bool = False

    @property
    def limited(self) -> bool:
        """Whether the orders together wanted at least all there was, and one could be served."""
        return not self.restocked and self.smallest <= self.stock <= self.wanted


@dataclass(frozen=True, slots=True)
class _Sums:
    """Over rounds: the counts, and how many rounds, and contested wins, there were where the stock was limited."""

    counts: Counts = field(default_factory=Counts)
    rounds: int = 0
    seconds: int = 0
    limited: int = 0
    contested_of_limited: int = 0

    def after(self, products: Iterable[_Product], *, final: bool) -> "_Sums":
        """With one round more; if that is `final`, nothing of it comes any more."""
        counted = [(product, product.overlap.counts(final=final)) for product in products]
        counts = sum((each for _, each in counted), Counts())
        limited = [each.contested for product, each in counted if product.limited]
        return _Sums(
            self.counts + replace(counts, seconds=0),
            self.rounds + bool(counts.contested),
            self.seconds + counts.seconds.bit_count(),
            self.limited + bool(limited),
            self.contested_of_limited + sum(limited),
        )


@dataclass(slots=True)
class Chances:
    """A listener: call it with every event of a run, then ask for the `power`. What is outside a round is left out."""

    _sums: _Sums = field(default_factory=_Sums)
    _seen: _Sums | None = None  # with the round that goes on, until the next event
    _round: int = 0
    _products: dict[str, _Product] = field(default_factory=dict)  # of the round that goes on
    _going: int = 0  # of these, those whose end has not come

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Operation):
            self.operation(event)
        elif isinstance(event, OrderEnded):
            self.order_ended(event)
        elif isinstance(event, RoundStarted):
            self.start(event)
        elif isinstance(event, Restocked):
            self.restock(event)
        elif isinstance(event, RoundEnded):
            self.end(event)

    def operation(self, op: Operation) -> None:
        """One request of an order."""
        product = self._products.get(op.product_id)
        if product is not None:
            self._seen = None
            product.overlap.add(op)

    def order_ended(self, event: OrderEnded) -> None:
        """An order has its result: it wanted so much."""
        product = self._products.get(event.product_id)
        if product is not None:
            self._seen = None
            product.wanted += event.units
            product.smallest = min(product.smallest, event.units)

    def restock(self, event: Restocked) -> None:
        """Units were added, or perhaps were."""
        product = self._products.get(event.product_id)
        if product is not None:
            self._seen = None
            product.restocked = True
            product.overlap.restock()

    def end(self, event: RoundEnded) -> None:
        """The round of one product is over."""
        product = self._products.get(event.product_id)
        if product is not None and not product.ended:
            self._seen = None
            product.ended = True
            self._going -= 1
            if not self._going:
                self._close()

    def start(self, event: RoundStarted) -> None:
        """The round of one product begins."""
        self._seen = None
        product = event.product
        if event.round != self._round or product.id in self._products:
            self._close()
        self._round = event.round
        self._going += 1
        self._products[product.id] = _Product(product.quantity, Overlap(product.quantity, event.started_ns))

    def _close(self) -> None:
        if self._products:
            self._sums = self._sums.after(self._products.values(), final=True)
            self._products, self._going = {}, 0

    def _all(self) -> _Sums:
        if self._seen is None:
            going = self._products.values()
            self._seen = self._sums.after(going, final=False) if going else self._sums
        return self._seen

    @property
    def contested(self) -> int:
        """The contested wins so far."""
        return self._all().counts.contested

    def power(self, *, is_load: bool) -> Power:
        """Of all rounds so far, also of one that has not ended."""
        sums = self._all()
        counts, periods = sums.counts, sums.seconds if is_load else sums.rounds
        return Power(
            counts.writes,
            counts.overlapping,
            counts.accepted,
            counts.contested,
            excluded(counts.contested),
            contested_rounds=0 if is_load else periods,
            contested_seconds=periods if is_load else 0,
            excluded_share=excluded(periods),
        )

    def untested(self, *, is_load: bool, reconciled: bool) -> str | None:
        """Why the run shows nothing, if it does not: its stock was limited, or it is a load, and no win was contested.

        A win whose own answer was lost (`reconciled`) counts here too.
        """
        sums = self._all()
        if reconciled and sums.counts.perhaps:
            return None
        if is_load:
            return None if sums.counts.contested else _UNTESTED_LOAD
        return None if sums.contested_of_limited or not sums.limited else _UNTESTED_RACE


def unexcluded(power: Power, rate: float) -> str | None:
    """Why a run that was to exclude that rate of double wins did not; None if it did."""
    if power.excluded_rate <= rate:
        return None
    had = f"{plural(power.contested, 'win')} {'was' if power.contested == 1 else 'were'} contested"
    return (
        f"a rate of double wins above {100 * rate:.6g} % is not excluded: {had}, and {needed(rate):,} must be; "
        "allow more --rounds or a longer --within"
    )
