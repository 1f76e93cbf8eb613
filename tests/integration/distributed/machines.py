"""A Dask scheduler and its workers, each a process of its own, as on machines of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from loadtest.system.extras import DISTRIBUTION
from tests.conftest import ROOT, clean_environment, free_port, missing, wait_until_listening
from tests.helpers.processes import wait_for

# Read by each process of Python before all else: to a worker with this setting its package is of another version.
ANOTHER_VERSION = f"""
import importlib.metadata, os
there = importlib.metadata.version
def version(name):
    told = os.environ.get("LOADTEST_VERSION")
    if name != "{DISTRIBUTION}" or told is None:
        return there(name)
    if not told:
        raise importlib.metadata.PackageNotFoundError(name)
    return told
importlib.metadata.version = version
"""


class Machines:
    """A scheduler and the workers that were added to it, by name."""

    def __init__(self, folder: Path, tls: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{self.port}"
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._folder, self._tls = folder, tls
        (folder / "sitecustomize.py").write_text(ANOTHER_VERSION)
        where = ("--host", self.address.rpartition(":")[0], "--port", str(self.port))
        self.scheduler = self._start("scheduler", *where)
        wait_until_listening(self.scheduler, self.port)

    def add(self, *names: str, version: str | None = None) -> None:
        """Workers, which have registered when this returns."""
        for name in names:
            more = {} if version is None else {"LOADTEST_VERSION": version}
            here = ("--nthreads", "1", "--no-nanny", "--name", name, "--local-directory", str(self._folder / name))
            self.workers[name] = self._start("worker", self.address, *here, log=name, **more)
        for name in names:
            log = self._folder / f"{name}.log"
            wait_for(lambda log=log: "Registered to" in log.read_text(), f"the worker {name}")  # type: ignore[misc]

    def remove(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        self.workers[name].send_signal(number)

    def end(self) -> None:
        for process in (*self.workers.values(), self.scheduler):
            process.kill()
            process.wait(20)

    def _start(self, role: str, *arguments: str, log: str = "scheduler", **more: str) -> subprocess.Popen[bytes]:
        path = os.pathsep.join((str(self._folder), str(ROOT), os.environ.get("PYTHONPATH", "")))
        with (self._folder / f"{log}.log").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{role}", *arguments, *self._tls, "--no-dashboard"],
                cwd=self._folder,
                env=clean_environment(PYTHONPATH=path, **more),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )


@contextmanager
def machines(folder: Path, *names: str, tls: Sequence[str] = ()) -> Iterator[Machines]:
    """A cluster with these workers; it is gone after the block."""
    if find_spec("distributed") is None:
        missing("the package distributed (extra cluster)")
    found = Machines(folder, tls)
    try:
        found.add(*names)
        yield found
    finally:
        found.end()
