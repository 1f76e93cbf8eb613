"""Another user of this machine, who listens where a server of the tool should: nobody is taken in by it."""

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest

from loadtest.dynamodb import admin
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.wire import stamps
from loadtest.errors import TargetError
from loadtest.system.server_process import ChildServer
from loadtest.targets import embedded
from loadtest.targets.embedded import embedded_server
from tests.helpers.processes import children, is_gone, wait_for
from tests.helpers.wire_clients import connected
from tests.integration.hostile.requests import operation
from tests.integration.hostile.servers import fault_proxy, minimal_server, port_of


def errors_of_who_wants_it(port: int) -> set[int]:
    """What the kernel says to who asks for that port, in whichever way."""
    said = set()
    for address in ("127.0.0.1", ""):
        for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with socket.socket() as wanted:
                if option is not None:
                    wanted.setsockopt(socket.SOL_SOCKET, option, 1)
                try:
                    wanted.bind((address, port))
                    wanted.listen()
                except OSError as error:
                    said.add(error.errno or 0)
                else:
                    said.add(0)
    return said


@pytest.mark.parametrize("begin", [lambda _folder: embedded_server(), minimal_server, fault_proxy],
                         ids=["embedded", "minimal", "proxy"])  # fmt: skip
def test_the_port_is_the_servers_from_before_it_starts(begin: Callable[[Path], ChildServer], tmp_path: Path) -> None:
    server = begin(tmp_path)
    try:
        while_it_starts = errors_of_who_wants_it(server.port)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))  # which is how `ready` knows that it is not
        anyio.run(server.ready)
        assert while_it_starts == errors_of_who_wants_it(server.port) == {errno.EADDRINUSE}
        assert port_of(server.pid) == server.port
    finally:
        server.stop()


def test_a_server_that_could_not_start_is_not_replaced_by_who_listens_in_its_place() -> None:
    server = ChildServer("a server", "loadtest.system.server_priority")  # which ends at once
    wait_for(lambda: is_gone(server.pid), "the end of the server")
    with (
        socket.create_server(("127.0.0.1", server.port)),
        pytest.raises(TargetError, match="a server ended at once with code 0"),
    ):
        anyio.run(server.ready)
    server.stop()


class Impostor(BaseHTTPRequestHandler):
    """Answers whatever it is asked."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"Item": {"id": {"S": "p#4"}, "quantity": {"N": "7"}}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def test_what_another_answered_in_a_servers_place_ends_in_words() -> None:
    before = set(children(os.getpid(), "moto_host"))

    async def run() -> None:
        async with embedded.started(Connection(table="products")) as connection:
            port = urlsplit(connection.endpoint_url or "").port or 0
            (server,) = set(children(os.getpid(), "moto_host")) - before
            os.kill(server, signal.SIGKILL)
            wait_for(lambda: is_gone(server), "the end of the server")
            with ThreadingHTTPServer(("127.0.0.1", port), Impostor) as impostor:
                threading.Thread(target=impostor.serve_forever).start()
                async with connected(connection) as client:
                    answer = await client.get_item(TableName="products", Key={"id": {"S": "p#4"}})
                impostor.shutdown()
            assert answer["Item"]["quantity"] == {"N": "7"}

    with pytest.raises(TargetError, match="the embedded server ended during the run"):
        anyio.run(run)


def test_another_user_cannot_use_the_server_of_a_run() -> None:
    async def run() -> None:
        async with embedded.started(Connection(table="products")) as connection:
            port = urlsplit(connection.endpoint_url or "").port or 0
            status, _, body = operation(port, "ListTables", {})
            assert (status, b"serves the run that started it" in body) == (400, True)
            assert children(os.getpid(), connection.access_key) == []  # which everybody sees in their command lines
            async with connected(connection) as client:
                await admin.create_table(client, connection)

    anyio.run(run)


def test_a_server_that_does_not_end_as_it_was_told_had_been_ended() -> None:
    server = ChildServer("a server", "tests.integration.hostile.breaks")
    anyio.run(server.ready)
    with pytest.raises(TargetError, match="a server ended during the run"):
        server.stop()


def test_who_connects_to_the_tool_before_itself_does_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connect_to = socket.create_connection
    strangers = []

    def late(address: tuple[str, int]) -> socket.socket:
        strangers.append(connect_to(address, 60))
        return connect_to(address)

    monkeypatch.setattr(socket, "create_connection", late)
    assert stamps.kernel_stamps.__wrapped__() is True  # as without room for a connection
    for stranger in strangers:
        with stranger:
            assert stranger.recv(1) == b""
    assert len(strangers) == 1
