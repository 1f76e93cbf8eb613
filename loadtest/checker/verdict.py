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
    """One broken law with its evidence: the round, the orders that show it (at most ten) and how many there are.

    `operations` are the fewest that show it, at most ten, where operations do.
    """

    kind: str
    message: str
    round: int
    product_id: str
    orders: tuple[str, ...] = ()
    orders_count: int = 0
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """What evidence said, after a round, of orders whose answer was lost: orders, not operations."""

    accepted: int = 0
    rejected: int = 0
    unsettled: int = 0


@dataclass(frozen=True, slots=True)
class Power:
    """What a run in which no two orders won the same could have shown.

    Of `writes` write attempts `overlapping` were in flight at the same time as an accepted write of the same product
    (and version). `contested` of the `accepted` writes put a condition to the test: another order in flight with it
    wanted what it took, and could not have it too. They are as many chances to see a double win. `excluded_rate` is the
    rate of double wins among them that a run like this would have shown with 95 % certainty, if they come independently
    of one another; 1 if it would have shown none. `contested_rounds` rounds of a race, or `contested_seconds` seconds
    of a load, had a contested win: `excluded_share` is the same bound for the share of rounds, or seconds, with a
    double win, however they come within one.
    """

    writes: int = 0
    overlapping: int = 0
    accepted: int = 0
    contested: int = 0
    excluded_rate: float = 1.0
    contested_rounds: int = 0
    contested_seconds: int = 0
    excluded_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the run was safe, in one plain sentence, with every violation and every doubt.

    `phantom_rejects` are orders that won but were told they lost. `stale_reads` are reads that were not asked to be
    consistent and showed an old version: they are no violation. If `untested`, it is inconclusive for nothing else than
    that no win was contested.
    """

    status: Status
    sentence: str
    violations: tuple[Violation, ...] = ()
    doubts: tuple[str, ...] = ()
    settled: Settled = Settled()
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
    settled: Settled = Settled()


def sentence(status: Status, tally: Tally, violations: tuple[Violation, ...], doubts: tuple[str, ...]) -> str:
    """For example: "1 of 100 orders won the last item; 99 were rejected: safe"."""
    said = f"{_winners(tally)}; {'in all ' if tally.rounds > 1 else ''}{_others(tally)}: {status}"
    if violations:
        return f"{said} ({violations[0].message}{_more(len(violations) - 1, 'violation')})"
    return f"{said} ({doubts[0]}{_more(len(doubts) - 1, 'doubt')})" if doubts else said


def _winners(tally: Tally) -> str:
    accepted = tally.outcomes[Outcome.ACCEPTED] + tally.settled.accepted
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
    said = []
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
            after = _settled(tally.settled) if outcome is Outcome.UNKNOWN else ""
            said.append(f"{count:,} {verb}{words}{after}")
    return ", ".join(said)


def _settled(settled: Settled) -> str:
    parts = (("accepted", settled.accepted), ("rejected", settled.rejected))
    said = [f"{count:,} settled as {words}" for words, count in parts if count]
    return f" ({', '.join(said)})" if said else ""


def plural(count: int, noun: str) -> str:
    """`1 order`, `2,000 orders`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _more(count: int, noun: str) -> str:
    return f", and {count:,} more {noun}{'' if count == 1 else 's'}" if count > 0 else ""
