"""`loadtest calibrate`: what can be believed on this machine."""

import sys
from typing import Annotated

import typer

from loadtest.cli.groups import seconds
from loadtest.cli.streams import say
from loadtest.errors import UsageError
from loadtest.workload.target import ClientKind

_SHORTEST_S = 0.1
_LONGEST_S = 600


def calibrate(
    client: Annotated[ClientKind, typer.Option(help="Whose ceiling: the wire's, or the SDK's.")] = ClientKind.WIRE,
    duration: Annotated[
        str, typer.Option("--duration", "-d", metavar="TIME", help="How long each level is measured.")
    ] = "1s",
) -> int:
    """Measure this machine's ceiling against a server that does next to nothing.

    A run near these operations a second, or with latencies as small as what is added here, measures this machine
    and not its target.
    """
    from loadtest.render.ceiling import heading, line, remark
    from loadtest.render.progress import Progress
    from loadtest.render.window import width
    from loadtest.studies.calibrate import IN_FLIGHT, Ceiling
    from loadtest.studies.calibrate import calibrate as measure
    from loadtest.system.file_limits import connections_that_fit
    from loadtest.system.signals import run_interruptible

    fits = connections_that_fit(max(IN_FLIGHT))
    levels = [level for level in IN_FLIGHT if level <= fits]
    duration_s = seconds("--duration", duration)
    if not _SHORTEST_S <= duration_s <= _LONGEST_S:
        raise UsageError("--duration must be from 100ms to 10m")
    columns = width(sys.stdout)
    each_s = duration_s + min(duration_s, 0.3)  # it warms up
    rest = list(reversed(range(2 * len(levels))))  # of the levels, plain and with TLS
    with Progress(quiet=False) as progress:
        progress.ahead(f"{len(rest)} levels", len(rest) * each_s)
        for words in heading(client.value, columns).splitlines():
            say(words)

        def done(ceiling: Ceiling) -> None:
            progress.hide()
            say(line(ceiling, columns))
            left = rest.pop(0)
            progress.say(f"{2 * len(levels) - left} of {2 * len(levels)} levels", left * each_s)

        ceilings = run_interruptible(measure, client, levels, duration_s, done, use_uvloop=True)
    say(remark(ceilings))
    return 0
