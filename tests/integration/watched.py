"""`loadtest` on a terminal of its own, and what it had shown there when it ended."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import clean_environment

_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_COUNTS = re.compile(r"accepted +rejected +throttled +failed +unknown(?: +dropped)? *\n *([\d,]+(?: +[\d,]+)*)")
_PROGRESS = re.compile(r"([\d,]+) of [\d,]+ rounds, ([\d,]+) requests answered")
_LINE = re.compile(r"([\d,]+) of [\d,]+ orders ended, ([\d,]+) rounds, ([\d,]+) requests answered")
_LINE_COUNT = re.compile(r"([\d,]+) (accepted|rejected|throttled|failed|unknown|dropped)(?= *[,\n])")
_OUTCOMES = ("accepted", "rejected", "throttled", "failed", "unknown", "dropped")


class Watched:
    """A run under way whose standard error is a terminal, or, if `plain`, a pipe."""

    def __init__(self, arguments: tuple[str, ...], folder: Path, *, plain: bool) -> None:
        reader, writer = os.pipe() if plain else pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadtest", *arguments],
            cwd=folder,
            env=clean_environment(TERM="xterm"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=writer,
        )
        os.close(writer)
        self._seen = bytearray()
        self._reader = reader
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    @property
    def text(self) -> str:
        """All that was shown so far, one drawing after another."""
        return _CODES.sub("", bytes(self._seen).decode(errors="replace")).replace("\r", "")

    @property
    def shown(self) -> dict[str, int]:
        """The highest count of each name in it."""
        text = self.text
        found: dict[str, int] = {}
        for row in _COUNTS.findall(text):
            _note(found, zip(_OUTCOMES, row.split(), strict=False))
        for progress in _PROGRESS.findall(text):
            _note(found, zip(("rounds", "operations"), progress, strict=True))
        for line in _LINE.findall(text):
            _note(found, zip(("ended", "rounds", "operations"), line, strict=True))
        _note(found, ((name, count) for count, name in _LINE_COUNT.findall(text)))
        return {name: count for name, count in found.items() if count}

    def end(self) -> str:
        """Wait for its end and return what it printed."""
        output, _ = self.process.communicate(timeout=60)
        self._thread.join()
        return output.decode()

    def kill(self) -> str:
        """Kill it and return what it printed."""
        self.process.send_signal(signal.SIGKILL)
        return self.end()

    def _read(self) -> None:
        with os.fdopen(self._reader, "rb", buffering=0) as stream:
            try:
                while part := stream.read(65536):
                    self._seen += part
            except OSError:  # a terminal that nobody holds any more
                return


def _note(found: dict[str, int], counts: Iterator[tuple[str, str]]) -> None:
    for name, count in counts:
        found[name] = max(found.get(name, 0), int(count.replace(",", "")))


@contextmanager
def watched(*arguments: str, folder: Path, plain: bool = False) -> Iterator[Watched]:
    """Starts `loadtest …` in the folder; it is gone after the block."""
    running = Watched(arguments, folder, plain=plain)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.kill()
