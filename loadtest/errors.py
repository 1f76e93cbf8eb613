"""What can go wrong outside a run's own outcomes.

    LoadTestError            exit code 3: the run could not be completed
    ├── UsageError           exit code 2: an option's value cannot be used
    ├── TargetError          exit code 3: the target cannot be used as it is
    └── InterruptedRunError  exit code 130: stopped by a signal before anything was measured

Rejected, throttled, failed and unknown orders are values (`loadtest.events`), never exceptions.
"""


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
