"""The tool's own writes on real servers: whose answers are lost, and between which others come."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import pytest
from botocore.exceptions import ConnectionClosedError

from loadtest.dynamodb import admin
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.items import number
from loadtest.dynamodb.order_records import bar
from loadtest.dynamodb.own_writes import OwnWrites
from loadtest.errors import TargetError
from loadtest.events import Event, Outcome, OwnRequest, Restocked
from tests.helpers.wire_clients import connected

RUN = "0123456789"
Act = Callable[[], Awaitable[None]]


class Losing:
    """A client that loses what the first writes or other calls are to lose: `request`, `answer` or nothing.

    `before` and `after` a write something else happens, once.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self.loses: list[str] = []
        self.before: list[Act] = []
        self.after: list[Act] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def update_item(self, **request: Any) -> Any:
        return await self._send(self._client.update_item, request)

    async def put_item(self, **request: Any) -> Any:
        return await self._send(self._client.put_item, request)

    async def create_table(self, **request: Any) -> Any:
        return await self._send(self._client.create_table, request)

    async def delete_table(self, **request: Any) -> Any:
        return await self._send(self._client.delete_table, request)

    async def _send(self, call: Callable[..., Awaitable[Any]], request: dict[str, Any]) -> Any:
        lost = self.loses.pop(0) if self.loses else ""
        if self.before:
            await self.before.pop(0)()
        if lost == "request":
            raise ConnectionClosedError(endpoint_url="lost")
        try:
            return await call(**request)
        finally:
            if self.after:
                await self.after.pop(0)()
            if lost == "answer":
                raise ConnectionClosedError(endpoint_url="lost")


class Stock:
    """A table with the sample, and what is heard of the own writes to it."""

    def __init__(self, client: Any, connection: Connection) -> None:
        self.losing: Any = Losing(client)
        self.client = client
        self.connection = connection
        self.events: list[Any] = []
        self.repaired: list[OwnRequest] = []
        self.own = OwnWrites(self.losing, connection, RUN, self._emit, self.repaired.append, ["earlier-1-1"])

    def _emit(self, event: Event) -> None:
        self.events.append(event)

    @property
    def outcomes(self) -> list[Outcome]:
        assert all(event.sent_ns < event.at_ns for event in self.events)
        assert len({event.name for event in self.events}) == len(self.events)
        return [event.outcome for event in self.events]

    async def item(self) -> dict[str, Any]:
        found = await self.client.get_item(
            TableName=self.connection.table, Key={"id": {"S": "p#1"}}, ConsistentRead=True
        )
        item: dict[str, Any] = found["Item"]
        return item

    def writes(self, name: str | None, taken: int = 1, **more: dict[str, str]) -> Act:
        """A write that leaves this name."""

        async def act() -> None:
            item = await self.item()
            item["version"] = number(int(item["version"]["N"]) + 1)
            item["quantity"] = number(int(item["quantity"]["N"]) - taken)
            if name is not None:
                item["last_order"] = {"S": name}
            await self.client.put_item(TableName=self.connection.table, Item={**item, **more})

        return act


@pytest.fixture(params=["embedded", "dynalite"])  # which does not say what refused a write
async def stock(request: pytest.FixtureRequest, server_urls: Callable[[str], str]) -> AsyncIterator[Stock]:
    """p#1 has 4 in stock and the version 1."""
    connection = Connection(
        table=f"t-{uuid.uuid4().hex}", endpoint_url=server_urls(request.param), region="us-east-1", anonymous=True
    ).patient()
    async with connected(connection) as client:
        await admin.create_table(client, connection)
        await admin.populate(client, connection)
        yield Stock(client, connection)


async def test_a_stock_that_is_right_is_left_alone(stock: Stock) -> None:
    stocked = await stock.own.set_stock(1, "p#1", 4)
    assert (stocked.product.version, stocked.product.last_order, stock.events) == (1, None, [])


async def test_each_write_leaves_a_name_of_its_own(stock: Stock) -> None:
    await stock.own.set_stock(1, "p#1", 7)
    stocked = await stock.own.set_stock(2, "p#1", 3)
    product = stocked.product
    assert (product.quantity, product.version, product.last_order) == (3, 3, f"restock-{RUN}-2")
    assert [(event.round, event.quantity, event.before.version, event.name) for event in stock.events] == [
        (1, 7, 1, f"restock-{RUN}-1"),
        (2, 3, 2, f"restock-{RUN}-2"),
    ]
    assert stock.outcomes == [Outcome.ACCEPTED] * 2
    assert stock.repaired == []


@pytest.mark.parametrize(("lost", "outcomes"), [("answer", ["unknown"]), ("request", ["unknown", "accepted"])])
async def test_setting_the_stock_survives_a_loss_and_is_applied_once(
    lost: str, outcomes: list[str], stock: Stock
) -> None:
    stock.losing.loses = [lost]
    product = (await stock.own.set_stock(1, "p#1", 9)).product
    assert (product.quantity, product.version, product.last_order) == (9, 2, stock.events[-1].name)
    assert stock.outcomes == outcomes
    assert {event.before.version for event in stock.events} == {1}
    assert stock.repaired == [OwnRequest.SET_STOCK]


@pytest.mark.parametrize("name", [f"{RUN}-1-17", f"restock-{RUN}-900", "earlier-1-1"])
@pytest.mark.parametrize(("moment", "outcomes"), [("before", ["rejected", "accepted"]), ("after", ["accepted"] * 2)])
async def test_a_late_write_of_this_run_or_one_before_is_no_error_and_the_stock_is_set_again(
    name: str, moment: str, outcomes: list[str], stock: Stock
) -> None:
    setattr(stock.losing, moment, [stock.writes(name)])
    product = (await stock.own.set_stock(1, "p#1", 9)).product
    assert (product.quantity, product.last_order) == (9, stock.events[-1].name)
    assert stock.outcomes == outcomes


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("somebody\x1b[2J", r"as somebody\x1b[2J"),
        ("restock-9999999999-1", "as restock-9999999999-1"),
        ("earlier-1-11", "as earlier-1-11"),
        (f"{RUN}0-1-1", f"as {RUN}0-1-1"),
        (None, "without a last_order"),
    ],
)
async def test_a_stranger_who_writes_is_named(name: str | None, said: str, stock: Stock) -> None:
    stock.losing.before = [stock.writes(name)]
    with pytest.raises(TargetError) as refused:
        await stock.own.set_stock(1, "p#1", 9)
    assert str(refused.value) == f"somebody else is writing product 'p#1', {said}; a run needs it alone"
    assert stock.outcomes == ["rejected"]


async def test_what_does_not_last_ends_in_words(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.dynamodb.patience.PATIENCE_S", 0.5)
    stock.losing.after = [stock.writes(f"{RUN}-1-{n}") for n in range(100)]
    with pytest.raises(TargetError, match=r"could not be set to 9 within 30 s: it is 8 at version \d+ .*did not last"):
        await stock.own.set_stock(1, "p#1", 9)
    assert len(stock.events) > 2


async def test_a_server_that_loses_a_confirmed_write_is_no_stranger(stock: Stock) -> None:
    before = await stock.item()

    async def goes_back() -> None:
        await stock.client.put_item(TableName=stock.connection.table, Item=before)

    stock.losing.after = [goes_back]
    product = (await stock.own.set_stock(1, "p#1", 9)).product
    assert (product.quantity, product.version) == (9, 2)
    assert [(event.before.version, event.outcome) for event in stock.events] == [(1, "accepted")] * 2  # which shows it


async def restock(stock: Stock, units: int = 5) -> Restocked:
    await stock.own.restock(1, await stock.own.read("p#1"), units)
    (event,) = stock.events
    assert isinstance(event, Restocked)
    assert (event.units, event.name) == (units, f"restock-{RUN}-1")
    return event


@pytest.mark.parametrize("losses", [[], ["answer"], ["request"], ["request", "answer", "answer", "request"]])
async def test_a_restock_is_applied_once_however_often_it_is_sent(losses: list[str], stock: Stock) -> None:
    stock.losing.loses = [*losses]
    event = await restock(stock)
    assert (event.outcome, event.version, event.quantity) == (Outcome.ACCEPTED, 2, 9)
    assert stock.outcomes == [Outcome.ACCEPTED]
    assert stock.repaired == [OwnRequest.RESTOCK] * len(losses)
    product = (await stock.own.read("p#1")).product
    assert (product.quantity, product.version, product.last_order) == (9, 2, event.name)


async def test_a_restock_whose_name_is_gone_was_applied_but_nobody_knows_its_version(stock: Stock) -> None:
    stock.losing.loses, stock.losing.after = ["answer"], [stock.writes(f"{RUN}-1-1")]
    event = await restock(stock)
    assert (event.outcome, event.version, event.quantity) == (Outcome.ACCEPTED, None, None)
    assert (await stock.own.read("p#1")).product.quantity == 8


async def test_a_restock_goes_on_from_the_last_one_of_a_clock_that_was_ahead(stock: Stock) -> None:
    ahead = 4_000_000_000_000_000_000
    await stock.writes("before", last_restock=number(ahead))()
    event = await restock(stock)
    assert (event.outcome, event.version, event.quantity) == (Outcome.ACCEPTED, 3, 8)
    assert (await stock.own.read("p#1")).last_restock == ahead + 1


async def test_another_who_restocks_is_a_stranger(stock: Stock) -> None:
    stock.losing.before = [stock.writes("other", last_restock=number(4_000_000_000_000_000_000))]
    with pytest.raises(TargetError, match="somebody else restocks it"):
        await restock(stock)
    assert stock.outcomes == [Outcome.UNKNOWN]


async def test_what_fences_a_record_is_recognised_when_it_is_met_again(stock: Stock) -> None:
    stock.losing.loses = ["answer"]
    assert await bar(stock.losing, stock.connection, "a-1-1", 0.0, stock.repaired.append) is None
    assert stock.repaired == [OwnRequest.RECORDS]


async def test_a_table_is_made_and_deleted_although_answers_are_lost(stock: Stock) -> None:
    connection = stock.connection
    with pytest.raises(TargetError, match="exists already"):
        await admin.create_table(stock.losing, connection)
    for loses in (["answer"], ["request"]):
        stock.losing.loses = [*loses]
        await admin.delete_table(stock.losing, connection)
        while await admin.describe_table(stock.client, connection) is not None:  # noqa: ASYNC110 - the server tells when asked
            await anyio.sleep(0.05)
        stock.losing.loses = [*loses]
        await admin.create_table(stock.losing, connection, stock.repaired.append)
    await admin.put_if_missing(stock.losing, connection, "p#1", 4, stock.repaired.append)
    assert stock.repaired == [OwnRequest.TABLE] * 2
    assert (await stock.own.read("p#1")).product.quantity == 4
