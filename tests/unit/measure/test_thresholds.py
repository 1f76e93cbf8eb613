import operator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from loadtest.checker import Power, Status
from loadtest.errors import UsageError
from loadtest.events import Kind, Outcome
from loadtest.measure import metrics
from loadtest.measure.histogram import Histogram, latency
from loadtest.measure.thresholds import Threshold, check, parse
from loadtest.records.report import Lateness, Orders
from tests.helpers.threshold_reports import NO_TIMES, OVERSOLD, a_report, verdict

POWER = Power(100, 80, 10, contested=10, excluded_rate=0.2589, contested_rounds=4, excluded_share=0.5271)
REPORT = a_report(verdict=replace(verdict(Status.SAFE), power=POWER))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("p99(write.accepted) < 50ms", "crossed, 81.2 ms is 31.2 ms (62 %) over"),
        ("p99(write.accepted) < 0.05s", "crossed, 0.0812 s is 0.0312 s (62 %) over"),
        ("p99(write.accepted) <= 81.2ms", "holds, 81.2 ms"),
        ("p99(write.accepted) <= 81200us", "holds, 81,200 us"),
        ("p99(write.accepted) < 81.2ms", "crossed, 81.2 ms is exactly the limit"),
        ("p50(read.accepted) > 1s", "crossed, 0.05 s is 0.95 s (95 %) under"),
        ("max(read.accepted) < 100.5ms", "holds, 100 ms"),
        ("p100(read.accepted) == 100ms", "holds, 100 ms"),
        ("min(read.accepted) == 1ms", "holds, 1 ms"),
        ("mean(read.accepted) == 50.5ms", "holds, 50.5 ms"),
        ("max(order.accepted) < 1s", "holds, 0.1202 s"),
        ("max(response.write.accepted) < 90ms", "crossed, 90.5 ms is 0.5 ms (0.56 %) over"),
        ("late.p99 < 1ms", "crossed, 2 ms is 1 ms (100 %) over"),
        ("loop_lag.max < 50ms", "holds, 20 ms"),
        ("orders.failed == 0", "crossed, 7 is 7 over"),
        ("orders.unknown == 0", "holds, 0"),
        ("orders.dropped != 3", "crossed, 3 is exactly the limit"),
        ("orders.rejected.sold_out >= 10", "holds, 10"),
        ("operations.transaction.accepted == 0", "holds, 0"),
        ("operations.write.rejected < 10", "crossed, 90 is 80 (800 %) over"),
        ("violations == 0", "holds, 0"),
        ("wasted_writes <= 90", "holds, 90"),
        ("conflicts < 80.5", "holds, 80"),
        ("goodput >= 5/s", "crossed, 4/s is 1/s (20 %) under"),
        ("operations_per_s > 700", "holds, 764"),
        ("writes_per_accepted < 2", "crossed, 91 is 89 (4,450 %) over"),
        ("attempts_per_accepted < 200", "holds, 191"),
        ("usd < 1e-3", "holds, 0.00012"),
        ("usd_per_1000_accepted < .1", "crossed, 0.12 is 0.02 (20 %) over"),
        ("excluded_rate < 5%", "crossed, 25.89 % is 20.89 % (418 %) over"),
        ("excluded_share < 60%", "holds, 52.71 %"),
        ("contested >= 10", "holds, 10"),
        ("overlapped > 80", "crossed, 80 is exactly the limit"),
        ("own_share < 10%", "crossed, 12.5 % is 2.5 % (25 %) over"),
        ("own_share < 0.2", "holds, 0.125"),
        ("orders.failed / orders.placed < 1%", "crossed, 7 % is 6 % (600 %) over"),
        ("orders.failed / orders.placed <= 0.07", "holds, 0.07"),
    ],
)
def test_a_threshold_says_by_how_much_it_is_crossed(text: str, sentence: str) -> None:
    checked = check(parse(text), REPORT)
    assert checked.sentence == f"{checked.threshold}: {sentence}"
    assert checked.holds is sentence.startswith("holds")


def test_the_value_is_in_the_reports_own_unit() -> None:
    assert check(parse("p99(write.accepted) < 1s"), REPORT).value == 81.2
    assert check(parse("own_share < 10%"), REPORT).value == 0.125
    assert check(parse("orders.placed > 0"), REPORT).value == 100


def test_violations_are_counted() -> None:
    violated = a_report(verdict=verdict(Status.VIOLATED, [OVERSOLD]))
    assert not check(parse("violations == 0"), violated).holds


@pytest.mark.parametrize(("failed", "placed"), [(7, 1000), (29, 100), (1, 3), (57, 100)])
def test_a_share_is_compared_exactly(failed: int, placed: int) -> None:
    orders = replace(REPORT.orders, failed=failed, placed=placed)
    report = a_report(orders=orders)
    if placed != 3:
        assert check(parse(f"orders.failed / orders.placed == {failed * 1000 // placed / 10}%"), report).holds
    assert check(parse("orders.failed/orders.failed == 1"), report).holds


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("p99(write.accepted) {} 50ms", "no accepted write"),
        ("p75(response.transaction.rejected) {} 50ms", "no rejected transaction"),
        ("max(order.unknown) {} 50ms", "no unknown order"),
        ("late.max {} 50ms", "no order was due"),
        ("writes_per_accepted {} 2", "no accepted order"),
        ("orders.failed / orders.placed {} 1%", "orders.placed is 0"),
    ],
)
def test_what_was_not_measured_never_holds(text: str, lacking: str, sign: str) -> None:
    nothing = Orders(0, 0, 0, 0, 0, 0, 0, 0, {}, [])
    report = a_report(
        **NO_TIMES,
        orders=nothing,
        work=replace(REPORT.work, writes_per_accepted=None),
        arrivals=replace(REPORT.arrivals, due=0),
    )
    checked = check(parse(text.format(sign)), report)
    assert (checked.holds, checked.value) == (False, None)
    assert checked.sentence.endswith(f": crossed, nothing was measured: {lacking}")


@pytest.mark.parametrize("percent", [0.1, 25, 75, 99.5, 99.99, 99.999])
def test_any_percentile_is_read_from_the_histogram(percent: float) -> None:
    histogram = Histogram()
    for value in range(1, 5000):
        histogram.record(value * 12_345)
    report = a_report(order_ms={"accepted": latency(histogram)})
    found = check(parse(f"p{percent}(order.accepted) > 0ms"), report).value
    assert found == histogram.percentiles([percent])[percent] / 1e6


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("  p99.90 (  write.accepted )<50 µs ", "p99.9(write.accepted) < 50us"),
        ("p050(order.accepted)>=1μs", "p50(order.accepted) >= 1us"),
        ("orders.failed/orders.placed<1 %", "orders.failed / orders.placed < 1%"),
        ("p100.0(order.accepted) < 1s", "p100(order.accepted) < 1s"),
        ("goodput\t>\n10 /s", "goodput > 10/s"),
    ],
)
def test_spaces_and_spelling_do_not_matter(text: str, same: str) -> None:
    assert str(parse(text)) == same
    assert parse(text) == parse(same)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        (" \t\n ", "it is empty"),
        ("orders.failed", "compares nothing"),
        ("orders.failed = 0", "= is no comparison: those are < <= > >= == !="),
        ("orders.failed =< 0", "=< is no comparison"),
        ("orders.failed == ", "no number to compare orders.failed with"),
        ("== 0", "the metric comes first"),
        ("50ms > p99(write.accepted)", "the metric comes first"),
        ("orders.failed == none", "'none' is no number"),
        ("goodput > NaN", "'NaN' is no number"),
        ("goodput > inf", "'inf' is no number"),
        ("goodput > 1e999", "no number"),
        ("goodput > " + "9" * 31, "no number"),
        ("goodput > " + "9" * 1000, "longer than 200 characters"),
        ("goodput > -1", "goodput is never negative"),
        ("goodput > ٣", "no number"),
        ("goodput > 1,000", "no number"),
        ("goodput > 5 < 6", "'5 < 6' is no number"),
        ("1ms < p99(write.accepted) < 5ms", "the metric comes first"),
        ("orders.faild == 0", "did you mean 'orders.failed'?"),
        ("'orders.failed' == 0", "did you mean 'orders.failed'?"),
        ("Orders.Failed == 0", "did you mean 'orders.failed'?"),
        ("operations.write.acepted == 0", "did you mean 'operations.write.accepted'?"),
        ("☃ == 0", "unknown metric '☃'; docs/reference/thresholds.md"),
        ("p99(write.acepted) < 50ms", "did you mean 'write.accepted'?"),
        ("p99(response.order.accepted) < 50ms", "no times of 'response.order.accepted'"),
        ("p99((write.accepted)) < 50ms", "did you mean 'p99(write.accepted)'?"),
        ("p99(write.accepted < 50ms", "did you mean 'p99(write.accepted)'?"),
        ("p99(max(write.accepted)) < 50ms", "unknown metric"),
        ("p99() < 50ms", "no times of ''"),
        ("median(write.accepted) < 50ms", "'median' is no figure of times: those are percentiles like p99, mean"),
        ("(write.accepted) < 50ms", "'' is no figure"),
        ("p101(write.accepted) < 50ms", "p101 is no percentile"),
        ("p0(write.accepted) < 50ms", "p0 is no percentile"),
        ("p99 < 50ms", "p99 of what? Write for example p99(write.accepted)"),
        ("write.accepted < 50ms", "p99(write.accepted)"),
        ("p99(write.accepted) < 50", "is a time and needs a unit, ns, us, ms or s: for example 50ms"),
        ("p99(write.accepted) < 50m", "needs a unit"),
        ("p99(write.accepted) < 50%", "needs a unit"),
        ("late.p99 < 50", "needs a unit"),
        ("orders.failed < 1%", "orders.failed is a count and takes no unit, not '%'"),
        ("orders.failed < 50ms", "takes no unit, not 'ms'"),
        ("goodput > 5ms", "goodput is a rate and takes /s or no unit, not 'ms'"),
        ("own_share < 5ms", "own_share is a share and takes % or no unit"),
        ("usd < 5$", "usd is a number and takes no unit"),
        ("goodput / orders.placed < 1%", "only a count can be divided by a count, and goodput is a rate"),
        ("orders.failed / p99(write.accepted) < 1%", "and p99(write.accepted) is a time"),
        ("orders.failed / orders.placed / orders.placed < 1%", "not by two"),
        ("orders.failed / < 1%", "unknown metric ''"),
        ("orders.failed\0 == 0", r"threshold 'orders.failed\x00 == 0': unknown"),
    ],
)
def test_what_is_no_threshold_is_said_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(text)
    assert said in str(error.value)
    assert str(error.value).startswith("threshold ")
    assert len(str(error.value).splitlines()) == 1


NAMES = [
    *metrics._METRICS,  # noqa: SLF001 - every metric there is
    *(f"{figure}({outcome})" for figure in ("p99", "p12.5", "mean") for outcome in metrics._TIMES),  # noqa: SLF001
    "orders.failed / orders.placed",
    "conflicts / wasted_writes",
]
SIGNS: dict[str, Any] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
PIECES = [*NAMES, *SIGNS, "p", "(", ")", "/", ".", "-", "'", '"', " ", "1", "50", "1e9", "ms", "%", "é", "\n", "nan"]


def test_each_metric_can_be_read() -> None:
    assert {f"orders.{outcome}" for outcome in Outcome} < set(NAMES)
    assert {f"operations.{kind}.{outcome}" for kind in Kind for outcome in Outcome} < set(NAMES)
    for name in NAMES:
        found = metrics.metric(name).read(REPORT)
        assert found is None or found >= 0


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
@example("p99.99999999999999999999(write.accepted)<1e99s")
@example("p100.00000000000000000001(write.accepted)<1s")
@example("p000.000(write.accepted)<1s")
def test_any_text_is_a_threshold_or_wrong_usage(text: str) -> None:
    try:
        threshold = parse(text)
    except UsageError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert parse(str(threshold)) == threshold
        assert check(threshold, REPORT).sentence


@given(
    st.sampled_from(NAMES),
    st.sampled_from(sorted(SIGNS)),
    st.decimals(0, 10**9, places=6).map(str) | st.integers(0, 10**12).map(str) | st.floats(0, 1e30).map(repr),
    st.sampled_from(["", "ns", "us", "ms", "s", "%", "/s"]),
)
def test_text_and_threshold_are_the_same(name: str, sign: str, number: str, unit: str) -> None:
    text = f"{name} {sign} {number}{unit}"
    try:
        threshold = parse(text)
    except UsageError:
        return
    assert str(threshold) == text
    assert threshold == Threshold(name, sign, number, unit)
    checked = check(threshold, REPORT)
    assert checked.threshold == text


@given(st.integers(0, 50), st.sampled_from(sorted(SIGNS)), st.integers(0, 50))
def test_a_count_is_compared_as_python_does(found: int, sign: str, limit: int) -> None:
    report = a_report(orders=replace(REPORT.orders, failed=found))
    assert check(parse(f"orders.failed {sign} {limit}"), report).holds is SIGNS[sign](found, limit)


@given(st.floats(0, 1e6), st.sampled_from(sorted(SIGNS)), st.floats(0, 1e6))
@example(81.2, "==", 81.2)
def test_a_time_is_compared_as_python_does(found: float, sign: str, limit: float) -> None:
    found, limit = round(found, 6), round(limit, 6)
    report = a_report(client=replace(REPORT.client, loop_lag_ms=Lateness(0.0, 0.0, found)))
    assert check(parse(f"loop_lag.max {sign} {limit!r}ms"), report).holds is SIGNS[sign](found, limit)


def test_a_report_from_a_history_has_no_loop_lag_and_keeps_to_no_threshold_on_it() -> None:
    report = a_report(client=replace(REPORT.client, loop_lag_ms=None))
    checked = check(parse("loop_lag.max < 5ms"), report)
    assert (checked.holds, checked.value) == (False, None)
    assert "a history does not have it" in checked.sentence


def test_a_threshold_made_by_hand_is_looked_at_too() -> None:
    with pytest.raises(UsageError, match="unknown metric"):
        check(Threshold("nothing", "<", "1", ""), REPORT)
