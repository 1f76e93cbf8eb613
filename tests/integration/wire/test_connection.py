"""Which connection a request goes out on, and which bytes may answer it."""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable

import pytest

from tests.helpers.certificates import Authority
from tests.helpers.scripted_server import Peer, Scripted, answer, answering, echo, in_a_thread, item
from tests.helpers.wire_clients import a_client, found, served, write

Tls = tuple[ssl.SSLContext | None, str | None]


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, authority: Authority) -> Tls:
    """With TLS and without: the server's context, and the client's file of authorities."""
    return (None, None) if request.param == "plain" else (authority.server_context(), str(authority.certificate))


async def test_many_calls_use_one_connection(tls: Tls) -> None:
    async with Scripted(answering, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        for number in range(20):
            assert await found(client, str(number)) == str(number)
            await write(client, key=str(number))
    assert server.accepted == 1
    assert len(server.requests) == 40


async def test_a_connection_that_the_server_will_close_is_not_used_again(tls: Tls) -> None:
    async def script(peer: Peer) -> None:
        if request := await peer.request():
            peer.send(echo(request, {"Connection": "close"}))
            await peer.request()

    async with Scripted(script, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        assert [await found(client, key) for key in "123"] == ["1", "2", "3"]
    assert [request.connection for request in server.requests] == [1, 2, 3]


@pytest.mark.parametrize("noticed", [True, False], ids=["the loop had a turn", "the loop had none"])
@pytest.mark.parametrize("end", [Peer.close, Peer.reset], ids=["closed", "reset"])
async def test_a_connection_that_the_server_has_ended_between_requests_is_not_used(
    end: Callable[[Peer], None], noticed: bool, tls: Tls
) -> None:
    ended = threading.Event()

    async def script(peer: Peer) -> None:
        if request := await peer.request():
            peer.send(echo(request))
            await peer.sent()
            if peer.number == 1:
                end(peer)
                await asyncio.sleep(0.02)
                ended.set()
            else:
                await answering(peer)

    with in_a_thread(Scripted(script, tls[0])) as server:
        async with a_client(server.url, verify=tls[1]) as client:
            assert await found(client, "1") == "1"
            ended.wait(10)
            if noticed:
                await asyncio.sleep(0.01)
            assert await found(client, "2") == "2"
            assert await found(client, "3") == "3"
            assert served(client).wire["GetItem"] == 3
    assert [request.connection for request in server.requests] == [1, 2, 2]


@pytest.mark.parametrize("noticed", [True, False], ids=["the loop had a turn", "the loop had none"])
async def test_bytes_that_nobody_asked_for_never_answer_the_next_request(noticed: bool, tls: Tls) -> None:
    unasked = threading.Event()

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            peer.send(echo(request))
            if peer.number == 1:
                await peer.sent()
                await asyncio.sleep(0.02)
                peer.send(answer(item("never asked for")))
                await peer.sent()
                await asyncio.sleep(0.02)
                unasked.set()

    with in_a_thread(Scripted(script, tls[0])) as server:
        async with a_client(server.url, verify=tls[1]) as client:
            assert await found(client, "1") == "1"
            unasked.wait(10)
            if noticed:
                await asyncio.sleep(0.01)
            assert await found(client, "2") == "2"
    assert [request.connection for request in server.requests] == [1, 2]


SECOND = answer(item("never asked for"), "500 Internal Server Error", {"x-second": "1"})


@pytest.mark.parametrize("extra", [len(SECOND), len(SECOND) - 5, SECOND.index(b"\r\n\r\n") + 4, 40, 9])
async def test_of_answers_that_are_glued_together_only_the_first_counts(extra: int, tls: Tls) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            if peer.number == 1 and len(server.requests) == 1:
                peer.send(echo(request), SECOND[:extra])
            else:
                peer.send(SECOND[extra:] if peer.number == 1 else b"", echo(request))

    async with Scripted(script, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        first = await client.get_item(TableName="t", Key={"id": {"S": "1"}})
        assert first["Item"] == {"id": {"S": "1"}}
        assert "x-second" not in first["ResponseMetadata"]["HTTPHeaders"]
        assert await found(client, "2") == "2"
    assert [request.connection for request in server.requests] == [1, 2]


async def test_an_answer_in_many_tiny_segments_is_one_answer(tls: Tls) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            whole = echo(request, {"x-a": "b" * 30})
            for at in range(0, len(whole), 3):
                peer.send(whole[at : at + 3])
                await asyncio.sleep(0)

    async with Scripted(script, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        assert [await found(client, key) for key in "123"] == ["1", "2", "3"]
    assert server.accepted == 1


@pytest.mark.parametrize("apart", [True, False])
async def test_a_chunked_answer_is_put_together(apart: bool) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            body = item(request.key)
            parts = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
            parts += [b"%x\r\n%s\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)]
            for part in [*parts, b"0\r\n\r\n"]:
                peer.send(part)
                if apart:
                    await peer.sent()

    async with Scripted(script) as server, a_client(server.url) as client:
        assert [await found(client, key) for key in "123"] == ["1", "2", "3"]
    assert server.accepted == 1


@pytest.mark.parametrize("apart", [True, False])
async def test_a_100_continue_is_no_answer(apart: bool, tls: Tls) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            peer.send(b"HTTP/1.1 100 Continue\r\nx-early: 1\r\n\r\n")
            if apart:
                await peer.sent()
            peer.send(echo(request))

    async with Scripted(script, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        first = await client.get_item(TableName="t", Key={"id": {"S": "1"}})
        assert first["Item"] == {"id": {"S": "1"}}
        assert "x-early" not in first["ResponseMetadata"]["HTTPHeaders"]
        assert await found(client, "2") == "2"
    assert server.accepted == 1


async def test_an_answer_that_ends_with_the_connection_is_whole() -> None:
    async def script(peer: Peer) -> None:
        if request := await peer.request():
            peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", item(request.key))

    async with Scripted(script) as server, a_client(server.url) as client:
        assert [await found(client, key) for key in "12"] == ["1", "2"]
    assert server.accepted == 2


@pytest.mark.parametrize("size", [20_000, 300_000, 12_000_000])
async def test_a_large_request_arrives_whole_at_a_server_that_takes_its_time(size: int, tls: Tls) -> None:
    async def script(peer: Peer) -> None:
        await asyncio.sleep(0.02)
        await answering(peer)

    value = "".join(chr(97 + number % 26) for number in range(size))
    async with Scripted(script, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        await write(client, value)
        await write(client, value[::-1])
        assert await found(client, "2") == "2"
    sent = [json.loads(request.body).get("ExpressionAttributeValues") for request in server.requests]
    assert sent == [{":v": {"S": value}}, {":v": {"S": value[::-1]}}, None]
    assert server.accepted == 1


async def test_a_connection_whose_request_was_answered_before_it_was_written_is_not_used_again(tls: Tls) -> None:
    async def script(peer: Peer) -> None:
        if peer.number == 1:
            await peer.head()
            peer.send(answer(b'{"__type":"CoffeeException"}', "400 Bad Request"))
            await asyncio.sleep(0.05)
            while await peer.reader.read(65_536):
                pass
        await answering(peer)

    async with Scripted(script, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        with pytest.raises(client.exceptions.ClientError, match="CoffeeException"):
            await write(client, "v" * 8_000_000)
        assert await found(client, "2") == "2"
    assert [request.connection for request in server.requests] == [2]


async def test_connections_are_opened_ahead_only_if_the_server_keeps_them() -> None:
    async def closing(peer: Peer) -> None:
        if request := await peer.request():
            peer.send(echo(request, {"Connection": "close"}))

    for script, expected in ((answering, 5), (closing, 1)):
        async with Scripted(script) as server, a_client(server.url, max_pool_connections=5) as client:
            await client.wire.fill(5)
            assert server.accepted == 0  # not known yet
            await found(client)
            await client.wire.fill(100)
            await asyncio.sleep(0.02)
            assert server.accepted == expected
            await asyncio.gather(*(found(client) for _ in range(5)))
            assert server.most_open <= 5
            assert server.accepted == (5 if script is answering else 6)


async def test_the_loop_is_not_kept_busy_by_an_idle_connection(tls: Tls) -> None:
    async with Scripted(answering, tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        await found(client)
        used = time.process_time()
        await asyncio.sleep(0.2)
        assert time.process_time() - used < 0.1
