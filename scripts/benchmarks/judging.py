"""How soon the verdict comes when 64 workers have told of a minute of 50,000 operations a second. Prints JSON.

`python -m benchmarks.judging [SECONDS]`. The workers are simulated: what they tell is made before, half of it reads and
half writes, and told at the pace at which it would have happened, with a clock of their own. All that follows is what
a run does, at its own pace: clocks compared, streams merged, events counted, stored and judged.
"""

import gc
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec

from loadtest.checker import Status
from loadtest.distributed.checker_process import Judge
from loadtest.distributed.coordinator import Coordinator
from loadtest.distributed.worker import Batch
from loadtest.dynamodb.endpoint import Connection
from loadtest.engine.reconcile import RoundWrites
from loadtest.events import (
    Event,
    Kind,
    MeasuringStarted,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Product,
    RoundEnded,
    RoundStarted,
)
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.records.history import HistoryWriter
from loadtest.workload.spec import Cluster, Load, Spread

_WORKERS, _PER_S = 64, 50_000
_LEAD_S = 3.0  # from when the workers' clocks begin to their first order
_SLICE_NS = 5_000_000
_STOCK = 10**9
_TICK_S = 0.25
_PREFIX = "0a1b2c3d4e-1"


class Told:
    """A worker that tells what was made for it, when its time has come."""

    def __init__(self, name: str, folder: Path, began_ns: int) -> None:
        self.name = name
        self._began_ns = began_ns
        self._file = (folder / name).open("rb")
        self._ends = array("q", (folder / f"{name}.ends").read_bytes())
        self._from = self._number = self._work = 0

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        return getattr(self, f"_{method}")(*arguments, **named)

    def end(self) -> None:
        raise AssertionError(f"{self.name} was given up")

    def _host(self) -> str:
        return "simulated"

    def _clock(self) -> int:
        return time.perf_counter_ns() - self._began_ns

    def _open(self, _: object) -> None:
        pass

    def _arrive(self, number: int, _prefix: str, _started_ns: int) -> None:
        self._work = number

    def _collect(self, _: int) -> Batch:
        now_ns = self._clock()
        told = min(max(0, int(now_ns - _LEAD_S * 1e9) // _SLICE_NS), len(self._ends))
        until = self._ends[told - 1] if told else 0
        lines = os.pread(self._file.fileno(), until - self._from, self._from)
        self._from, self._number = until, self._number + 1
        heard_ns = int(_LEAD_S * 1e9) + told * _SLICE_NS if told else 0
        if told == len(self._ends):
            heard_ns = now_ns
        return Batch(self._number, lines, heard_ns, 0, self._work if told == len(self._ends) else 0, 1 << 60)

    def _close(self) -> ClientOverhead:
        return ClientOverhead("wire", "kernel")


def make(folder: Path, seconds: int, worker: int) -> None:
    """What one worker tells: its lines, and how far they go at the end of each slice."""
    encode, ends = msgspec.json.Encoder().encode, array("q")
    with (folder / f"worker {worker}").open("wb") as file:
        for at_ns, event in _events(worker, seconds):
            while at_ns >= (len(ends) + 1) * _SLICE_NS:
                ends.append(file.tell())
            file.write(encode(event) + b"\n")
        while len(ends) * _SLICE_NS < seconds * 10**9:
            ends.append(file.tell())
    (folder / f"worker {worker}.ends").write_bytes(ends.tobytes())


def _events(worker: int, seconds: int) -> Iterator[tuple[int, Event]]:
    per_s = _PER_S // 2
    for k in range(worker, per_s * seconds, _WORKERS):
        order_id, due_ns = f"{_PREFIX}-{k + 1}", k * 1_000_000_000 // per_s
        at_ns = int(_LEAD_S * 1e9) + due_ns
        order: dict[str, Any] = {"round": 1, "order_id": order_id, "product_id": "p", "units": 1}
        common: dict[str, Any] = {**order, "attempt": 1, "outcome": Outcome.ACCEPTED, "reason": "", "message": ""}
        read = {"read_version": None, "version": k + 1, "quantity": _STOCK - k, "capacity": 1.0}
        write = {"read_version": k + 1, "version": k + 2, "quantity": _STOCK - k - 1, "last_order": order_id}
        yield due_ns, OrderPlaced(**order, scheduled_ns=at_ns, started_ns=at_ns)
        yield due_ns, Operation(**common, kind=Kind.READ, **read, **_times(at_ns))
        yield due_ns, Operation(**common, kind=Kind.WRITE, **write, capacity=1.0, **_times(at_ns + 10_000))
        ended = {"outcome": Outcome.ACCEPTED, "reason": "", "message": "", "attempts": 1}
        yield due_ns, OrderEnded(**order, **ended, scheduled_ns=at_ns, ended_ns=at_ns + 20_000)


def _times(began_ns: int) -> dict[str, int]:
    return {
        "scheduled_ns": began_ns,
        "sent_ns": began_ns,
        "received_ns": began_ns + 9_000,
        "ended_ns": began_ns + 9_500,
    }


async def replay(folder: Path, seconds: int) -> dict[str, Any]:
    """Let them tell, as a run does."""
    recorder, writes = Recorder(), RoundWrites()
    orders = _PER_S // 2 * seconds
    spread = Spread(cluster=Cluster(address="tcp://127.0.0.1:1"))
    plan = Load(strategy="version", concurrency=1_000, rate_per_s=_PER_S / 2, duration_s=seconds, spread=spread)
    path = folder / "history.jsonl"
    with HistoryWriter(path, "run") as history, closing(Judge(path)) as judge:

        def emit(event: Event) -> None:
            recorder(event)
            writes(event)
            history(event)

        async def tick() -> None:
            while True:
                await anyio.sleep(_TICK_S)
                history.flush()
                recorder.tick()

        began_ns = time.perf_counter_ns()
        started_ns = began_ns + int(_LEAD_S * 1e9)
        remotes = [Told(f"worker {n}", folder, began_ns) for n in range(_WORKERS)]
        coordinator = Coordinator(plan, remotes, emit, _fail, own_clocks=True)
        await coordinator.open(Connection(table="products"))
        gc.collect()
        gc.freeze()  # as a run does
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tick)
            async with coordinator.at_work():
                emit(RoundStarted(1, Product("p", "p", _STOCK, 1), 0, started_ns - 10**8))
                emit(MeasuringStarted(1, started_ns - 10**8))
                before_s = time.process_time()
                await coordinator.arrive(_PREFIX, started_ns)
                cpu_s = time.process_time() - before_s
                merged_ns = time.perf_counter_ns()
            tasks.cancel_scope.cancel()
        now_ns = time.perf_counter_ns()
        emit(RoundEnded(1, "p", Product("p", "p", _STOCK - orders, 1 + orders), now_ns, now_ns))
        history.flush()
        judgement = judge.judgement()
    judged_ns = time.perf_counter_ns()
    if judgement.verdict.status is not Status.SAFE or recorder.ended != orders:
        raise AssertionError(f"{recorder.ended:,} orders: {judgement.verdict.sentence}")
    over_ns = started_ns + seconds * 10**9
    return {
        "operations": _PER_S,
        "workers": _WORKERS,
        "seconds": seconds,
        "merged_s": (merged_ns - over_ns) / 1e9,
        "judged_s": (judged_ns - over_ns) / 1e9,
        "cpu_s": cpu_s / seconds,
        "judge_cpu_s": (judgement.cpu_ns or 0) / 1e9 / seconds,
        "peak_bytes": _peak_bytes(resource.RUSAGE_SELF),
        "judge_peak_bytes": _peak_bytes(resource.RUSAGE_CHILDREN),
    }


def _fail(error: Exception) -> None:
    raise error


def _peak_bytes(of: int) -> int:
    return resource.getrusage(of).ru_maxrss * 1024


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with multiprocessing.get_context("spawn").Pool() as pool:
            pool.map(partial(make, folder, seconds), range(_WORKERS))
        figures = anyio.run(replay, folder, seconds, backend_options={"use_uvloop": True})
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
