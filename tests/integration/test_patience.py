"""A request of the tool's own whose answer is lost, in each way in which answers are lost, is sent again."""

import time
import uuid
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from loadtest.dynamodb import admin
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.order_records import read_records
from loadtest.errors import TargetError
from loadtest.events import OwnRequest
from loadtest.workload.target import ClientKind
from tests.conftest import free_port
from tests.helpers.lossy_link import WAYS, LossyLink
from tests.helpers.wire_clients import connected


@pytest.fixture
async def straight(server_urls: Callable[[str], str]) -> Connection:
    """A table with the sample."""
    url, table = server_urls("embedded"), f"t-{uuid.uuid4().hex}"
    connection = Connection(table=table, endpoint_url=url, region="us-east-1", anonymous=True).patient()
    async with connected(connection) as client:
        await admin.create_table(client, connection)
        await admin.populate(client, connection)
    return connection


def through(straight: Connection, route: str, at_most: int) -> tuple[LossyLink, Connection]:
    link = LossyLink(int(str(straight.endpoint_url).rpartition(":")[2]), 1, 7, route, at_most)
    return link, replace(straight, endpoint_url=link.url, read_timeout_s=0.5)


@pytest.mark.parametrize("client", list(ClientKind))
@pytest.mark.parametrize("route", WAYS)
async def test_what_is_lost_is_asked_again_and_heard_of(route: str, client: ClientKind, straight: Connection) -> None:
    link, connection = through(straight, route, at_most=4)
    repaired: list[OwnRequest] = []
    async with connected(replace(connection, client=client)) as asked:
        product = await admin.read_product(asked, connection, "p#1", repaired.append)
        assert await read_records(asked, connection, ["a-1-1"], repaired.append) == []
    link.close()
    assert (product.quantity, link.lost) == (4, 4)
    assert min(link.lost_requests, link.lost_answers) > 0
    assert repaired == [OwnRequest.READ] * 4


@pytest.mark.parametrize("route", ["close", "500"])
async def test_patience_has_an_end(route: str, straight: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.dynamodb.patience.PATIENCE_S", 1.0)
    link, connection = through(straight, route, at_most=1000)
    begun_s = time.monotonic()
    async with connected(connection) as asked:
        with pytest.raises(TargetError, match=r"no answer at http|refused: (500|InternalServerError)"):
            await admin.read_product(asked, connection, "p#1")
    link.close()
    assert link.lost > 2
    assert time.monotonic() - begun_s > 0.3


async def test_where_nobody_listens_nothing_is_asked_again(straight: Connection) -> None:
    connection = replace(straight, endpoint_url=f"http://127.0.0.1:{free_port()}")
    repaired: list[OwnRequest] = []
    async with connected(connection) as asked:
        with pytest.raises(TargetError, match="is it running"):
            await admin.read_product(asked, connection, "p#1", repaired.append)
    assert repaired == []
