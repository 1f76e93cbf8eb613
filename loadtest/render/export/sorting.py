"""Sorts more records than fit into memory: sorted parts in one temporary file, merged as they are read."""

import heapq
import os
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec

Record = tuple[int, int, int, str, str]  # compared from the left; the first three tell any two apart

_PART = 100_000  # records in memory while they come
_BLOCK = 1 << 16  # bytes of each part in memory while they go


class Sorter:
    """Takes records, then gives them in order. Raises OSError if there is no room for its temporary file."""

    def __init__(self, part: int = _PART) -> None:
        self._decoder = msgspec.json.Decoder(Record)
        self._part = part
        self._waiting: list[Record] = []
        self._parts: list[tuple[int, int]] = []  # where each begins and ends in the file
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`

    def add(self, record: Record) -> None:
        """Take one more."""
        self._waiting.append(record)
        if len(self._waiting) >= self._part:
            self._store()

    def __iter__(self) -> Iterator[Record]:
        """All of them, the least first."""
        self._waiting.sort()
        self._file.flush()
        return heapq.merge(self._waiting, *(self._read(start, end) for start, end in self._parts))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _store(self) -> None:
        self._waiting.sort()
        start = self._file.tell()
        self._file.writelines(msgspec.json.encode(record) + b"\n" for record in self._waiting)
        self._parts.append((start, self._file.tell()))
        self._waiting = []

    def _read(self, start: int, end: int) -> Iterator[Record]:
        rest = b""
        while start < end:
            block = os.pread(self._file.fileno(), min(_BLOCK, end - start), start)
            start += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from map(self._decoder.decode, lines)
