"""What a plan asks for, reckoned beforehand."""

import pytest

from loadtest.workload.estimate import ahead
from loadtest.workload.spec import Load, Race


@pytest.mark.parametrize(
    ("plan", "orders", "write_units", "read_units"),
    [
        (Race(number_of_requests=100, rounds=5), 500, 500, 500),
        (Race(number_of_requests=100, attempts=3), 100, 300, 300),
        (Race(number_of_requests=100, strategy="transaction"), 100, 400, 0),
        (Race(number_of_requests=100, consistent_reads=False), 100, 100, 50),
        (Race(number_of_requests=100, rounds=None, exclude=0.01, within_s=60), 100, 100, 100),  # of a round
        (Load(rate_per_s=100, duration_s=2, warm_up_s=1, strategy="conditional"), 300, 300, 0),
        (Load(concurrency=10, duration_s=1, strategy="conditional"), 2000, 2000, 0),
    ],
)
def test_orders_and_units(plan: Race | Load, orders: int, write_units: float, read_units: float) -> None:
    wanted = ahead(plan, 100)
    assert wanted.orders == orders
    assert (wanted.cost.most_write_units, wanted.cost.most_read_units) == (write_units, read_units)


def test_only_a_closed_loop_rests_on_an_assumption() -> None:
    assert ahead(Load(concurrency=1), 100).assumed
    assert not ahead(Load(rate_per_s=1.0), 100).assumed
    assert not ahead(Race(), 100).assumed


def test_as_many_rounds_as_it_takes_end_with_the_time_or_the_rounds() -> None:
    until = Race(rounds=None, exclude=0.01, within_s=60)
    assert ahead(until, 100).open_end
    assert 60 < ahead(until, 100).seconds < 63
    few = Race(rounds=2, exclude=0.01, within_s=None)
    assert ahead(few, 100).seconds == ahead(Race(rounds=2), 100).seconds
    assert " of each round" in ahead(until, 100).said("as given")


def test_many_products_take_their_time_before_and_after_the_orders() -> None:
    one, many = (ahead(Load(products=products), 100).seconds for products in (1, 10_000))
    assert many - one == pytest.approx(20, rel=0.01)
