"""One queue in front of one thread: pieces, pipelines, rubbish and slow readers."""

import http.client
import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from loadtest.targets.servers.moto_fast import Reply, Request, _Connection, _Turns
from tests.integration.moto.pair import ITEM, A, Pair, answers, request


@pytest.fixture
def connection(server_urls: Callable[[str], str]) -> Iterator[socket.socket]:
    address = urlsplit(server_urls("embedded"))
    with socket.create_connection((str(address.hostname), address.port or 0), 60) as connection:
        yield connection


def test_pipelined_requests_are_answered_in_order(pair: Pair, table: str, connection: socket.socket) -> None:
    sent = []
    for number in range(150):  # more than wait on a connection before it is read no further
        item = {"id": {"S": "pipelined"}, "n": {"N": str(number)}}
        sent += [request("PutItem", {"TableName": table, "Item": item}),
                 request("GetItem", {"TableName": table, "Key": {"id": {"S": "pipelined"}}}),
                 request("ListTables", {"Limit": 1})]  # fmt: skip
    connection.sendall(b"".join(sent))
    got = answers(connection)
    for number in range(150):
        assert next(got) == (200, {})
        assert next(got) == (200, {"Item": {"id": {"S": "pipelined"}, "n": {"N": str(number)}}})
        assert next(got)[1].keys() == {"TableNames", "LastEvaluatedTableName"}


def test_requests_may_come_in_pieces(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    whole = request("Nonsense", {"some": "body"}).replace(b" / ", b" /?Action=DescribeLimits ") * 2
    for at in range(0, len(whole), 7):
        connection.sendall(whole[at : at + 7])
    got = answers(connection)
    assert [next(got)[0] for _ in range(2)] == [200, 200]


def test_a_body_may_come_in_chunks_and_wait_for_leave(connection: socket.socket) -> None:
    head, body = request("DescribeLimits", {}, "Expect: 100-continue").replace(
        b"Content-Length: 2", b"Transfer-Encoding: chunked"
    ).split(b"\r\n\r\n")  # fmt: skip
    connection.sendall(head + b"\r\n\r\n")
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"1\r\n" + body[:1] + b"\r\n1\r\n" + body[1:] + b"\r\n0\r\n\r\n")
    assert next(answers(connection))[1]["AccountMaxReadCapacityUnits"] == 20000


@pytest.mark.parametrize(
    ("version", "lines"),
    [("1.0", []), ("1.1", ["Connection: close"]), ("1.1", ["Connection: Upgrade", "Upgrade: h2c"])],
)
def test_the_connection_ends_when_the_client_wants_so(
    version: str, lines: list[str], connection: socket.socket
) -> None:
    first, second = request("DescribeLimits", {}), request("DescribeLimits", {}, *lines, version=version)
    connection.sendall(first + second + first)
    assert [status for status, _ in answers(connection)] == [200, 200]


def test_a_client_that_has_shut_down_its_side_gets_its_answers(connection: socket.socket) -> None:
    connection.sendall(request("DescribeLimits", {}) * 50)
    connection.shutdown(socket.SHUT_WR)
    assert [status for status, _ in answers(connection)] == [200] * 50


def test_what_is_no_http_ends_its_connection_and_no_other(pair: Pair, table: str, connection: socket.socket) -> None:
    pair.call("put_item", TableName=table, Item=ITEM)
    with socket.create_connection(connection.getpeername(), 60) as bad:
        bad.sendall(request("DescribeLimits", {}) + b"NO HTTP AT ALL\r\n\r\n" + request("DescribeLimits", {}))
        assert [status for status, _ in answers(bad)] == [200, 400]
    connection.sendall(request("GetItem", {"TableName": table, "Key": A}))
    assert next(answers(connection))[0] == 200


def test_half_a_request_and_a_lost_client_are_harmless(pair: Pair, table: str, connection: socket.socket) -> None:
    whole = request("PutItem", {"TableName": table, "Item": {"id": {"S": "half"}}})
    for length in (1, 60, len(whole) - 1):
        with socket.create_connection(connection.getpeername(), 60) as lost:
            lost.sendall(whole[:length])
    for _ in range(20):
        with socket.create_connection(connection.getpeername(), 60) as lost:
            lost.sendall(request("GetItem", {"TableName": table, "Key": A}) * 5)
    connection.sendall(request("GetItem", {"TableName": table, "Key": {"id": {"S": "half"}}}))
    assert next(answers(connection)) == (200, {})


def test_a_client_that_does_not_read_holds_up_nobody(pair: Pair, table: str, connection: socket.socket) -> None:
    pair.call("put_item", TableName=table, Item={**A, "s": {"S": "x" * 300_000}})
    read = request("GetItem", {"TableName": table, "Key": A})
    with socket.create_connection(connection.getpeername(), 60) as unread:
        unread.sendall(read * 100)
        for _ in range(20):
            connection.sendall(read)
            with connection.makefile("rb") as stream:
                assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
                stream.read(int(http.client.parse_headers(stream)["Content-Length"] or 0))
        unread.shutdown(socket.SHUT_WR)
        assert [status for status, _ in answers(unread)] == [200] * 100


def test_what_answers_head_has_no_body(connection: socket.socket) -> None:
    wrong = request("Nonsense", {}).replace(b"POST", b"HEAD")
    connection.sendall(wrong + request("Nonsense", {}, "Connection: close"))
    received = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert received.startswith(b"HTTP/1.1 403 ")
    assert b"this server" not in received
    assert received.count(b"<!doctype html>") == received.count(b"HTTP/1.1 500 ") == 1


class Loop:
    """The part of an event loop that the queue uses."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.soon.append(callback)

    def run(self) -> None:
        while self.soon:
            self.soon.pop(0)()


class Transport:
    """The part of a transport that a connection uses; keeps the bodies that are written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data.split(b"\r\n\r\n")[1])


class Clients:
    """Connections whose requests are their names, and which get them back."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.answered: list[bytes] = []
        self._turns = _Turns(self.loop, self._reply)  # type: ignore[arg-type]  # all of a loop that it uses

    def _reply(self, request: Request) -> Reply:
        self.answered.append(request.body)
        return Reply(200, [("Content-Length", "1")], request.body)

    def ask(self, name: str, times: int) -> tuple[_Connection, Transport]:
        connection, transport = _Connection(self._turns), Transport()
        connection.connection_made(transport)  # type: ignore[arg-type]  # all of a transport that it uses
        connection.data_received(f"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n{name}".encode() * times)
        return connection, transport


def test_a_connection_gets_one_answer_in_its_turn() -> None:
    clients = Clients()
    _, a = clients.ask("a", 4)
    _, b = clients.ask("b", 1)
    _, c = clients.ask("c", 2)
    clients.loop.run()
    assert b"".join(clients.answered) == b"abcacaa"
    assert (a.written, b.written, c.written) == ([b"a"] * 4, [b"b"], [b"c"] * 2)


def test_requests_wait_while_answers_are_not_read_and_go_with_the_client() -> None:
    clients = Clients()
    slow, written = clients.ask("s", 3)
    gone, _ = clients.ask("g", 3)
    slow.pause_writing()
    gone.connection_lost(None)
    clients.loop.run()
    assert clients.answered == []
    slow.resume_writing()
    clients.loop.run()
    assert clients.answered == written.written == [b"s"] * 3
