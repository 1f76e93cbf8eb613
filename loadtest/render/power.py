"""In words, what a run without a double win shows."""

from loadtest.checker import Power, Status, Verdict
from loadtest.checker.verdict import plural
from loadtest.records.report import ReportedVerdict


def shown(verdict: Verdict | ReportedVerdict) -> str | None:
    """One sentence; None where there is nothing to say: something was violated, or no write was accepted."""
    power = verdict.power
    if not power.accepted or verdict.status is Status.VIOLATED:
        return None
    if not power.contested:
        return "no win was contested, so this run cannot show a double win"
    wins = f"{power.contested:,} of {plural(power.accepted, 'win')} {'was' if power.contested == 1 else 'were'}"
    excluded = f"double wins in more than {_percent(power.excluded_rate)} of contested wins"
    return f"{wins} contested; that excludes, with 95 % certainty, {excluded}{_in_bursts(power)}"


def overlap(power: Power) -> str:
    """How many writes overlapped one that won."""
    return f"{power.overlapping:,} of {plural(power.writes, 'write')} overlapped an accepted one"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _in_bursts(power: Power) -> str:
    """The same of rounds or seconds: double wins need not come independently of one another."""
    rounds = power.contested_rounds
    where = plural(rounds, "round") if rounds else plural(power.contested_seconds, "second")
    return (
        f", and, should they come in bursts, in more than {_percent(power.excluded_share)} of the "
        f"{'rounds' if rounds else 'seconds'} ({where})"
    )
