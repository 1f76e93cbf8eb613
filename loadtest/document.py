"""JSON documents on disk: each says its schema, and a file is written whole or not at all."""

import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from loadtest.errors import LoadTestError, UsageError

T = TypeVar("T", bound=Struct)


def encode(document: Struct) -> bytes:
    """The document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def read(path: Path, kind: type[T], schema: str) -> T:
    """A stored document. Raises UsageError for a file that is none of this schema."""
    try:
        content = path.read_bytes()
        found = msgspec.json.decode(content, type=dict[str, Any]).get("schema")
        if found != schema:
            raise UsageError(f"{path} is a {found}, not a {schema}")
        return msgspec.json.decode(content, type=kind)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not a {schema}: {error}") from error


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a device or a pipe is written to. LoadTestError if the disk refuses."""
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        place = Path(os.path.realpath(path))  # a link stays one
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=place.name, delete=False) as file:
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).chmod(0o644)
                Path(file.name).replace(place)
            except BaseException:
                Path(file.name).unlink()
                raise
    except OSError as error:
        raise LoadTestError(f"cannot write {path}: {error.strerror}") from error
