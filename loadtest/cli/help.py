"""Help that fits its window: names of options whole, text wrapped between words, panels in one order.

It is drawn without rich, which takes longer to import than all commands together.
"""

import inspect
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from loadtest.cli import hints
from loadtest.cli.exit_codes import WRONG_USAGE
from loadtest.cli.panels import Panel, panel_of
from loadtest.errors import UsageError
from loadtest.render.window import coloured

_WIDEST = 100  # columns; longer lines are hard to read
_NARROW = 60  # columns; with fewer, text stands under the name and not beside it
_NAMES = 30  # columns of the names
_INDENT = "  "
_COMMANDS = "Commands"
_VALUES = {"<int": "N", "<float": "N", "<str": "TEXT", "<path": "PATH"}


class _Fitting:
    """What a command and a group of commands have in common."""

    def format_help(self: Any, ctx: Any, formatter: Any) -> None:
        """Write usage, description, options by panel, commands and the example."""
        columns = min(shutil.get_terminal_size().columns, _WIDEST)
        formatter.write("\n".join(_lines(self, ctx, columns)) + "\n")

    def collect_usage_pieces(self: Any, ctx: Any) -> list[str]:
        """What stands after the command in the line of its usage."""
        arguments = [_argument(each) for each in self.params if isinstance(each, TyperArgument)]
        return ["[OPTIONS]", *arguments, *([self.subcommand_metavar] if isinstance(self, TyperGroup) else [])]


class Command(_Fitting, TyperCommand):
    """A command with such help, which knows what other tools call its options."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._of_files = [option for option in _options(self) if panel_of(option) is Panel.FILE]
        for option in self._of_files:
            option.hidden = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer's; what is wrong with an option is said in one line that names the right one."""
        typed = list(args)
        hints.refuse_single_dashes(typed, ctx)
        try:
            rest = super().parse_args(ctx, args)
        except typer.TyperException as error:
            hints.explain(error, typed, ctx)
            raise
        hints.refuse_file_options(ctx, self._of_files)
        return rest


class Group(_Fitting, TyperGroup):
    """A group with such help, which it also shows if no command is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As typer's, but for the help: it is no error message."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(WRONG_USAGE)
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            hints.explain(error, args, ctx)
            raise


class App(typer.Typer):
    """An application whose commands have such help, in the order in which they are added."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(rich_markup_mode=None, **{"cls": Group, **settings})

    def command(self, *arguments: Any, debug: bool = True, **settings: Any) -> Callable[[Any], Any]:
        """As typer's; the command gets --debug unless it is told otherwise, as one that passes its options on is."""
        add = super().command(*arguments, **{"cls": Command, **settings})
        return lambda command: add(_with_debug(command) if debug else command)


_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=Panel.GENERAL)]


def _with_debug(command: Callable[..., int]) -> Callable[..., int]:
    """The command with an option that it does not hear of: `main` looks for it, also if no command could be parsed."""
    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Debug)
    parameters = [*signature.parameters.values(), option]

    @wraps(command)
    def run(*, debug: bool, **given: Any) -> int:
        del debug
        return command(**given)

    del run.__wrapped__
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


def show_help(
    context: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="As race, or table create; all if there is none.")
    ] = None,
) -> int:
    """Show the help of a command."""
    shown = context.find_root()
    for word in words or ():
        commands = shown.command.commands if isinstance(shown.command, TyperGroup) else {}
        if word not in commands:
            raise UsageError(f"there is no command {word!r} in {shown.command_path}")
        shown = typer.Context(commands[word], parent=shown, info_name=word, **commands[word].context_settings)
    typer.echo(shown.get_help())
    return 0


def _lines(command: Any, ctx: Any, columns: int) -> Iterator[str]:
    yield from _wrapped(f"Usage: {ctx.command_path} {' '.join(command.collect_usage_pieces(ctx))}", columns)
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield ""
        yield from _wrapped(paragraph, columns)
    panels = dict(_panels(command, ctx))
    longest = max((len(name) for title, rows in panels.items() if title != _COMMANDS for name, _ in rows), default=0)
    for title, rows in panels.items():
        yield ""
        yield typer.style(title, bold=True) if coloured(sys.stdout) else title
        yield from _definitions(rows, columns, max(len(name) for name, _ in rows) if title == _COMMANDS else longest)
    if of_files := [each.opts[0].removeprefix("--") for each in _options(command) if panel_of(each) is Panel.FILE]:
        yield ""
        yield from _wrapped(f"{Panel.FILE} (docs/reference/scenario.md): {', '.join(of_files)}", columns)
    if command.epilog:
        yield ""
        yield from _wrapped(command.epilog, columns)


def _panels(command: Any, ctx: Any) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Commands, arguments, and options panel by panel: names with what they mean."""
    shown = [each for each in command.get_params(ctx) if not getattr(each, "hidden", False)]
    named = command.commands.items() if isinstance(command, TyperGroup) else ()
    yield from _unless_empty(
        _COMMANDS, [(name, each.short_help or _first(each.help)) for name, each in named if not each.hidden]
    )
    arguments = [(_argument(each), each.help or "") for each in shown if isinstance(each, TyperArgument)]
    yield from _unless_empty("Arguments", arguments)
    options = [each for each in shown if isinstance(each, TyperOption)]
    for panel in Panel:
        yield from _unless_empty(panel, [_row(each, ctx) for each in options if panel_of(each) is panel])


def _options(command: TyperCommand | TyperGroup) -> list[TyperOption]:
    return [each for each in command.params if isinstance(each, TyperOption)]


def _unless_empty(title: str, rows: list[tuple[str, str]]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    if rows:
        yield title, rows


def _first(text: str | None) -> str:
    return inspect.cleandoc(text or "").partition("\n\n")[0]


def _argument(argument: TyperArgument) -> str:
    """As `FILE`, `RUN...` or `[RUN...]`."""
    name = (argument.metavar or argument.name.upper()).strip("[].") + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _row(option: TyperOption, ctx: Any) -> tuple[str, str]:
    """As `-n, --number-of-requests N` with what it means; what a user can choose from is said there."""
    every = [*option.opts, *option.secondary_opts]
    short = [name for name in every if not name.startswith("--")]
    name = ", ".join([*short, *(name for name in every if name.startswith("--"))])
    name = name if short else f"    {name}"
    text = " ".join([option.help or "", *_default(option)])
    if option.is_flag or option.count:
        return name, text
    if option.metavar is not None:
        return f"{name} {option.metavar}", text
    value = option.display_type(ctx)
    word = next((word for begins, word in _VALUES.items() if value.startswith(begins)), "NAME")
    choices = f"{value.strip('<>').replace('|', ', ')}: " if "|" in value else ""
    return f"{name} {word}", f"{choices}{text}"


def _default(option: TyperOption) -> Iterator[str]:
    """What holds without the option, if that says anything."""
    default = option.show_default if isinstance(option.show_default, str) else option.default
    if not option.show_default or default is None:
        return
    if option.is_flag and isinstance(default, bool):
        if option.secondary_opts:
            yield f"[default: {(option.opts if default else option.secondary_opts)[0]}]"
        return
    if isinstance(default, Enum):
        default = default.value
    yield f"[default: {f'{default:g}' if isinstance(default, float) else default}]"


def _definitions(rows: Sequence[tuple[str, str]], columns: int, longest: int) -> Iterator[str]:
    if columns < _NARROW:
        for name, description in rows:
            yield from _wrapped(name, columns, _INDENT)
            yield from _wrapped(description, columns, _INDENT * 3)
        return
    longest = min(_NAMES, longest)
    indent = " " * (longest + 2 * len(_INDENT))
    for name, description in rows:
        beside = len(name) <= longest
        if not beside:
            yield f"{_INDENT}{name}"
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
