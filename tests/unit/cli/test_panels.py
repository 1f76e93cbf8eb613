import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from loadtest.cli import app as real
from loadtest.cli.panels import Panel, panel_of
from tests.conftest import Cli
from tests.unit.cli.conftest import Said

_root = get_command(real.app)
assert isinstance(_root, TyperGroup)
ROOT_COMMAND: TyperGroup = _root
MOST_MAIN_OPTIONS = 15


def every_command(group: TyperGroup, *before: str) -> Iterator[tuple[tuple[str, ...], TyperCommand | TyperGroup]]:
    yield before, group
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from every_command(command, *before, name)
        elif isinstance(command, TyperCommand):
            yield (*before, name), command


COMMANDS = list(every_command(ROOT_COMMAND))
of_each_command = pytest.mark.parametrize(
    ("words", "command"), [pytest.param(*each, id=" ".join(each[0]) or "loadtest") for each in COMMANDS]
)


def visible(command: TyperCommand | TyperGroup) -> list[TyperOption]:
    """What the help of the command has to show, --help as well."""
    context = typer.Context(command, **command.context_settings)
    return [each for each in command.get_params(context) if isinstance(each, TyperOption) and not each.hidden]


def panels(text: str) -> dict[str, str]:
    """Each heading of a help, with what stands below it."""
    blocks = [block.partition("\n") for block in text.split("\n\n")]
    return {heading: below for heading, _, below in blocks if below.startswith("  ")}


@pytest.mark.parametrize("columns", [80, 200])
@of_each_command
def test_every_option_is_shown_whole_in_a_panel(
    words: tuple[str, ...], command: TyperCommand | TyperGroup, columns: int, said: Said
) -> None:
    code, text, _ = said(*words, "--help", columns=columns)
    assert code == 0
    assert all(len(line) <= min(columns, 100) for line in text.splitlines())
    shown = panels(text)
    for option in visible(command):
        panel = panel_of(option)
        assert panel is not Panel.FILE
        names = [line.replace(",", " ").split() for line in shown[panel].splitlines()]
        for name in (*option.opts, *option.secondary_opts):
            assert any(name in line for line in names), name


@of_each_command
def test_panels_come_in_the_same_order_and_the_first_is_short(
    words: tuple[str, ...], command: TyperCommand | TyperGroup, said: Said
) -> None:
    shown = [heading for heading in panels(said(*words, "--help")[1]) if heading not in ("Commands", "Arguments")]
    assert shown == [panel for panel in Panel if panel in shown]
    assert len([option for option in visible(command) if panel_of(option) is Panel.MAIN]) <= MOST_MAIN_OPTIONS


@of_each_command
def test_where_there_are_panels_every_option_says_its_own(
    words: tuple[str, ...], command: TyperCommand | TyperGroup
) -> None:
    options = visible(command)
    assert all(option.help for option in options)
    silent = [option.opts for option in options if option.rich_help_panel is None and panel_of(option) is Panel.MAIN]
    assert not silent or {panel_of(option) for option in options} <= {Panel.MAIN, Panel.GENERAL}


def test_people_find_first_what_they_need_first(said: Said) -> None:
    for command, first in (("race", ["-n", "--rounds", "--strategy"]), ("load", ["-r", "-d", "-c"])):
        text = said(command, "--help")[1]
        assert [text.index(f" {name}") for name in first] == sorted(text.index(f" {name}") for name in first)
        assert text.index(f" {first[-1]}") < text.index("--threshold") < text.index("--yes")


def test_options_of_files_are_named_at_the_end(said: Said) -> None:
    _, text, _ = said("load", "--help")
    assert "Only in a scenario file (docs/reference/scenario.md): backoff, consistent-reads" in text
    assert "--backoff" not in text


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_the_commands_are_listed_in_a_line_each(arguments: list[str], said: Said) -> None:
    code, text, errors = said(*arguments)
    assert (code, errors) == (0 if arguments else 2, "")
    listed = panels(text)["Commands"].splitlines()
    names = [line.split()[0] for line in listed]
    assert all(len(line) <= 80 for line in listed)
    assert names == [name for name in ROOT_COMMAND.commands if not ROOT_COMMAND.commands[name].hidden]


@of_each_command
def test_help_of_a_command_is_its_help(words: tuple[str, ...], command: TyperCommand | TyperGroup, said: Said) -> None:
    assert said("help", *words) == said(*words, "--help")


def test_help_of_what_there_is_not(said: Said) -> None:
    assert said("help", "race", "x") == (2, "", "loadtest: there is no command 'x' in loadtest race\n")


def test_a_group_without_a_command_shows_its_help(said: Said) -> None:
    code, text, errors = said("table")
    assert (code, errors) == (2, "")
    assert text == said("table", "--help")[1]


def test_arguments_are_shown_as_they_are_typed(said: Said) -> None:
    for words, usage in (
        (("compare",), "compare [OPTIONS] [RUN...]"),
        (("report",), "report [OPTIONS] RUN..."),
        (("run",), "run [OPTIONS] FILE"),
        (("table",), "table [OPTIONS] COMMAND [ARGS]..."),
    ):
        assert said(*words, "--help")[1].splitlines()[0] == f"Usage: loadtest {usage}"
    arguments = [each for _, command in COMMANDS for each in command.params if isinstance(each, TyperArgument)]
    assert all(each.help for each in arguments)


def test_the_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from loadtest.cli import main\n"
        "sys.argv = ['loadtest', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('rich', 'anyio', 'uvloop', 'aioboto3', 'numpy', 'moto') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("loadtest ra", "race"), ("loadtest load --dur", "--duration"), ("loadtest table cr", "create")],
)
def test_the_shell_completes(typed: str, completed: str, cli: Cli) -> None:
    words = {"_LOADTEST_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    assert completed in cli(**words).stdout.split()


def test_the_shell_does_not_complete_what_stands_in_files_only(cli: Cli) -> None:
    words = {"_LOADTEST_COMPLETE": "complete_bash", "COMP_WORDS": "loadtest load --", "COMP_CWORD": "2"}
    completed = cli(**words).stdout.split()
    assert "--rate" in completed
    assert "--backoff" not in completed
