"""What to say of an option that a command does not have: what it is called here, or which command has it."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from loadtest.errors import UsageError

FROM_FILE = "loadtest.from_file"  # in the meta of the context of a command that a scenario file describes
_SINGLE_DASH = re.compile(r"-([a-z][a-z-]+)(?:=.*)?", re.DOTALL)

# What k6, vegeta, wrk, ab, hey, Locust and others call it, under its name here. Several: whichever a command has.
_OTHER_NAMES = {
    ("--concurrency", "--of"): "-c --concurrency --vus --users --connections --clients --parallel --workers -u",
    ("--number-of-requests", "--duration"): "-n --requests --iterations --number --num-requests --amount -i",
    ("--duration",): "--run-time --runtime --time --timelimit --seconds -z",
    ("--duration", "--processes"): "-t",
    ("--processes",): "--threads --cpus",
    ("--rate", "--of"): "-r --rate --qps --rps --throughput --arrival-rate -R",
    ("--stages",): "--stage --ramp --ramp-up --rampup -s",
    ("--warmup",): "--warm-up",
    ("--endpoint-url",): "--url --endpoint --host --server -H",
    ("--table",): "--table-name",
    ("--read-timeout",): "--timeout",
    ("--attempts",): "--retries --max-attempts",
    ("--stock",): "--quantity",
    ("--products",): "--items --keys",
    ("--threshold",): "--thresholds --sla",
    ("--max-spend",): "--budget",
    ("--json", "--output"): "-o --out --output --summary-export",
}
_NAMES_HERE = {other: ours for ours, others in _OTHER_NAMES.items() for other in others.split()}


def names_here(option: str) -> tuple[str, ...]:
    """The names that an option of another tool has here; none if there is no such."""
    return _NAMES_HERE.get(option, ())


def explain(error: typer.TyperException, typed: Sequence[str], ctx: typer.Context) -> None:
    """Make the message of an error about unknown arguments one that says what to write instead."""
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        error.possibilities = None
        error.message = _unknown(option if option.isprintable() else ascii(option), ctx)
    elif (
        "unexpected extra argument" in error.message
        and any(word.startswith(("http://", "https://")) for word in typed)
        and "--endpoint-url" in _options(ctx.command)
    ):
        error.message = f"{_name(ctx)} takes no URL by itself; write --endpoint-url before it"


def refuse_single_dashes(typed: Sequence[str], ctx: typer.Context) -> None:
    """A typer exception for `-rate=5`, which would be `-r ate=5`."""
    known = _options(ctx.command)
    for word in typed:
        if word == "--" or ctx.resilient_parsing:
            return
        found = _SINGLE_DASH.fullmatch(word)
        if found is None:
            continue
        long = f"--{found[1]}"
        if long in known:
            ctx.fail(f"write {long} with two dashes")
        if any(name in known for name in names_here(long)):
            ctx.fail(_unknown(long, ctx).replace(long, f"-{found[1]}", 1))


def refuse_file_options(ctx: typer.Context, options: Sequence[TyperOption]) -> None:
    """UsageError for options that were typed though they are keys of scenario files only."""
    if ctx.resilient_parsing or FROM_FILE in ctx.meta:
        return
    for option in typed_options(ctx):
        if option in options:
            raise UsageError(
                f"{option.opts[0]} is set in a scenario file only: {_key(option)} = …, then loadtest run FILE "
                "(docs/reference/scenario.md)"
            )


def typed_options(ctx: typer.Context) -> list[TyperOption]:
    """The command's options that were given, on the command line or in a scenario file."""
    sources = [
        (option, ctx.get_parameter_source(option.name)) for option in dict.fromkeys(_options(ctx.command).values())
    ]
    return [option for option, source in sources if source is not None and source.name == "COMMANDLINE"]


def _unknown(option: str, ctx: typer.Context) -> str:
    """One line: what the option is called here, or which command has it, or the nearest."""
    wanted = [*names_here(option), option]
    here = _options(ctx.command)
    said = f"{_name(ctx)} has no {option}"
    if ctx.parent is None:
        said = f"there is no option {option}"
        for command, has in _with(wanted, ctx):
            return f"options stand after the command, as in loadtest {command} {has.partition(' ')[0]}"
    if found := [here[name] for name in wanted if name in here]:
        if found[0].hidden:
            return f"{said}; {_key(found[0])} = … in a scenario file sets it (docs/reference/scenario.md)"
        return f"{said}; use {' or '.join(_shown(each) for each in found)}"
    for command, has in _with(wanted, ctx):
        return f"{said}; loadtest {command} has {'it' if has == option else has}"
    close = get_close_matches(option, [name for name, each in here.items() if not each.hidden], n=1)
    return f"{said}; did you mean {close[0]}?" if close else said


def _with(names: Sequence[str], ctx: typer.Context) -> Iterator[tuple[str, str]]:
    """The commands of the program that have an option of these names, and the option."""
    root = ctx.find_root().command
    commands = root.commands if isinstance(root, TyperGroup) else {}
    for name in names:
        for command, options in ((command, _options(each)) for command, each in commands.items()):
            if name in options and not options[name].hidden:
                yield command, _shown(options[name])


def _key(option: TyperOption) -> str:
    return option.opts[0].removeprefix("--")


def _shown(option: TyperOption) -> str:
    """As `--concurrency (-c)`."""
    short = [name for name in option.opts if not name.startswith("--")]
    long = next(name for name in option.opts if name.startswith("--"))
    return f"{long} ({short[0]})" if short else long


def _name(ctx: typer.Context) -> str:
    """The command as it was typed, without the program's name."""
    return ctx.command_path.removeprefix(f"{ctx.find_root().command_path} ")


def _options(command: object) -> dict[str, TyperOption]:
    """By each of their names."""
    params = command.params if isinstance(command, TyperCommand | TyperGroup) else []
    options = [each for each in params if isinstance(each, TyperOption)]
    return {name: each for each in options for name in (*each.opts, *each.secondary_opts)}
