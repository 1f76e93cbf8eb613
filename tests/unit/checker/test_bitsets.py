"""Sets that stay small, against sets that need not."""

import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loadtest.checker.bitsets import Bitmap, Bitsets, Evidence

FAR = 1 << 26
numbers = st.integers(0, 2000) | st.integers(FAR - 5, FAR + 5).filter(lambda n: n >= FAR) | st.integers(-5, -1)
names = (
    st.builds("{}-{}".format, st.sampled_from(["a", "a-1", "", "-", "b"]), st.integers(0, 30))
    | st.builds(
        "{}-{}".format, st.sampled_from(["a", "b"]), st.sampled_from(["007", "7", "", "²", "٣", "-1", "x", "0"])
    )
    | st.text(max_size=5)
    | st.just("a-99999999999999999999")
)


def assert_like_a_set(small: Any, added: list[Any], asked: list[Any]) -> None:
    plain = set()
    for one in added:
        assert (one in small) == (one in plain)
        assert small.add(one) == (one not in plain)
        plain.add(one)
    for one in asked:
        assert (one in small) == (one in plain)


@given(st.lists(numbers, max_size=60), st.lists(numbers))
@example([FAR], [FAR - 1])
def test_a_bitmap_is_a_set_of_numbers(added: list[int], asked: list[int]) -> None:
    assert_like_a_set(Bitmap(), added, asked)


flags = st.sampled_from([1 << n for n in range(8)])


@given(st.lists(st.tuples(names, flags), max_size=60), st.lists(st.tuples(names, flags)))
def test_bitsets_are_a_set_of_names_for_each_flag(added: list[tuple[str, int]], asked: list[tuple[str, int]]) -> None:
    marks, plain = Bitsets(), set()
    for name, flag in added:
        assert marks.has(name, flag) == ((name, flag) in plain)
        assert marks.add(name, flag) == ((name, flag) not in plain)
        plain.add((name, flag))
    for name, flag in asked:
        assert marks.has(name, flag) == ((name, flag) in plain)


@pytest.mark.parametrize(("one", "other"), [("a-7", "a-07"), ("a-7", "a-٧"), ("7", "-7"), ("a-0", "a-00"), ("a", "a-")])
def test_names_that_are_alike_are_not_the_same(one: str, other: str) -> None:
    marks = Bitsets()
    marks.add(one, 1)
    assert not marks.has(other, 1)
    assert marks.add(other, 1)


def test_where_flags_are_they_stay() -> None:
    marks = Bitsets()
    page, place = marks.at("a-1-7")
    for n in range(3_000):
        marks.add(f"a-1-{n}", 2)
    page[place] |= 4
    assert marks.has("a-1-7", 2)
    assert marks.has("a-1-7", 4)


def test_an_order_takes_about_one_byte() -> None:
    tracemalloc.start()
    try:
        marks = Bitsets()
        for n in range(60_000):
            marks.add(f"0a1b2c3d4e-1-{n}", 1)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 100_000


@pytest.mark.parametrize("number", ["9" * 5_000, "9" * 15, "67108864"])
def test_a_name_with_a_great_number_takes_no_more_than_a_page(number: str) -> None:
    tracemalloc.start()
    try:
        marks = Bitsets()
        marks.add(f"a-{number}", 1)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 20_000
    assert marks.has(f"a-{number}", 1)


def test_numbers_that_come_out_of_turn_take_no_more() -> None:
    bitmap = Bitmap()
    for n in reversed(range(300_000)):
        bitmap.add(n)
    assert sys.getsizeof(bitmap._bits) < 60_000  # noqa: SLF001


@given(st.lists(st.text(min_size=1, max_size=3), max_size=30))
def test_evidence_counts_all_and_names_ten(orders: list[str]) -> None:
    evidence = Evidence()
    for order in orders:
        evidence.add(order)
    violation = evidence.violation("kind", "message", 3, "p#4")
    assert (violation.orders, violation.orders_count) == (tuple(orders[:10]), len(orders))
    assert (violation.round, violation.product_id) == (3, "p#4")
