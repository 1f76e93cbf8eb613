"""Standard output and standard error that take everything.

A reader that left, a full disk, a terminal that hung up, a stream that the parent closed, an encoding that lacks a
character: none of them ends a command, and the exit code still tells how it ended. Only a document that was to go to
standard output, and did not, is an error.
"""

import codecs
import errno
import io
import os
import re
import select
import stat
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from loadtest.errors import LoadTestError
from loadtest.render.window import width
from loadtest.system.foreign_text import visible

STDOUT = "-"
_LIKE = "loadtest.like"
# One character for one: what stands in columns stays there.
_IN_ASCII = str.maketrans("→×–−·…±µμ≠└├─│╭╮╰╯━⁻•", ">x---~~uu#++-|++++--*")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# What rich writes to colour and to draw anew. A control that is not of these came with foreign text.
_OURS = re.compile(r"(\x1b\[[0-9;]*m|\x1b\[\d*[AK]|\x1b\[\?25[hl]|\r(?=\x1b\[2K))")
_INDENT = "  "  # of what is wrapped, beyond that of its first line


class _Tolerant(io.FileIO):
    """Writes until that fails, and from then on nothing: `error` is why."""

    def __init__(self, number: int, error: OSError | None) -> None:
        super().__init__(number, "w", closefd=False)
        self.error = error
        self.told = False

    def write(self, data: Any, /) -> int:
        """All of it, or as much as is taken; after an error, all of it to nowhere."""
        while self.error is None:
            try:
                written = super().write(data)
            except OSError as error:
                self.error = error
            else:
                if written is not None:
                    return written
                select.select([], [self], [])  # not blocking, and full
        return len(data)


class _Stream(io.TextIOWrapper):
    """Text for a standard stream; what its encoding lacks is replaced by something like it.

    On a terminal lines that are too long are wrapped between words.
    """

    def write(self, text: str, /) -> int:
        """Write all of it."""
        columns, shown = width(self), _without_controls(text)
        if columns is not None:
            shown = "\n".join(_wrapped(line, columns) for line in shown.split("\n"))
        super().write(shown)
        return len(text)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Its name; that of ASCII is one that typer does not know, or it would write UTF-8 past this."""
        name = super().encoding
        return "x-ascii" if codecs.lookup(name).name == "ascii" else name


def begin() -> None:
    """Put tolerant streams in place of the standard ones, but not of those that a calling program has put there."""
    codecs.register_error(_LIKE, _like)
    closed = _open_all()
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    if sys.stdout is sys.__stdout__:
        sys.stdout = _tolerant(1, sys.__stdout__, closed)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _tolerant(2, sys.__stderr__, closed)


def finish() -> None:
    """Write what is left, and say on standard error if standard output did not take everything."""
    sys.stdout.flush()
    raw = _raw()
    if raw is not None and raw.error is not None and not raw.told and not _nobody_listens(raw.error):
        say(f"loadtest: {_refused(raw.error)}", err=True)
    sys.stderr.flush()


def say(sentence: str, *, err: bool = False) -> None:
    """Write one line, whatever text of others is in it, to standard output or to standard error."""
    print(visible(sentence), file=sys.stderr if err else sys.stdout, flush=True)


def deliver(path: Path, content: bytes) -> None:
    """Write a document to a file, or with `-` to standard output. Raises LoadTestError if it cannot be written."""
    if str(path) == STDOUT:
        to_stdout([content])
    else:
        from loadtest.records import json_file

        json_file.write(path, content)


def to_stdout(parts: Iterable[bytes]) -> None:
    """Write a document to standard output, until its reader has left.

    Raises LoadTestError if it cannot be written for another reason.
    """
    sys.stdout.flush()
    raw, file = _raw(), sys.stdout.buffer
    for part in parts:
        if raw is not None and raw.error is not None:
            break
        file.write(part)
    file.flush()
    if raw is not None and raw.error is not None and raw.error.errno != errno.EPIPE:
        raw.told = True
        raise LoadTestError(_refused(raw.error))


def _open_all() -> set[int]:
    """Open each standard stream that the parent closed: it would be the next file opened, such as the history."""
    closed = set()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
            closed.add(number)
    return closed


def _tolerant(number: int, standard: Any, closed: set[int]) -> io.TextIOWrapper:
    raw = _Tolerant(number, OSError(errno.EBADF, "it is closed") if number in closed else None)
    encoding = "utf-8" if standard is None else standard.encoding
    at_once = number == 2 or raw.isatty() or (standard is not None and standard.write_through)
    return _Stream(io.BufferedWriter(raw), encoding, _LIKE, line_buffering=at_once)


def _raw() -> _Tolerant | None:
    """What standard output writes to; None if a calling program has put something else in its place."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Tolerant) else None


def _without_controls(text: str) -> str:
    """The last door: libraries log and warn with what servers sent, and do not know `foreign_text`."""
    if text.isprintable():
        return text
    parts = _OURS.split(text)  # every second one is one of these
    return "".join(part if n % 2 else visible(part, keep="\n\t") for n, part in enumerate(parts))


def _wrapped(line: str, columns: int) -> str:
    """Lines of at most so many columns; colours take none, and what moves the cursor is left alone."""
    plain = _COLOURS.sub("", line)
    if len(plain) <= columns or "\x1b" in plain or "\r" in plain:
        return line
    indent = " " * (len(plain) - len(plain.lstrip())) + _INDENT
    lines: list[str] = []
    for word in re.findall(r" *[^ ]+", line):
        if lines and len(_COLOURS.sub("", lines[-1] + word)) <= columns:
            lines[-1] += word
        else:
            lines.append(indent + word.lstrip() if lines else word)
    return "\n".join(lines)


def _nobody_listens(error: OSError) -> bool:
    """Whether the reader left, the parent closed the stream, or a terminal hung up: of a file, EIO is a broken disk."""
    hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(1).st_mode)
    return hung_up or error.errno in (errno.EPIPE, errno.EBADF)


def _refused(error: OSError) -> str:
    return f"cannot write to standard output: {error.strerror}"


def _like(error: UnicodeError) -> tuple[str, int]:
    """ASCII in place of what cannot be encoded: a letter without its accent, a sign like it, or a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].translate(_IN_ASCII)
    letters = (unicodedata.normalize("NFKD", each).encode("ascii", "ignore").decode() for each in lacking)
    return "".join(letter or "?" for letter in letters), error.end
