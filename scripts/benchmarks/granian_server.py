"""Moto behind a WSGI server that others made: `python -m benchmarks.granian_server PORT`, one thread of one worker."""

import sys
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

_BACKLOG = 8192


def application() -> Any:
    """Called by granian in its worker."""
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app("dynamodb")


if __name__ == "__main__":
    Granian(
        "benchmarks.granian_server:application",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        factory=True,
        workers=1,
        blocking_threads=1,
        backlog=_BACKLOG,
        backpressure=_BACKLOG,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()
