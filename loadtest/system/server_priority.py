"""Servers on the machine of their client."""

import os


def give_way() -> None:
    """Let this process never take the core from a running one, where the system can tell (Linux: SCHED_BATCH).

    A burst is written in a few milliseconds. The first request that arrives wakes the server; on a busy machine it
    would go on in the client's place, and answer before the second is sent: orders that were to race would queue.
    """
    if hasattr(os, "SCHED_BATCH"):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
