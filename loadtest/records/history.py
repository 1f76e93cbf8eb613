"""The history of a run: one JSON object a line, a header first, then the events in the order they happened.

`docs/reference/history.md` has the fields. Lines are appended only; a run that was cut leaves at most one half line.
"""

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from loadtest.errors import LoadTestError, UsageError
from loadtest.events import Event, InFlight, Listener, Operation, RoundStarted
from loadtest.records.invocation import Invocation
from loadtest.records.json_file import require_ordinary
from loadtest.system.foreign_text import clean

SCHEMA = "loadtest.history/1"

_AT_ONCE = 512  # events, which are written much sooner together than one by one
_LONGEST_LINE = 1 << 20  # bytes; what has no line breaks is not read into memory
_LONGEST_HEADER = 16 << 20  # bytes; it has the lost writes of an earlier run


class Conditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run's report has that its events do not tell, in fields of the same names but for `plan`."""

    command: str
    started_at: str
    plan: dict[str, Any]  #: the report's `config`
    orders: int | None  #: how many the plan places or drops; null in a closed loop and with `--poisson`
    environment: dict[str, Any]
    stamps: str  #: whose receive times the events have, as in the report's `client`
    thresholds: list[str]  #: as the user wrote them
    lost: list[Operation]  #: writes without an answer of earlier runs of the same command, which may yet be applied
    invocation: Invocation | None = None


class Header(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type", tag="history"
):
    """The first line. Event times are on the monotonic clock; this is one moment on both clocks."""

    schema: str  #: `loadtest.history/` and which version of it
    run_id: str  #: the name of the run folder
    unix_ns: int  #: one moment, in nanoseconds since 1970
    monotonic_ns: int  #: the same moment on the clock of the events
    conditions: Conditions | None = None  #: what the events do not tell; another program's history need not have it

    @property
    def began_at(self) -> datetime:
        """When it was begun. Raises OverflowError for a moment that is no date."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.unix_ns // 1000)


class HistoryWriter:
    """A listener that appends every event to a file. Raises LoadTestError if the disk refuses, and ever after.

    Whenever it writes, the writes that are `in_flight` and that it was not told of before come first in their round, so
    that a history that is cut after any batch has every write that was sent by then. Who knows them may be set later.
    """

    def __init__(
        self,
        path: Path,
        run_id: str,
        conditions: Conditions | None = None,
        in_flight: Callable[[], Sequence[InFlight]] = list,
    ) -> None:
        self._encode = msgspec.json.Encoder().encode_lines
        self.in_flight = in_flight
        self._round = 0  # of the last of them
        self._waiting: list[Event | Header] = []
        self._size = 0  # bytes of the file that hold whole batches
        self.path = path
        self._refusal: str | None = None
        try:
            self._file = path.open("x+b", buffering=0)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        try:
            self._waiting.append(Header(SCHEMA, run_id, time.time_ns(), time.perf_counter_ns(), conditions))
            self.flush()  # a reader of a run that goes on, or was killed, finds at least this
        except LoadTestError:
            with suppress(OSError):
                self._file.close()
            raise

    def __call__(self, event: Event) -> None:
        """Append one event; it is surely in the file after the next `flush`."""
        self._waiting.append(event)
        if self._refusal is not None or len(self._waiting) >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Hand everything so far to the operating system, so that it outlives this process."""
        if self._refusal is not None:
            raise LoadTestError(self._refusal)  # with room again, the history had a hole before what is next
        self._add_in_flight()
        lines = memoryview(self._encode(self._waiting))
        with self._in_words():
            rest = lines
            while rest:
                rest = rest[self._file.write(rest) :]
        self._size += len(lines)
        self._waiting = []

    def _add_in_flight(self) -> None:
        """They come before all events that may show one of them, but after the beginning of their round."""
        told = self.in_flight()
        if not told:
            return
        at = 0
        if told[0].round != self._round:  # at one moment all are of one round, whose beginning may be waiting too
            self._round = told[0].round
            at = max((n for n, event in enumerate(self._waiting, 1) if isinstance(event, RoundStarted)), default=0)
        self._waiting[at:at] = told

    def unwritten(self) -> bytes:
        """Lines of the events that were refused, and of those that came after; half of the first may be in the file."""
        if self._refusal is None:
            return b""
        there = os.pread(self._file.fileno(), os.fstat(self._file.fileno()).st_size - self._size, self._size)
        return self._encode(self._waiting[there.count(b"\n") :])

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._refusal = f"cannot write the history {self.path}: {error.strerror}; the run was stopped"
            raise LoadTestError(self._refusal) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        known = error or self._refusal
        try:
            with self._in_words(), closing(self._file):
                if self._refusal is None:
                    self.flush()
        except LoadTestError:
            if not known:
                raise


class _First(msgspec.Struct):
    """As much of a first line as tells what the file is."""

    type: str = ""
    schema: str = ""


def read_header(path: Path) -> Header:
    """The first line of a stored history. Raises UsageError for a file that is no history of this schema."""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"cannot read {path}: a history is read more than once, so it must be a file")
            return _header(path, next(_lines(path, file), b""))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def ends_within_a_line(path: Path) -> bool:
    """Whether the last line of a file that is not empty was cut. Raises UsageError for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def read_history(path: Path) -> Iterator[Event]:
    """The events of a stored history. Raises UsageError for a file that is no history of this schema."""
    try:
        with path.open("rb") as file:
            yield from _events(path, _lines(path, file))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def replay(path: Path, *listeners: Listener) -> None:
    """Call all listeners with every event of a history. UsageError names the line of one they refuse (ValueError)."""
    number = 1
    try:
        for number, event in enumerate(read_history(path), 2):  # noqa: B007 - said of the event that has no place
            for listener in listeners:
                listener(event)
    except ValueError as error:
        raise UsageError(f"{path}, line {number:,}: {clean(error)}") from error


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    number, longest = 1, _LONGEST_HEADER
    while line := file.readline(longest + 1):
        if len(line) > longest:
            raise UsageError(f"{path}, line {number:,} has more than {longest:,} bytes: no event is that long")
        yield line
        number, longest = number + 1, _LONGEST_LINE


def _events(path: Path, lines: Iterator[bytes]) -> Iterator[Event]:
    _header(path, next(lines, b""))
    decoder = msgspec.json.Decoder(Header | Event)
    for number, line in enumerate(lines, 2):
        try:
            event = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if not line.endswith(b"\n"):
                return  # the half line of a run that was cut
            raise UsageError(f"{path}, line {number:,}: {clean(error)}") from error
        if type(event) is Header:  # quicker than `isinstance` where it is not
            raise UsageError(f"{path}, line {number:,} is a header again: two histories in one file")
        yield event


def _header(path: Path, line: bytes) -> Header:
    try:
        first = msgspec.json.decode(line or b"{}", type=_First)
        if first.type != "history" or not first.schema:
            raise UsageError(f"{path} does not begin with the header of a {SCHEMA}")
        if first.schema != SCHEMA:
            raise UsageError(f"{path} is a {clean(first.schema)}, not a {SCHEMA}")
        require_ordinary(path, line)
        return msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path}, line 1 is not the header of a {SCHEMA}: {clean(error)}") from error
