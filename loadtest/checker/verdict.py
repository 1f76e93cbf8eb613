"""The verdict, the violations behind it, and the one sentence that says both."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from loadtest.events import Operation, Outcome


class Status(StrEnum):
    """What a run showed."""

    SAFE = "safe"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken invariant with its evidence."""

    kind: str  #: which invariant
    message: str  #: what was seen, in words
    round: int  #: in which it was seen
    product_id: str  #: the product that it was seen on
    orders: tuple[str, ...] = ()  #: the first ten orders that show it
    orders_count: int = 0  #: how many there are
    #: the smallest set of operations that shows it, at most ten; empty where operations do not
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What evidence said, after a round, of orders whose answer was lost: orders, not operations."""

    accepted: int = 0  #: turned out to have been accepted
    rejected: int = 0  #: turned out to have been rejected
    unresolved: int = 0  #: no evidence told


@dataclass(frozen=True, slots=True)
class Power:
    """What a run in which no two orders won the same could have shown."""

    writes: int = 0  #: attempts to write
    overlapping: int = 0  #: those in flight at the same time as an accepted write of the same product and version
    accepted: int = 0  #: accepted writes
    #: those of them that another order in flight wanted, and could not have too: as many chances to see a double
    #: win
    contested: int = 0
    #: a higher rate of double wins would have shown with 95 % certainty, if they come independently; 1: none would
    excluded_rate: float = 1.0
    contested_rounds: int = 0  #: rounds of a race with such a win
    contested_seconds: int = 0  #: seconds of a load with such a win
    #: the same bound for the share of rounds, or seconds, with a double win, however they come within one
    excluded_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the run was safe, in one plain sentence, with every violation and every reason why it is not called safe.

    `phantom_rejects` are orders that won but were told they lost. `stale_reads` are reads that were not asked to be
    consistent and showed an old version: they are no violation. If `untested`, it is inconclusive for nothing else than
    that no win was contested.
    """

    status: Status
    sentence: str
    violations: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()
    reconciled: Reconciled = Reconciled()
    phantom_rejects: int = 0
    stale_reads: int = 0
    power: Power = Power()
    untested: bool = False


@dataclass(slots=True)
class Tally:
    """What the sentence is made of, counted over all rounds."""

    rounds: int = 0
    orders: int = 0
    stocks: set[int] = field(default_factory=set)
    units: set[int] = field(default_factory=set)
    products: int = 1
    restocked: bool = False
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    winners: Counter[int] = field(default_factory=Counter)
    reconciled: Reconciled = Reconciled()


def sentence(status: Status, tally: Tally, violations: tuple[Violation, ...], reasons: tuple[str, ...]) -> str:
    """For example: "1 of 100 orders won the last item; 99 were rejected: safe"."""
    text = f"{_winners(tally)}; {'in all ' if tally.rounds > 1 else ''}{_others(tally)}: {status}"
    if violations:
        return f"{text} ({violations[0].message}{_more(len(violations) - 1, 'violation')})"
    return f"{text} ({reasons[0]}{_more(len(reasons) - 1, 'reason')})" if reasons else text


def _winners(tally: Tally) -> str:
    accepted = tally.outcomes[Outcome.ACCEPTED] + tally.reconciled.accepted
    last_item = tally.stocks == {1} and tally.units == {1} and tally.products == 1 and not tally.restocked
    if tally.rounds <= 1:
        return f"{accepted:,} of {plural(tally.orders, 'order')} won{_prize(tally, last_item)}"
    if len(tally.winners) == 1:
        (winners,) = tally.winners
        return (
            f"in each of {tally.rounds:,} rounds {winners:,} of "
            f"{plural(tally.orders // tally.rounds, 'order')} won{_prize(tally, last_item)}"
        )
    spread = ", ".join(f"{plural(n, 'winner')} in {rounds:,}" for n, rounds in sorted(tally.winners.items()))
    return f"{tally.rounds:,} rounds of {plural(tally.orders // tally.rounds, 'order')}: {spread}"


def _prize(tally: Tally, last_item: bool) -> str:
    if last_item:
        return " the last item"
    if len(tally.stocks) == 1 and len(tally.units) == 1:
        (stock,), (units,) = tally.stocks, tally.units
        each = f" {plural(units, 'unit')} each" if units != 1 else ""
        products = f" each of {tally.products:,} products" if tally.products > 1 else ""
        return f"{each} from a stock of {stock:,}{products}{', restocked' if tally.restocked else ''}"
    return ""


def _others(tally: Tally) -> str:
    parts = []
    for outcome, words in (
        (Outcome.REJECTED, "rejected"),
        (Outcome.THROTTLED, "throttled"),
        (Outcome.FAILED, "failed"),
        (Outcome.UNKNOWN, "unknown"),
    ):
        count = tally.outcomes[outcome]
        if count or outcome is Outcome.REJECTED:
            verb = "" if outcome is Outcome.FAILED else "was " if count == 1 else "were "
            if outcome is Outcome.UNKNOWN:
                verb = "is " if count == 1 else "are "
            after = _reconciled(tally.reconciled) if outcome is Outcome.UNKNOWN else ""
            parts.append(f"{count:,} {verb}{words}{after}")
    return ", ".join(parts)


def _reconciled(reconciled: Reconciled) -> str:
    parts = (("accepted", reconciled.accepted), ("rejected", reconciled.rejected))
    counts = [f"{count:,} reconciled as {words}" for words, count in parts if count]
    return f" ({', '.join(counts)})" if counts else ""


def plural(count: int, noun: str) -> str:
    """`1 order`, `2,000 orders`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _more(count: int, noun: str) -> str:
    return f", and {count:,} more {noun}{'' if count == 1 else 's'}" if count > 0 else ""
