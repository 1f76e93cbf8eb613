"""What a call raises when no whole answer comes, whether it says that something was sent, and that it sends once."""

import asyncio
import json
import socket
import ssl
from binascii import crc32
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from loadtest.dynamodb.errors import translate_no_answer
from loadtest.events import Outcome
from tests.helpers.certificates import Authority
from tests.helpers.scripted_server import Peer, Request, Scripted, answer, answering, echo, item
from tests.helpers.wire_clients import a_client, found, served, write

Tls = tuple[ssl.SSLContext | None, str | None]
WHOLE = answer(item("1"))


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest, authority: Authority) -> Tls:
    return (None, None) if request.param == "plain" else (authority.server_context(), str(authority.certificate))


async def lose_by_closing(peer: Peer) -> None:
    peer.close()


async def lose_by_reset(peer: Peer) -> None:
    peer.reset()


async def lose_half(peer: Peer) -> None:
    peer.send(WHOLE[: len(WHOLE) // 2])
    await peer.sent()
    peer.close()


async def lose_the_last_byte(peer: Peer) -> None:
    peer.send(WHOLE[:-1])
    await peer.sent()
    peer.close()


async def lose_the_last_chunk(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
    await peer.sent()
    peer.close()


async def lose_after_a_continue(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await peer.sent()
    peer.close()


async def answer_garbage(peer: Peer) -> None:
    peer.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    await asyncio.sleep(5)


async def answer_with_two_lengths(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}")
    await asyncio.sleep(5)


LOSSES = [
    lose_by_closing,
    lose_by_reset,
    lose_half,
    lose_the_last_byte,
    lose_the_last_chunk,
    lose_after_a_continue,
    answer_garbage,
    answer_with_two_lengths,
]


def losing(lose: Callable[[Peer], Awaitable[None]]) -> Callable[[Peer], Awaitable[None]]:
    """Answer the first request, lose the answer to the second, serve whoever comes on another connection."""

    async def script(peer: Peer) -> None:
        if peer.number > 1:
            return await answering(peer)
        for number in (1, 2):
            if request := await peer.request():
                await (lose(peer) if number == 2 else at_once(peer, request))
        return None

    async def at_once(peer: Peer, request: Request) -> None:
        peer.send(echo(request))

    return script


async def raised_by(call: Awaitable[Any]) -> Any:
    """The SDK's error that a call ends with, and what the tool makes of it."""
    with pytest.raises(BotoCoreError) as caught:
        await call
    return caught.value, translate_no_answer(caught.value.outcome, writes=True, sdk_retries=0).outcome


@pytest.mark.parametrize("lose", LOSSES)
async def test_a_write_whose_answer_is_lost_is_unknown_and_never_sent_again(lose: Any, tls: Tls) -> None:
    async with Scripted(losing(lose), tls[0]) as server, a_client(server.url, verify=tls[1]) as client:
        await write(client, "first")
        error, outcome = await raised_by(write(client, "second"))
        assert isinstance(error, ConnectionClosedError)
        assert error.sent_ns > 0
        assert outcome is Outcome.UNKNOWN
        assert await found(client, "3") == "3"
    assert [request.connection for request in server.requests] == [1, 1, 2]
    assert [b'"second"' in request.body for request in server.requests] == [False, True, False]


async def test_a_call_that_the_wire_sent_in_vain_is_counted_as_its_own() -> None:
    async with Scripted(losing(lose_by_closing)) as server, a_client(server.url) as client:
        await write(client, "first")
        await raised_by(write(client, "second"))
        assert served(client).wire == {"UpdateItem": 2}  # table.calls_by_client says "sdk" of the rest
        assert not served(client).sdk


@pytest.mark.parametrize("first", [b"", WHOLE[:20], WHOLE[:-1]], ids=["nothing", "a little", "nearly all"])
async def test_silence_beyond_the_time_out_is_a_read_time_out(first: bytes, tls: Tls) -> None:
    async def say_no_more(peer: Peer) -> None:
        peer.send(first)
        await asyncio.sleep(20)

    async with (
        Scripted(losing(say_no_more), tls[0]) as server,
        a_client(server.url, verify=tls[1], read_timeout=0.3) as client,
    ):
        await write(client, "first")
        error, outcome = await raised_by(write(client, "second"))
        assert type(error) is ReadTimeoutError
        assert error.sent_ns > 0
        assert outcome is Outcome.UNKNOWN
        assert await found(client, "3") == "3"
    assert [request.connection for request in server.requests] == [1, 1, 2]


async def test_a_request_that_the_server_does_not_take_in_is_a_read_time_out_too() -> None:
    async def deaf(peer: Peer) -> None:
        await asyncio.sleep(20)

    async with Scripted(deaf) as server, a_client(server.url, read_timeout=0.3) as client:
        error, outcome = await raised_by(write(client, "v" * 20_000_000))
        assert type(error) is ReadTimeoutError
        assert error.sent_ns > 0
        assert outcome is Outcome.UNKNOWN


async def test_a_server_that_leaves_while_a_request_is_written_makes_it_unknown() -> None:
    async def half(peer: Peer) -> None:
        await peer.reader.readexactly(1000)
        peer.reset()

    async with Scripted(half) as server, a_client(server.url) as client:
        error, outcome = await raised_by(write(client, "v" * 20_000_000))
        assert isinstance(error, ConnectionClosedError)
        assert error.sent_ns > 0
        assert outcome is Outcome.UNKNOWN
    assert server.accepted == 1


@pytest.mark.parametrize("kind", ["answer", "refusal"])
async def test_a_wrong_checksum_is_an_error_of_a_call_that_was_sent(kind: str) -> None:
    body = item("1") if kind == "answer" else b'{"__type":"ConditionalCheckFailedException"}'
    status = "200 OK" if kind == "answer" else "400 Bad Request"

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            wrong = request.key == "wrong"
            peer.send(answer(body, status, {"x-amz-crc32": str(crc32(body) ^ wrong)}))

    async with Scripted(script) as server, a_client(server.url) as client:
        with suppress(client.exceptions.ConditionalCheckFailedException):
            assert await found(client, "right") == "1"
        error, outcome = await raised_by(write(client, key="wrong"))
        assert type(error) is ChecksumError
        assert error.sent_ns > 0
        assert outcome is Outcome.UNKNOWN
    assert [json.loads(request.body)["Key"]["id"]["S"] for request in server.requests] == ["right", "wrong"]


@pytest.fixture
def full_backlog() -> Iterator[str]:
    """A listener that takes no connection, because nobody accepts those that wait."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for one in waiting:
            one.close()


async def test_a_server_that_takes_no_connection_is_a_connect_time_out(full_backlog: str) -> None:
    async with a_client(full_backlog, connect_timeout=0.3) as client:
        error, outcome = await raised_by(write(client))
    assert type(error) is ConnectTimeoutError
    assert error.sent_ns == 0
    assert outcome is Outcome.FAILED


async def test_nobody_listening_is_no_connection() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        async with a_client(f"http://127.0.0.1:{probe.getsockname()[1]}") as client:
            error, outcome = await raised_by(write(client))
            assert type(error) is EndpointConnectionError
            assert error.sent_ns == 0
            assert outcome is Outcome.FAILED


async def mute(peer: Peer) -> None:
    await asyncio.sleep(20)


async def hang_up(peer: Peer) -> None:
    await peer.reader.read(10)


async def speak_plainly(peer: Peer) -> None:
    peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await asyncio.sleep(5)


@pytest.mark.parametrize(
    ("script", "raised"),
    [(mute, ConnectTimeoutError), (hang_up, EndpointConnectionError), (speak_plainly, SSLError)],
)
async def test_a_handshake_that_comes_to_nothing_has_sent_nothing(
    script: Any, raised: type[Exception], authority: Authority
) -> None:
    async with Scripted(script) as server:
        url = server.url.replace("http:", "https:")
        async with a_client(url, verify=str(authority.certificate), connect_timeout=0.3) as client:
            error, outcome = await raised_by(write(client))
    assert (type(error), error.sent_ns) == (raised, 0)
    assert outcome is Outcome.FAILED


@pytest.mark.parametrize("why", ["another authority", "another host", "no authority at all"])
async def test_a_certificate_that_is_not_to_be_trusted_gets_no_request(
    why: str, authority: Authority, stranger: Authority, elsewhere: Authority
) -> None:
    server_of, trusted = {
        "another authority": (authority, str(stranger.certificate)),
        "another host": (elsewhere, str(elsewhere.certificate)),
        "no authority at all": (authority, None),
    }[why]
    async with (
        Scripted(answering, server_of.server_context()) as server,
        a_client(server.url, verify=trusted) as client,
    ):
        error, outcome = await raised_by(write(client))
        assert type(error) is SSLError
        assert "certificate" in str(error)
        assert error.sent_ns == 0
        assert outcome is Outcome.FAILED
    assert server.requests == []


async def test_a_client_that_is_told_not_to_verify_does_not(authority: Authority) -> None:
    async with (
        Scripted(answering, authority.server_context()) as server,
        a_client(server.url, verify=False) as client,
    ):
        assert await found(client, "1") == "1"
