import subprocess
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from loadtest.cli import app as real
from loadtest.cli.scenario import argv, on_command_line
from loadtest.errors import UsageError
from tests.conftest import Cli

shop = typer.Typer(add_completion=False)


@shop.command()
def buy(
    number_of_requests: Annotated[int, typer.Option("--number-of-requests", "-n")] = 100,
    product: str = "p#4",
    rate: float | None = None,
    gate: Annotated[bool, typer.Option("--gate/--no-gate")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True)] = 0,
    threshold: Annotated[list[str] | None, typer.Option("--threshold")] = None,
    between: Annotated[tuple[int, int], typer.Option("--between")] = (1, 2),
) -> dict[str, Any]:
    return dict(locals())


@shop.command()
def compare(
    first_run: Path, runs: Annotated[list[Path], typer.Argument()], metric: Annotated[str, typer.Option()] = "goodput"
) -> dict[str, Any]:
    return dict(locals())


group = get_command(shop)
assert isinstance(group, TyperGroup)
COMMANDS = {name: command for name, command in group.commands.items() if isinstance(command, TyperCommand)}
BUY, COMPARE = COMMANDS["buy"], COMMANDS["compare"]


def called(command: TyperCommand, arguments: list[str]) -> dict[str, Any]:
    """What the command gets."""
    with command.make_context("command", list(arguments)) as context:
        found: dict[str, Any] = command.invoke(context)
    return found


@pytest.mark.parametrize(
    ("values", "extra", "line"),
    [
        ({}, [], []),
        ({"command": "buy"}, ["-n", "5"], ["-n", "5"]),
        ({"number-of-requests": 500}, [], ["--number-of-requests=500"]),
        ({"number_of_requests": 500}, [], ["--number-of-requests=500"]),
        ({"number_of_requests": 500}, ["-n5"], ["-n5"]),
        ({"number_of_requests": 500}, ["--number-of-requests=5"], ["--number-of-requests=5"]),
        ({"number_of_requests": 500}, ["--product", "-n"], ["--number-of-requests=500", "--product", "-n"]),
        ({"number_of_requests": 500, "rate": 0.5}, ["-n", "5"], ["--rate=0.5", "-n", "5"]),
        ({"product": "--rate=3 x"}, [], ["--product=--rate=3 x"]),
        ({"product": ""}, [], ["--product="]),
        ({"product": 4}, [], ["--product=4"]),
        ({"rate": float("inf")}, [], ["--rate=inf"]),
        ({"gate": True}, [], ["--gate"]),
        ({"gate": False}, [], ["--no-gate"]),
        ({"gate": False}, ["--gate"], ["--gate"]),
        ({"gate": True}, ["--no-gate"], ["--no-gate"]),
        ({"quiet": True}, [], ["--quiet"]),
        ({"quiet": False}, [], []),
        ({"quiet": True}, ["-q"], ["-q"]),
        ({"verbose": 2}, [], ["--verbose", "--verbose"]),
        ({"verbose": 2}, ["-v"], ["-v"]),
        ({"threshold": ["a < 1", "b"]}, [], ["--threshold=a < 1", "--threshold=b"]),
        ({"threshold": "a < 1"}, [], ["--threshold=a < 1"]),
        ({"threshold": []}, [], []),
        ({"threshold": ["a", "b"]}, ["--threshold", "c"], ["--threshold", "c"]),
        ({"between": [3, 4]}, [], ["--between", "3", "4"]),
        ({"number-of-requests": 5}, ["--nonsense"], ["--number-of-requests=5", "--nonsense"]),
    ],
)
def test_values_become_the_command_line_they_stand_for(
    values: dict[str, Any], extra: list[str], line: list[str]
) -> None:
    before = list(extra)
    assert argv(values, BUY, extra) == line
    assert extra == before


@pytest.mark.parametrize(
    ("values", "extra", "line"),
    [
        ({"runs": ["b", "c"], "first_run": "a"}, [], ["a", "b", "c"]),
        ({"runs": "b", "first-run": "a", "metric": "usd"}, [], ["--metric=usd", "a", "b"]),
        ({"runs": ["b", "c"], "first_run": "a"}, ["--metric", "usd"], ["a", "b", "c", "--metric", "usd"]),
        ({"runs": ["b", "c"], "first_run": "a", "metric": "usd"}, ["x", "y"], ["--metric=usd", "x", "y"]),
        ({"runs": []}, [], []),
        ({"runs": ["-"]}, [], ["-"]),
    ],
)
def test_positional_arguments_can_be_in_the_file(values: dict[str, Any], extra: list[str], line: list[str]) -> None:
    assert argv(values, COMPARE, extra) == line


def test_the_command_gets_what_the_file_says() -> None:
    values = {"number_of_requests": 7, "gate": False, "threshold": ["a", "-b"], "between": [-3, 4], "product": "-n"}
    found = called(BUY, argv(values, BUY, ["--rate", "2.5", "-v"]))
    assert found == {
        "number_of_requests": 7,
        "product": "-n",
        "rate": 2.5,
        "gate": False,
        "quiet": False,
        "verbose": 1,
        "threshold": ["a", "-b"],
        "between": (-3, 4),
    }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"treshold": []}, "unknown key 'treshold'; did you mean 'threshold'?"),
        ({"n": 5}, "unknown key 'n'; "),
        ({"": 5}, "unknown key ''; there are number-of-requests, product"),
        ({"no-gate": True}, "write gate = false instead of 'no-gate'"),
        ({"help": True}, "'help' makes no sense in a file"),
        ({"number-of-requests": 1, "number_of_requests": 2}, "are the same option"),
        ({"number-of-requests": [5]}, "number-of-requests must be a text or a number, not a list"),
        ({"number-of-requests": {"a": 5}}, "not a table"),
        ({"number-of-requests": True}, "not true"),
        ({"product": None}, "not a date or time"),
        ({"gate": "no"}, "gate must be true or false, not a text"),
        ({"gate": 0}, "gate must be true or false, not a number"),
        ({"quiet": [True]}, "quiet must be true or false, not a list"),
        ({"verbose": True}, "verbose must be a small whole number"),
        ({"verbose": 10**9}, "verbose must be a small whole number"),
        ({"threshold": [["a"]]}, "threshold must be a text or a number, not a list"),
        ({"threshold": {"a": 1}}, "not a table"),
        ({"between": 5}, "between must be a list of 2, not a number"),
        ({"between": [5]}, "between must be a list of 2, not of 1"),
        ({"product": "a\0b"}, "NUL"),
        ({"number-of-requests": 16**5000}, "too large a number"),
    ],
)
def test_what_no_option_can_have_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as error:
        argv(values, BUY, [])
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_value_cannot_pass_for_an_option() -> None:
    with pytest.raises(UsageError, match="must not begin with a dash"):
        argv({"runs": ["--help"]}, COMPARE, [])


def test_what_is_wrong_in_the_file_is_said_though_an_option_replaces_it() -> None:
    with pytest.raises(UsageError, match="not a list"):
        argv({"number-of-requests": []}, BUY, ["-n", "5"])


@pytest.mark.parametrize(
    ("extra", "given_"),
    [
        ([], set()),
        (["-qn5", "--no-gate"], {"quiet", "number_of_requests", "gate"}),
        (["--product", "--threshold"], {"product"}),
        (["--threshold"], set()),
    ],
)
def test_the_commands_own_parser_says_what_was_typed(extra: list[str], given_: set[str]) -> None:
    assert on_command_line(BUY, extra) == given_


scalars = st.integers(0, 10**6) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "number-of-requests": st.integers(),
            "product": scalars,
            "gate": st.booleans(),
            "quiet": st.booleans(),
            "threshold": st.lists(scalars, max_size=3),
            "between": st.tuples(st.integers(), st.integers()).map(list),
        },
    )
)
def test_every_value_arrives_as_it_is(values: dict[str, Any]) -> None:
    found = called(BUY, argv(values, BUY, []))
    for key, value in values.items():
        arrived = found[key.replace("-", "_")]
        if key == "threshold":
            assert list(arrived or []) == [str(each) for each in value]
        elif key == "product":
            assert arrived == str(value)
        else:
            assert (list(arrived) if isinstance(arrived, tuple) else arrived) == value


def test_every_option_of_every_command_can_be_in_a_file() -> None:
    root = get_command(real.app)
    assert isinstance(root, TyperGroup)
    for name, command in root.commands.items():
        if not isinstance(command, TyperCommand) or name == "run":
            continue
        for parameter in command.params:
            if parameter.param_type_name == "option" and not getattr(parameter, "is_flag", False):
                value: Any = "x" if parameter.nargs == 1 else ["x"] * parameter.nargs
                assert isinstance(parameter, TyperOption)
                key = next(opt for opt in parameter.opts if opt.startswith("--"))[2:]
                assert argv({key: value}, command, []), f"{name} {key}"


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of wrong usage."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("command = 'race'\nconurrency = 5", "unknown key 'conurrency'; did you mean 'concurrency'?"),
        ("command = 'rase'", "unknown command 'rase'; did you mean 'race'?"),
        ("command = 'run'", "unknown command 'run'; "),
        ("command = 'table'", "unknown command 'table'; "),
        ("command = ['race']", "command must be one of race, "),
        ("rounds = 5", "it does not say which command to run"),
        ("", "it does not say which command to run"),
        ("command = 'race'\nrounds = [5]", "rounds must be a text or a number, not a list"),
        ("command = 'race'\nrounds = 2026-11-23", "rounds must be a text or a number, not a date or time"),
        ("command = 'race'\n[rounds]\na = 5", "rounds must be a text or a number, not a table"),
        ("command = 'race'\n[race]\nrounds = 5", "unknown key 'race'"),
        ("command = 'load'\nvus = 5", "unknown key 'vus'; did you mean 'concurrency'?"),
        ("command = 'race'\nread-timeout = '5 s'", "--read-timeout '5 s' is no duration like 500ms"),
        ("command = 'race'\nread-timeout = 0", "--read-timeout must be at least 1ms"),
        ("command = 'load'\nwrite-unit-price = 'inf'", "--write-unit-price"),
        ("command = 'race'\nhelp = true", "'help' makes no sense"),
        ("command = 'race'\nrounds = 0", "Invalid value for '--rounds'"),
        ("command = 'race'\nrounds = 'many'", "Invalid value for '--rounds'"),
        ("command = 'race'\nstock = -1", "Invalid value for '--stock'"),
        ("command = 'race'\nstrategy = 'hope'", "'--strategy': there is no strategy 'hope'; there are version"),
        ("command = 'populate'", "say where the table is"),
        ("command = 'populate'\ntarget = 'endpoint'", "--endpoint-url"),
        ("command = 'race'\nrounds =\nstock = 1", "it is no TOML: Invalid value (at line 2, column 9)"),
        (
            "command = 'race'\nrounds = 1\nrounds = 2\n",
            "it is no TOML: Cannot overwrite a value (at line 3, column 11)",
        ),
        ("command = 'race'\nrounds = " + "9" * 5000, "it is no TOML"),
        ("command = " + "[" * 5000, "it is no TOML"),
        ("command = 'race'\nrounds = 0x" + "f" * 5000, "rounds is too large a number"),
    ],
)
def test_an_error_names_its_file(text: str, said: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text(text)
    line = refused(cli("run", "sale.toml"))
    assert line.startswith("loadtest: sale.toml: ")
    assert said in line


def test_an_error_of_what_was_typed_does_not_name_the_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text("command = 'race'\nrounds = 5")
    for extra, said in (
        (["--rounds", "0"], "Invalid value for '--rounds'"),
        (["--round", "3"], "race has no --round; did you mean --rounds?"),
        (["--rounds"], "requires an argument"),
        (["another.toml"], "another.toml"),
    ):
        line = refused(cli("run", "sale.toml", *extra))
        assert said in line
        assert "sale.toml:" not in line
        assert "loadtest race --help" in line.replace("python -m loadtest", "loadtest")


def test_a_file_that_cannot_be_read(cli: Cli, tmp_path: Path) -> None:
    assert refused(cli("run", "no.toml")) == "loadtest: no.toml: cannot read it: No such file or directory"
    assert refused(cli("run", ".")) == "loadtest: .: cannot read it: Is a directory"
    (tmp_path / "latin.toml").write_bytes(b"command = 'caf\xe9'")
    assert refused(cli("run", "latin.toml")) == "loadtest: latin.toml: it is no TOML: byte 15 is not UTF-8"
    assert "Missing argument 'FILE'" in refused(cli("run"))


def test_the_help_after_the_file_is_the_commands_own(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_bytes(b"\xef\xbb\xbfcommand = 'race'\r\n")
    done = cli("run", "sale.toml", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--number-of-requests" in done.stdout
    assert "FILE" in cli("run", "--help").stdout


def test_debug_in_the_file_shows_the_traceback(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "sale.toml").write_text("command = 'populate'\ndebug = true")
    for extra in ([], ["--debug"]):
        done = cli("run", "sale.toml", *extra)
        assert done.returncode == 2
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("loadtest: sale.toml: say where the table is")
