"""The checker of a stored history: what its header says of the run decides what it must have put to the test."""

from loadtest.checker import Checker
from loadtest.checker.pending import pending
from loadtest.records.history import Conditions


def checker(conditions: Conditions | None) -> Checker:
    """For the run of these conditions; a history without any is judged as that of a race."""
    if conditions is None:
        return Checker()
    exclude = conditions.plan.get("exclude")
    return Checker(
        pending(conditions.lost),
        is_load=conditions.command == "load",
        exclude=exclude if isinstance(exclude, float) else None,
        several=_several(conditions.plan.get("spread")),
    )


def _several(spread: object) -> bool:
    """Whether a plan lets more than one process place the orders."""
    return isinstance(spread, dict) and (spread.get("processes") != 1 or spread.get("cluster") is not None)
