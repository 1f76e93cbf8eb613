"""Several streams of events as one: nothing lost, nothing before its turn."""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loadtest.distributed.merge import Merge
from loadtest.events import InFlight, Kind, MeasuringStarted, Operation
from tests.helpers.shop_events import operation

streams = st.lists(st.lists(st.integers(0, 50), max_size=20), min_size=1, max_size=5)


def events(stream: int, moments: Sequence[int]) -> list[MeasuringStarted]:
    return [MeasuringStarted(stream, moment) for moment in moments]


def by_stream(merged: Sequence[MeasuringStarted], count: int) -> list[list[int]]:
    return [[event.at_ns for event in merged if event.round == n] for n in range(count)]


def taken(merge: Merge, most: int = 1_000_000) -> Iterator[MeasuringStarted]:
    for _, event in zip(range(most), merge.take(), strict=False):
        assert isinstance(event, MeasuringStarted)
        yield event


def pieces(moments: Sequence[int], cuts: Sequence[int]) -> list[Sequence[int]]:
    bounds = [0, *sorted(min(cut, len(moments)) for cut in cuts), len(moments)]
    return [moments[start:end] for start, end in pairwise(bounds)]


@given(moments=streams, in_turn=st.booleans(), cuts=st.lists(st.integers(0, 20), max_size=4), data=st.data())
def test_each_stream_keeps_its_order_and_all_are_ordered_if_each_is(
    moments: list[list[int]], in_turn: bool, cuts: list[int], data: st.DataObject
) -> None:
    given_ = [sorted(stream) if in_turn else stream for stream in moments]
    merge, merged, known = Merge(len(given_)), list[MeasuringStarted](), [-1.0] * len(given_)
    waiting = [pieces(stream, cuts) for stream in given_]
    while any(waiting):
        number = data.draw(st.sampled_from([n for n, left in enumerate(waiting) if left]))
        piece = waiting[number].pop(0)
        known[number] = min(chain(*waiting[number]), default=1_000) - 1
        merge.put(number, events(number, piece), known[number])
        for event in taken(merge):
            assert event.at_ns <= min(known), "another stream may yet tell of something before it"
            merged.append(event)
    merge.finish()
    merged += taken(merge)
    assert by_stream(merged, len(given_)) == given_
    if in_turn:
        assert [event.at_ns for event in merged] == sorted(chain(*given_))


@given(moments=streams, most=st.lists(st.integers(0, 10), max_size=10))
def test_what_is_not_taken_to_the_end_is_taken_the_next_time(moments: list[list[int]], most: list[int]) -> None:
    """Whoever tells of it may be cancelled between two events."""
    merge, merged = Merge(len(moments)), list[MeasuringStarted]()
    for number, stream in enumerate(moments):
        merge.put(number, events(number, sorted(stream)), 1_000)
    for few in most:
        merged += taken(merge, few)
    merged += taken(merge)
    assert [event.at_ns for event in merged] == sorted(chain(*moments))


def write(order: int, sent_ns: int, ended_ns: int, **changes: Any) -> Operation:
    return operation(order_id=f"1-{order}", sent_ns=sent_ns, ended_ns=ended_ns, **changes)


def waits(op: Operation) -> InFlight:
    return InFlight(op.round, op.order_id, op.product_id, op.units, op.kind, op.attempt, op.read_version, op.sent_ns)


def test_what_waits_to_be_taken_is_still_in_flight_for_who_takes_the_rest() -> None:
    """What another stream tells may rest on a write whose answer came later."""
    first, second, third = write(1, 10, 30), write(2, 11, 40), write(3, 12, 50)
    read = write(4, 13, 35, kind=Kind.READ)
    merge = Merge(2)
    merge.put(0, [waits(third), first, read, second, third], 60)
    merge.put(1, events(1, [20, 25]), 32)
    taking = merge.take()
    assert [next(taking), next(taking)] == [waits(third), *events(1, [20])]
    assert merge.in_flight() == [waits(first), waits(second)]  # of the third it was told already
    assert merge.in_flight() == []
    assert list(taking) == [*events(1, [25]), first]
    merge.put(0, [write(1, 60, 70, attempt=2)], 80)
    merge.put(1, [], 90)
    assert list(merge.take()) == [read, second, third, write(1, 60, 70, attempt=2)]
    assert merge.in_flight() == []


def test_two_answers_at_one_moment_are_told_apart() -> None:
    """The second one came before the first was told: it has the moment of that."""
    first, second = write(1, 10, 30), write(2, 11, 29)
    merge = Merge(1)
    merge.put(0, [first, second], 40)
    taking = merge.take()
    assert next(taking) == first
    assert merge.in_flight() == [waits(second)]
    assert list(taking) == [second]


def test_a_write_in_flight_keeps_its_place_before_what_rests_on_it() -> None:
    """It was sent before what its own stream told earlier; its moment is not before that."""
    late = waits(write(1, 10, 0))
    merge = Merge(2)
    merge.put(0, events(0, [15]), 16)
    merge.put(0, [late, *events(0, [30])], 40)
    merge.put(1, events(1, [20]), 40)
    assert list(merge.take()) == [*events(0, [15]), late, *events(1, [20]), *events(0, [30])]


def test_two_who_take_in_turns_get_each_event_once_and_in_order() -> None:
    merge = Merge(2)
    merge.put(0, events(0, [1, 3, 5]), 5)
    merge.put(1, events(1, [2, 4, 6]), 6)
    first = taken(merge)
    merged = [next(first), next(first)]
    merge.put(0, events(0, [7]), 9)
    merge.put(1, events(1, [8]), 9)
    merged += taken(merge)
    merged += first
    assert [event.at_ns for event in merged] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_finishing_lets_go_of_what_waits_once() -> None:
    merge = Merge(2)
    merge.put(0, events(0, [7, 9]), 9)
    assert list(merge.take()) == []
    merge.finish()
    assert [event.at_ns for event in taken(merge)] == [7, 9]
    merge.put(0, events(0, [11]), 11)
    assert list(merge.take()) == []


def test_a_stream_that_is_lost_holds_nobody_back() -> None:
    merge = Merge(2)
    merge.put(0, events(0, [7]), 9)
    merge.put(1, events(1, [3]), float("inf"))
    assert [event.at_ns for event in taken(merge)] == [3, 7]
