"""What a stream shows its text on: how wide that is, and whether it knows escape codes."""

import os
from typing import IO

_LEAST = 20
_USUAL = 80


def coloured(file: IO[str]) -> bool:
    """Whether escape codes may go there: to a terminal that knows them, unless NO_COLOR; with FORCE_COLOR anywhere."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_screen(file)


def is_screen(file: IO[str]) -> bool:
    """Whether it is a terminal on which what was drawn can be drawn anew."""
    return file.isatty() and os.environ.get("TERM") not in (None, "", "dumb")


def width(file: IO[str]) -> int | None:
    """Columns of the terminal; None for what is none, where a line may have any length."""
    if not file.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    try:
        columns = int(given) if given.isdecimal() else os.get_terminal_size(file.fileno()).columns
    except OSError:  # it has hung up
        return None
    return max(columns, _LEAST) if columns else _USUAL
