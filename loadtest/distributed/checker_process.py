"""The checker in a process of its own, which reads the history while it grows.

Judging takes almost as long as all else that is done with an event, so a process that many workers tell of theirs has
no time for both. Run as `python -m loadtest.distributed.checker_process HISTORY`: follows the file until `_END` comes
on standard input, with the events after it that the file does not have, and answers with its judgement.
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
from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from loadtest.checker import Checker, Verdict
from loadtest.checker.pending import still_open
from loadtest.events import Event, Operation
from loadtest.records.history import read_header
from loadtest.records.judging import checker
from loadtest.system.child_process import begin

_END = b"all of it is there\n"
_CHUNK = 1 << 20  # bytes
_LOOK_EVERY_S = 0.1
_NICENESS = 15  # the verdict can wait, and what shares a core with it is being measured


class Judgement(msgspec.Struct, frozen=True):
    """The verdict, the writes that may yet be applied, and how long another process took for it, in CPU time."""

    verdict: Verdict
    lost: list[Operation]
    cpu_ns: int = 0

    @classmethod
    def of(cls, judging: Checker) -> "Judgement":
        """What a checker has found so far."""
        verdict = judging.verdict()
        return cls(verdict, still_open(judging.lost))


class Judge:
    """The other process, from this side. When this one ends, in whatever way, it soon does too."""

    def __init__(self, history: Path) -> None:
        """`history` has its header. OSError if there can be no further process."""
        self._process = begin(__name__, str(history), stdout=subprocess.PIPE)

    def judgement(self, unwritten: bytes = b"") -> Judgement | None:
        """Of all that is in the file by now, and what is `unwritten`. None if the process was killed, or failed.

        To be called in a thread: until all is read this may take as long as the run.
        """
        self._process.send_signal(signal.SIGCONT)  # somebody may have stopped it
        answer, _ = self._process.communicate(_END + unwritten)
        return msgspec.json.decode(answer, type=Judgement) if self._process.returncode == 0 else None

    def kill(self) -> None:
        """End it at once, also while another thread waits for its judgement; it may have ended before."""
        with suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """Let it go."""
        self.kill()
        self._process.communicate()


async def judged(history: Path, unwritten: bytes) -> Judgement:
    """The same in this process."""
    judging = _checker(history)
    for events in _events(history, lambda: True, lambda: unwritten):
        for event in events:
            judging(event)
        await checkpoint()
    return Judgement.of(judging)


def judge(history: Path, ended: Callable[[], bool], unwritten: Callable[[], bytes] = bytes) -> Judgement:
    """Follow a history that grows until it has `ended`, as is asked before each look at it, then what is `unwritten`.

    Half a line at the end of the file is left out.
    """
    judging = _checker(history)
    for events in _events(history, ended, unwritten):
        for event in events:
            judging(event)
    return Judgement.of(judging)


def _checker(history: Path) -> Checker:
    return checker(read_header(history).conditions)


def _events(history: Path, ended: Callable[[], bool], unwritten: Callable[[], bytes]) -> Iterator[list[Event]]:
    decode = msgspec.json.Decoder(Event).decode_lines
    with history.open("rb") as file:
        file.readline()
        yield from map(decode, _grown(file, ended))
    yield decode(unwritten())


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


def _give_way() -> None:
    os.nice(_NICENESS)
    with suppress(OSError):  # sessions share the cores evenly where there are groups for them: see sched(7)
        Path("/proc/self/autogroup").write_text(str(_NICENESS))


def _main() -> None:
    _give_way()
    gc.collect()
    gc.freeze()
    with suppress(EOFError):
        judgement = judge(Path(sys.argv[1]), _told, sys.stdin.buffer.read)
        sys.stdout.buffer.write(msgspec.json.encode(replace(judgement, cpu_ns=time.process_time_ns())))


if __name__ == "__main__":
    _main()
