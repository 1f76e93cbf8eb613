"""What a load does beside its orders: it restocks, and it keeps within its budget."""

from collections.abc import Callable
from typing import Any, cast

import anyio
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.items import to_item
from loadtest.dynamodb.own_writes import OwnWrites
from loadtest.dynamodb.patience import uncounted
from loadtest.dynamodb.schema import TableSchema
from loadtest.engine.budget import LoadBudget, estimated
from loadtest.engine.restock import Restocker
from loadtest.errors import LoadTestError, UsageError
from loadtest.events import Event, Kind, Outcome, Product, Restocked
from loadtest.workload.pricing import Prices
from loadtest.workload.spec import Load
from loadtest.workload.target import Target, TargetKind
from tests.helpers.shop_events import operation, order_ended

Act = Callable[[], None]
_ANSWERED = {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {"content-type": "application/x-amz-json-1.0"}}}


class AdminClient:
    """A client that has the one product p#4, and may break."""

    def __init__(self, quantity: int) -> None:
        self.product = Product("p#4", "Last samovar", quantity, 1)
        self.reads = 0
        self.broken = ""
        self.stuck: anyio.Event | None = None
        self.asked = anyio.Event()

    async def get_item(self, **request: Any) -> dict[str, Any]:
        self.reads += 1
        return {"Item": to_item(self.product, TableSchema()), **_ANSWERED}

    async def update_item(self, **request: Any) -> dict[str, Any]:
        self.asked.set()
        if self.stuck is not None:
            await self.stuck.wait()
        if self.broken:
            error: Any = {"Error": {"Code": self.broken, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 500}}
            raise ClientError(error, "UpdateItem")
        units = int(request["ExpressionAttributeValues"][":units"]["N"])
        old = self.product
        self.product = replace(old, quantity=old.quantity + units, version=old.version + 1)
        return {"Attributes": to_item(self.product, TableSchema()), **_ANSWERED}


class Shop:
    """A restocker at work on a product; it wakes at once."""

    def __init__(self, quantity: int, monkeypatch: pytest.MonkeyPatch, **plan: Any) -> None:
        monkeypatch.setattr("loadtest.engine.restock._RESTOCK_EVERY_S", 0)
        self.admin_client = AdminClient(quantity)
        self.events: list[Event] = []
        self.errors: list[LoadTestError] = []
        self.restocker = Restocker(Load(**{"stock": 100, "restock": True, **plan}))
        connection, admin_client = (
            Connection(table="products", endpoint_url="http://127.0.0.1:1"),
            cast("Any", self.admin_client),
        )
        self.own = OwnWrites(admin_client, connection, "a", self.events.append, uncounted)

    async def work(self, *seen: Event) -> None:
        """Tell the restocker what was seen and give it time enough for all that it has to do."""
        for event in seen:
            self.restocker(event)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.restocker.work, self.own, self.errors.append)
            for _ in range(60):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    @property
    def restocked(self) -> list[tuple[int, Outcome]]:
        """Units and outcome of what was added."""
        return [(event.units, event.outcome) for event in self.events if isinstance(event, Restocked)]


def seen(quantity: int | None, **changes: Any) -> Event:
    """An operation that showed this quantity."""
    return operation(quantity=quantity, **changes)


async def test_a_product_of_which_less_than_half_is_left_is_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(49, monkeypatch)
    await shop.work(seen(49))
    assert shop.restocked == [(51, Outcome.ACCEPTED)]
    assert (shop.admin_client.product.quantity, shop.admin_client.product.version) == (100, 2)
    (event,) = shop.events
    assert isinstance(event, Restocked)
    assert (event.product_id, event.round, event.version, event.quantity) == ("p#4", 1, 2, 100)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(seen(50), id="half is enough"),
        pytest.param(order_ended(), id="no operation"),
        pytest.param(seen(None, outcome=Outcome.THROTTLED), id="says nothing"),
        pytest.param(seen(None, kind=Kind.READ), id="a read that shows nothing"),
    ],
)
async def test_a_product_with_enough_is_not_even_looked_at(event: Event, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(10, monkeypatch)
    await shop.work(event)
    assert (shop.restocked, shop.admin_client.reads) == ([], 0)


async def test_an_answer_without_a_quantity_is_counted_along(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(40, monkeypatch)
    accepted = seen(None, kind=Kind.TRANSACTION, units=10)
    await shop.work(*[accepted] * 5)
    assert shop.restocked == []
    await shop.work(accepted)
    assert shop.restocked == [(60, Outcome.ACCEPTED)]


async def test_a_refused_write_shows_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(0, monkeypatch)
    await shop.work(seen(0, outcome=Outcome.REJECTED, reason="sold_out"))
    assert shop.restocked == [(100, Outcome.ACCEPTED)]


async def test_what_was_seen_may_be_old_the_product_itself_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(90, monkeypatch)
    await shop.work(seen(3))
    assert (shop.restocked, shop.admin_client.reads, shop.admin_client.product.quantity) == ([], 1, 90)


async def test_a_product_below_zero_is_brought_back(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(-20, monkeypatch)
    await shop.work(seen(-20))
    assert shop.restocked == [(120, Outcome.ACCEPTED)]


@pytest.mark.parametrize(("stock", "units"), [(0, 1), (1, 5), (3, 4)])
async def test_a_stock_too_small_for_one_order_is_not_filled_up_with_nothing(
    stock: int, units: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(stock, monkeypatch, stock=stock, units=units)
    await shop.work(seen(stock, outcome=Outcome.REJECTED, reason="sold_out"))
    assert (shop.restocked, shop.admin_client.product.version) == ([], 1)


async def test_a_restock_that_was_refused_is_unknown_and_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(0, monkeypatch)
    shop.admin_client.broken = "InternalServerError"
    monkeypatch.setattr("loadtest.dynamodb.patience.PATIENCE_S", 0.0)
    await shop.work(seen(0))
    assert shop.restocked == [(100, Outcome.UNKNOWN)]
    assert len(shop.errors) == 1


async def test_a_restock_under_way_is_awaited_when_the_load_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(0, monkeypatch)
    shop.admin_client.stuck = anyio.Event()
    shop.restocker(seen(0))
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shop.restocker.work, shop.own, shop.errors.append)
            await shop.admin_client.asked.wait()
            tasks.cancel_scope.cancel()
            shop.admin_client.stuck.set()
    assert shop.restocked == [(100, Outcome.ACCEPTED)]
    assert shop.admin_client.product.quantity == 100


DEAR = Prices(write_usd_per_million=1e6)  # a dollar for a write unit


def planned(plan: Load) -> tuple[LoadBudget, list[str]]:
    said: list[str] = []
    estimated(plan, 60, said.append)
    return LoadBudget(plan, 60), said


def rated(**changes: Any) -> Load:
    """Ten orders, a dollar each."""
    rest: dict[str, Any] = {"rate_per_s": 10.0, "duration_s": 1.0}
    return Load(**{**rest, "prices": DEAR, "strategy": "conditional", **changes})


@pytest.mark.parametrize("limit", [0.0, 5.0, 9.99])
def test_a_schedule_that_costs_more_than_allowed_is_refused_before_it_begins(limit: float) -> None:
    with pytest.raises(UsageError, match=r"10 orders cost at least \$10.000000, more than the") as refused:
        planned(rated(max_spend_usd=limit))
    assert f"the ${limit:,.6f} that --max-spend leaves; none of them was placed" in str(refused.value)


def test_only_the_least_is_a_reason_to_refuse() -> None:
    _, said = planned(rated(max_spend_usd=10.0, attempts=5))
    assert len(said) == 1
    assert "10 orders cost about $10.000000 to $50.000000 if each needs all its attempts" in said[0]
    assert "at most 50 write and 0 read units" in said[0]


def test_the_warm_up_is_paid_for_too() -> None:
    with pytest.raises(UsageError, match=r"20 orders cost at least \$20.0000"):
        planned(rated(max_spend_usd=15.0, warm_up_s=1.0))


@pytest.mark.parametrize(
    ("strategy", "orders"), [("conditional", 1000), ("transaction", 1000), ("version", 500), ("unconditional", 500)]
)
def test_a_closed_loop_is_not_refused_because_nobody_knows_its_orders(strategy: str, orders: int) -> None:
    _, said = planned(rated(rate_per_s=None, concurrency=5, max_spend_usd=0.01, strategy=strategy))
    assert f"{orders:,} orders (if a request takes 5 ms) cost about" in said[0]


def test_without_a_limit_nothing_is_said_on_this_machine_and_nothing_is_ever_passed() -> None:
    budget, said = planned(rated())
    assert said == []
    assert not budget.passed(1e9, 10_000)


def test_on_aws_the_estimate_is_always_said() -> None:
    _, said = planned(rated(target=Target(kind=TargetKind.AWS, region="eu-west-1")))
    assert len(said) == 1


@pytest.mark.parametrize(
    ("spent_usd", "in_flight", "passed"),
    [(0, 0, False), (0, 20, False), (0, 21, True), (10, 0, False), (10.1, 0, True), (5, 10, False), (5, 11, True)],
)
def test_what_is_under_way_and_what_may_begin_until_the_next_look_must_fit(
    spent_usd: float, in_flight: int, passed: bool
) -> None:
    budget, _ = planned(rated(max_spend_usd=20.0))
    assert budget.passed(spent_usd, in_flight) is passed  # as much again as was spent since the last look


def test_a_slow_moment_does_not_make_room_for_a_fast_one() -> None:
    budget, _ = planned(rated(max_spend_usd=20.0))
    assert [budget.passed(spent_usd, 0) for spent_usd in (6.0, 13.0, 13.5)] == [False, False, True]


@given(st.integers(1, 500), st.integers(1, 400), st.integers(0, 50))
def test_a_steady_load_is_stopped_before_it_passes_the_limit(per_look: int, limit: int, in_flight: int) -> None:
    budget = LoadBudget(rated(rate_per_s=None, max_spend_usd=float(limit)), 60)
    spent = 0
    while not budget.passed(float(spent), in_flight):
        spent += per_look
    if spent > per_look:  # nothing can be known before the first look
        assert spent + in_flight <= limit


def test_a_load_that_costs_nothing_goes_on() -> None:
    budget, _ = planned(rated(max_spend_usd=1.0, prices=Prices(0, 0, "as given")))
    assert not any(budget.passed(0.0, 1000) for _ in range(5))
