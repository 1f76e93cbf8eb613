"""JSON documents on disk: each says its schema, and a file is written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
from msgspec import Struct

from loadtest.errors import LoadTestError, UsageError
from loadtest.foreign_text import clean, escaped

T = TypeVar("T", bound=Struct)

_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LARGEST = 512 << 20  # bytes; a report of a load of a day has half of that


class _Named(Struct):
    """As much of a document as says what it is."""

    schema: Any = None


def encode(document: Struct | Sequence[Struct]) -> bytes:
    """The document as indented JSON, which a terminal can show as it is."""
    encoded = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    return escaped(encoded.decode(), keep="\n").encode()


def read(path: Path, kind: type[T], schema: str) -> T:
    """A stored document. Raises UsageError for a file that is none of this schema."""
    content = content_of(path, _LARGEST)
    try:
        found = msgspec.json.decode(content, type=_Named).schema
        if found != schema:
            raise UsageError(f"{path} is a {clean(found)}, not a {schema}")
        return msgspec.json.decode(content, type=kind)
    except _NO_JSON as error:
        raise UsageError(f"{path} is not a {schema}: {clean(error)}") from error


def content_of(path: Path, largest: int) -> bytes:
    """What a file holds. Raises UsageError if it cannot be read or has more than `largest` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(largest + 1)  # a device has no end
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if len(content) > largest:
        raise UsageError(f"{path} is too large: it has more than {largest:,} bytes")
    return content


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe is written to. LoadTestError if the disk refuses."""
    with writing(path) as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there, whole, once the block ends well; else the one before stays. Raises as `write` does."""
    try:
        if path.exists() and not path.is_file():
            with suppress(BrokenPipeError), path.open("wb") as device:  # a reader that left has seen enough
                yield device
            return
        place = Path(os.path.realpath(path))  # a link stays one
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=place.name, delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(place)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise LoadTestError(f"cannot write {path}: {error.strerror}") from error
