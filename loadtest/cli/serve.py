"""`loadtest serve`: the embedded server in the foreground."""

import os
import socket
from typing import Annotated

import typer

from loadtest.cli.streams import say
from loadtest.errors import LoadTestError, UsageError


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A further name that clients reach it by, such as that of a container. May be repeated."),
    ] = None,
) -> int:
    """Run the embedded server in the foreground, for other clients. Ctrl-C ends it.

    It is moto's DynamoDB, kept in memory, answering one request at a time. It answers programs, no page in a browser.
    """
    from loadtest.system.guard import Guard, is_name
    from loadtest.targets.servers.moto_host import serve as serve_moto

    names = [] if allow_host is None else allow_host
    for name in names:
        if not is_name(name):
            raise UsageError(f"--allow-host {name!r} is no name of a host, which has neither scheme nor port")
    place = _listening(host, port)
    guard = Guard(place.getsockname()[0], [host, *names])
    shown = f"[{host}]" if ":" in host else host
    say(f"DynamoDB (moto, in memory) on http://{shown}:{port}; Ctrl-C ends it", err=True)
    if guard.off_loopback:
        say("warning: whoever reaches that address may read, change and delete all that is in it", err=True)
    serve_moto(place, guard)
    return 0


def _listening(host: str, port: int) -> socket.socket:
    from loadtest.targets.servers.moto_fast import BACKLOG

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # given only an address, the loop would look it up with threads that then stay
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise LoadTestError(
            f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; give another --port"
        ) from error
