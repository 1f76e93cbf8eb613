"""`loadtest calibrate`: what can be believed on this machine."""

import sys
from typing import Annotated

import typer

from loadtest.cli import options
from loadtest.dynamo.client import ClientKind


def calibrate(
    client: Annotated[ClientKind, typer.Option(help="Whose ceiling: the wire's, or the SDK's.")] = ClientKind.WIRE,
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="How long each level is measured.")] = 1.0,
    debug: options.Debug = False,
) -> int:
    """Measure this machine's ceiling against a server that does next to nothing.

    A run near these operations a second, or with latencies as small as what is added here, measures this machine
    and not its target.
    """
    import anyio

    from loadtest.calibrate import IN_FLIGHT, Ceiling
    from loadtest.calibrate import calibrate as measure
    from loadtest.open_files import connections_that_fit
    from loadtest.render.ceiling import heading, line, remark
    from loadtest.render.window import width

    fits = connections_that_fit(max(IN_FLIGHT))
    levels = [level for level in IN_FLIGHT if level <= fits]
    columns = width(sys.stdout)
    typer.echo(heading(client.value, columns))

    def done(ceiling: Ceiling) -> None:
        typer.echo(line(ceiling, columns))

    ceilings = anyio.run(measure, client, levels, seconds, done, backend_options={"use_uvloop": True})
    typer.echo(remark(ceilings))
    return 0
