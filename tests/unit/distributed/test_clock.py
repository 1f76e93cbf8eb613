"""What is known of another process's clock: never less than it is wrong by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.distributed.clock import Clock, Offset

_HOUR_NS = 3_600_000_000_000
_DRIFT = 50e-6

delays = st.tuples(st.integers(0, 50_000_000), st.integers(0, 50_000_000), st.integers(0, 5_000_000_000))


@given(
    true_ns=st.integers(-(10**18), 10**18),
    begun_ns=st.integers(0, 10**18),
    pings=st.lists(delays, min_size=1, max_size=100),
    drift=st.floats(-_DRIFT / 2, _DRIFT / 2),
    later_ns=st.integers(0, _HOUR_NS),
)
def test_the_true_offset_is_never_farther_off_than_is_said(
    true_ns: int, begun_ns: int, pings: list[tuple[int, int, int]], drift: float, later_ns: int
) -> None:
    """Whatever the way takes there and back, and however two clocks of quartz drift from one another."""
    clock, now_ns = Clock(), begun_ns
    for there_ns, back_ns, pause_ns in pings:
        read_ns = now_ns + there_ns
        shown_ns = read_ns - true_ns - int((read_ns - begun_ns) * drift)
        clock.answered(now_ns, shown_ns, read_ns + back_ns)
        now_ns = read_ns + back_ns + pause_ns
    now_ns += later_ns
    offset = clock.offset(now_ns)
    now_true_ns = true_ns + int((now_ns - begun_ns) * drift)
    assert abs(offset.ns - now_true_ns) <= offset.uncertainty_ns + 2  # of rounding


def test_the_quickest_answer_is_the_surest_until_its_age_tells() -> None:
    clock = Clock()
    clock.answered(1_000, 5_000, 1_100)
    clock.answered(2_000, 5_500, 3_000)
    assert clock.offset(3_000) == Offset(1_050 - 5_000, 50)
    old_ns = 3_000 + _HOUR_NS
    clock.answered(old_ns, 9_000, old_ns + 400)
    assert clock.offset(old_ns + 400) == Offset(old_ns + 200 - 9_000, 200)


def test_a_clock_that_was_never_asked_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="never asked"):
        Clock().offset(0)
