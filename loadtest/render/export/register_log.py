"""What is done to registers, as the lines of a Jepsen history: beginnings and ends, in the order of time."""

import heapq
from collections.abc import Iterator

from msgspec import Struct

from loadtest.render.export.sorting import Sorter
from loadtest.system.foreign_text import escaped

_INITIAL, _BEGAN, _ENDED = 0, 2, 3  # at one moment: what began then may have overlapped what ended then
_CLOCK_ENDS = 1 << 63
_ESCAPED = str.maketrans({'"': '\\"', "\\": "\\\\"})


class Act(Struct, frozen=True):
    """What is done to a register, as EDN; `seen` is its value once it has ended, if that is another."""

    f: str
    value: str = "nil"
    seen: str | None = None


class Span(Struct, frozen=True):
    """When something was done, how it ended (`ok`, `fail` or `info`), and what is said of it then.

    `initial`: it comes before all else of its moment. ValueError if it ended before it began, or beyond 64 bits.
    """

    kind: str
    began_ns: int
    ended_ns: int
    began: str = ""
    ended: str = ""
    initial: bool = False

    def __post_init__(self) -> None:
        if self.ended_ns < self.began_ns:
            raise ValueError(f"it ended {self.began_ns - self.ended_ns:,} ns before it began")
        if self.began_ns < -_CLOCK_ENDS or self.ended_ns >= _CLOCK_ENDS:
            raise ValueError("its time is beyond 64 bits")


class RegisterLog:
    """Takes what was done in any order and gives it sorted."""

    def __init__(self, sorter: Sorter) -> None:
        self.last_ns = -_CLOCK_ENDS  # when the last ended
        self._sorter = sorter
        self._number = 0

    def add(self, key: str, act: Act, span: Span) -> None:
        """`key` is that of the register, as EDN."""
        self._number += 1
        self.last_ns = max(self.last_ns, span.ended_ns)
        first, last = (_INITIAL, _INITIAL + 1) if span.initial else (_BEGAN, _ENDED)
        began, ended = f"[{key} {act.value}]", f"[{key} {act.seen or act.value}]"
        self._half(span.began_ns, first, "invoke", f":f :{act.f}, :value {began}{span.began}")
        self._half(span.ended_ns, last, span.kind, f":f :{act.f}, :value {ended}{span.ended}")

    def lines(self) -> Iterator[str]:
        """The beginnings and ends; `:time` counts from the first."""
        processes, start_ns = _Processes(), None
        for index, (time_ns, _, number, kind, text) in enumerate(self._sorter):
            start_ns = time_ns if start_ns is None else start_ns
            process = processes.begin(number) if kind == "invoke" else processes.end(number, known=kind != "info")
            yield f"{{:index {index}, :time {time_ns - start_ns}, :process {process}, :type :{kind}, {text}}}\n"

    def _half(self, time_ns: int, rank: int, kind: str, text: str) -> None:
        self._sorter.add((time_ns, rank, self._number, kind, text))


def edn_text(text: str) -> str:
    """A string as EDN has it, the same when it is read; what cannot be seen is escaped."""
    return f'"{escaped(text.translate(_ESCAPED))}"'


class _Processes:
    """Gives each operation an idle process: 0, 1, 2 …; one that does not know how its own ended is gone for good."""

    def __init__(self) -> None:
        self._next = 0
        self._idle: list[int] = []
        self._busy: dict[int, int] = {}

    def begin(self, number: int) -> int:
        """The process that operation `number` is made by."""
        if self._idle:
            process = heapq.heappop(self._idle)
        else:
            process, self._next = self._next, self._next + 1
        self._busy[number] = process
        return process

    def end(self, number: int, *, known: bool) -> int:
        """The same process; `known` is whether it knows the outcome."""
        process = self._busy.pop(number)
        if known:
            heapq.heappush(self._idle, process)
        return process
