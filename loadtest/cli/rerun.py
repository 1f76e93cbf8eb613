"""`loadtest rerun`: a stored run, made again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadtest.cli.invoked import Recorded
from loadtest.cli.scenario import TYPED_ONLY, commands_of, invoke
from loadtest.errors import UsageError

if TYPE_CHECKING:
    from loadtest.cli.folders import Group, Run
    from loadtest.records.invocation import Invocation

_OF_MANY = ("compare", "find")


def rerun(
    context: typer.Context,
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="The folder of a run, compare or find, or its file; latest is the newest in runs."
        ),
    ],
) -> Any:
    """Run the command of a stored run again, with its seed; options given after RUN replace its own.

    The options of a scenario file and the faults are those of the stored run, whatever the files say by now. Of a
    compare or find all is run again. A --yes or --cluster-insecure is not repeated. loadtest rerun RUN --help is the
    help of its command.
    """
    from loadtest.cli.folders import Run, named, runs_of

    found = named([run])
    if len(found) > 1:
        raise UsageError(f"{run} has several runs: name one of them")
    asked = _invocation(found[0])
    if asked is None:
        raise UsageError(f"{run} does not say its command line: no command made it, or that of an earlier version")
    values = {name: value for name, value in asked.scenario.items() if name not in TYPED_ONLY}
    name = values.get("command")
    if not isinstance(commands_of(context).get(str(name)), Recorded):
        raise UsageError(f"{run} does not say which command made it")
    if isinstance(found[0], Run) and name in _OF_MANY:
        raise UsageError(f"{run} is one run of a {name}: name {found[0].file.parent.parent}, which has all of them")
    if "fault" in values:
        values["fault"] = str(runs_of(found)[0].file)
    return invoke(context, values, str(run))


def _invocation(one: "Run | Group") -> "Invocation | None":
    from loadtest.cli.folders import Group
    from loadtest.cli.reading import invocation_of
    from loadtest.records import comparison, search

    if isinstance(one, Group) and one.file is not None:
        series = search.read(one.file) if one.is_search else comparison.read(one.file)
        return series.invocation
    return invocation_of(one.runs[0] if isinstance(one, Group) else one)
