"""`loadtest run`: a command and its options from a file.

Every option of every command can stand in a file, because the file is turned into the command line that it stands for.
"""

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from loadtest.cli.hints import FROM_FILE, names_here
from loadtest.cli.outputs import spare_others
from loadtest.errors import UsageError, nearest
from loadtest.system.foreign_text import clean
from loadtest.system.toml_file import kind_of, read

TYPED_ONLY = ("yes", "cluster-insecure")  # who runs a file says so, never the file
_RUN_ANOTHER = ("run", "rerun")
_SHOWN = 100  # characters of a name that stands in a file


def run(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="TOML: command = 'race', and that command's options; - is standard input."),
    ],
) -> Any:
    """Run the command that a file describes; options given after FILE replace the file's.

    Options have their long names: number-of-requests = 500; flags are true or false, repeated options lists.

    Paths in the file are relative to the current folder. loadtest run FILE --help is the help of the file's command.
    """
    try:
        values = read(file)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error
    if not isinstance(values.get("fault"), list) or "command" not in values:
        return invoke(context, values, str(file))
    from loadtest.cli.fault_file import of_scenario

    with of_scenario(file, values):  # its own [[fault]] sections are what they stand for: --fault with this file
        return invoke(context, {**values, "fault": str(file)}, str(file))


def invoke(context: typer.Context, values: dict[str, Any], source: str) -> Any:
    """Run the command that these keys and values of a scenario describe; what is wrong with them is said of `source`.

    The arguments left over in the context come after them.
    """
    from loadtest.cli.trust import require_agreement

    root, commands = context.find_root(), commands_of(context)
    try:
        name = command_name(values, commands)
        arguments = argv(values, commands[name], context.args)
        given = on_command_line(commands[name], context.args)
        spare_others(values, given)
    except UsageError as error:
        raise UsageError(f"{source}: {error}") from error
    if "help" not in given:
        require_agreement(commands[name], arguments, given, source)
    context.meta[FROM_FILE] = True
    try:
        with commands[name].make_context(name, arguments, parent=root) as inner:
            return commands[name].invoke(inner)
    except typer.Exit:  # the help was shown
        raise
    except Exception as error:
        if values.get("debug") is True and "debug" not in given:
            traceback.print_exc()
        if isinstance(error, UsageError):
            raise UsageError(f"{source}: {error}") from error
        if isinstance(error, typer.TyperException):
            said = f"{' '.join(error.format_message().split()).rstrip('.')}. See: {root.command_path} {name} --help"
            raise UsageError(said if _was_typed(error, given) else f"{source}: {said}") from error
        raise


def commands_of(context: typer.Context) -> dict[str, TyperCommand]:
    """The commands that a file can name: all but groups and those that run another."""
    group: object = context.find_root().command
    every = group.commands if isinstance(group, TyperGroup) else {}
    return {name: each for name, each in every.items() if isinstance(each, TyperCommand) and name not in _RUN_ANOTHER}


def _was_typed(error: typer.TyperException, given: set[str]) -> bool:
    """Whether the error is about an argument after the file; those of the file are all known, and have values."""
    parameter = getattr(error, "param", None)
    return parameter is None or parameter.name in given


def command_name(values: Mapping[str, Any], commands: Mapping[str, TyperCommand]) -> str:
    """The command that the file names. Raises UsageError if it names none that there is."""
    if "command" not in values:
        raise UsageError(f"it does not say which command to run; write for example command = {min(commands)!r}")
    name = values["command"]
    if isinstance(name, str) and name in commands:
        return name
    if not isinstance(name, str):
        raise UsageError(f"command must be one of {', '.join(commands)}, not {kind_of(name)}")
    raise UsageError(f"unknown command {clean(name, _SHOWN)!r}; {nearest(name, commands)}")


def argv(values: Mapping[str, Any], command: TyperCommand, extra: Sequence[str]) -> list[str]:
    """The command line that stands for the file's values, with `extra` arguments after it.

    What `extra` gives replaces what the file says, lists too; positional arguments replace all of the file's. Raises
    UsageError for keys that are no options of the command and for values that no option can have. Pure.
    """
    options = {opt[2:]: each for each in _options(command) for opt in each.opts if opt.startswith("--")}
    negated = {opt[2:]: each for each in _options(command) for opt in each.secondary_opts if opt.startswith("--")}
    positional = {each.name.replace("_", "-"): each for each in command.params if isinstance(each, TyperArgument)}
    given = on_command_line(command, extra)
    line: list[str] = []
    words: dict[str, list[str]] = {}
    written: dict[str, str] = {}
    for key, value in values.items():
        name = key.replace("_", "-")
        if name == "command":
            continue
        if name in TYPED_ONLY:
            raise UsageError(f"{key} is for who runs the file to say, not for the file: type --{name} after it")
        if (before := written.setdefault(name, key)) != key:
            raise UsageError(f"{key!r} and {before!r} are the same option")
        if name in options:
            made = _option(key, value, options[name])
            line += [] if options[name].name in given else made
        elif name in positional:
            words[name] = _words(key, value, positional[name].nargs)
            if any(word.startswith("-") and word != "-" for word in words[name]):
                raise UsageError(f"a value of {key} must not begin with a dash")
        elif name in negated:
            raise UsageError(f"write {negated[name].opts[0].removeprefix('--')} = false instead of {key!r}")
        elif name == "help":
            raise UsageError(f"{key!r} makes no sense in a file; give --help after it")
        else:
            meant = [other[2:] for other in names_here(f"--{name}") if other[2:] in options] or [name]
            raise UsageError(f"unknown key {clean(key, _SHOWN)!r}; {nearest(meant[0], [*options, *positional])}")
    if not any(each.name in given for each in positional.values()):
        line += [word for name in positional for word in words.get(name, [])]
    return [*line, *extra]


def on_command_line(command: TyperCommand, extra: Sequence[str]) -> set[str]:
    """The names of the parameters that these arguments give, by the command's own parser."""
    context = typer.Context(command, resilient_parsing=True)
    found, _, _ = command.make_parser(context).parse_args(list(extra))
    return {name for name, value in found.items() if value is not None}


def _options(command: TyperCommand) -> list[TyperOption]:
    return [each for each in command.params if isinstance(each, TyperOption)]


def _option(key: str, value: Any, option: TyperOption) -> list[str]:
    """The value of one option as it would be typed; `--name=value` also holds values that begin with a dash."""
    name = next(opt for opt in option.opts if opt.startswith("--"))
    if option.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{key} must be true or false, not {kind_of(value)}")
        return [name] if value else option.secondary_opts[:1]
    if option.count:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
            raise UsageError(f"{key} must be a small whole number, not {kind_of(value)}")
        return [name] * value
    if option.multiple and option.nargs == 1:
        return [f"{name}={word}" for word in _words(key, value, -1)]
    words = _words(key, value, option.nargs)
    return [f"{name}={words[0]}"] if option.nargs == 1 else [name, *words]


def _words(key: str, value: Any, count: int) -> list[str]:
    """One value, or a list of `count` (-1: any number); a list of any number may be given as its only value."""
    if count == 1 or (count == -1 and not isinstance(value, list)):
        return [_word(key, value)]
    if not isinstance(value, list):
        raise UsageError(f"{key} must be a list of {count}, not {kind_of(value)}")
    if count not in (-1, len(value)):
        raise UsageError(f"{key} must be a list of {count}, not of {len(value)}")
    return [_word(key, each) for each in value]


def _word(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{key} must be a text or a number, not {kind_of(value)}")
    try:
        word = str(value)
    except ValueError:  # an integer of thousands of digits
        raise UsageError(f"{key} is too large a number") from None
    if "\0" in word:
        raise UsageError(f"{key} must not hold the character NUL")
    return word
