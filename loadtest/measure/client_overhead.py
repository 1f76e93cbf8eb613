"""What a run costs the tool itself: CPU, the event loop's lag, and which client served what."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from msgspec import Struct

from loadtest.measure.histogram import Histogram

_LAG_EVERY_S = 0.01


class Share(Struct, frozen=True):
    """One of several processes that placed a run's orders: how many, with how much CPU time (None if it was `lost`).

    `offset_ns` is what was added to its clock at the end, `uncertainty_ns` how wrong that was at most.
    """

    name: str
    host: str
    orders: int
    cpu_ns: int | None
    offset_ns: int
    uncertainty_ns: int
    lost: str | None


class ClientOverhead:
    """Filled in while a run goes on.

    `served` counts the calls by client and operation, `fallbacks` those that the wire left to the SDK by operation
    and reason, `reader_stamps` the answers that have no receive time of the kernel's; `cpu_ns` is this process's CPU
    time during the rounds, `loop_lag` how late the loop gave a turn.
    """

    def __init__(self, client: str, stamps: str) -> None:
        self.client = client
        self.stamps = stamps
        self.served: dict[str, Counter[str]] = {}
        self.fallbacks: Counter[str] = Counter()
        self.reader_stamps = 0
        self.cpu_ns = 0
        self.shares: list[Share] = []  # of several processes
        self.start_spreads_ns: list[int] = []  # of each start, from the first of them to the last
        self.loop_lag = Histogram()
        self._stamps: set[str] = set()  # of the several processes
        self._measuring = False
        self._started_ns = 0

    def add(self, share: Share, other: "ClientOverhead | None") -> None:
        """Another process had its part in the run; None if it was lost."""
        self.shares.append(share)
        if other is None:
            return
        self._stamps.add(other.stamps)
        self.stamps = "kernel" if "kernel" in self._stamps else other.stamps
        self.reader_stamps += other.reader_stamps
        for client, calls in other.served.items():
            self.served.setdefault(client, Counter()).update(calls)
        self.fallbacks.update(other.fallbacks)
        self.cpu_ns += other.cpu_ns
        self.loop_lag.merge(other.loop_lag)

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
