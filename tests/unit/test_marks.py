"""Sets that stay small, against sets that need not."""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.checker.marks import Bitmap, Evidence, Marks

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
def test_a_bitmap_is_a_set_of_numbers(added: list[int], asked: list[int]) -> None:
    assert_like_a_set(Bitmap(), added, asked)


@given(st.lists(names, max_size=60), st.lists(names))
def test_marks_are_a_set_of_names(added: list[str], asked: list[str]) -> None:
    assert_like_a_set(Marks(), added, asked)


@pytest.mark.parametrize(("one", "other"), [("a-7", "a-07"), ("a-7", "a-٧"), ("7", "-7"), ("a-0", "a-00"), ("a", "a-")])
def test_names_that_are_alike_are_not_the_same(one: str, other: str) -> None:
    marks = Marks()
    marks.add(one)
    assert other not in marks
    assert marks.add(other)


def test_a_mark_takes_about_one_bit() -> None:
    marks = Marks()
    for n in range(300_000):
        marks.add(f"0a1b2c3d4e-1-{n}")
    (bitmap,) = marks._numbered.values()  # noqa: SLF001 - what it takes is the question
    assert sys.getsizeof(bitmap._bits) < 60_000  # noqa: SLF001
    assert not bitmap._far  # noqa: SLF001
    assert not marks._others  # noqa: SLF001


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
