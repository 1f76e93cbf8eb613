"""The proxy's process: `python -m loadtest.faults.proxy` and where it listens (see `listening`).

What to do comes as one line of standard input.

It ends when its standard input closes, so that it goes with the tool whatever ends that.
"""

import argparse
import asyncio
import os
import resource
import socket
import sys
import threading
from pathlib import Path

import msgspec
import uvloop

from loadtest.dynamodb.opening import open_wire
from loadtest.dynamodb.wire import NotUnderstood
from loadtest.errors import LoadTestError
from loadtest.faults.proxy import Briefing
from loadtest.faults.proxy.inject import Injector
from loadtest.faults.proxy.journal import Header, Journal
from loadtest.faults.proxy.server import Connection, Service
from loadtest.system import listening
from loadtest.system.server_priority import give_way

_BACKLOG = 8192


async def _run(place: socket.socket, briefing: Briefing) -> None:
    """Serve until an error ends it."""
    header = Header(briefing.run_id, briefing.seed)
    async with open_wire(briefing.server) as server:
        journal = Journal(Path(briefing.journal), header)
        injector = Injector(server.forward, briefing.faults, briefing.seed, journal, briefing.server.schema)
        service = Service(injector, briefing.key, lambda: server.fill(briefing.connections))
        loop = asyncio.get_running_loop()
        async with await loop.create_server(lambda: Connection(service), sock=place, backlog=_BACKLOG):
            await service.failed


def _end_with(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os._exit(0)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    listening.add_argument(parser)
    place = listening.listening_socket(parser.parse_args(), _BACKLOG)
    briefing = msgspec.json.decode(sys.stdin.buffer.readline(), type=Briefing)
    threading.Thread(target=_end_with, args=(sys.stdin.fileno(),), daemon=True).start()
    give_way()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        uvloop.run(_run(place, briefing))
    except LoadTestError as error:
        reason = error.__cause__ if isinstance(error.__cause__, NotUnderstood) else error  # options do not help here
        sys.stderr.write(f"{reason}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
