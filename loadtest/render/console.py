"""Where text is drawn."""

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from loadtest.render.window import coloured, is_screen, width

_UNBOUNDED = 10_000  # columns
_WIDE = 160  # where nobody looks at a window
_HEIGHT = 25  # without it rich would take no other width than 80 where TERM is dumb


def a_console(*, to_stdout: bool) -> Console:
    """Standard output, or standard error if a document goes there. Its lines are wrapped by the stream."""
    file = sys.stdout if to_stdout else sys.stderr
    return Console(
        stderr=not to_stdout,
        force_terminal=coloured(file),
        width=width(file) or _WIDE,
        height=_HEIGHT,
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def a_screen() -> Console:
    """Standard error, for what goes on: drawn anew in its place on a screen, and else line by line."""
    return Console(
        stderr=True,
        force_terminal=is_screen(sys.stderr),
        color_system="auto" if coloured(sys.stderr) else None,
        markup=False,
        highlight=False,
    )


def put(console: Console, drawn: str) -> None:
    """Write what was drawn, without the blanks at the ends of lines."""
    console.file.write("\n".join(line.rstrip() for line in drawn.split("\n")))
    console.file.flush()


def fitting(console: Console, tables: Sequence[Table]) -> Table:
    """The first that is narrow enough, or else the last."""
    unbounded = console.options.update(width=_UNBOUNDED)
    narrow = (one for one in tables if console.measure(one, options=unbounded).maximum <= console.width)
    return next(narrow, tables[-1])
