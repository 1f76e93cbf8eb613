"""Whose credentials are used and when, what a server gets, what the stamps say."""

# ruff: noqa: SLF001 - credentials are put in where the SDK keeps them
import asyncio
import json
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError

from loadtest.dynamodb import wire
from loadtest.dynamodb.wire import client as client_module
from tests.helpers.certificates import Authority
from tests.helpers.scripted_server import Peer, Scripted, answering, echo, in_a_thread
from tests.helpers.wire_clients import STAMPS, a_client, found, served, write


class Clock:
    """The time of the client module, which stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


class Renewed:
    """Credentials that somebody renews."""

    def __init__(self, *steps: tuple[str, str | None]) -> None:
        self.steps = [ReadOnlyCredentials(key, "secret", token) for key, token in steps]
        self.asked = 0

    async def get_frozen_credentials(self) -> ReadOnlyCredentials:
        self.asked += 1
        return self.steps[0]


def who(server: Scripted) -> list[tuple[str, str | None]]:
    """The access key and the token of each request."""
    return [
        (
            request.headers["authorization"].split("Credential=")[1].split("/")[0],
            request.headers.get("x-amz-security-token"),
        )
        for request in server.requests
    ]


WALKS = [
    [("first", None), ("second", None)],
    [("first", "a token"), ("second", "another%2Ftoken")],
    [("first", None), ("second", "a token")],
    [("first", "a token"), ("second", None)],
    [("first", ""), ("second", "a token")],
    [("first", "a token"), ("second", "")],
    [("first", "a token"), ("first", "a renewed token"), ("second", None), ("third", "a token")],
]


@pytest.mark.parametrize("walk", WALKS)
async def test_renewed_credentials_are_used_within_a_second(walk: list[tuple[str, str | None]], clock: Clock) -> None:
    renewed = Renewed(*walk)
    async with Scripted(answering) as server, a_client(server.url, prepared=False) as client:
        client._request_signer._credentials = renewed
        await client.wire.prepare()
        while renewed.steps:
            clock.now_s += 1.01
            await asyncio.gather(*(found(client) for _ in range(3)))
            await write(client)
            renewed.steps.pop(0)
    expected = [(key, token or None) for key, token in walk for _ in range(4)]
    assert who(server) == expected


async def test_credentials_are_not_asked_for_on_every_call(clock: Clock) -> None:
    renewed = Renewed(("first", None))
    async with Scripted(answering) as server, a_client(server.url, prepared=False) as client:
        client._request_signer._credentials = renewed
        await client.wire.prepare()
        clock.now_s += 5
        await found(client)
        asked = renewed.asked
        clock.now_s += 0.9
        for _ in range(10):
            await found(client)
        assert renewed.asked == asked
        clock.now_s += 0.2
        await asyncio.gather(*(found(client) for _ in range(10)))
        assert asked < renewed.asked <= asked + 10


async def test_the_sdks_own_refreshable_credentials_are_renewed(clock: Clock) -> None:
    given: list[int] = []

    async def refresh() -> dict[str, str]:
        number = len(given)
        given.append(number)
        keys = {"access_key": f"key{number}", "secret_key": "secret", "token": f"token{number}"}
        return {**keys, "expiry_time": "2100-01-01T00:00:00Z"}

    credentials = AioRefreshableCredentials.create_from_metadata(await refresh(), refresh_using=refresh, method="test")
    async with Scripted(answering) as server, a_client(server.url, prepared=False) as client:
        client._request_signer._credentials = credentials
        await client.wire.prepare()
        await found(client)
        credentials._expiry_time = credentials._time_fetcher()  # they run out
        clock.now_s += 1.01
        await found(client)
    assert who(server) == [("key0", "token0"), ("key1", "token1")]


async def test_credentials_that_cannot_be_had_any_more_are_the_sdks_error(clock: Clock) -> None:
    class Gone:
        async def get_frozen_credentials(self) -> ReadOnlyCredentials:
            raise NoCredentialsError

    async with Scripted(answering) as server, a_client(server.url) as client:
        await found(client)
        client._request_signer._credentials = Gone()
        clock.now_s += 1.01
        with pytest.raises(NoCredentialsError):
            await found(client)
    assert len(server.requests) == 1


async def test_a_server_gets_the_same_request_as_from_the_sdk() -> None:
    same = ("host", "x-amz-target", "content-type", "user-agent", "amz-sdk-request", "accept-encoding")
    keys = ("AKIDEXAMPLE", "secret", "token%/==")
    async with Scripted(answering) as server:
        for wired in (False, True):
            async with a_client(server.url, wired=wired, keys=keys, user_agent="agent/1 100%") as client:
                await found(client, "größe")
                await write(client, '"\\/ ☃')
    assert len(server.requests) == 4
    for by_sdk, by_wire in zip(server.requests[:2], server.requests[2:], strict=True):
        assert json.loads(by_wire.body) == json.loads(by_sdk.body)
        assert by_sdk.headers.keys() - by_wire.headers.keys() == {"accept"}  # aiohttp adds it: */*
        assert by_wire.headers.keys() <= by_sdk.headers.keys()
        assert [by_wire.headers[name] for name in same] == [by_sdk.headers[name] for name in same]


async def test_a_dry_run_leaves_no_trace_in_what_follows() -> None:
    async with Scripted(answering) as server, a_client(server.url) as client:
        assert (server.accepted, server.requests) == (0, [])
        assert not served(client).wire
        assert not served(client).sdk
        await asyncio.gather(client.describe_limits(), found(client))
        assert len(server.requests) == 2


@pytest.mark.skipif(not wire.kernel_stamps(), reason="this kernel does not tell when it received")
@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_a_busy_loop_does_not_make_the_answer_late(kind: str, authority: Authority) -> None:
    answered = threading.Event()

    async def script(peer: Peer) -> None:
        await answering_and(peer, answered.set)

    tls, verify = (authority.server_context(), str(authority.certificate)) if kind == "tls" else (None, None)
    with in_a_thread(Scripted(script, tls)) as server:
        async with a_client(server.url, verify=verify) as client:
            await found(client)
            answered.clear()
            call = asyncio.create_task(client.get_item(TableName="t", Key={"id": {"S": "2"}}))
            before_ns = time.perf_counter_ns()
            await asyncio.sleep(0)  # it is sent
            assert answered.wait(10)  # the loop is held up until the answer is on its way,
            time.sleep(0.05)  # noqa: ASYNC251 - and for longer
            held_up_until_ns = time.perf_counter_ns()
            sent_ns, received_ns = (await call)["ResponseMetadata"][STAMPS]
    assert before_ns <= sent_ns <= received_ns
    assert received_ns < held_up_until_ns - 10_000_000


async def answering_and(peer: Peer, then: Callable[[], None]) -> None:
    """Answer, and do something after each answer."""
    while request := await peer.request():
        peer.send(echo(request))
        await peer.sent()
        then()


async def test_stamps_are_in_order_for_every_call() -> None:
    async with Scripted(answering) as server, a_client(server.url, max_pool_connections=4) as client:
        before_ns = time.perf_counter_ns()
        calls = [client.get_item(TableName="t", Key={"id": {"S": str(number)}}) for number in range(50)]
        for answer in await asyncio.gather(*calls):
            sent_ns, received_ns = answer["ResponseMetadata"][STAMPS]
            assert before_ns <= sent_ns <= received_ns <= time.perf_counter_ns()
