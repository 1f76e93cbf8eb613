"""Hosts moto's DynamoDB: `python -m loadtest.targets.servers.moto_host PORT`.

One thread of one process answers all requests, because moto's check-and-write is not atomic under threads. The hot
operations are answered by `moto_direct`, or with all others by moto's whole application where moto is a version that
`moto_direct` was not compared with.
"""

import argparse
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from importlib.metadata import version

from loadtest.system import listening
from loadtest.system.guard import Guard
from loadtest.system.server_priority import give_way
from loadtest.targets.servers import moto_fast

COMPARED_MOTO = frozenset({"5.2.5"})  # with moto_server, by tests/integration/moto


def serve(place: socket.socket, guard: Guard) -> None:
    """Serve there until a signal comes."""
    _forget_aws_settings()
    give_way()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    moto_fast.serve(place, guard, _answers())


def _answers() -> Callable[[moto_fast.Request], moto_fast.Reply]:
    moto = version("moto")
    if moto in COMPARED_MOTO:
        from loadtest.targets.servers.moto_direct import Answers

        return Answers().reply
    from loadtest.targets.servers.moto_application import Application

    compared = ", ".join(sorted(COMPARED_MOTO))
    sys.stderr.write(
        f"moto {moto} is served as a whole, more slowly: the faster way was compared only with {compared}\n"
    )
    return Application().reply


def _forget_aws_settings() -> None:
    """Moto makes sessions of the SDK: what is set for AWS, perhaps wrongly, must not end it. It takes any region."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ.update(nothing, MOTO_ALLOW_NONEXISTENT_REGION="true")


def _end_with_stdin() -> None:
    """End this process, at once and whatever it is doing, when its lifeline closes."""
    os.read(0, 1)
    os._exit(0)


def main() -> None:
    """The command line of the child process."""
    parser = argparse.ArgumentParser(description=__doc__)
    listening.add_argument(parser)
    parser.add_argument(
        "--key-and-lifeline",
        action="store_true",
        help="read the one client's access key from standard input; end when it closes",
    )
    arguments = parser.parse_args()
    place = listening.listening_socket(arguments, moto_fast.BACKLOG)
    key = ""
    if arguments.key_and_lifeline:
        key = sys.stdin.buffer.readline().decode().strip()
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    serve(place, Guard(key=key))


if __name__ == "__main__":
    main()
