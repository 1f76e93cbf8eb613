"""A name that leads to several addresses, of which some are dead, or die, or change."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import aiohappyeyeballs
import pytest
from aiohappyeyeballs import AddrInfoType
from botocore.exceptions import BotoCoreError, ConnectTimeoutError, EndpointConnectionError

from loadtest.dynamodb.errors import translate_no_answer
from loadtest.dynamodb.wire import addresses
from loadtest.events import Outcome
from tests.helpers.certificates import Authority
from tests.helpers.scripted_server import Peer, Scripted, answering, echo
from tests.helpers.wire_clients import a_client, found

NAME = "ddb.test"
ABSOLUTE = "localhost."
NEVER_S = 600.0  # a connect time-out that no test lives to see: whatever waits for a dead address, fails


class Resolver:
    """Stands for the system's: the name leads to these ports here, or nowhere."""

    def __init__(self) -> None:
        self.ports: list[int] | None = []
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self._of_the_system = asyncio.get_running_loop().getaddrinfo

    async def __call__(self, host: str, port: int, **how: Any) -> Any:
        if host not in (NAME, ABSOLUTE):  # uvloop asks for addresses, too
            return await self._of_the_system(host, port, **how)
        self.asked += 1
        await self.answers.wait()
        if self.ports is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in self.ports]


@pytest.fixture
async def resolver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Resolver]:
    made = Resolver()
    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "getaddrinfo", made)
        yield made


@contextmanager
def hole(port: int = 0) -> Iterator[int]:
    """The port of an address that swallows every SYN: nobody accepts those who wait, and no more fit."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(listener.getsockname())
        yield int(listener.getsockname()[1])
        for one in waiting:
            one.close()


@contextmanager
def nobody() -> Iterator[int]:
    """The port of an address that refuses."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


def url(scheme: str = "http") -> str:
    return f"{scheme}://{NAME}:1"


async def closing(peer: Peer) -> None:
    """The script of a server that ends each connection after one answer."""
    if request := await peer.request():
        peer.send(echo(request, {"Connection": "close"}))
        await peer.request()


Dead = Callable[[], AbstractContextManager[int]]


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("dead", [hole, nobody])
async def test_no_order_is_lost_to_a_dead_address(dead: Dead, place: int, resolver: Resolver) -> None:
    with dead() as first, dead() as second:
        async with Scripted(closing) as server:
            resolver.ports = [first, second]
            resolver.ports.insert(place, server.port)
            async with a_client(url(), connect_timeout=NEVER_S, max_pool_connections=20) as client:
                keys = [str(number) for number in range(20)]
                assert await asyncio.gather(*(found(client, key) for key in keys)) == keys
                assert [await found(client, key) for key in keys] == keys  # now it is known which one answers


@pytest.mark.parametrize("dead", [hole, nobody])
async def test_an_address_that_did_not_answer_is_tried_after_those_that_do(
    dead: Dead, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[list[int]] = []
    connect = aiohappyeyeballs.start_connection

    async def watched(in_turn: Sequence[AddrInfoType], **how: Any) -> socket.socket:
        tried.append([address[4][1] for address in in_turn])
        return await connect(in_turn, **how)

    monkeypatch.setattr(addresses, "start_connection", watched)
    with dead() as bad:
        async with Scripted(closing) as one, Scripted(closing) as other:
            resolver.ports = [bad, one.port, other.port]
            async with a_client(url(), connect_timeout=NEVER_S) as client:
                for number in range(6):
                    await found(client, str(number))
        assert [ports[-1] for ports in tried[1:]] == [bad] * 5
        assert {ports[0] for ports in tried[1:]} == {one.port, other.port}
        assert one.accepted, "connections go to each address that answers"
        assert other.accepted


async def test_a_dead_address_that_lives_again_is_not_avoided_for_ever(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_AVOIDED_FOR_S", 0.0)
    async with Scripted(closing) as one:
        with nobody() as port:
            resolver.ports = [port, one.port]
            async with a_client(url(), connect_timeout=NEVER_S) as client:
                await found(client)
                assert [await found(client, key) for key in "123"] == ["1", "2", "3"]


@pytest.mark.parametrize("mute_for_ever", [True, False])
async def test_all_attempts_share_the_connect_time_out(mute_for_ever: bool, resolver: Resolver) -> None:
    """Also with the name's own: a resolver may take longer than anybody waits."""
    with hole() as one, hole() as other:
        resolver.ports = [one, other] * 100  # each on its own would take longer than a test may
        if mute_for_ever:
            resolver.answers.clear()
        async with a_client(url(), connect_timeout=0.6) as client:
            with pytest.raises(ConnectTimeoutError) as caught:
                await found(client)
    assert caught.value.sent_ns == 0
    assert translate_no_answer(caught.value.outcome, writes=True, sdk_retries=0).outcome is Outcome.FAILED


async def test_addresses_that_all_refuse_are_one_error_with_the_cause(resolver: Resolver) -> None:
    with nobody() as one, nobody() as other:
        resolver.ports = [one, other]
        async with a_client(url(), connect_timeout=NEVER_S) as client:
            with pytest.raises(EndpointConnectionError) as caught:
                await found(client)
    result = translate_no_answer(caught.value.outcome, writes=True, sdk_retries=0)
    assert result.outcome is Outcome.FAILED
    assert result.message.endswith(": Connection refused")


@pytest.mark.parametrize("failure", ["refused", "nowhere", "late"])
async def test_a_name_is_asked_for_again_when_nothing_could_be_reached(failure: str, resolver: Resolver) -> None:
    async with Scripted(answering) as server:
        with nobody() as refusing, hole() as mute:
            ports = {"refused": [refusing], "nowhere": None, "late": [mute]}
            resolver.ports = ports[failure]
            async with a_client(url(), connect_timeout=0.6) as client:
                with pytest.raises(BotoCoreError):
                    await found(client)
                resolver.ports = [server.port]
                assert await found(client, "2") == "2"
    assert resolver.asked == 2


@pytest.mark.parametrize("failure", ["says so", "says nothing"])
async def test_a_resolver_that_fails_in_mid_run_costs_nothing(
    failure: str, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_RESOLVED_FOR_S", 0.0)
    async with Scripted(closing) as server:
        resolver.ports = [server.port]
        async with a_client(url(), connect_timeout=NEVER_S) as client:
            await found(client)
            if failure == "says so":
                resolver.ports = None
            else:
                resolver.answers.clear()
            assert [await found(client, key) for key in "123"] == ["1", "2", "3"]
            resolver.answers.set()
        assert resolver.asked > 1


async def test_connections_go_where_the_name_leads_by_now(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_RESOLVED_FOR_S", 0.0)
    async with Scripted(closing) as one, Scripted(closing) as other:
        resolver.ports = [one.port]
        async with a_client(url(), connect_timeout=NEVER_S) as client:
            await found(client)
            resolver.ports = [other.port]
            for key in "123":
                assert await found(client, key) == key
            assert other.accepted


async def test_a_name_is_asked_for_once_by_all_who_wait_for_it(resolver: Resolver) -> None:
    async with Scripted(answering) as server:
        resolver.ports = [server.port]
        async with a_client(url(), max_pool_connections=20) as client:
            keys = [str(number) for number in range(20)]
            assert await asyncio.gather(*(found(client, key) for key in keys)) == keys
    assert resolver.asked == 1


async def test_an_address_that_dies_under_an_open_pool_is_left_to_the_others(resolver: Resolver) -> None:
    async with Scripted(answering) as other:
        async with Scripted(answering) as one:
            resolver.ports = [one.port, other.port]
            client_of_both = a_client(url(), connect_timeout=NEVER_S, max_pool_connections=8)
            client = await client_of_both.__aenter__()
            await found(client)
            await client.wire.fill(8)
            assert one.accepted
            assert other.accepted
        with hole(one.port):  # its connections have ended with it
            keys = [str(number) for number in range(16)]
            assert await asyncio.gather(*(found(client, key) for key in keys)) == keys
            await client_of_both.__aexit__(None, None, None)


@pytest.mark.parametrize("place", range(2))
async def test_an_address_that_ends_the_handshake_is_left_to_the_others(
    place: int, authority: Authority, resolver: Resolver
) -> None:
    async def hang_up(peer: Peer) -> None:
        await peer.reader.read(10)

    async with Scripted(answering, authority.server_context()) as server, Scripted(hang_up) as rude:
        resolver.ports = [rude.port]
        resolver.ports.insert(place, server.port)
        async with a_client(url("https"), verify=False, max_pool_connections=9) as client:
            keys = [str(number) for number in range(9)]
            assert await asyncio.gather(*(found(client, key) for key in keys)) == keys


async def test_filling_a_pool_does_not_wait_for_a_dead_address_again_and_again(resolver: Resolver) -> None:
    async with a_client(url(), connect_timeout=0.6, max_pool_connections=1000) as client:
        async with Scripted(answering) as server:
            resolver.ports = [server.port]
            await found(client)
        with hole() as dead:
            resolver.ports = [dead]
            with pytest.raises(BotoCoreError):
                await found(client)
            before = client.wire.opened
            await client.wire.fill(1000)
            assert client.wire.opened - before < 100


async def test_known_addresses_serve_while_a_resolver_is_silent_about_others(resolver: Resolver) -> None:
    async with Scripted(answering) as server:
        resolver.ports = [server.port]
        known = addresses.Addresses(NAME, 1)
        for _ in range(2):
            connected, _ = await asyncio.wait_for(known.connected(frozenset()), 10)
            connected.close()
            known.suspect()
            resolver.answers.clear()
        resolver.answers.set()


async def test_an_address_that_answers_again_when_the_others_die_is_first_again(resolver: Resolver) -> None:
    async def reached(known: addresses.Addresses) -> int:
        connected, address = await known.connected(frozenset())
        connected.close()
        return int(address[4][1])

    known = addresses.Addresses(NAME, 1)
    async with Scripted(answering) as server:
        with nobody() as dead:
            resolver.ports = [server.port, dead]
            await reached(known)
            for address in await resolver(NAME, 1):
                known.avoid(address)
            assert {await reached(known) for _ in range(4)} == {server.port}
            in_turn = await known._in_turn()  # noqa: SLF001 - what is tried first is what this is about
            assert [address[4][1] for address in in_turn] == [server.port, dead]


@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_an_ipv6_address_in_brackets_is_reached(kind: str, authority: Authority) -> None:
    tls, verify = (authority.server_context(), str(authority.certificate)) if kind == "tls" else (None, None)
    try:
        async with Scripted(answering, tls, host="::1") as server, a_client(server.url, verify=verify) as client:
            assert [await found(client, key) for key in "12"] == ["1", "2"]
            assert server.requests[0].headers["host"] == f"[::1]:{server.port}"
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


async def test_a_name_that_ends_with_a_dot_is_that_of_the_certificate(resolver: Resolver, authority: Authority) -> None:
    async with Scripted(answering, authority.server_context()) as server:
        resolver.ports = [server.port]
        async with a_client(f"https://{ABSOLUTE}:1", verify=str(authority.certificate)) as client:
            assert await found(client, "2") == "2"


def test_families_take_turns() -> None:
    def address(family: int, host: str) -> AddrInfoType:
        return (family, socket.SOCK_STREAM, 6, "", (host, 1))

    six, four = socket.AF_INET6, socket.AF_INET
    resolved = [address(six, "::1"), address(six, "::2"), address(four, "1"), address(six, "::1"), address(six, "::3")]
    in_turn = [host[0] for *_, host in addresses._interleaved(resolved)]  # noqa: SLF001 - the order is what RFC 8305 asks for
    assert in_turn == ["::1", "1", "::2", "::3"]
