"""What can go wrong outside a run's own outcomes.

    LoadTestError            exit code 3: the run could not be completed
    ├── UsageError           exit code 2: an option's value cannot be used
    ├── TargetError          exit code 3: the target cannot be used as it is
    └── InterruptedRunError  exit code 130: stopped by a signal before anything was measured

Rejected, throttled, failed and unknown orders are values (`loadtest.events`), never exceptions.
"""

from collections.abc import Iterable


class LoadTestError(Exception):
    """One plain sentence for the user, with what to do about it; `exit_code` is the process's."""

    exit_code = 3


class UsageError(LoadTestError):
    """An option or a path that the user gave cannot be used."""

    exit_code = 2


class TargetError(LoadTestError):
    """The server, its credentials, the table or the product are not fit for the run."""


class InterruptedRunError(LoadTestError):
    """A signal came before the first order was placed."""

    exit_code = 130


def nearest(name: str, names: Iterable[str], otherwise: str | None = None) -> str:
    """What to say of a name that there is not: the one that was probably meant, or `otherwise`, or all there are."""
    from difflib import get_close_matches

    known = list(names)
    found = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {found[0]!r}?" if found else otherwise or f"there are {', '.join(known)}"
