"""In words, what a run without a double win shows."""

from loadtest.checker import Power, Status, Verdict
from loadtest.checker.verdict import plural
from loadtest.report import ReportedVerdict


def shown(verdict: Verdict | ReportedVerdict) -> str | None:
    """One sentence; None where there is nothing to say: something was violated, or no write was accepted."""
    power = verdict.power
    if not power.accepted or verdict.status is Status.VIOLATED:
        return None
    met = f"{power.overlapping:,} of {plural(power.writes, 'write')} overlapped an accepted one"
    if not power.contested:
        return f"{met}: no win was contested, so this run cannot show a double win"
    wins = f"{power.contested:,} of {plural(power.accepted, 'win')} {'was' if power.contested == 1 else 'were'}"
    rate = f"double wins at a rate above {power.excluded_rate:.3g} (95 %) if they come independently"
    return f"{met}; {wins} contested, which excludes {rate}{_in_bursts(power)}"


def _in_bursts(power: Power) -> str:
    rounds, seconds = power.contested_rounds, power.contested_seconds
    if not rounds and not seconds:  # a report of an earlier version does not say
        return ""
    where = plural(rounds, "round") if rounds else plural(seconds, "second")
    return f", and in more than {power.excluded_share:.3g} of the {'rounds' if rounds else 'seconds'} if not ({where})"
