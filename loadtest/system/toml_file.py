"""TOML files that somebody else may have written: read within bounds, and what TOML calls the values in them."""

import sys
from pathlib import Path
from typing import Any

from loadtest.errors import UsageError
from loadtest.system.foreign_text import clean

_LARGEST = 32 << 10  # bytes
_LONGEST_LINE = 8 << 10  # bytes; tomllib's time grows with the square of a dotted key's length


def read(file: Path) -> dict[str, Any]:
    """What the file says, `-` is standard input. UsageError if it cannot be read or is no TOML."""
    return parsed(_content(file))


def parsed(content: bytes) -> dict[str, Any]:
    """What a file of these bytes says. Raises UsageError if it is no TOML, or too large to be read."""
    import tomllib

    if len(content) > _LARGEST:
        raise UsageError(f"it is too large: it has more than {_LARGEST:,} bytes")
    if any(len(line) > _LONGEST_LINE for line in content.split(b"\n")):
        raise UsageError(f"it has a line of more than {_LONGEST_LINE:,} bytes")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UsageError(f"it is no TOML: byte {error.start + 1:,} is not UTF-8") from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, lists a thousand deep
        raise UsageError(f"it is no TOML: {clean(error)}") from error


def _content(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(_LARGEST + 1)
        with file.open("rb") as toml:
            return toml.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"cannot read it: {error.strerror}") from error


def kind_of(value: Any) -> str:
    """What TOML calls a value."""
    for kind, name in (
        (bool, "true or false"),
        (str, "a text"),
        (int | float, "a number"),
        (list, "a list"),
        (dict, "a table"),
    ):
        if isinstance(value, kind):
            return str(value).lower() if kind is bool else name
    return "a date or time"
