"""Measures everything, interleaved, and writes docs/explanation/performance.md; or one part.

`python -m benchmarks [PART]`
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.page import write_page
from benchmarks.servers import EMBEDDED, GRANIAN, MINIMAL, cpu_s, running, running_shop, with_product

CLIENTS = {"wire": 20_000, "aioboto3": 3_000, "aiodynamo": 6_000, "aiohttp POST": 12_000, "boto3 in threads": 2_000}
IN_FLIGHT = (10, 100, 1000)
FOLDER = Path(__file__).parent
Figures = dict[str, Any]


def measure(*arguments: str, cpu: int | None = None) -> Any:
    """What one measurement, in a process of its own, prints."""
    done = start(*arguments, cpu=cpu)
    output, _ = done.communicate()
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed with code {done.returncode}")
    return json.loads(output)


def start(*arguments: str, cpu: int | None = None) -> subprocess.Popen[str]:
    """Start a measurement; `cpu` is the only one it may use."""
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
    )


def clients(turns: int) -> Figures:
    """CPU for each operation and operations a second: the clients in turn, on one CPU, the server on the other."""
    seen: defaultdict[tuple[int, str], list[Any]] = defaultdict(list)
    with running(MINIMAL, cpu=1) as (url, _):
        for turn in range(turns):
            for in_flight in IN_FLIGHT:
                for client, operations in CLIENTS.items():
                    if client == "boto3 in threads" and in_flight > 100:
                        continue
                    say(f"turn {turn + 1} of {turns}: {client}, {in_flight:,} in flight")
                    result = measure("benchmarks.clients", client, str(in_flight), str(operations), url, cpu=0)
                    seen[in_flight, client].append(result)
                if shutil.which("wrk"):
                    seen[in_flight, "wrk"].append(wrk(url, in_flight))
    return {key: {name: median(one[name] for one in turns_) for name in turns_[0]} for key, turns_ in seen.items()}


def wrk(url: str, connections: int, pid: int | None = None) -> Figures:
    """Wrk for two seconds: operations a second and CPU, its own or that of the server `pid`."""
    own_before, server_before = os.times().children_user + os.times().children_system, cpu_s(pid) if pid else 0.0
    output = subprocess.run(  # nosec B607
        ["wrk", "-t1", f"-c{connections}", "-d2s", "--timeout", "30s", "-s", str(FOLDER / "mix.lua"), url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    used = cpu_s(pid) - server_before if pid else os.times().children_user + os.times().children_system - own_before
    done = int(re.search(r"(\d+) requests in", output)[1])  # type: ignore[index]
    per_s = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])  # type: ignore[index]
    return {"cpu_us": used / done * 1e6, "operations_per_s": per_s}


def beside(turns: int) -> Figures:
    """CPU for each operation of one process, alone and with a second one like it beside it."""
    seen: defaultdict[str, list[float]] = defaultdict(list)
    with running(MINIMAL) as (url, _):
        for turn in range(turns):
            for client in ("wire", "aioboto3"):
                say(f"turn {turn + 1} of {turns}: {client} alone and beside another")
                one = ("benchmarks.clients", client, "100", str(2 * CLIENTS[client]), url)
                alone = measure(*one)["cpu_us"]
                both = [start(*one), start(*one)]
                seen[client] += [json.loads(process.communicate()[0])["cpu_us"] / alone for process in both]
    return {client: median(ratios) for client, ratios in seen.items()}


def service_times() -> list[tuple[str, Any]]:
    """Reported service times against the truth of a server that knows how long it held each answer."""
    rows = []
    for client in ("wire", "sdk"):
        for kind in ("constant", "mixed"):
            for busy in ([], ["busy"]):
                say(f"service time: {client}, {kind} {' '.join(busy)}")
                title = f"{client}, {kind}{', busy loop' if busy else ''}"
                rows.append((title, measure("benchmarks.service_time", client, kind, "20", "1000", "6", *busy)))
    return rows


def embedded(turns: int) -> Figures:
    """The embedded server against moto behind granian, and how fair it is."""
    seen: defaultdict[tuple[int, str], list[Any]] = defaultdict(list)
    with running(GRANIAN) as (granian, granian_pid), running(EMBEDDED) as (fast, fast_pid):
        for url in (granian, fast):
            with_product(url)
        for turn in range(turns if shutil.which("wrk") else 0):
            for connections in (50, 1000):
                say(f"turn {turn + 1} of {turns}: the embedded server, {connections:,} connections")
                seen[connections, "granian"].append(wrk(granian, connections, granian_pid))
                seen[connections, "embedded"].append(wrk(fast, connections, fast_pid))
        say("the embedded server's fairness")
        port = fast.rpartition(":")[2]
        figures: Figures = {
            "fair": measure("benchmarks.fairness", port, "1000", "10"),
            "storm": measure("benchmarks.fairness", port, "5000", "0"),
        }
    for key, results in seen.items():
        figures[key] = {name: median(one[name] for one in results) for name in results[0]}
    return figures


def sustained() -> Figures:
    """Orders by a schedule: how punctual, what a stall shows, and memory over ten minutes."""
    figures: Figures = {}
    for kind, shop, seconds, rate in (
        ("rate", ["0.5"], 20, 5000),
        ("stall", ["1", "5", "1"], 20, 500),
        ("memory", ["0.5"], 600, 2000),
    ):
        say(f"sustained: {kind}, {rate:,} orders a second for {seconds} s")
        with running_shop(*shop) as url:
            figures[kind] = measure("benchmarks.sustained", kind, url, str(seconds), str(rate))
    return figures


def processes() -> Figures:
    """What several processes reach, and several machines."""
    figures: Figures = {}
    for kind in ("cpu", "sdk"):
        say(f"several processes: {kind}")
        with running_shop("0.5") as url:
            figures[kind] = measure("benchmarks.processes", kind, url)
    for kind in ("start", "start-ordinary"):
        say(f"several processes: {kind}")
        figures[kind] = measure("benchmarks.processes", kind)
    say("64 workers tell of a minute")
    figures["judge"] = measure("benchmarks.judging")
    return figures


def differences() -> Figures:
    """What comparisons find where there is nothing, and where one server is ten percent slower."""
    with running_shop("10") as url, running_shop("11") as slower:
        say("20 comparisons of a server with itself")
        same = measure("benchmarks.differences", url, url, "20")
        say("5 comparisons with a slower one")
        return {"same": same, "slower": measure("benchmarks.differences", url, slower, "5")}


def html() -> Figures:
    """The page of a comparison of twelve cells: bytes and seconds."""
    say("a comparison of twelve cells, and its page")
    with tempfile.TemporaryDirectory() as folder:
        matrix = ["--concurrency", "1,4,16,64", "--strategy", "version,conditional,transaction", "--repeats", "2"]
        run = [sys.executable, "-m", "loadtest"]
        subprocess.run([*run, "compare", *matrix, "--duration", "2s", "-q", "--runs-dir", folder], check=True)
        (comparison,) = Path(folder).iterdir()
        page = Path(folder, "report.html")
        took_s = []
        for _ in range(3):
            started_s = time.perf_counter()
            subprocess.run([*run, "report", str(comparison), "-o", str(page)], check=True, stderr=subprocess.DEVNULL)
            took_s.append(time.perf_counter() - started_s)
        return {"bytes": page.stat().st_size, "seconds": median(took_s)}


def say(message: str) -> None:
    """Progress goes to standard error."""
    sys.stderr.write(f"{message}\n")


def main() -> None:
    """Measure and write."""
    parts: dict[str, Callable[[int], Any]] = {
        "clients": clients,
        "beside": lambda turns: beside(3 * turns),  # the noisiest of all
        "service_times": lambda _: service_times(),
        "memory": lambda _: measure("benchmarks.memory", "10000"),
        "embedded": embedded,
        "sustained": lambda _: sustained(),
        "processes": lambda _: processes(),
        "differences": lambda _: differences(),
        "html": lambda _: html(),
        "checking": lambda _: measure("benchmarks.checking", "1000000"),
    }
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure, and write docs/explanation/performance.md."
    )
    parser.add_argument("part", nargs="?", choices=parts, help="measure only this, and print it as JSON")
    parser.add_argument("--turns", type=int, default=5, help="how often each comparison is made (default 5)")
    asked = parser.parse_args()
    if asked.part is None:
        write_page({name: part(asked.turns) for name, part in parts.items()}, asked.turns)
        return
    sys.stdout.write(json.dumps(parts[asked.part](asked.turns), indent=2, default=str) + "\n")


if __name__ == "__main__":
    main()
