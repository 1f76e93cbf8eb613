"""Many calls on few connections: places, turns, cancelled calls, the end of a client."""

import asyncio
import random
import socket
import time
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError

from tests.helpers.scripted_server import Peer, Scripted, answering, echo
from tests.helpers.wire_clients import a_client, found, served


class Holding:
    """The script of a server that answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.came = asyncio.Semaphore(0)

    async def __call__(self, peer: Peer) -> None:
        while request := await peer.request():
            self.came.release()
            await self.go.wait()
            peer.send(echo(request))


async def test_more_calls_than_places_wait_for_one_and_all_are_answered() -> None:
    async with Scripted(answering) as server, a_client(server.url, max_pool_connections=2) as client:
        keys = [str(number) for number in range(20)]
        assert await asyncio.gather(*(found(client, key) for key in keys)) == keys
    assert server.most_open == server.accepted == 2
    assert sorted(int(request.key) for request in server.requests) == list(range(20))


async def test_the_places_are_kept_where_the_server_closes_each_connection() -> None:
    async with Scripted(closing) as server, a_client(server.url, max_pool_connections=2) as client:
        keys = [str(number) for number in range(20)]
        assert await asyncio.gather(*(found(client, key) for key in keys)) == keys
    assert server.most_open <= 3  # the server may see the end of one after the beginning of the next
    assert server.accepted == 20


async def test_who_came_first_is_served_first() -> None:
    async with Scripted(answering) as server, a_client(server.url, max_pool_connections=1) as client:

        async def again_and_again() -> None:
            for number in range(5):
                await found(client, f"busy {number}")

        await asyncio.gather(again_and_again(), found(client, "patient 1"), found(client, "patient 2"))
    assert [request.key for request in server.requests][:4] == ["busy 0", "patient 1", "patient 2", "busy 1"]


async def test_a_cancelled_call_leaves_its_place_and_its_late_answer_reaches_nobody() -> None:
    script = Holding()
    async with Scripted(script) as server, a_client(server.url, max_pool_connections=1) as client:
        first = asyncio.create_task(found(client, "1"))
        await script.came.acquire()
        first.cancel()
        second = asyncio.create_task(found(client, "2"))
        await script.came.acquire()
        script.go.set()
        assert await second == "2"
        assert await found(client, "3") == "3"
        assert first.cancelled()
    assert [(request.key, request.connection) for request in server.requests] == [("1", 1), ("2", 2), ("3", 2)]


async def test_a_call_that_is_cancelled_when_its_answer_is_there_leaves_the_connection_to_its_next_user() -> None:
    script = Holding()
    async with Scripted(script) as server, a_client(server.url, max_pool_connections=2) as client:
        late: asyncio.Task[str]

        async def early() -> str:
            await found(client, "1")
            late.cancel()
            return await found(client, "3")

        first = asyncio.create_task(early())
        await script.came.acquire()
        late = asyncio.create_task(found(client, "2"))
        await script.came.acquire()
        script.go.set()
        await asyncio.sleep(0)  # the server has its turn and answers both
        time.sleep(0.05)  # noqa: ASYNC251 - so that both answers are read in one turn of the loop
        assert await asyncio.wait_for(first, 5) == "3"


async def closing(peer: Peer) -> None:
    """The script of a server that ends each connection after one answer."""
    if request := await peer.request():
        peer.send(echo(request, {"Connection": "close"}))
        await peer.request()


@pytest.mark.parametrize("apart", range(4))
async def test_one_address_of_a_host_that_answers_is_enough(apart: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with localhost, which may be ::1 and 127.0.0.1, and a server that listens on the second alone."""
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        async with Scripted(closing) as server:
            ports = dead.getsockname()[1], server.port
            addresses = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
            async with a_client(f"http://localhost:{server.port}", max_pool_connections=50) as client:

                async def after(turns: int) -> str:
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    return await found(client, str(turns))

                assert await after(0) == "0"
                numbers = range(0, 50 * apart, apart) if apart else [0] * 50
                assert await asyncio.gather(*map(after, numbers)) == list(map(str, numbers))


@pytest.mark.parametrize("seed", range(10))
async def test_cancelling_calls_loses_no_place(seed: int) -> None:
    chance = random.Random(seed)

    async def slow(peer: Peer) -> None:
        while request := await peer.request():
            await asyncio.sleep(chance.random() / 200)
            peer.send(echo(request))

    async with Scripted(slow) as server, a_client(server.url, max_pool_connections=2) as client:
        calls = {str(number): asyncio.create_task(found(client, str(number))) for number in range(30)}
        for key in chance.sample(sorted(calls), 20):
            await asyncio.sleep(chance.random() / 300)
            calls[key].cancel()
        answers = await asyncio.wait_for(asyncio.gather(*calls.values(), return_exceptions=True), 10)
        for key, got in zip(calls, answers, strict=True):
            assert got == key or isinstance(got, asyncio.CancelledError)
        keys = [str(number) for number in range(10)]
        assert await asyncio.wait_for(asyncio.gather(*(found(client, key) for key in keys)), 10) == keys


async def test_a_waiter_that_is_cancelled_in_its_turn_gives_it_to_the_next() -> None:
    script = Holding()
    async with Scripted(script) as server, a_client(server.url, max_pool_connections=1) as client:
        waiting: list[asyncio.Task[str]] = []

        async def holder() -> None:
            await found(client, "1")
            waiting[0].cancel()  # its turn has been given to it, and it has not run yet

        held = asyncio.create_task(holder())
        await script.came.acquire()
        waiting += [asyncio.create_task(found(client, key)) for key in "23"]
        await asyncio.sleep(0.01)
        script.go.set()
        await held
        assert await asyncio.wait_for(waiting[1], 5) == "3"
        assert waiting[0].cancelled() or waiting[0].result() == "2"


async def test_closing_the_client_ends_the_calls_under_way_and_sends_nothing_more() -> None:
    script = Holding()
    async with Scripted(script) as server:
        async with a_client(server.url, max_pool_connections=2) as client:
            calls = [asyncio.create_task(found(client, str(number))) for number in range(5)]
            for _ in range(2):
                await script.came.acquire()
            counted = served(client)
        ended: list[Any] = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
        assert all(isinstance(end, BotoCoreError) for end in ended), ended
        under_way, waiting = ended[:2], ended[2:]
        assert all(end.sent_ns > 0 for end in under_way)
        assert all(end.sent_ns == 0 for end in waiting)
        script.go.set()
        await asyncio.sleep(0.05)
        assert (len(server.requests), server.accepted, server.open) == (2, 2, 0)
        assert not counted.sdk


async def test_closing_the_client_ends_the_calls_whose_connection_is_being_opened() -> None:
    came = asyncio.Event()

    async def mute(peer: Peer) -> None:
        came.set()
        await peer.request()

    async with Scripted(mute) as server:
        url = server.url.replace("http:", "https:")  # the handshake never ends
        async with a_client(url) as client:
            call = asyncio.create_task(found(client))
            await came.wait()
        with pytest.raises(BotoCoreError) as caught:
            await asyncio.wait_for(call, 5)
        assert getattr(caught.value, "sent_ns", None) == 0
        await asyncio.sleep(0.02)
        assert server.open == 0


async def test_a_closed_client_opens_no_connection() -> None:
    async with Scripted(answering) as server:
        async with a_client(server.url) as client:
            await found(client)
        with pytest.raises(Exception):  # noqa: B017, PT011 - the SDK's own client raises a RuntimeError of aiohttp's
            await found(client)
        await asyncio.sleep(0.02)
        assert (server.accepted, server.open) == (1, 0)


async def test_connections_opened_ahead_leave_room_for_calls_that_begin_meanwhile() -> None:
    async with Scripted(answering) as server, a_client(server.url, max_pool_connections=4) as client:
        await found(client)
        keys = [str(number) for number in range(8)]
        ahead = asyncio.create_task(client.wire.fill(4))
        await asyncio.sleep(0)
        assert await asyncio.gather(*(found(client, key) for key in keys)) == keys
        await ahead
    assert server.most_open <= 4


async def test_connections_opened_ahead_and_those_in_use_are_together_no_more_than_the_limit() -> None:
    script = Holding()
    async with Scripted(script) as server, a_client(server.url, max_pool_connections=4) as client:
        script.go.set()
        await found(client)
        script.go.clear()
        calls = [asyncio.create_task(found(client, str(number))) for number in range(3)]
        for _ in range(3):
            await script.came.acquire()
        await client.wire.fill(100)
        await asyncio.sleep(0.02)
        assert server.open == 4
        script.go.set()
        assert await asyncio.gather(*calls) == ["0", "1", "2"]
        assert await asyncio.gather(*(found(client, key) for key in "4567")) == ["4", "5", "6", "7"]
    assert server.most_open == server.accepted == 4
