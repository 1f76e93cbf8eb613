"""Help that fits its window: names of options whole, text wrapped between words, one panel after another."""

import inspect
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from loadtest.cli import WRONG_USAGE
from loadtest.render.window import coloured

_WIDEST = 100  # columns; longer lines are hard to read
_NARROW = 60  # columns; with fewer, text stands under the name and not beside it
_NAMES = 30  # columns of the names
_INDENT = "  "
_PANELS = {"argument": "Arguments", "option": "Options"}
_DEFAULT = re.compile(r"default: \((.*?)\)(?=[;\]])")
_VALUES = {"<int": "N", "<float": "N", "<str>": "TEXT", "<path>": "PATH"}


class _Fitting:
    """What a command and a group of commands have in common."""

    def format_help(self: Any, ctx: Any, formatter: Any) -> None:
        """Write usage, description, options by panel, commands and the example."""
        columns = min(shutil.get_terminal_size().columns, _WIDEST)
        formatter.write("\n".join(_lines(self, ctx, columns)) + "\n")


class Command(_Fitting, TyperCommand):
    """A command with such help."""


class Group(_Fitting, TyperGroup):
    """A group with such help, which it also shows if no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer's, but for the help: it is no error message."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(WRONG_USAGE)
        return super().parse_args(ctx, args)


class App(typer.Typer):
    """An application whose commands have such help."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=Group, rich_markup_mode=None, **settings)

    def command(self, *arguments: Any, **settings: Any) -> Callable[[Any], Any]:
        """As typer's."""
        return super().command(*arguments, **{"cls": Command, **settings})


def _lines(command: Any, ctx: Any, columns: int) -> Iterator[str]:
    yield from _wrapped(f"Usage: {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}", columns)
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield ""
        yield from _wrapped(paragraph, columns)
    for title, rows in _panels(command, ctx).items():
        yield ""
        yield typer.style(title, bold=True) if coloured(sys.stdout) else title
        yield from _definitions(rows, columns)
    if command.epilog:
        yield ""
        yield from _wrapped(command.epilog, columns)


def _panels(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Names and descriptions of arguments, options and commands, by panel in the order in which they were declared."""
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        if (record := parameter.get_help_record(ctx)) is not None:
            panel = parameter.rich_help_panel or _PANELS[parameter.param_type_name]
            panels.setdefault(panel, []).append(_row(parameter, ctx, *record))
    for name in command.list_commands(ctx) if isinstance(command, TyperGroup) else ():
        each = command.get_command(ctx, name)
        if each is not None and not each.hidden:
            panel = getattr(each, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, inspect.cleandoc(each.help or "").partition("\n\n")[0]))
    return panels


def _row(parameter: Any, ctx: Any, name: str, description: str) -> tuple[str, str]:
    """The name with a short word for its value; what a user can choose from is said in the description.

    Defaults that are no values, such as `all orders`, are in brackets of their own as typer says them: they go.
    """
    description = _DEFAULT.sub(r"default: \1", description)
    value = parameter.display_type_rich(ctx=ctx) or ""
    if not value.startswith("<") or not name.endswith(value):
        return name, description
    name = name.removesuffix(value).rstrip()
    if not isinstance(parameter, TyperOption):
        return name, description
    word = next((word for begins, word in _VALUES.items() if value.startswith(begins)), "NAME")
    choices = f"{value.strip('<>').replace('|', ', ')}: " if "|" in value else ""
    return f"{name} {word}", f"{choices}{description}"


def _definitions(rows: Sequence[tuple[str, str]], columns: int) -> Iterator[str]:
    if columns < _NARROW:
        for name, description in rows:
            yield from _wrapped(name, columns, _INDENT)
            yield from _wrapped(description, columns, _INDENT * 3)
        return
    longest = min(_NAMES, max(len(name) for name, _ in rows))
    indent = " " * (longest + 2 * len(_INDENT))
    for name, description in rows:
        beside = len(name) <= longest
        if not beside:
            yield from _wrapped(name, columns, _INDENT)
        yield from _wrapped(description, columns, indent, f"{_INDENT}{name:{longest}}{_INDENT}" if beside else indent)


def _wrapped(text: str, columns: int, indent: str = "", first: str | None = None) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        columns,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
