"""A server with a certificate that is trusted, but of another name, gets nothing: not one byte of a request."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, SSLError

from loadtest.dynamodb import credentials, sdk_session
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import CredentialsError, explained
from loadtest.errors import TargetError
from loadtest.workload.target import ClientKind
from tests.helpers.certificates import Authority
from tests.helpers.commands import run
from tests.helpers.scripted_server import Peer, Scripted, answering, in_a_thread
from tests.helpers.wire_clients import connected

COMMANDS = (
    "race -n 5",
    "race -n 5 --client sdk",
    "race -n 5 --dry-run",
    "load --rate 10 --duration 1s",
    "populate",
    "probe",
    "table describe",
    *(
        pytest.param(command, marks=pytest.mark.slow)
        for command in (
            "compare --concurrency 1,2",
            "find --p99-under 50ms",
            "race -n 5 --fault faults.toml",
            "race -n 5 --processes 2",
            "table create",
            "table delete --yes",
        )
    ),
)
FAULTS = '[[fault]]\nkind = "drop_answer"\nrate = 0.02\n'


def place(url: str, authorities: Path, client: ClientKind = ClientKind.SDK) -> Connection:
    return Connection(
        table="t", endpoint_url=url, region="eu-west-1", anonymous=True, client=client, authorities=str(authorities)
    )


@pytest.fixture
async def other(elsewhere: Authority) -> AsyncIterator[Scripted]:
    """A server that the test's authority has named otherwise."""
    async with Scripted(answering, elsewhere.server_context()) as server:
        yield server


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_sends_it_anything(
    command: str, elsewhere: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("faults.toml").write_text(FAULTS)
    for name, value in {
        "AWS_CA_BUNDLE": str(elsewhere.certificate),
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }.items():
        monkeypatch.setenv(name, value)
    with in_a_thread(Scripted(answering, elsewhere.server_context())) as server:
        code, _out, err = run(*command.split(), "--endpoint-url", server.url)
        assert (code, server.accepted, server.requests) == (3, 0, [])
    (line,) = err.splitlines()
    assert line.startswith(f"loadtest: no TLS at {server.url}, so nothing was sent: IP address mismatch, ")


@pytest.mark.parametrize("client", list(ClientKind))
async def test_no_client_sends_it_anything(client: ClientKind, other: Scripted, elsewhere: Authority) -> None:
    connection = place(other.url, elsewhere.certificate, client)
    async with connected(connection) as opened:
        with pytest.raises(TargetError, match="so nothing was sent: IP address mismatch"), explained(connection):
            await opened.get_item(TableName="t", Key={"id": {"S": "1"}})
        with pytest.raises(TargetError, match="so nothing was sent: IP address mismatch"), explained(connection):
            await opened.describe_table(TableName="t")
    assert (other.accepted, other.requests) == (0, [])


async def test_who_gives_credentials_is_asked_by_name_too(other: Scripted, elsewhere: Authority) -> None:
    session = sdk_session.begin(place(other.url, elsewhere.certificate))
    made = session._session.create_client(  # noqa: SLF001 - as the SDK's own providers make it
        "sts", region_name="eu-west-1", endpoint_url=other.url, verify=str(elsewhere.certificate)
    )
    async with made as sts:
        with pytest.raises(SSLError):
            await sts.get_caller_identity()
    assert (other.accepted, other.requests) == (0, [])


async def test_a_container_that_gives_credentials_is_asked_by_name_too(
    other: Scripted, elsewhere: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{other.url}/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token")
    monkeypatch.setattr("loadtest.dynamodb.sdk_http.get_cert_path", lambda _: str(elsewhere.certificate))
    monkeypatch.setattr("aiobotocore.utils.AioContainerMetadataFetcher.RETRY_ATTEMPTS", 1)
    connection = Connection(table="t", region="eu-west-1")
    with pytest.raises(CredentialsError):
        await credentials.provide(sdk_session.begin(connection), connection)
    assert (other.accepted, other.requests) == (0, [])


@asynccontextmanager
async def tunnel(port: int) -> AsyncIterator[str]:
    """A proxy that leads every CONNECT to that port of this machine."""

    async def pump(reader: asyncio.StreamReader, send: Callable[[bytes], None]) -> None:
        while data := await reader.read(65_536):
            send(data)

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        back = asyncio.create_task(pump(reader, peer.send))
        try:
            await pump(peer.reader, writer.write)
        finally:
            back.cancel()
            writer.close()
            await asyncio.wait([back])

    async with Scripted(script) as proxy:
        yield proxy.url


@pytest.mark.parametrize("name", ["dynamodb.example.org", "another.example.org"])
async def test_behind_a_proxy_too(
    name: str, other: Scripted, elsewhere: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = place(f"https://{name}", elsewhere.certificate)
    async with tunnel(other.port) as proxy:
        monkeypatch.setitem(os.environ, "HTTPS_PROXY", proxy)
        async with connected(connection) as opened:
            request = opened.get_item(TableName="t", Key={"id": {"S": "1"}})
            if name == "dynamodb.example.org":  # its own
                assert (await request)["Item"] == {"id": {"S": "1"}}
            else:
                with pytest.raises(BotoCoreError, match="Hostname mismatch"):
                    await request
    assert len(other.requests) == (name == "dynamodb.example.org")
