"""`loadtest calibrate`: what can be believed on this machine."""

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
    from loadtest.render.progress import Progress

    fits = connections_that_fit(max(IN_FLIGHT))
    levels = [level for level in IN_FLIGHT if level <= fits]
    each_s = seconds + min(seconds, 0.3)  # it warms up
    rest = list(reversed(range(2 * len(levels))))  # of the levels, plain and with TLS
    with Progress(quiet=False) as progress:
        progress.ahead(f"{len(rest)} levels", len(rest) * each_s)
        typer.echo(heading(client.value))

        def done(ceiling: Ceiling) -> None:
            typer.echo(line(ceiling))
            left = rest.pop(0)
            progress.say(f"{2 * len(levels) - left} of {2 * len(levels)} levels", left * each_s)

        ceilings = anyio.run(measure, client, levels, seconds, done, backend_options={"use_uvloop": True})
    typer.echo(remark(ceilings))
    return 0
