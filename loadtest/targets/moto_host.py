"""Hosts moto's DynamoDB: `python -m loadtest.targets.moto_host PORT`.

One thread of one process answers all requests, because moto's check-and-write is not atomic under threads. The host
is `moto_fast`, or granian where moto is a version that `moto_fast` was not compared with.
"""

import argparse
import multiprocessing
import multiprocessing.connection
import os
import resource
import sys
import threading
from importlib.metadata import version
from typing import Any

from loadtest.targets import moto_fast
from loadtest.targets.priority import give_way


def application() -> Any:
    """Moto's WSGI application; called by granian in its worker."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        _end_when(lambda: multiprocessing.connection.wait([parent.sentinel]))
    from moto.moto_server.werkzeug_app import create_backend_app

    return create_backend_app("dynamodb")


def serve(host: str, port: int, *, until_stdin_closes: bool = False) -> None:
    """Serve until a signal comes, or, if asked, until standard input closes."""
    _forget_aws_settings()
    give_way()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if until_stdin_closes:
        _end_when(lambda: os.read(0, 1))  # not sys.stdin: granian's forked worker would inherit its lock, held
    moto = version("moto")
    if moto in moto_fast.SUPPORTED_MOTO:
        moto_fast.serve(host, port)
    else:
        checked = ", ".join(sorted(moto_fast.SUPPORTED_MOTO))
        sys.stderr.write(f"moto {moto} is served by granian, more slowly: the faster host knows only moto {checked}\n")
        _serve_with_granian(host, port)


def _forget_aws_settings() -> None:
    """Moto makes sessions of the SDK: what is set for AWS, perhaps wrongly, must not end it. It takes any region."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update(nothing, MOTO_ALLOW_NONEXISTENT_REGION="true")


def _serve_with_granian(host: str, port: int) -> None:
    """Two processes serve, granian's supervisor and its worker; each ends when the one above it is gone."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    Granian(
        "loadtest.targets.moto_host:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=1,
        blocking_threads=1,
        backlog=moto_fast.BACKLOG,
        backpressure=moto_fast.BACKLOG,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()


def _end_when(returns: Any) -> None:
    """End this process, at once and whatever it is doing, when the call returns."""

    def watch() -> None:
        returns()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """The command line of the child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--until-stdin-closes", action="store_true")
    arguments = parser.parse_args()
    serve(arguments.host, arguments.port, until_stdin_closes=arguments.until_stdin_closes)


if __name__ == "__main__":
    main()
