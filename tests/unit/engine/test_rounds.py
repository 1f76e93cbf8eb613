"""Rounds of a race and of a load: what is done in which order, and what ends them. Nothing is sent."""

import pytest
from msgspec.structs import replace

from loadtest.engine.load import LoadRound
from loadtest.engine.race import RaceRounds
from loadtest.errors import LoadTestError, TargetError, UsageError
from loadtest.events import MeasuringStarted, RoundEnded, RoundStarted
from loadtest.workload.pricing import Prices
from loadtest.workload.spec import Load, Race
from tests.unit.engine.rounds import Market

DEAR = Prices(write_usd_per_million=1e6)  # a dollar for a write unit
GONE = TargetError("the server is gone")


def a_race(**changes: float) -> Market:
    plan = Race(number_of_requests=5, strategy="conditional", prices=DEAR)
    return Market(RaceRounds(replace(plan, **changes)))

    return replace(plan, **changes)


async def test_a_race_goes_round_by_round() -> None:
    market = a_race(rounds=2, stock=3)
    await market.run()
    each = ["stock of p#4 3", "ready", "5 orders", "records", "look at p#4"]
    assert market.log == each * 2
    assert [order.order_id for order in market.placing.placed[:6]] == [*(f"a-1-{n}" for n in range(1, 6)), "a-2-1"]
    kinds = [type(event) for event in market.events]
    assert kinds == [RoundStarted, RoundEnded] * 2
    assert market.stop.reason is None


async def test_no_further_round_begins_that_could_pass_the_limit() -> None:
    market = a_race(rounds=9, max_spend_usd=12.0)
    await market.run()
    assert len(market.placing.placed) == 10
    assert str(market.stop.error).startswith("stopped at $10.000000: a further round may cost $5.000000")
    assert [said.partition(":")[0] for said in market.said] == ["estimate", "products read", "products read"]


async def test_a_race_that_costs_too_much_places_nothing() -> None:
    market = a_race(max_spend_usd=4.0)
    await market.run()
    assert (market.placing.placed, market.events) == ([], [])
    assert isinstance(market.stop.error, UsageError)


async def test_a_round_that_breaks_off_is_looked_at_all_the_same() -> None:
    market = a_race(rounds=2)
    market.placing.failing = GONE
    await market.run()
    assert market.log[-2:] == ["records", "look at p#4"]
    (_, ended) = market.events
    assert isinstance(ended, RoundEnded)
    assert ended.product is not None
    assert market.stop.error is GONE


async def test_a_product_that_cannot_be_read_ends_the_run_and_its_round() -> None:
    market = a_race(rounds=2)
    market.unreadable = GONE
    await market.run()
    (_, ended) = market.events
    assert isinstance(ended, RoundEnded)
    assert (ended.product, ended.read_ns) == (None, 0)
    assert market.stop.error is GONE


async def test_a_load_sets_every_product_and_reads_every_product() -> None:
    market = Market(LoadRound(Load(products=3, stock=9)))
    market.placing.stop()
    await market.run()
    names = [f"load#{n}" for n in (1, 2, 3)]
    assert market.log[1:] == [
        *(f"stock of {name} 9" for name in names),
        "ready",
        "arrivals a-1",
        "records",
        *(f"look at {name}" for name in names),
    ]
    assert [type(event) for event in market.events] == [*[RoundStarted] * 3, MeasuringStarted, *[RoundEnded] * 3]


async def test_a_load_that_may_pass_its_limit_lets_no_further_order_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.engine.load.TICK_S", 0)
    market = Market(LoadRound(Load(strategy="conditional", prices=DEAR, max_spend_usd=100.0, concurrency=1)))
    market.placing.spent_usd = 98.0
    market.placing.in_flight = 1
    await market.run()
    assert market.log[-3:] == ["stop", "records", "look at p#4"]
    assert isinstance(market.stop.error, LoadTestError)
    assert str(market.stop.error) == (
        "stopped at $98.000000: going on would pass --max-spend ($100.000000 for this run)"
    )


@pytest.mark.parametrize(("restock", "listeners"), [(True, 1), (False, 0)])
def test_only_who_restocks_has_to_hear_of_events(restock: bool, listeners: int) -> None:
    assert len(LoadRound(Load(restock=restock)).listeners) == listeners
