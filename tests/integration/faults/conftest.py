"""The fault proxy in front of a real server, within the tests' own event loop; no AWS settings of the user's."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from loadtest.dynamodb import admin
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.table import Table
from loadtest.events import Product
from loadtest.faults.proxy.inject import Injector, Outgoing
from loadtest.faults.proxy.journal import Header, Injected, Journal, read_faults
from loadtest.faults.proxy.server import Connection as Incoming
from loadtest.faults.proxy.server import Service
from loadtest.workload.faults import AnyFault
from loadtest.workload.target import ClientKind
from tests.helpers.wire_clients import connected, transport_of

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/products"
KEY = "the-runs-own-key"
_PATIENCE_S = 1.0


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The proxy runs on uvloop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class Current:
    """Stands for the injector of the test that runs: making clients takes longer than most tests."""

    def __init__(self) -> None:
        self.injector: Any = None

    async def serve(self, operation: str, body: bytes) -> Outgoing:
        outgoing: Outgoing = await self.injector.serve(operation, body)
        return outgoing

    def begin(self, table_arn: str) -> None:
        self.injector.begin(table_arn)


class Bench(Struct, frozen=True):
    """A table on a server, reached straight by the admin client and through the proxy by a wire and an SDK client."""

    port: int
    current: Current
    straight: Connection
    admin_client: Any
    wire: Any
    sdk: Any


@asynccontextmanager
async def a_bench(url: str) -> AsyncIterator[Bench]:
    straight = Connection(table=f"t-{uuid.uuid4().hex}", endpoint_url=url, region="us-east-1", anonymous=True)
    current: Any = Current()
    async with connected(straight) as admin_client:
        await admin.create_table(admin_client, straight)
        service = Service(current, KEY, lambda: admin_client.wire.fill(1))
        listening = await asyncio.get_running_loop().create_server(lambda: Incoming(service), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        through = replace(straight, endpoint_url=f"http://127.0.0.1:{port}", access_key=KEY, read_timeout_s=_PATIENCE_S)
        try:
            async with connected(through) as wire, connected(replace(through, client=ClientKind.SDK)) as sdk:
                yield Bench(port, current, straight, admin_client, wire, sdk)
        finally:
            listening.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def benches(server_urls: Callable[[str], str]) -> AsyncIterator[Callable[[str], Any]]:
    """A bench for each server, made when it is first asked for."""
    made: dict[str, Bench] = {}
    async with AsyncExitStack() as stack:

        async def bench(server: str) -> Bench:
            if server not in made:
                made[server] = await stack.enter_async_context(a_bench(server_urls(server)))
            return made[server]

        yield bench


class Link(Struct, frozen=True):
    """Two products of version 1, each with the table as another client has it through the proxy: the wire, the SDK."""

    bench: Bench
    clients: list[tuple[Product, Table]]
    journal: Path

    @property
    def table(self) -> str:
        return self.bench.straight.table

    async def version(self, product: Product) -> int:
        """The product's version as it really is."""
        return (await admin.read_product(self.bench.admin_client, self.bench.straight, product.id)).version

    def injected(self) -> list[Injected]:
        return read_faults(self.journal)[1]


Open = Callable[..., AbstractAsyncContextManager[Link]]


@pytest.fixture
def link(benches: Callable[[str], Any], tmp_path: Path) -> Open:
    """Puts these faults between the clients and the server."""

    @asynccontextmanager
    async def opened(*faults: AnyFault, server: str = "embedded", seed: int = 7) -> AsyncIterator[Link]:
        bench = await benches(server)
        name = uuid.uuid4().hex
        products = [Product(f"{name}-{client}", name, 10, 1) for client in ("wire", "sdk")]
        await admin.populate(bench.admin_client, bench.straight, (products[0], products[1]))
        path = tmp_path / f"{name}.jsonl"
        with Journal(path, Header("a-run", seed)) as journal:
            bench.current.injector = Injector(
                bench.admin_client.wire.forward, faults, seed, journal, bench.straight.schema
            )
            bench.current.begin(ARN)
            tables = [Table(transport_of(client), bench.straight) for client in (bench.wire, bench.sdk)]
            yield Link(bench, list(zip(products, tables, strict=True)), path)

    return opened
