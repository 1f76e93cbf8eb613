import math
from contextlib import suppress
from itertools import pairwise
from random import Random
from statistics import fmean, variance

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from loadtest.errors import UsageError
from loadtest.workload.arrivals import Rate, Stage, parse_duration, parse_rate, parse_stages, steady
from loadtest.workload.spec import Load, in_flight_for

rates = st.sampled_from([0.0, 0.5, 3.0, 10.0, 100.0]) | st.floats(0, 200)
lengths = st.sampled_from([0.0, 0.001, 1.0, 2.5]) | st.floats(0.001, 5)
schedules = st.builds(Rate, st.lists(st.builds(Stage, lengths, rates), min_size=1, max_size=5), rates)
stage_lists = st.lists(st.builds(Stage, lengths, rates), min_size=1, max_size=5)


def area_until(moment_s: float, stages: list[Stage], initial_per_s: float) -> float:
    """The area under the rate, stage by stage."""
    area, begun_s, rate = 0.0, 0.0, initial_per_s
    for stage in stages:
        inside_s = min(max(0.0, moment_s - begun_s), stage.duration_s)
        if stage.duration_s:
            slope = (stage.rate_per_s - rate) / stage.duration_s
            area += rate * inside_s + slope * inside_s**2 / 2
        begun_s, rate = begun_s + stage.duration_s, stage.rate_per_s
    return area


@given(schedules)
def test_moments_never_fall_and_stay_within_the_duration(rate: Rate) -> None:
    moments = list(rate.constant())
    assert all(earlier <= later for earlier, later in pairwise(moments))
    assert all(0 <= moment <= rate.duration_s + 1e-9 for moment in moments)


@given(schedules)
def test_there_are_as_many_orders_as_the_area_has(rate: Rate) -> None:
    assume(abs(rate.orders - round(rate.orders)) > 1e-6)  # there, rounding decides
    assert len(list(rate.constant())) == math.ceil(rate.orders)


@given(stage_lists, rates)
def test_order_n_is_due_when_the_area_under_the_rate_is_n(stages: list[Stage], initial_per_s: float) -> None:
    for n, moment_s in enumerate(Rate(stages, initial_per_s).constant()):
        assert area_until(moment_s, stages, initial_per_s) == pytest.approx(n, rel=1e-6, abs=1e-6)


@given(schedules, st.integers(0, 2**32))
def test_a_poisson_schedule_never_falls_and_repeats_with_its_seed(rate: Rate, seed: int) -> None:
    moments = list(rate.poisson(Random(seed)))
    assert moments == list(rate.poisson(Random(seed)))
    assert all(earlier <= later for earlier, later in pairwise(moments))
    assert all(0 <= moment <= rate.duration_s + 1e-9 for moment in moments)


@pytest.mark.parametrize(("rate_per_s", "duration_s", "orders"), [(10, 2, 20), (3, 1, 3), (0.5, 4, 2), (1000, 1, 1000)])
def test_a_constant_rate_is_exactly_even(rate_per_s: float, duration_s: float, orders: int) -> None:
    moments = list(steady(rate_per_s, duration_s).constant())
    assert moments == pytest.approx([n / rate_per_s for n in range(orders)], abs=1e-12)


@pytest.mark.parametrize(
    ("text", "initial_per_s", "expected"),
    [
        ("0s:2,2s:2", 0, [0, 0.5, 1, 1.5]),  # a step up at once
        ("1s:2,0s:4,1s:4", 2, [0, 0.5, 1, 1.25, 1.5, 1.75]),  # a step between two stages
        ("1s:2,0s:0,5s:0,0s:1,1s:1", 2, [0, 0.5, 6]),  # a pause
        ("2s:2", 0, [0, math.sqrt(2)]),  # up from 0: the area is t²/2
        ("0s:2,2s:0", 0, [0, 2 - math.sqrt(2)]),  # down to 0
        ("0s:5,0s:1,1s:1", 3, [0]),  # a step that nobody sees
        ("1s:0,1s:2,1s:0", 0, [1, 2]),
    ],
)
def test_stages_place_orders_where_they_are_due(text: str, initial_per_s: float, expected: list[float]) -> None:
    assert list(Rate(parse_stages(text), initial_per_s).constant()) == pytest.approx(expected, abs=1e-9)


def test_random_arrivals_have_the_mean_and_the_spread_of_poisson() -> None:
    duration_s, rate_per_s = 2000, 25.0
    counts = [0] * duration_s
    for moment_s in steady(rate_per_s, duration_s).poisson(Random(7)):
        counts[int(moment_s)] += 1
    assert fmean(counts) == pytest.approx(rate_per_s, rel=0.02)  # three standard errors are 1.3 %
    assert variance(counts) / fmean(counts) == pytest.approx(1, abs=0.1)  # index of dispersion; 3 × sqrt(2 / 2000)


def test_random_arrivals_follow_a_ramp() -> None:
    moments = list(Rate([Stage(100, 100.0)]).poisson(Random(7)))
    first = sum(moment < 50 for moment in moments)
    assert first == pytest.approx(1250, rel=0.1)
    assert len(moments) - first == pytest.approx(3750, rel=0.06)


@given(st.integers(1, 10_000), st.sampled_from([10, 100, 20, 250]))
@example(70, 100)
@example(2470, 100)
def test_a_duration_in_milliseconds_gives_no_order_too_many(milliseconds: int, rate_per_s: int) -> None:
    rate = steady(rate_per_s, parse_duration(f"{milliseconds}ms"))
    assert len(list(rate.constant())) == -(-milliseconds * rate_per_s // 1000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("5", 5),
        ("0.5", 0.5),
        ("30s", 30),
        ("5m", 300),
        ("1m30s", 90),
        ("1h", 3600),
        ("1.5s", 1.5),
        ("0s", 0),
        ("1h1m1s1ms", 3661.001),
        ("720h", 720 * 3600),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@given(st.integers(0, 700), st.integers(0, 100), st.integers(0, 100), st.integers(0, 9999))
def test_every_duration_that_can_be_written_can_be_read(hours: int, minutes: int, seconds: int, ms: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s{ms}ms"
    assert parse_duration(text) == pytest.approx(hours * 3600 + minutes * 60 + seconds + ms / 1000)


BAD_DURATIONS = (
    "",
    "10x",
    "10.",
    "1m30",
    "s",
    "10 s",
    "-1s",
    "+1s",
    "1e3s",
    "10S",
    "1.s",
    ".5s",
    "nan",
    "infs",
    "1s,",
    "721h",
)


@pytest.mark.parametrize("text", [*BAD_DURATIONS, "9" * 400 + "h"])
def test_what_is_no_duration_is_a_wrong_usage_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no duration|longer than 30 days") as refused:
        parse_duration(text)
    assert "\n" not in str(refused.value)


@given(st.text() | st.text("0123456789.smh"))
def test_any_text_is_a_duration_or_a_wrong_usage(text: str) -> None:
    with suppress(UsageError):
        assert 0 <= parse_duration(text) <= 30 * 24 * 3600


parts = st.lists(st.sampled_from(["1s:5", "x", "5s:-1", "0s:0", ""])).map(",".join)


@given(st.text() | st.text("0123456789.smh:,-+einfa ") | parts)
def test_any_text_is_a_list_of_stages_or_a_wrong_usage(text: str) -> None:
    with suppress(UsageError):
        stages = parse_stages(text)
        assert Rate(stages).orders > 0
        assert all(math.isfinite(stage.rate_per_s) and stage.rate_per_s >= 0 for stage in stages)


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(1, 1000)), min_size=1, max_size=5))
def test_every_list_of_stages_that_can_be_written_can_be_read(stages: list[tuple[int, int]]) -> None:
    text = ", ".join(f"{seconds}s:{rate}" for seconds, rate in stages)
    assert parse_stages(text) == [Stage(float(seconds), float(rate)) for seconds, rate in stages]


@pytest.mark.parametrize(
    ("text", "per_s"),
    [
        ("100", 100),
        ("0.5", 0.5),
        ("100/s", 100),
        ("6000/m", 100),
        ("3600/h", 1),
        ("50/100ms", 500),
        ("30/1m30s", 1 / 3),
    ],
)
def test_rates(text: str, per_s: float) -> None:
    assert parse_rate(text) == pytest.approx(per_s)


@pytest.mark.parametrize("text", ["", "/", "/s", "100/", "100/x", "100/0s", "fast", "1/s/s", "100 per s", "100/-1s"])
def test_what_is_no_rate_is_a_wrong_usage_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="is no rate like"):
        parse_rate(text)


def test_the_rates_of_stages_may_have_units() -> None:
    assert parse_stages("10:100/s, 1m:6000/m") == [Stage(10.0, 100.0), Stage(60.0, 100.0)]


BAD_STAGES = ("10s", "10s:", ":5", "5x:3", "10s:five", "10s:nan", "10s:-1", "10s:inf", "10s:1e999", "10s:5;5s:5")


@pytest.mark.parametrize("text", [*BAD_STAGES, "10s:5,", "0s:5", "10s:0", ""])
def test_what_are_no_stages_is_a_wrong_usage_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_stages(text)
    assert "\n" not in str(refused.value)


def test_the_warm_up_runs_at_the_first_rate_there_is() -> None:
    plan = Load(rate_per_s=10.0, duration_s=2.0, warm_up_s=1.0)
    assert plan.schedule is not None
    assert list(plan.schedule.constant()) == pytest.approx([n / 10 for n in range(30)])


def test_stages_begin_at_0_again_when_the_warm_up_is_over() -> None:
    plan = Load(stages=[Stage(1.0, 0.0), Stage(2.0, 10.0)], duration_s=3.0, warm_up_s=1.0)
    assert plan.schedule is not None
    moments = list(plan.schedule.constant())
    assert moments[:10] == pytest.approx([n / 10 for n in range(10)])
    assert moments[10:] == pytest.approx([1 + moment for moment in Rate(plan.stages).constant()])
    assert moments[10] == pytest.approx(2)  # nothing in the first stage, whose rate is 0


def test_a_closed_loop_has_no_schedule() -> None:
    assert Load().schedule is None


@pytest.mark.parametrize(
    ("highest_per_s", "in_flight"), [(0.1, 1000), (500, 1000), (501, 1002), (3000, 6000), (1e6, 10_000)]
)
def test_two_seconds_of_the_highest_rate_may_be_in_flight(highest_per_s: float, in_flight: int) -> None:
    assert in_flight_for(highest_per_s) == in_flight
