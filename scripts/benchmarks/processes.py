"""What several processes and machines reach. Prints a line of JSON.

`python -m benchmarks.processes cpu|sdk URL`, `… start|start-ordinary|judge`.
"""

import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks.network import Machine, machines
from loadtest.checker import Checker
from loadtest.history import HistoryWriter
from loadtest.order import (
    Event,
    Kind,
    MeasuringStarted,
    Operation,
    OrderEnded,
    OrderPlaced,
    Outcome,
    Product,
    RoundStarted,
)
from loadtest.recorder import Recorder
from loadtest.scale.merge import Merge
from loadtest.settling import Settling

_TURNS = 5
_SECOND_NS = 1_000_000_000
# A server that is not on loopback is asked with the credentials that there are; this one takes any.
_ENVIRONMENT = os.environ | {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
_REAL_TIME = ("chrt", "--fifo", "1")
# What docs/scale.md advises for workers.
_QUIET = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


def loadtest(*arguments: str) -> Any:
    """The report of a run."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "loadtest", *arguments, "--json", "-", "-q", "--runs-dir", folder]
        return json.loads(
            subprocess.run(run, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENVIRONMENT).stdout
        )


def one_and_two(url: str, *arguments: str) -> list[tuple[Any, Any]]:
    """Reports of one process and of two, in turn."""
    run = ["load", "--endpoint-url", url, "--strategy", "conditional", "--duration", "5s", "--warmup", "1s", *arguments]
    return [(loadtest(*run, "--processes", "1"), loadtest(*run, "--processes", "2")) for _ in range(_TURNS)]


def cpu(url: str) -> dict[str, float]:
    """Orders for each CPU second of the processes that place them: two against one."""
    ratios = []
    for alone, both in one_and_two(url, "--concurrency", "100"):
        of_workers_s = sum(worker["cpu_cores"] for worker in both["client"]["workers"]) * both["duration_s"]
        ratios.append(
            (both["orders"]["placed"] / of_workers_s) / (alone["orders"]["placed"] / alone["client"]["cpu_s"])
        )
    return {"times": median(ratios)}


def sdk(url: str) -> dict[str, float]:
    """Orders a second with the SDK as shipped: two processes against one."""
    turns = one_and_two(url, "--concurrency", "100", "--client", "sdk")
    return {"times": median(both["goodput_per_s"] / alone["goodput_per_s"] for alone, both in turns)}


@contextmanager
def shop_and_cluster(
    here: Machine, others: list[Machine], port: int, before: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """A server and a scheduler at this address, and a worker on each of the others: the URL, and the address.

    `before` is what the workers' commands begin with.
    """
    scheduler = f"tcp://{here.address}:{port + 1}"
    with ExitStack() as running:

        def start(*command: str) -> None:
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_ENVIRONMENT | _QUIET
            )
            running.callback(process.wait)
            running.callback(process.terminate)

        dask, only = [sys.executable, "-m", "dask"], ["--no-dashboard"]
        start(sys.executable, "-m", "loadtest", "serve", "--host", here.address, "--port", str(port))
        start(*dask, "scheduler", "--host", here.address, "--port", str(port + 1), *only)
        for other in others:
            own = ["--host", other.address, "--nthreads", "1", "--no-nanny"]
            start(*other.command, *before, *dask, "worker", scheduler, *own, *only)
        time.sleep(10)
        yield f"http://{here.address}:{port}", scheduler


def start(*, ordinary: bool = False) -> dict[str, Any]:
    """How far apart four workers began, on machines of their own, and how well their clocks were known.

    Machines of their own are shared with nobody: where that can be had, their workers run before all else here, unless
    they are to be `ordinary`.
    """
    real_time = not ordinary and _works(*_REAL_TIME, "true")
    before = _REAL_TIME if real_time else ()
    with machines(4) as (here, others), shop_and_cluster(here, others, 18_700, before) as (url, scheduler):
        rounds = ["--rounds", "100", "-n", "40", "--endpoint-url", url, "--populate-table", "--strategy", "conditional"]
        client = loadtest("race", *rounds, "--cluster", scheduler)["client"]
    uncertain_ms = max(worker["clock_uncertainty_ms"] for worker in client["workers"])
    where = {"namespaces": bool(others[0].command), "real_time": real_time}
    return {**client["start_spread_ms"], "uncertain_ms": uncertain_ms, **where}


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def judge(shards: int = 64, per_s: int = 50_000, seconds: int = 60) -> dict[str, float]:
    """A minute of the streams of 64 shards, half of their operations writes: how long after it the verdict comes.

    What a second brought can be judged when it is over, and when all before has been. The part of the checker in what
    that takes is told too.
    """
    checker, recorder, settling, merge = Checker(), Recorder(), Settling(), Merge(shards)
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Event).decode_lines
    judged_s = taken_s = checked_s = 0.0
    with tempfile.TemporaryDirectory() as folder, HistoryWriter(Path(folder, "history.jsonl"), "run") as history:
        started: list[Event] = [RoundStarted(1, Product("p", "p", 10**9, 1), 0, 0), MeasuringStarted(1, 0)]
        gc.collect()
        gc.freeze()  # as a run does
        for second in range(seconds):
            told = [b"\n".join(map(encode, _orders(second, shard, shards, per_s // 2))) for shard in range(shards)]
            began_s = time.process_time()
            for shard, lines in enumerate(told):
                merge.put(shard, decode(lines), (second + 1) * _SECOND_NS)
            events = [*started, *merge.take()]
            for event in events:
                recorder(event)
                settling(event)
                history(event)
            recorder.tick()
            merged_s = time.process_time()
            for event in events:
                checker(event)
            ended_s = time.process_time()
            checked_s += ended_s - merged_s
            taken_s += ended_s - began_s
            judged_s = max(judged_s, second + 1.0) + ended_s - began_s
            started = []
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    shape = {"operations": per_s, "shards": shards, "seconds": seconds, "peak_bytes": peak}
    took = {"cpu_s": taken_s / seconds, "checker_s": checked_s / seconds}
    return shape | took | {"behind_s": judged_s - seconds}


def _orders(second: int, shard: int, shards: int, per_s: int) -> Iterator[Event]:
    for k in range(shard, per_s, shards):
        n = second * per_s + k + 1
        order_id, at_ns = f"0a1b2c3d4e-1-{n}", second * _SECOND_NS + k * _SECOND_NS // per_s
        order: dict[str, Any] = {"round": 1, "order_id": order_id, "product_id": "p", "units": 1}
        yield OrderPlaced(**order, scheduled_ns=at_ns, started_ns=at_ns)
        common: dict[str, Any] = {**order, "attempt": 1, "outcome": Outcome.ACCEPTED, "reason": "", "message": ""}
        read = {"read_version": None, "version": n, "quantity": 10**9 - n + 1, "capacity": 0.5}
        write = {"read_version": n, "version": n + 1, "quantity": 10**9 - n, "capacity": 1.0, "last_order": order_id}
        yield Operation(**common, kind=Kind.READ, **read, **_times(at_ns, 0))
        yield Operation(**common, kind=Kind.WRITE, **write, **_times(at_ns, 10_000))
        yield OrderEnded(
            **order,
            outcome=Outcome.ACCEPTED,
            reason="",
            message="",
            attempts=1,
            scheduled_ns=at_ns,
            ended_ns=at_ns + 20_000,
        )


def _times(at_ns: int, after_ns: int) -> dict[str, int]:
    began_ns = at_ns + after_ns
    return {
        "scheduled_ns": began_ns,
        "sent_ns": began_ns,
        "received_ns": began_ns + 9_000,
        "ended_ns": began_ns + 9_500,
    }


if __name__ == "__main__":
    kind, *url = sys.argv[1:]
    measures: dict[str, Callable[..., dict[str, Any]]] = {
        "cpu": cpu,
        "sdk": sdk,
        "start": start,
        "start-ordinary": partial(start, ordinary=True),
        "judge": judge,
    }
    sys.stdout.write(json.dumps(measures[kind](*url)) + "\n")
