"""kill -9 of the tool on a correct server with delays: what is left is never called violated.

Each run is killed once. Its history is copied at random moments before: as all that was written outlives a kill, the
copy is what a kill at that moment would have left.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from loadtest.cli.check import check
from loadtest.cli.exit_codes import INCONCLUSIVE, SAFE
from loadtest.errors import UsageError
from tests.conftest import clean_environment
from tests.helpers.processes import children, is_gone, wait_for
from tests.helpers.scripted_server import Scripted, in_a_thread
from tests.integration.anomalies.kinds import STRATEGIES
from tests.integration.anomalies.server import Server

_RACE = ("race", "-n", "40", "--rounds", "100000", "--stock", "3", "--attempts", "2")
_LOAD = ("load", "--concurrency", "40", "--duration", "10m", "--attempts", "3")
_RESTOCKED = (*_LOAD, "--stock", "100", "--restock")
_TWO = ("--processes", "2")
_COMMANDS = (_RESTOCKED, (*_RACE, *_TWO), _RACE, (*_LOAD, *_TWO), _LOAD, (*_RESTOCKED, *_TWO))
_MOMENTS = 2  # of a run, the kill among them
_RUNS = 25
_SHORT = 2
_WITHIN_S = 1.5


@contextmanager
def running(url: str, command: tuple[str, ...], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The tool under way; at the end of the block it is killed, and its workers are gone soon after."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", *command, "--endpoint-url", url, "--quiet", "--yes"],
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    workers: list[int] = []
    try:
        yield process
        workers = children(process.pid)
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: all(is_gone(pid) for pid in workers), "the end of the workers of a killed run")


def verdict(folder: Path) -> int | None:
    """The exit code of `loadtest check`; None if there is nothing to judge."""
    try:
        return check([folder])
    except UsageError:
        return None


@pytest.mark.parametrize("seed", [pytest.param(n, marks=[] if n < _SHORT else pytest.mark.slow) for n in range(_RUNS)])
def test_what_a_killed_run_leaves_is_never_violated(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    strategy = STRATEGIES[(seed + 1 + seed // len(_COMMANDS)) % len(STRATEGIES)]
    command = (*_COMMANDS[seed % len(_COMMANDS)], "--strategy", strategy, "--seed", str(seed))
    server = Server(seed=seed, pause_s=0.006, logs=False)
    left: list[Path] = []
    with in_a_thread(Scripted(server.serve)) as listening, running(listening.url, command, tmp_path):
        history = wait_for(lambda: list(tmp_path.glob("runs/*/history.jsonl")), "a history")[0]
        begun = time.monotonic()
        for at_s in sorted(random.uniform(0, _WITHIN_S) for _ in range(_MOMENTS - 1)):
            time.sleep(max(0.0, begun + at_s - time.monotonic()))
            left.append(Path(shutil.copy(history, tmp_path / f"left-{len(left)}.jsonl")))
        time.sleep(max(0.0, begun + _WITHIN_S - time.monotonic()) + random.uniform(0, 0.3))
    verdicts = {file.name: verdict(file) for file in (*left, history.parent)}
    assert set(verdicts.values()) <= {SAFE, INCONCLUSIVE, None}, (verdicts, command, tmp_path)
    assert verdicts[history.parent.name] is not None
