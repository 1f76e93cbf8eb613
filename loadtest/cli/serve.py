"""`loadtest serve`: the embedded server in the foreground."""

import os
import socket
from typing import Annotated

import typer

from loadtest.cli.options import Debug
from loadtest.cli.streams import say
from loadtest.errors import LoadTestError


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    debug: Debug = False,
) -> int:
    """Run the embedded server in the foreground, for other clients. Ctrl-C ends it.

    It is moto's DynamoDB, kept in memory, answering one request at a time.
    """
    from loadtest.targets.moto_host import serve as serve_moto

    _require_free(host, port)
    shown = f"[{host}]" if ":" in host else host
    say(f"DynamoDB (moto, in memory) on http://{shown}:{port}; Ctrl-C ends it", err=True)
    serve_moto(host, port)
    return 0


def _require_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        raise LoadTestError(
            f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; give another --port"
        ) from error
