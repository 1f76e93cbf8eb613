"""The checker in a process of its own, which reads the history while it grows.

Judging takes almost as long as all else that is done with an event, so a process that many shards tell of theirs has
no time for both. Run as `python -m loadtest.scale.judge HISTORY`: follows the file until `_END` comes on standard
input, and answers with its judgement.
"""

import gc
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from loadtest.checker import Checker, Verdict
from loadtest.checker.carried import carried, still_open
from loadtest.history import read_header
from loadtest.order import Event, Operation

_END = b"all of it is there\n"
_CHUNK = 1 << 20  # bytes
_LOOK_EVERY_S = 0.1
_NICENESS = 15  # the verdict can wait, and what shares a core with it is being measured


class Judgement(msgspec.Struct, frozen=True):
    """The verdict, the writes that may yet be applied, and how long it took in CPU time, None if nobody measured."""

    verdict: Verdict
    lost: list[Operation]
    cpu_ns: int | None = None

    @classmethod
    def of(cls, checker: Checker, cpu_ns: int | None = None) -> "Judgement":
        """What a checker has found so far."""
        verdict = checker.verdict()
        return cls(verdict, still_open(checker.lost), cpu_ns)


class Judge:
    """The other process, from this side. It gets no Ctrl-C, and ends when this one does, in whatever way."""

    def __init__(self, history: Path) -> None:
        """`history` has its header."""
        self._history = history
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(history)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def judgement(self) -> Judgement:
        """Of all that is in the file by now. Killed, it is done again, here; stopped, the process goes on with it."""
        self._process.send_signal(signal.SIGCONT)
        answer, _ = self._process.communicate(_END)
        if self._process.returncode == 0:
            return msgspec.json.decode(answer, type=Judgement)
        return judge(self._history, lambda: True)

    def close(self) -> None:
        """Let it go; it may have ended before."""
        with suppress(OSError):
            self._process.kill()
        self._process.communicate()


def judge(history: Path, ended: Callable[[], bool]) -> Judgement:
    """Follow a history that grows until it has `ended`, as is asked before each look at it; half a line is left out."""
    conditions = read_header(history).conditions
    checker = Checker(carried(conditions.lost) if conditions else None)
    decode = msgspec.json.Decoder(Event).decode_lines
    began_ns = time.process_time_ns()
    with history.open("rb") as file:
        file.readline()
        for lines in _grown(file, ended):
            for event in decode(lines):
                checker(event)
    judgement = Judgement.of(checker)
    return msgspec.structs.replace(judgement, cpu_ns=time.process_time_ns() - began_ns)


def _grown(file: BinaryIO, ended: Callable[[], bool]) -> Iterator[bytes]:
    """Whole lines, as many as there are, again and again."""
    rest, last = b"", False
    while not last:
        last = ended()
        while chunk := file.read(_CHUNK):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if newline:
                yield lines


def _told() -> bool:
    """Whether all is there. Waits a little for that; EOFError if there is nobody left to tell."""
    if not select.select([sys.stdin], [], [], _LOOK_EVERY_S)[0]:
        return False
    if sys.stdin.buffer.readline() != _END:
        raise EOFError
    return True


def _main() -> None:
    os.nice(_NICENESS)
    gc.collect()
    gc.freeze()
    with suppress(EOFError):
        judgement = judge(Path(sys.argv[1]), _told)
        sys.stdout.buffer.write(msgspec.json.encode(judgement))


if __name__ == "__main__":
    _main()
