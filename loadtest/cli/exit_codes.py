"""How a command ended, for whoever started it. An error of the target or the run has its own, 3 (`loadtest.errors`)."""

SAFE = 0
VIOLATED = 1
WRONG_USAGE = 2
INCONCLUSIVE = 4
THRESHOLD_CROSSED = 5
INTERRUPTED = 130
