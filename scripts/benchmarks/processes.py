"""What several processes and machines reach. Prints a line of JSON.

`python -m benchmarks.processes cpu|sdk URL`, `… start|start-ordinary`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median
from typing import Any

from benchmarks.network import Machine, machines

_TURNS = 5
_ORDINARY = ("setpriv", "--bounding-set", "-sys_nice")
# What docs/how-to/use-a-cluster.md advises for workers.
_QUIET = {
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "10s",
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
}


def loadtest(*arguments: str) -> Any:
    """The report of a run."""
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "loadtest", *arguments, "--json", "-", "-q", "--runs-dir", folder]
        run.append("--allow-untagged-table")  # it may be on another machine
        return json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)


def one_and_two(url: str, *arguments: str) -> list[tuple[Any, Any]]:
    """Reports of one process and of two, in turn."""
    run = ["load", "--endpoint-url", url, "--strategy", "conditional", "--duration", "5s", "--warmup", "1s", *arguments]
    return [(loadtest(*run, "--processes", "1"), loadtest(*run, "--processes", "2")) for _ in range(_TURNS)]


def cpu(url: str) -> dict[str, float]:
    """Orders for each CPU second, two against one: of the processes that place them, and `whole`, of all of them."""
    ratios, whole = [], []
    for alone, both in one_and_two(url, "--concurrency", "100"):
        of_workers_s = sum(worker["cpu_cores"] for worker in both["client"]["workers"]) * both["duration_s"]
        of_one = alone["orders"]["placed"] / alone["client"]["cpu_s"]
        ratios.append(both["orders"]["placed"] / of_workers_s / of_one)
        whole.append(both["orders"]["placed"] / both["client"]["cpu_s"] / of_one)
    return {"times": median(ratios), "whole": median(whole)}


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
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | _QUIET
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


def may_be_urgent() -> bool:
    """Whether processes that are begun from here may have real-time priority."""
    asked = subprocess.run(["chrt", "--fifo", "1", "true"], stderr=subprocess.DEVNULL, check=False)  # nosec B607
    return asked.returncode == 0


def start(*, ordinary: bool = False) -> dict[str, Any]:
    """How far apart four workers began, on machines of their own, and how well their clocks were known.

    They run before all else here around an instant, if that is allowed, unless they are to be `ordinary`.
    """
    before = _ORDINARY if ordinary else ()
    with machines(4) as (here, others), shop_and_cluster(here, others, 18_700, before) as (url, scheduler):
        rounds = ["--rounds", "100", "-n", "40", "--endpoint-url", url, "--populate-table", "--strategy", "conditional"]
        client = loadtest("race", *rounds, "--cluster", scheduler, "--cluster-insecure")["client"]
    uncertain_ms = max(worker["clock_uncertainty_ms"] for worker in client["workers"])
    where = {"namespaces": bool(others[0].command), "urgent": not ordinary and may_be_urgent()}
    return {**client["start_spread_ms"], "uncertain_ms": uncertain_ms, **where}


if __name__ == "__main__":
    kind, *url = sys.argv[1:]
    measures: dict[str, Callable[..., dict[str, Any]]] = {
        "cpu": cpu,
        "sdk": sdk,
        "start": start,
        "start-ordinary": partial(start, ordinary=True),
    }
    sys.stdout.write(json.dumps(measures[kind](*url)) + "\n")
