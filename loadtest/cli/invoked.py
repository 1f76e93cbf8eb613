"""The command line that is being run, for the reports of what it runs."""

import re
import shlex
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from loadtest.cli.help import Command, Group
from loadtest.records.invocation import Invocation

_TYPED: ContextVar[list[str]] = ContextVar("what follows the program's name")
_RUN: ContextVar[tuple[TyperCommand, list[str]]] = ContextVar("the command that is run, and its arguments")
_USER_IN_URL = re.compile(r"(?<=://)[^/?#\s]*@")


class Root(Group):
    """The program, which remembers what was typed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every group does."""
        _TYPED.set(list(args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """As every group does; an interrupt is left to `main`: typer would make an exit code of it without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise typer.Abort from interrupt


class Recorded(Command):
    """A command whose runs say in their reports how they were made, so that `loadtest rerun` can make them again."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command does."""
        _RUN.set((self, list(args)))
        return super().parse_args(ctx, args)


def invocation(seed: int) -> Invocation | None:
    """The command line that is being run, and the seed that was drawn; None if it is not a command line that runs."""
    if _RUN.get(None) is None:
        return None
    command, arguments = _RUN.get()
    typed = shlex.join(["loadtest", *_TYPED.get([command.name or "", *arguments])])
    return Invocation(_plain(typed), {**scenario(command, arguments), "seed": seed})


def scenario(command: TyperCommand, arguments: Sequence[str]) -> dict[str, Any]:
    """The arguments as the keys and values of a scenario file."""
    context = typer.Context(command, resilient_parsing=True)
    given, _, _ = command.make_parser(context).parse_args(list(arguments))
    found: dict[str, Any] = {"command": command.name}
    for each in command.params:
        value = given.get(each.name or "")
        if value is None:
            continue
        is_option = isinstance(each, TyperOption)
        name = next(opt[2:] for opt in each.opts if opt.startswith("--")) if is_option else (each.name or "")
        words = isinstance(value, list | tuple)
        found[name] = [_plain(word) for word in value] if words else _plain(value) if isinstance(value, str) else value
    return found


def _plain(text: str) -> str:
    """Without secrets, and with the bytes that are no UTF-8 as JSON can hold them."""
    return _USER_IN_URL.sub("***@", text).encode("utf-8", "backslashreplace").decode()
