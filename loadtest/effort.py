"""What a run costs the tool itself: CPU, the event loop's lag, and which client served what."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from loadtest.histogram import Histogram

_LAG_EVERY_S = 0.01


class Effort:
    """Filled in while a run goes on.

    `served` counts the calls by client and operation, `fallbacks` those that the wire left to the SDK by operation
    and reason; `cpu_ns` is this process's CPU time during the rounds, `loop_lag` how late the loop gave a turn.
    """

    def __init__(self, client: str, stamps: str) -> None:
        self.client = client
        self.stamps = stamps
        self.served: dict[str, Counter[str]] = {}
        self.fallbacks: Counter[str] = Counter()
        self.cpu_ns = 0
        self.loop_lag = Histogram()
        self._measuring = False
        self._started_ns = 0

    async def watch_loop(self) -> None:
        """Ask for a turn every ten milliseconds, for ever, and record how late it comes while a round goes on."""
        while True:
            due_ns = time.perf_counter_ns() + int(_LAG_EVERY_S * 1e9)
            measuring = self._measuring
            await anyio.sleep(_LAG_EVERY_S)
            if measuring or self._measuring:
                self.loop_lag.record(max(0, time.perf_counter_ns() - due_ns))

    @contextmanager
    def measured(self) -> Iterator[None]:
        """The block is a round."""
        self._started_ns = time.process_time_ns()
        self._measuring = True
        try:
            yield
        finally:
            self._measuring = False
            self.cpu_ns += time.process_time_ns() - self._started_ns

    async def restart_after(self, seconds: float) -> None:
        """Forget the round's warm-up, which takes so long."""
        await anyio.sleep(seconds)
        self.cpu_ns, self._started_ns = 0, time.process_time_ns()
        self.loop_lag = Histogram()
