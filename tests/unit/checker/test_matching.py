"""Which writes made which versions: the matching against all assignments there are, and against another library."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from loadtest.checker.matching import Gap, Matching, Write, fits

TIMES = st.integers(0, 8)
UNITS = st.sampled_from([None, 1, 2, -1])
NAMES = st.sampled_from(["restock-1", "restock-2"])


@st.composite
def gaps(draw: st.DrawFn, *, plain: bool = False) -> list[Gap]:
    """Some versions of which nobody knows who made them; none was made before, or seen before, an older one."""
    versions = draw(st.lists(st.integers(2, 7), max_size=5, unique=True).map(sorted))
    after = accumulate(draw(st.lists(st.integers(0, 3), min_size=len(versions), max_size=len(versions))))
    made = accumulate(draw(st.lists(st.integers(0, 4), min_size=len(versions), max_size=len(versions))))
    found = []
    for version, after_ns, by_ns in zip(versions, after, made, strict=True):
        name = None if plain else draw(st.none() | NAMES)
        own = name is not None and draw(st.booleans())
        found.append(Gap(version, after_ns, by_ns, None if plain else draw(UNITS), name, own))
    return found


@st.composite
def writes(draw: st.DrawFn, *, plain: bool = False) -> Write:
    """A write; who waits for a version that it rests on has no answer. A `plain` one says only when."""
    sent_ns, must = draw(TIMES), draw(st.booleans())
    rests_on = None if plain else draw(st.none() | st.integers(1, 6))
    received_ns = inf if rests_on is not None else sent_ns + draw(st.integers(0, 6) | st.just(inf))
    if plain:
        return Write(sent_ns, received_ns, must=must)
    own = draw(st.booleans())
    name = draw(st.none() | NAMES) if own else None
    return Write(sent_ns, received_ns, rests_on, draw(UNITS), own, name, must)


def assignments(missing: Sequence[Gap], possible: Sequence[Write]) -> Iterator[tuple[Write, ...]]:
    """Every choice of one write for each of the gaps, no write twice."""
    if not missing:
        yield ()
        return
    for n, write in enumerate(possible):
        if fits(write, missing[0]):
            for rest in assignments(missing[1:], [*possible[:n], *possible[n + 1 :]]):
                yield (write, *rest)


def can_fill(missing: Sequence[Gap], possible: Sequence[Write]) -> bool:
    return any(True for _ in assignments(missing, possible))


def can_place(surely: Sequence[Write], missing: Sequence[Gap]) -> bool:
    """Whether each of the writes can have made a gap of its own."""
    if not surely:
        return True
    return any(
        fits(surely[0], gap) and can_place(surely[1:], [*missing[:n], *missing[n + 1 :]])
        for n, gap in enumerate(missing)
    )


@given(gaps(), st.lists(writes(), max_size=5), st.none() | st.integers(0, 4))
def test_the_first_gap_that_cannot_be_filled_is_found(
    missing: list[Gap], possible: list[Write], left_out: int | None
) -> None:
    without = None if left_out is None or left_out >= len(possible) else possible[left_out]
    rest = [write for write in possible if write is not without]
    first = next((n for n in range(len(missing)) if not can_fill(missing[: n + 1], rest)), None)
    assert Matching(missing, possible).uncovered(without) is (None if first is None else missing[first])


@given(gaps(), st.lists(writes(), max_size=5), TIMES | st.just(inf))
def test_a_write_that_made_no_gap_is_found(missing: list[Gap], possible: list[Write], seen_ns: float) -> None:
    surely = [write for write in possible if write.must]
    bound = [write for write in surely if seen_ns == inf or write.received_ns < seen_ns]
    first = next((n for n in range(len(bound)) if not can_place(bound[: n + 1], missing)), None)
    assert Matching(missing, possible).unplaced(surely, seen_ns) is (None if first is None else bound[first])


@given(gaps(), st.lists(writes(), max_size=5))
def test_if_all_gaps_have_a_write_and_all_sure_writes_a_gap_then_one_assignment_has_both(
    missing: list[Gap], possible: list[Write]
) -> None:
    matching, surely = Matching(missing, possible), [write for write in possible if write.must]
    both = any(all(write in chosen for write in surely) for chosen in assignments(missing, possible))
    assert both == (matching.uncovered() is None and matching.unplaced(surely) is None)


@given(gaps(), st.lists(writes(), max_size=5))
def test_what_is_decided_of_a_write_is_so_in_every_assignment(missing: list[Gap], possible: list[Write]) -> None:
    matching, surely = Matching(missing, possible), [write for write in possible if write.must]
    found = [chosen for chosen in assignments(missing, possible) if all(write in chosen for write in surely)]
    if not found:
        return
    for write in possible:
        if write.must:
            continue
        used = [write in chosen for chosen in found]
        assert (matching.uncovered(without=write) is not None) == all(used)
        assert (matching.unplaced([*surely, write]) is not None) == (not any(used))


@given(gaps(), st.lists(writes(), min_size=1, max_size=5), st.integers(0, 4))
def test_the_versions_that_a_write_can_have_made(missing: list[Gap], possible: list[Write], which: int) -> None:
    write = possible[which % len(possible)]
    made = [
        gap.version
        for chosen in assignments(missing, possible)
        for gap, one in zip(missing, chosen, strict=True)
        if one is write
    ]
    if made:
        assert Matching(missing, possible).made(write) == (min(made), max(made))


def test_a_version_that_only_one_write_can_have_made_was_made_by_no_other() -> None:
    first, last, any_of_both = Write(0, 2), Write(6), Write(0)
    missing = [Gap(2, 0, 5), Gap(3, 3, 9)]
    assert Matching(missing, [any_of_both, last]).made(any_of_both) == (2, 2)
    assert Matching(missing, [any_of_both, first]).made(any_of_both) == (3, 3)
    assert Matching(missing, [any_of_both, Write(0)]).made(any_of_both) == (2, 3)


def test_among_many_the_versions_that_a_write_can_have_made_are_not_looked_for() -> None:
    many = [Write(0, rests_on=version - 1) for version in range(2, 35)]
    missing = [Gap(version, 0, 9) for version in range(2, 35)]
    assert Matching(missing[:31], many).made(many[3]) == (5, 5)
    assert Matching(missing, many).made(many[3]) == (2, 34)


plain = st.lists(writes(plain=True), max_size=6)


@given(gaps(plain=True), plain, TIMES | st.just(inf))
def test_many_are_matched_by_their_windows_as_few_are(
    missing: list[Gap], possible: list[Write], seen_ns: float
) -> None:
    surely = [write for write in possible if write.must]
    few, many = Matching(missing, possible), as_many(missing, possible)
    assert many.uncovered() is few.uncovered()
    unplaced = many.unplaced(surely, seen_ns)
    assert (unplaced is None) == (few.unplaced(surely, seen_ns) is None)
    assert unplaced is None or (unplaced in surely and (seen_ns == inf or unplaced.received_ns < seen_ns))


@given(gaps(), st.lists(writes(), max_size=5))
def test_many_are_found_wrong_only_if_few_are(missing: list[Gap], possible: list[Write]) -> None:
    surely = [write for write in possible if write.must]
    few, many = Matching(missing, possible), as_many(missing, possible)
    assert few.uncovered() is not None or many.uncovered() is None
    assert few.unplaced(surely) is not None or many.unplaced(surely) is None


@given(gaps(plain=True), plain, st.lists(st.integers(1, 6), max_size=4, unique=True), TIMES)
def test_of_many_those_that_rest_on_a_version_make_the_next(
    missing: list[Gap], possible: list[Write], versions: list[int], sent_ns: int
) -> None:
    """One write for each of these versions, as the lost writes of a strategy that reads first."""
    possible = [*possible, *(Write(sent_ns, rests_on=version) for version in versions)]
    assert as_many(missing, possible).uncovered() is Matching(missing, possible).uncovered()


@pytest.mark.parametrize(
    ("missing", "possible", "first"),
    [
        pytest.param([Gap(2, 0, 9)], [Write(0, rests_on=1)], None, id="rests on the version before"),
        pytest.param([Gap(2, 0, 9)], [Write(0, rests_on=2)], 2, id="rests on this one"),
        pytest.param([Gap(2, 0, 9)], [Write(10, rests_on=1)], 2, id="sent too late"),
        pytest.param([Gap(2, 0, 9), Gap(3, 0, 9)], [Write(0, rests_on=1)], 3, id="nobody for the second"),
        pytest.param([Gap(2, 0, 9), Gap(3, 0, 9)], [Write(0, rests_on=1), Write(0)], None, id="one each"),
    ],
)
def test_of_many_the_first_that_cannot_be_filled(missing: list[Gap], possible: list[Write], first: int | None) -> None:
    gap = as_many(missing, possible).uncovered()
    assert (gap and gap.version) == first


@pytest.mark.parametrize(
    ("write", "fit"),
    [
        pytest.param(Write(5, 9, must=True), True, id="sent at the moment at which it was seen"),
        pytest.param(Write(6, 9, must=True), False, id="sent after it"),
        pytest.param(Write(0, 3, must=True), True, id="answered at the moment before which it was not there"),
        pytest.param(Write(0, 2, must=True), False, id="answered before it"),
    ],
)
def test_of_many_a_write_that_made_none(write: Write, fit: bool) -> None:
    assert as_many([Gap(2, 3, 5)], [write]).unplaced([write]) is (None if fit else write)


def as_many(missing: Sequence[Gap], possible: Sequence[Write]) -> Matching:
    """Looked at as if there were too many to search."""
    found = Matching(missing, possible)
    found.small = False
    return found


def hundreds(seed: int) -> tuple[list[Gap], list[Write]]:
    """150 versions and who made them, but some of those; some more without an answer; some that come too early."""
    random = Random(seed)
    made = [(10 * n, 10 * n + random.randint(0, 60)) for n in range(150)]
    possible = [Write(at - random.randint(0, 50), at + random.randint(0, 50), must=True) for at, _ in made]
    possible = random.sample(possible, 150 - seed % 4)
    possible += [Write(random.randint(0, 1_500)) for _ in range(random.randint(0, 4))]
    possible += [Write(0, 15, must=True) for _ in range(seed % 5)]
    after = accumulate((at - random.randint(0, 20) for at, _ in made), max)
    seen = accumulate((by_ns for _, by_ns in made), max)
    return [Gap(n, after_ns, by_ns) for n, (after_ns, by_ns) in enumerate(zip(after, seen, strict=True), 2)], possible


def test_hundreds_are_matched_as_another_library_does() -> None:
    filled, placed = Counter[bool](), Counter[bool]()
    for seed in range(60):
        missing, possible = hundreds(seed)
        surely = [write for write in possible if write.must]
        matching = Matching(missing, possible)
        assert not matching.small
        assert (matching.uncovered() is None) == (pairs(missing, possible) == len(missing))
        assert (matching.unplaced(surely) is None) == (pairs(missing, surely) == len(surely))
        filled[matching.uncovered() is None] += 1
        placed[matching.unplaced(surely) is None] += 1
    assert min(filled[True], filled[False], placed[True], placed[False]) >= 5, (filled, placed)


def pairs(missing: Sequence[Gap], possible: Sequence[Write]) -> int:
    """How many gaps at most can have a write of their own."""
    edges = csr_array(np.array([[fits(write, gap) for write in possible] for gap in missing]))
    return int((maximum_bipartite_matching(edges, perm_type="column") >= 0).sum())


@pytest.mark.parametrize(
    ("write", "gap", "fit"),
    [
        pytest.param(Write(5), Gap(2, 0, 5), True, id="sent at the moment at which it was seen"),
        pytest.param(Write(6), Gap(2, 0, 5), False, id="sent after it was seen"),
        pytest.param(Write(0, 3), Gap(2, 3, 9), True, id="answered at the moment before which it was not there"),
        pytest.param(Write(0, 2), Gap(2, 3, 9), False, id="answered before it was there"),
        pytest.param(Write(0, rests_on=1), Gap(2, 0, 9), True, id="rests on the version before"),
        pytest.param(Write(0, rests_on=2), Gap(2, 0, 9), False, id="rests on this version"),
        pytest.param(Write(0, units=2), Gap(2, 0, 9, took=2), True, id="as many units as went"),
        pytest.param(Write(0, units=2), Gap(2, 0, 9, took=1), False, id="other units than went"),
        pytest.param(Write(0, units=2), Gap(2, 0, 9), True, id="nobody knows how many went"),
        pytest.param(Write(0), Gap(2, 0, 9, took=1), True, id="nobody knows how many it takes"),
        pytest.param(
            Write(0, own=True, name="restock-1"), Gap(2, 0, 9, name="restock-1", own=True), True, id="its name"
        ),
        pytest.param(Write(0, own=True, name="restock-1"), Gap(2, 0, 9, name="restock-2"), False, id="another's name"),
        pytest.param(Write(0, own=True, name="restock-1"), Gap(2, 0, 9), True, id="nobody saw the name"),
        pytest.param(Write(0, own=True), Gap(2, 0, 9, name="restock-2", own=True), True, id="may leave any name"),
        pytest.param(
            Write(0), Gap(2, 0, 9, name="restock-2", own=True), False, id="an order leaves no name of the tool"
        ),
        pytest.param(Write(0), Gap(2, 0, 9, name="restock-2"), True, id="where orders leave no names it stands there"),
    ],
)
def test_what_a_write_can_have_made(write: Write, gap: Gap, fit: bool) -> None:
    assert fits(write, gap) is fit


def test_a_gap_of_any_units_is_the_same_gap() -> None:
    gap = Gap(2, 3, 9, 1, "restock-1", own=True)
    assert gap.of_any_units == Gap(2, 3, 9, None, "restock-1", own=True)
