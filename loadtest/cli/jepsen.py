"""`loadtest export --edn`: a history of any size as Jepsen's."""

from pathlib import Path
from typing import IO

import typer

from loadtest.cli.reader import to_reader


def export_history(history: Path, edn: Path) -> None:
    """Write the history to the file `edn`, `-` for standard output; say so if it lacks what was in flight."""
    from loadtest import document

    if str(edn) == "-":
        with to_reader() as file:
            cut = _write(history, file)
    else:
        with document.writing(edn) as file:
            cut = _write(history, file)
        typer.echo(f"wrote {edn}", err=True)
    if cut:
        typer.echo("loadtest: a round was cut short: requests in flight then may be missing in the export", err=True)


def _write(history: Path, file: IO[bytes]) -> bool:
    """Whether the history ends inside a round."""
    from loadtest.history import read_header, replay
    from loadtest.render.export.edn import JepsenHistory
    from loadtest.render.export.sorting import Sorter

    conditions = read_header(history).conditions
    with Sorter() as sorter:
        found = JepsenHistory(sorter, conditions.lost if conditions else ())
        replay(history, found)
        file.writelines(line.encode() for line in found.lines())
        return found.cut
