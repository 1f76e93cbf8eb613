"""What `--help` shows in a narrow window."""

import itertools
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from loadtest.cli.app import app
from loadtest.cli.help import Group


def commands(group: TyperGroup, path: tuple[str, ...] = ("loadtest",)) -> Iterator[tuple[str, TyperCommand]]:
    """Every command by its path, those of groups too."""
    for name, each in group.commands.items():
        if isinstance(each, TyperGroup):
            yield from commands(each, (*path, name))
        elif isinstance(each, TyperCommand):
            yield " ".join((*path, name)), each


ROOT = typer.main.get_command(app)
assert isinstance(ROOT, Group)
COMMANDS = dict(commands(ROOT))


def shown(path: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines of the command's help."""
    monkeypatch.setenv("COLUMNS", str(columns))
    with COMMANDS[path].make_context(path, ["--help"], resilient_parsing=True) as context:
        return context.get_help().splitlines()


@pytest.mark.parametrize("path", COMMANDS)
@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_names_are_whole_and_lines_fit(path: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(path, columns, monkeypatch)
    words = set(itertools.chain.from_iterable(line.replace(",", " ").split() for line in lines))
    for parameter in (each for each in COMMANDS[path].params if not getattr(each, "hidden", False)):
        assert {*parameter.opts, *parameter.secondary_opts} <= words or parameter.param_type_name == "argument"
    too_long = [line for line in lines if len(line) > min(columns, 100)]
    assert all(len(line.split()) == 1 for line in too_long)  # one word has no place to break


def test_choices_and_defaults_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(" ".join(shown("loadtest race", 80, monkeypatch)).split())
    assert "version, conditional, transaction, unconditional, or MODULE:FUNCTION of your own; " in text
    assert "--client NAME wire, sdk: " in text
    assert "[default: all orders" in text
    assert "<" not in text.replace("<=", "").replace("< 50ms", "")


def test_the_groups_name_their_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with ROOT.make_context("loadtest", [], resilient_parsing=True) as context:
        lines = context.get_help().splitlines()
    names = {line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")}
    assert {path.split()[1] for path in COMMANDS} <= names
