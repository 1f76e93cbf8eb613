"""The address at which a server in a child process listens: bound by this tool, so that nobody else can have it."""

import argparse
import socket

_LOOPBACK = "127.0.0.1"


def bound() -> socket.socket:
    """A socket at a free loopback port, for a child process that calls listen() when it can serve.

    Until then whoever connects is refused. It does not share its address (SO_REUSEADDR), or another user could bind
    the same one as long as nobody listens.
    """
    made = socket.socket()
    try:
        made.bind((_LOOPBACK, 0))
    except OSError:
        made.close()
        raise
    return made


def add_argument(parser: argparse.ArgumentParser) -> None:
    """What says where to listen: the number of a socket that was inherited, or by hand a loopback port."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("port", type=int, nargs="?")
    where.add_argument("--bound", type=int, metavar="FILE_DESCRIPTOR")


def listening_socket(arguments: argparse.Namespace, backlog: int) -> socket.socket:
    """The socket that the arguments name. OSError if there is none, or somebody else has the port."""
    if arguments.bound is None:
        return socket.create_server((_LOOPBACK, arguments.port), backlog=backlog)
    return socket.socket(fileno=arguments.bound)
