"""Fuzzing of a reader guided by coverage.

python -m tests.integration.fuzz.guided history|report|scenario|answer SECONDS FOLDER

FOLDER has the files to begin with, and gets what covers more. An input that breaks the rule is written there too.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import product
from pathlib import Path

import atheris
import botocore.session

with atheris.instrument_imports(include=["loadtest"]):
    from typer.core import TyperCommand, TyperGroup
    from typer.main import get_command

    from loadtest.checker import Checker
    from loadtest.cli import scenario
    from loadtest.cli.app import app
    from loadtest.dynamodb.sdk_answers import NotUnderstoodError, ParserFactory
    from loadtest.dynamodb.wire import codec
    from loadtest.dynamodb.wire.client import _parsed as parsed
    from loadtest.dynamodb.wire.connection import Reply
    from loadtest.errors import LoadTestError
    from loadtest.records import report
    from loadtest.records.history import replay
    from loadtest.render.export.edn import JepsenHistory
    from loadtest.render.export.sorting import Sorter
    from loadtest.render.export.tables import csv_tables
    from loadtest.system import toml_file

Read = Callable[[Path], object]

group = get_command(app)
assert isinstance(group, TyperGroup)
COMMANDS = {name: each for name, each in group.commands.items() if isinstance(each, TyperCommand)}


def history(path: Path) -> None:
    """Judge it, and export it."""
    checker = Checker()
    replay(path, checker)
    checker.verdict()
    with Sorter() as sorter:
        found = JepsenHistory(sorter)
        replay(path, found)
        for line in found.lines():
            line.encode()


def a_report(path: Path) -> None:
    """Read it and make tables of it."""
    csv_tables([report.read(path)])


def a_scenario(path: Path) -> None:
    """The command line that it stands for."""
    values = toml_file.parsed(path.read_bytes())
    scenario.argv(values, COMMANDS[scenario.command_name(values, COMMANDS)], [])


def an_answer(path: Path) -> None:
    """What the wire and the SDK make of an answer's body: either says that it does not understand it."""
    body = path.read_bytes()
    for operation, status in product(codec.OPERATIONS, (200, 400)):
        if parsed(operation, Reply(status, {}, body, 0, 0)) is None:
            response = {"status_code": status, "headers": {}, "body": body, "context": {"operation_name": operation}}
            with suppress(NotUnderstoodError):
                RUNNER.run(PARSER.parse(response, MODEL.operation_model(operation).output_shape))


RUNNER = asyncio.Runner()
PARSER = ParserFactory().create_parser("json")
MODEL = botocore.session.get_session().get_service_model("dynamodb")
READERS: dict[str, Read] = {"history": history, "report": a_report, "scenario": a_scenario, "answer": an_answer}


def lawful(read: Read, path: Path, content: bytes) -> None:
    """Read it; any error but one line that is meant for the user ends the fuzzing."""
    path.write_bytes(content)
    try:
        read(path)
    except LoadTestError as error:
        assert str(error).isprintable()  # noqa: PT017 - this is what is looked for


def main() -> None:
    """Fuzz for as long as asked."""
    name, seconds, folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "file")
        options = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={folder}/"]
        atheris.Setup([sys.argv[0], *options, folder], lambda content: lawful(READERS[name], path, content))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
