"""What `--help` shows: the options of a command in panels, the ones that most runs need first.

Plain text in 80 columns, drawn without rich, which takes longer to import than all commands together.
"""

import textwrap
from collections.abc import Iterator, Sequence
from enum import Enum, StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from loadtest.cli import WRONG_USAGE, hints
from loadtest.errors import UsageError

_COLUMN = 30  # where the help of an option begins; a longer name has a line of its own


class Panel(StrEnum):
    """Where an option stands in the help of every command that has it, in this order.

    `MAIN` is for the dozen that most runs need, in the order in which people need them. What is set once for a project,
    not from run to run, belongs to `FILE`: it is no option of the command line, only a key of scenario files.
    """

    MAIN = "Main options"
    ORDERS = "Orders"
    TARGET = "Target"
    OUTPUT = "Output"
    COST = "Cost"
    CLIENT = "Client and faults"
    MACHINES = "Several processes or machines"
    GENERAL = "General"
    FILE = "Only in a scenario file"


class Command(TyperCommand):
    """A command whose options stand in panels, and that knows what other tools call them."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        options = [each for each in self.params if isinstance(each, TyperOption)]
        self._of_files = [option for option in options if _panel(option) is Panel.FILE]
        for option in self._of_files:
            option.hidden = True

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """What is left of the arguments. A TyperException or UsageError says in one line what is wrong with them."""
        typed = list(args)
        hints.refuse_single_dashes(typed, ctx)
        try:
            rest = super().parse_args(ctx, args)
        except typer.TyperException as error:
            hints.explain(error, typed, ctx)
            raise
        hints.refuse_file_options(ctx, self._of_files)
        return rest

    def collect_usage_pieces(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """What stands after the command in the line of its usage."""
        return ["[OPTIONS]", *(_argument(each) for each in self.params if isinstance(each, TyperArgument))]

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write the arguments, and the options panel by panel."""
        _write_panels(self, ctx, formatter)
        if self._of_files:
            keys = ", ".join(option.opts[0].removeprefix("--") for option in self._of_files)
            text = textwrap.fill(f"{Panel.FILE} (docs/scenarios.md): {keys}.", formatter.width, break_on_hyphens=False)
            formatter.write(f"\n{text}\n")


class Group(TyperGroup):
    """Commands, in the order in which they were added."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """The command and its arguments; without any the help is shown."""
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(WRONG_USAGE)
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            hints.explain(error, args, ctx)
            raise

    def format_options(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write a line for each command, and then the options."""
        shown = [command for command in self.commands.values() if not command.hidden]
        width = max(len(command.name or "") for command in shown) + 4
        _write_rows(formatter, "Commands", [(command.name or "", _first(command.help)) for command in shown], width)
        _write_panels(self, ctx, formatter)


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


def _write_panels(command: TyperCommand | TyperGroup, ctx: typer.Context, formatter: Any) -> None:
    shown = [each for each in command.get_params(ctx) if not getattr(each, "hidden", False)]
    arguments = [(_argument(each), each.help or "") for each in shown if isinstance(each, TyperArgument)]
    _write_rows(formatter, "Arguments", arguments)
    for panel in Panel:
        options = [each for each in shown if isinstance(each, TyperOption) and _panel(each) is panel]
        _write_rows(formatter, panel, [(_names(each, ctx), _help(each)) for each in options])


def _argument(argument: TyperArgument) -> str:
    """As `FILE`, `RUN...` or `[RUN...]`."""
    name = (argument.metavar or argument.name.upper()).strip("[].") + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _panel(option: object) -> Panel:
    """Its panel; the options that typer adds, such as --help, are general ones."""
    return Panel(getattr(option, "rich_help_panel", None) or Panel.GENERAL)


def _write_rows(formatter: Any, heading: str, rows: Sequence[tuple[str, str]], column: int = _COLUMN) -> None:
    """Names on the left, what they mean on the right; nothing without rows."""
    if not rows:
        return
    formatter.write(f"\n{heading}:\n")
    for name, text in rows:
        lines = iter(textwrap.wrap(text, formatter.width - column, break_on_hyphens=False))
        if len(name) + 4 <= column:
            formatter.write(f"  {name:{column - 2}}{next(lines, '')}".rstrip() + "\n")
        else:
            formatter.write(f"  {name}\n")
        for line in lines:
            formatter.write(f"{'':{column}}{line}\n")


def _names(option: TyperOption, ctx: typer.Context) -> str:
    """As `-n, --number-of-requests N` or `    --gate, --no-gate`."""
    every = [*option.opts, *option.secondary_opts]
    short = [name for name in every if not name.startswith("--")]
    long = [name for name in every if name.startswith("--")]
    shown = ", ".join([*(short or ["  "]), *long]).replace("  , ", "    ", 1)
    return shown if option.is_flag or option.count else f"{shown} {option.metavar or _kind(option, ctx)}"


def _kind(option: TyperOption, ctx: typer.Context) -> str:
    shown = option.display_type(ctx).strip("<>")
    return {"int": "N", "float": "NUMBER", "str": "TEXT", "path": "PATH"}.get(shown.removesuffix(" range"), shown)


def _help(option: TyperOption) -> str:
    return " ".join([option.help or "", *_default(option)])


def _default(option: TyperOption) -> Iterator[str]:
    """What holds without the option, if that says anything."""
    if isinstance(option.show_default, str):
        yield f"(default: {option.show_default})"
    elif option.show_default and option.default is not None:
        if option.is_flag:
            if option.secondary_opts:
                yield f"(default: {(option.opts if option.default else option.secondary_opts)[0]})"
        else:
            default = option.default.value if isinstance(option.default, Enum) else option.default
            yield f"(default: {f'{default:g}' if isinstance(default, float) else default})"


def _first(text: str | None) -> str:
    """The first paragraph of a help, in one line."""
    return " ".join((text or "").partition("\n\n")[0].split())
