"""Where text is drawn, and how: what others wrote can neither move the cursor nor begin a line of its own.

A string that is printed, or stands in a table, is one line; `Text` is made by `line` and `heading` alone.
"""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from loadtest.render.window import coloured, is_screen, width
from loadtest.system.foreign_text import visible

_UNBOUNDED = 10_000  # columns
_WIDE = 160  # where nobody looks at a window
_HEIGHT = 25  # without it rich would take no other width than 80 where TERM is dumb


class _Console(Console):
    """Takes every string for one line of text that others may have written."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich does, with every character visible."""
        return super().render_str(visible(text), **options)


def line(*parts: str | Text, style: str | Style = "") -> Text:
    """One line of text, whose parts may have styles of their own."""
    shown = (part if isinstance(part, Text) else visible(part) for part in parts)
    return Text.assemble(*shown, style=style)


def heading(title: str) -> Text:
    """A column's title, with an empty line above it."""
    return line(Text("\n"), title)


def a_console(*, to_stdout: bool) -> Console:
    """Standard output, or standard error if a document goes there. Its lines are wrapped by the stream."""
    file = sys.stdout if to_stdout else sys.stderr
    return _Console(
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
    return _Console(
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
