from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.compare.caution import unpriced
from loadtest.dynamodb.region import region_of
from loadtest.events import Kind, Outcome
from loadtest.workload.pricing import PRICES, Prices, estimate, prices_in, units
from tests.helpers.reports import a_report

CHARGED = (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.UNKNOWN)
STRATEGIES = ("version", "unconditional", "conditional", "transaction")
sizes = st.integers(0, 400 * 1024)


@pytest.mark.parametrize("outcome", CHARGED)
@pytest.mark.parametrize(
    ("kind", "item_bytes", "expected"),
    [
        (Kind.READ, 0, 1),
        (Kind.READ, 1, 1),
        (Kind.READ, 4096, 1),
        (Kind.READ, 4097, 2),
        (Kind.READ, 8192, 2),
        (Kind.READ, 8193, 3),
        (Kind.WRITE, 0, 1),
        (Kind.WRITE, 1024, 1),
        (Kind.WRITE, 1025, 2),
        (Kind.WRITE, 2048, 2),
        (Kind.WRITE, 2049, 3),
        (Kind.TRANSACTION, 0, 4),  # the product and the order's record, two units each
        (Kind.TRANSACTION, 1024, 4),
        (Kind.TRANSACTION, 1025, 6),
    ],
)
def test_units_by_kind_and_size(kind: Kind, outcome: Outcome, item_bytes: int, expected: float) -> None:
    assert units(kind, outcome, item_bytes) == expected


@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.FAILED])
@pytest.mark.parametrize("kind", Kind)
def test_what_was_surely_not_applied_costs_nothing(kind: Kind, outcome: Outcome) -> None:
    assert units(kind, outcome, 100_000) == 0


@given(sizes)
def test_a_transaction_costs_twice_its_two_writes(item_bytes: int) -> None:
    product, record = units(Kind.WRITE, Outcome.ACCEPTED, item_bytes), units(Kind.WRITE, Outcome.ACCEPTED, 150)
    assert units(Kind.TRANSACTION, Outcome.ACCEPTED, item_bytes) == 2 * (product + record)


@given(sizes, sizes, st.sampled_from(Kind), st.sampled_from(CHARGED))
def test_a_larger_item_never_costs_less(one: int, other: int, kind: Kind, outcome: Outcome) -> None:
    assert units(kind, outcome, min(one, other)) <= units(kind, outcome, max(one, other))


def test_the_price_of_units() -> None:
    assert Prices().usd(1_000_000, 0) == 0.125
    assert Prices().usd(0, 1_000_000) == 0.625
    assert Prices(2.0, 3.0, "as given").usd(500_000, 1_000_000) == 4
    assert Prices().source == PRICES


@given(st.sampled_from(STRATEGIES), st.integers(0, 10**6), st.integers(1, 1000), sizes)
def test_the_least_is_at_most_the_most(strategy: str, orders: int, attempts: int, item_bytes: int) -> None:
    cost = estimate(strategy, orders, attempts, item_bytes, Prices())
    assert 0 <= cost.least_usd <= cost.most_usd
    assert cost.most_usd == pytest.approx(cost.least_usd * attempts)
    assert cost.most_usd == pytest.approx(Prices().usd(cost.most_read_units, cost.most_write_units))
    assert cost.orders == orders


@pytest.mark.parametrize(
    ("strategy", "read_units", "write_units"),
    [("version", 100, 100), ("unconditional", 100, 100), ("conditional", 0, 100), ("transaction", 0, 400)],
)
def test_the_requests_of_each_strategy(strategy: str, read_units: float, write_units: float) -> None:
    cost = estimate(strategy, 100, 1, 80, Prices())
    assert (cost.most_read_units, cost.most_write_units) == (read_units, write_units)
    assert cost.least_usd == cost.most_usd


def test_the_prices_of_a_region() -> None:
    assert prices_in(None) == prices_in("us-east-1") == Prices()
    assert prices_in("us-west-2").source.startswith("on demand, us-west-2, as of 20")
    elsewhere = prices_in("mars-north-1")
    assert (elsewhere.read_usd_per_million, elsewhere.write_usd_per_million) == (0.125, 0.625)
    assert elsewhere.source.startswith("on demand, us-east-1, as of 20")
    assert "mars-north-1 are not known here: give write-unit-price" in elsewhere.source


def test_the_region_is_that_of_the_profile_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile shop]\nregion = mars-north-1\n[default]\nregion = us-west-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    assert (region_of("shop"), region_of(None), region_of("nobody")) == ("mars-north-1", "us-west-2", None)
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    assert region_of("shop") == "us-east-2"


def test_a_comparison_says_that_its_prices_stand_in_for_others() -> None:
    known, unknown = (
        replace(a_report(), capacity=replace(a_report().capacity, prices=prices_in(region).source))
        for region in ("us-west-2", "mars-north-1")
    )
    (said,) = unpriced([known, unknown, unknown])
    assert "those of mars-north-1 are not known here" in said
