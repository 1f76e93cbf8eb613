"""JSON files: each says its schema, and is written whole or not at all."""

import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
from msgspec import Struct

from loadtest.errors import LoadTestError, UsageError
from loadtest.system.foreign_text import clean, escaped

T = TypeVar("T", bound=Struct)

_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_LARGEST = 32 << 20  # bytes
# As JSON, lists and objects of a few bytes take twenty times as much memory as a file does. A file of the tool, its
# blanks taken out, has 80 bytes for each of them and 18 for each comma.
_BYTES_A_LIST, _BYTES_A_COMMA = 32, 9
_UNCOUNTED = 50_000


class _Named(Struct):
    """As much of a file as says what it is."""

    schema: Any = None


def encode(value: Struct | Sequence[Struct]) -> bytes:
    """The value as indented JSON, which a terminal can show as it is."""
    encoded = msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    return escaped(encoded.decode(), keep="\n").encode()


def read(path: Path, kind: type[T], schema: str, largest: int = _LARGEST) -> T:
    """What a file holds, of at most `largest` bytes. Raises UsageError for a file that is none of this schema."""
    content = content_of(path, largest)
    try:
        actual = msgspec.json.decode(content, type=_Named).schema
        if actual != schema:
            raise UsageError(f"{path} is a {clean(actual)}, not a {schema}")
        require_ordinary(path, content)
        return msgspec.json.decode(content, type=kind)
    except _NO_JSON as error:
        raise UsageError(f"{path} is not a {schema}: {clean(error)}") from error


def require_ordinary(path: Path, content: bytes) -> None:
    """UsageError for JSON with far more values than any of the tool's has of that size: it is there to fill memory."""
    lists, commas = content.count(b"[") + content.count(b"{"), content.count(b",")
    if max(lists * _BYTES_A_LIST, commas * _BYTES_A_COMMA) > len(content) + _UNCOUNTED * _BYTES_A_LIST:
        raise UsageError(f"{path} has too many values for its {len(content):,} bytes: no file of loadtest is so")


def content_of(path: Path, largest: int) -> bytes:
    """What a file holds. Raises UsageError if it cannot be read or has more than `largest` bytes."""
    try:
        with path.open("rb") as file:
            known = os.fstat(file.fileno()).st_size
            content = b"" if known > largest else file.read(largest + 1)  # a device has no end
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    if max(known, len(content)) > largest:
        raise UsageError(f"{path} is too large: it has more than {largest:,} bytes")
    return content


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe is written to. LoadTestError if the disk refuses."""
    with writing(path) as file:
        file.write(content)


def _beside(place: Path) -> IO[bytes]:
    """A new file in the same folder: who may read it says the umask, or the file whose place it takes."""
    file = place.with_name(f"{place.name[:50]}.{secrets.token_hex(4)}").open("xb")
    with suppress(FileNotFoundError):
        os.fchmod(file.fileno(), stat.S_IMODE(place.stat().st_mode))
    return file


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file that is there, whole, once the block ends well; else the one before stays. Raises as `write` does."""
    try:
        if path.exists() and not path.is_file():
            with suppress(BrokenPipeError), path.open("wb") as device:  # a reader that left has seen enough
                yield device
            return
        place = Path(os.path.realpath(path))  # a link stays one
        with _beside(place) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(place)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise LoadTestError(f"cannot write {path}: {error.strerror}") from error
