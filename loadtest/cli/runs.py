"""`loadtest runs`: what is stored."""

from pathlib import Path
from typing import Annotated

import typer

from loadtest.cli import groups
from loadtest.cli.streams import say
from loadtest.errors import UsageError


def runs(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of runs.")] = Path("runs"),
    json: Annotated[
        Path | None, typer.Option("--json", metavar="PATH", help="Write the list there as JSON; - is standard output.")
    ] = None,
) -> int:
    """List the stored runs, the newest last: when, by which command, with which verdict, and where.

    Of a compare or find, which has a folder for all its runs, the verdict is the worst of them. What has no report yet
    is unfinished: it is still going on, or was cut. To delete a run, delete its folder.
    """
    from loadtest.cli.folders import entries
    from loadtest.cli.streams import STDOUT, deliver
    from loadtest.cli.summaries import summary
    from loadtest.records import json_file
    from loadtest.render.listing import print_listing

    if json is not None:
        groups.require_writable(json)
    if not folder.is_dir() and folder != Path("runs"):
        raise UsageError(f"there is no folder {folder}")
    try:
        found = [summary(one) for one in entries(folder)] if folder.is_dir() else []
    except OSError as error:
        raise UsageError(f"cannot read {folder}: {error.strerror}") from error
    found.sort(key=lambda one: one.when)
    if json is not None:
        deliver(json, json_file.encode(found))
    if str(json) == STDOUT:
        return 0
    print_listing(found)
    if not found:
        say(f"no runs in {folder}: loadtest race makes one", err=True)
    return 0
