"""`loadtest export --edn`: a history of any size as Jepsen's."""

from pathlib import Path

from loadtest.cli.streams import say, to_stdout


def export_history(history: Path, edn: Path) -> None:
    """Write the history to the file `edn`, `-` for standard output; say so if it lacks what was in flight."""
    from loadtest.records import json_file
    from loadtest.records.history import read_header, replay
    from loadtest.render.export.edn import JepsenHistory
    from loadtest.render.export.sorting import Sorter
    from loadtest.render.progress import Progress, Reading

    conditions = read_header(history).conditions
    with Sorter() as sorter, Progress(quiet=False) as progress:
        found = JepsenHistory(sorter, conditions.lost if conditions else ())
        replay(history, found, Reading(history, progress))
        lines = (line.encode() for line in found.lines())
        if str(edn) == "-":
            to_stdout(lines)
        else:
            with json_file.writing(edn) as file:
                file.writelines(lines)
            say(f"wrote {edn}", err=True)
    if found.cut:
        say("loadtest: a round was cut short: requests in flight then may be missing in the export", err=True)
