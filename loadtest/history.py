"""The history of a run: one JSON document a line, a header first, then the events in the order they happened.

`docs/report.md` describes the fields. Lines are appended only; a run that was cut leaves at most one half line.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from loadtest.errors import LoadTestError, UsageError
from loadtest.order import Event

SCHEMA = "loadtest.history/1"


class Header(msgspec.Struct, frozen=True, tag_field="type", tag="history"):
    """The first line. Event times are on the monotonic clock; this is one moment on both clocks."""

    schema: str
    run_id: str
    unix_ns: int
    monotonic_ns: int


class HistoryWriter:
    """A listener that appends every event to a file. Raises LoadTestError if the disk refuses."""

    def __init__(self, path: Path, run_id: str) -> None:
        self._encoder = msgspec.json.Encoder()
        self._path = path
        self._broken = False
        try:
            self._file = path.open("xb")
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        try:
            self._append(Header(SCHEMA, run_id, time.time_ns(), time.perf_counter_ns()))
            self.flush()  # a reader of a run that goes on, or was killed, finds at least this
        except LoadTestError:
            with suppress(OSError):
                self._file.close()
            raise

    def __call__(self, event: Event) -> None:
        """Append one event; it is surely in the file after the next `flush`."""
        self._append(event)

    def flush(self) -> None:
        """Hand everything so far to the operating system, so that it outlives this process."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._refused(error) from error

    def _append(self, line: Event | Header) -> None:
        try:
            self._file.write(self._encoder.encode(line) + b"\n")
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> LoadTestError:
        self._broken = True  # said once; what is still in the buffer is lost
        return LoadTestError(f"cannot write the history {self._path}: {error.strerror}; the run was stopped")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as refused:
            if error is None and not self._broken:
                raise self._refused(refused) from refused


def read_history(path: Path) -> Iterator[Event]:
    """The events of a stored history. Raises UsageError for a file that is no history of this schema."""
    decoder = msgspec.json.Decoder(Header | Event)
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    number = 0
    with file as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                if number > 1 and not line.endswith(b"\n"):
                    return  # the half line of a run that was cut
                raise UsageError(f"{path}, line {number}: {error}") from error
            if isinstance(event, Header):
                if event.schema != SCHEMA:
                    raise UsageError(f"{path} is a {event.schema}, not a {SCHEMA}")
            elif number == 1:
                raise UsageError(f"{path} does not begin with the header of a {SCHEMA}")
            else:
                yield event
    if number == 0:
        raise UsageError(f"{path} does not begin with the header of a {SCHEMA}")
