"""What a verdict shows of each violation: the words, how many orders, which of them, and which operations."""

from textwrap import dedent

import pytest
from msgspec.structs import replace

from loadtest.checker import Checker, Verdict
from loadtest.checker.carried import still_open
from loadtest.order import RESTOCK, Kind, RoundEnded, RoundStarted
from tests.histories.story import ACCEPTED, CONFLICT, FAILED, REJECTED, SOLD_OUT, UNKNOWN, Story
from tests.histories.words import in_words
from tests.unit.builders import judge

R, T, W = Kind.READ, Kind.TRANSACTION, Kind.WRITE


def said(verdict: Verdict) -> str:
    """The violations of round 1, each with how many orders there are and their names, and its operations."""
    lines = [line[2:] for line in in_words("", verdict).splitlines()[2:-1] if not line.startswith("  doubt")]
    return "\n".join(lines).replace(", round 1, p#4: ", ": ").replace(" [", "\n  [")


def load(stock: int, *units: int) -> Story:
    """Orders `1-1`, `1-2` … for so many units, placed one by one."""
    story = Story(orders=0).start(stock, 1, orders=0)
    for n, wanted in enumerate(units, 1):
        story.place(n, units=wanted)
    return story


def transactions(stock: int, *units: int) -> Story:
    """The same, and each takes its units, without a word of the version."""
    story = load(stock, *units)
    for n, wanted in enumerate(units, 1):
        story.takes(n, units=wanted)
    return story


def fails(story: Story, *orders: int, units: int = 1) -> Story:
    """These orders are told an error and write nothing."""
    for n in orders:
        story.op(n, W, FAILED, units=units).ends(n, FAILED, units=units)
    return story


def winners_of_one_version(count: int) -> Story:
    """All of so many orders were told that they won from version 1, and one more was placed."""
    story = Story(20, orders=count + 1)
    for n in range(1, count + 1):
        story.wins(n, 2, 19, at=2, took=40)
    return story


def somebody_took(quantity: int) -> Story:
    """Orders want one unit or three, and nobody knows which of them `somebody` took of nine: it left so many."""
    story = load(9, 1, 3, 1).wins(1, 2, 8).wins(2, 3, 5, units=3).takes(3)
    return story.left(5, quantity, "somebody")


def two_took(quantity: int) -> Story:
    """The same with two strangers and twenty units."""
    story = load(20, 1, 3, 1, 3).wins(1, 2, 19).wins(2, 3, 16, units=3).takes(3)
    story.op(4, R, shows=(5, None, "somebody"), units=3).takes(4, units=3)
    return story.left(7, quantity, "another")


def two_lost_ones(quantity: int) -> Story:
    """One version is left for two lost writes that want one unit and three, of nine."""
    return load(9, 1, 3).is_lost(1).is_lost(2, units=3).left(2, quantity, None)


def unnamed(*product_ids: str) -> Story:
    """One order of each product, and nobody says which."""
    story = Story(orders=0)
    for product_id in product_ids:
        story.start(1, 1, orders=1, number=1, product_id=product_id)
    story.events = [replace(event, prefix="") if isinstance(event, RoundStarted) else event for event in story.events]
    return story


STORIES: dict[str, tuple[Story, str]] = {
    # --- versions that were won twice
    "more than ten winners are counted and ten are named": (
        fails(winners_of_one_version(12), 13).left(2, 19, None),
        """
        oversold: 12 units were accepted, but the stock fell by 1
          [12: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
          1-1 write accepted (2, 19, 1-1) 2–42 ms
          1-2 write accepted (2, 19, 1-2) 2–42 ms
        version_won_twice: 12 orders won from version 1
          [12: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
          1-1 write accepted (2, 19, 1-1) 2–42 ms
          1-2 write accepted (2, 19, 1-2) 2–42 ms
        version_miscounted: the version rose by 1 for 12 accepted writes
          [12: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
          1-1 write accepted (2, 19, 1-1) 2–42 ms
          1-2 write accepted (2, 19, 1-2) 2–42 ms
          1-3 write accepted (2, 19, 1-3) 2–42 ms
          1-4 write accepted (2, 19, 1-4) 2–42 ms
          1-5 write accepted (2, 19, 1-5) 2–42 ms
          1-6 write accepted (2, 19, 1-6) 2–42 ms
          1-7 write accepted (2, 19, 1-7) 2–42 ms
          1-8 write accepted (2, 19, 1-8) 2–42 ms
          1-9 write accepted (2, 19, 1-9) 2–42 ms
          1-10 write accepted (2, 19, 1-10) 2–42 ms
        """,
    ),
    "an eleventh name that is only seen may be one of those not named": (
        fails(winners_of_one_version(10).read(11, 2, 19, "somebody"), 11).left(2, 19, "1-1"),
        """
        oversold: 10 units were accepted, but the stock fell by 1
          [10: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
          1-1 write accepted (2, 19, 1-1) 2–42 ms
          1-2 write accepted (2, 19, 1-2) 2–42 ms
        version_won_twice: 10 orders won from version 1
          [10: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
          1-1 write accepted (2, 19, 1-1) 2–42 ms
          1-2 write accepted (2, 19, 1-2) 2–42 ms
        version_miscounted: the version rose by 1 for 10 accepted writes
          [10: 1-1, 1-2, 1-3, 1-4, 1-5, 1-6, 1-7, 1-8, 1-9, 1-10]
          1-1 write accepted (2, 19, 1-1) 2–42 ms
          1-2 write accepted (2, 19, 1-2) 2–42 ms
          1-3 write accepted (2, 19, 1-3) 2–42 ms
          1-4 write accepted (2, 19, 1-4) 2–42 ms
          1-5 write accepted (2, 19, 1-5) 2–42 ms
          1-6 write accepted (2, 19, 1-6) 2–42 ms
          1-7 write accepted (2, 19, 1-7) 2–42 ms
          1-8 write accepted (2, 19, 1-8) 2–42 ms
          1-9 write accepted (2, 19, 1-9) 2–42 ms
          1-10 write accepted (2, 19, 1-10) 2–42 ms
        """,
    ),
    "a version that was won and bears the name of a restock": (
        fails(Story(3).wins(1, 2, 2).read(2, 2, 2, RESTOCK), 2).left(2, 2, "1-1"),
        """
        version_won_twice: version 2, which an order won, was seen under another name
          [1: 1-1]
          1-1 write accepted (2, 2, 1-1) 2–4 ms
          1-2 read accepted (2, 2, restock) 5–7 ms
        """,
    ),
    "seen under one name and won by another": (
        fails(Story(3, orders=3).read(3, 2, 2, "1-1", at=2).is_lost(1, at=2), 3)
        .wins(2, 2, 2, at=3, took=4)
        .left(2, 2, "1-2"),
        """
        oversold: 1 unit was accepted, and at least 1 taken with no accepting answer, but the stock fell by 1
          [1: 1-2]
          1-2 write accepted (2, 2, 1-2) 3–7 ms
        version_won_twice: 2 orders won from version 1
          [2: 1-1, 1-2]
          1-3 read accepted (2, 2, 1-1) 2–4 ms
          1-2 write accepted (2, 2, 1-2) 3–7 ms
        version_miscounted: the version rose by 1 for 2 accepted writes
          [1: 1-2]
          1-2 write accepted (2, 2, 1-2) 3–7 ms
        """,
    ),
    "seen under two names, one of them again": (
        fails(
            Story(3, orders=3)
            .is_lost(1, at=2)
            .read(2, 2, 2, "1-1")
            .read(3, 2, 2, "somebody")
            .read(3, 2, 2, "somebody"),
            2,
            3,
        ).left(2, 2, "somebody"),
        """
        version_won_twice: 2 orders won from version 1
          [2: 1-1, somebody]
          1-2 read accepted (2, 2, 1-1) 5–7 ms
          1-3 read accepted (2, 2, somebody) 8–10 ms
        """,
    ),
    "a version under the name of a restock where there was none": (
        fails(
            Story(3, orders=3).wins(1, 2, 2).op(2, W, shows=(3, 1, None)).ends(2, ACCEPTED).read(3, 4, 1, RESTOCK), 3
        ).left(4, 1, None),
        """
        foreign_write: a version was seen under a name that no write of this round left
          [1: 1-3]
          1-3 read accepted (4, 1, restock) 8–10 ms
        version_miscounted: the version rose by 3 for 2 accepted writes
          [2: 1-1, 1-2]
          1-1 write accepted (2, 2, 1-1) 2–4 ms
          1-2 write accepted (3, 1) 5–7 ms
        """,
    ),
    # --- versions in two states
    "the first version is seen under other names": (
        fails(
            Story(3, orders=3).read(1, 1, 3, "somebody").read(2, 1, 3, "else").read(3, 1, 3, "another"), 1, 2, 3
        ).left(1, 3),
        """
        version_reused: the same version was seen in two different states
          [2: 1-1, 1-2]
          1-1 read accepted (1, 3, somebody) 2–4 ms
          1-2 read accepted (1, 3, else) 5–7 ms
        """,
    ),
    "the first version is seen under another name and then with other units": (
        fails(Story(3).read(1, 1, 3, "somebody").read(2, 1, 2), 1, 2).left(1, 3),
        """
        version_reused: the same version was seen in two different states
          [3: 1-1, 1-2]
          1-1 read accepted (1, 3, somebody) 2–4 ms
          the tool read accepted (1, 3, restock) 1–1 ms
        """,
    ),
    "a version that bears the name from before the round, and one the name of a restock": (
        fails(Story(5, name="before").takes(1).read(2, 2, 4, "before").read(2, 3, 3, RESTOCK), 2).left(3, 3, RESTOCK),
        """
        stock_lost: the stock fell by 2, but only 1 unit was accepted
          [1: 1-1]
          1-1 transaction accepted () 2–4 ms
        foreign_write: a version was seen under a name that no write of this round left
          [1: ]
          the tool read accepted (3, 3, restock) 14–15 ms
        version_miscounted: the version rose by 2 for 1 accepted write
          [1: 1-1]
          1-1 transaction accepted () 2–4 ms
        """,
    ),
    "an order's name that is seen before it writes again": (
        Story(3)
        .read(2, 2, 2, "1-1", at=2, took=20)
        .op(1, W, shows=(2, 2, "1-1"), at=2, took=20)
        .op(1, T, attempt=2, at=40)
        .ends(1, ACCEPTED)
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .left(3, 1, None),
        """
        order_applied_twice: 1 order took stock more than once
          [1: 1-1]
          1-1 write accepted (2, 2, 1-1) 2–22 ms
          1-1 transaction accepted () 40–42 ms
        """,
    ),
    # --- lost writes that were seen
    "a lost write took two where it wanted one": (
        fails(Story(3).is_lost(1).read(2, 2, 1, "1-1"), 2).left(2, 1, "1-1"),
        """
        stock_lost: the stock fell by 2, but only 0 units were accepted, and at most 1 taken with no accepting answer
          [0: ]
        wrong_quantity: a write took another number of units than its order wanted
          [1: 1-1]
          1-1 write unknown () 2–4 ms
          the tool read accepted (1, 3, restock) 1–1 ms
          1-2 read accepted (2, 1, 1-1) 5–7 ms
        """,
    ),
    "one with a record as well": (
        fails(Story(3).is_lost(1, T).records(1).read(2, 2, 1, "1-1"), 2).left(2, 1, "1-1"),
        """
        stock_lost: the stock fell by 2, but only 0 units were accepted, and at most 1 taken with no accepting answer
          [0: ]
        wrong_quantity: a write took another number of units than its order wanted
          [1: 1-1]
          1-1 transaction unknown () 2–4 ms
          the tool read accepted (1, 3, restock) 1–1 ms
          1-2 read accepted (2, 1, 1-1) 6–8 ms
        """,
    ),
    "a lost write made another version than the next": (
        fails(Story(3).is_lost(1, rests_on=1).read(2, 3, 2, "1-1"), 2).left(3, 2, "1-1"),
        """
        version_miscounted: a write that rested on version 1 made another than the next
          [1: 1-1]
          1-1 write on 1 unknown () 2–4 ms
        version_miscounted: the version rose by 2 for 1 accepted write
          [0: ]
        """,
    ),
    "a lost write was seen before it was sent": (
        fails(Story(3).read(2, 2, 2, "1-1").is_lost(1, at=10), 2).left(2, 2, "1-1"),
        """
        write_out_of_order: 1 write made a version older than one that had been seen before it was sent
          [1: 1-1]
          1-1 write unknown () 10–12 ms
          1-2 read accepted (2, 2, 1-1) 2–4 ms
        """,
    ),
    "two lost writes of one order, and as many versions are nobody's": (
        fails(Story(3, name=None).op(1, W, UNKNOWN, reason="ReadTimeoutError").is_lost(1, attempt=2), 2).left(
            3, 1, None
        ),
        """
        order_applied_twice: 1 order took stock more than once
          [1: 1-1]
          1-1 write unknown () 5–7 ms
        """,
    ),
    "both were seen in a round that nobody read": (
        fails(
            Story(3)
            .op(1, W, UNKNOWN, reason="ReadTimeoutError")
            .is_lost(1, attempt=2)
            .read(2, 2, 2, "1-1")
            .read(2, 3, 1, "1-1"),
            2,
        ).unread(),
        """
        order_applied_twice: 1 order took stock more than once
          [1: 1-1]
          1-1 write unknown () 5–7 ms
        """,
    ),
    "both lost writes of one order were seen": (
        fails(
            Story(3)
            .op(1, W, UNKNOWN, reason="ReadTimeoutError")
            .is_lost(1, attempt=2)
            .read(2, 2, 2, "1-1")
            .read(2, 3, 1, "1-1"),
            2,
        ).left(3, 1, "1-1"),
        """
        order_applied_twice: 1 order took stock more than once
          [1: 1-1]
          1-1 write unknown () 5–7 ms
        """,
    ),
    "two lost ones are seen and the second was told otherwise": (
        Story(3, orders=3)
        .op(1, W, UNKNOWN, reason="ReadTimeoutError")
        .ends(1, UNKNOWN)
        .op(2, W, UNKNOWN)
        .ends(2, REJECTED, CONFLICT)
        .read(3, 2, 2, "1-1")
        .read(3, 3, 1, "1-2")
        .ends(3, FAILED)
        .unread(),
        """
        phantom_reject: 1 order won but was told to have lost
          [1: 1-2]
          1-2 write unknown () 5–7 ms
        """,
    ),
    "one that was not applied, and the next was told otherwise": (
        Story(3, orders=3)
        .is_lost(1, rests_on=1)
        .op(2, W, UNKNOWN)
        .ends(2, REJECTED, CONFLICT)
        .read(3, 2, 2, "1-2")
        .ends(3, FAILED)
        .left(2, 2, "1-2"),
        """
        phantom_reject: 1 order won but was told to have lost
          [1: 1-2]
          1-2 write unknown () 5–7 ms
        """,
    ),
    "told otherwise, and only once though it has a second lost write": (
        Story(3)
        .op(1, W, UNKNOWN)
        .op(1, W, UNKNOWN, attempt=2)
        .ends(1, REJECTED, CONFLICT)
        .read(2, 2, 2, "1-1")
        .wins(2, 3, 1)
        .left(3, 1, "1-2")
        .start(1, 3, orders=1, name="1-2")
        .wins(1, 4, 0)
        .left(4, 0, "2-1"),
        """
        phantom_reject: 1 order won but was told to have lost
          [1: 1-1]
          1-1 write unknown () 5–7 ms
        """,
    ),
    # --- writes that nobody claims
    "a stranger's units when nothing is known of them": (
        Story(orders=0).start(3, 1, orders=0).left(2, 2, "somebody"),
        """
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (2, 2, somebody) 2–3 ms
        """,
    ),
    "a stranger who took one more than one": (
        Story(orders=0).start(3, 1, orders=0).left(3, 1, "somebody"),
        """
        stock_lost: the stock fell by 2, but only 0 units were accepted, and at most 1 taken with no accepting answer
          [0: ]
        version_miscounted: the version rose by 2 for 1 accepted write
          [0: ]
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (3, 1, somebody) 2–3 ms
        """,
    ),
    "strangers took the least that orders want": (
        somebody_took(3),
        """
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (5, 3, somebody) 14–15 ms
        """,
    ),
    "strangers took less than orders want": (
        somebody_took(4),
        """
        oversold: 5 units were accepted, and at least 1 taken with no accepting answer, but the stock fell by 5
          [3: 1-1, 1-2, 1-3]
          1-1 write accepted (2, 8, 1-1) 5–7 ms
          1-2 write accepted (3, 5, 1-2) 8–10 ms
          1-3 transaction accepted () 11–13 ms
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (5, 4, somebody) 14–15 ms
        """,
    ),
    "strangers took the most that orders want": (
        somebody_took(1),
        """
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (5, 1, somebody) 14–15 ms
        """,
    ),
    "strangers took more than orders want": (
        somebody_took(0),
        """
        stock_lost: the stock fell by 9, but only 5 units were accepted, and at most 3 taken with no accepting answer
          [3: 1-1, 1-2, 1-3]
          1-1 write accepted (2, 8, 1-1) 5–7 ms
          1-2 write accepted (3, 5, 1-2) 8–10 ms
          1-3 transaction accepted () 11–13 ms
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          the tool read accepted (5, 0, somebody) 14–15 ms
        """,
    ),
    "two strangers took the most that orders want": (
        two_took(6),
        """
        foreign_write: 2 orders that were not placed here, or left no name, wrote the product
          [2: somebody, another]
          1-4 read accepted (5, somebody) 15–17 ms
          the tool read accepted (7, 6, another) 21–22 ms
        """,
    ),
    "two strangers took more than that": (
        two_took(5),
        """
        stock_lost: the stock fell by 15, but only 8 units were accepted, and at most 6 taken with no accepting answer
          [4: 1-1, 1-2, 1-3, 1-4]
          1-1 write accepted (2, 19, 1-1) 6–8 ms
          1-2 write accepted (3, 16, 1-2) 9–11 ms
          1-3 transaction accepted () 12–14 ms
          1-4 transaction accepted () 18–20 ms
        foreign_write: 2 orders that were not placed here, or left no name, wrote the product
          [2: somebody, another]
          1-4 read accepted (5, somebody) 15–17 ms
          the tool read accepted (7, 5, another) 21–22 ms
        """,
    ),
    "a stranger whose units are known": (
        fails(fails(load(9, 1, 3, 1).read(3, 2, 6, "somebody"), 3), 2, units=3).takes(1).left(3, 7, None),
        """
        oversold: 1 unit was accepted, and at least 3 taken with no accepting answer, but the stock fell by 2
          [1: 1-1]
          1-1 transaction accepted () 14–16 ms
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: somebody]
          1-3 read accepted (2, 6, somebody) 5–7 ms
        """,
    ),
    "an order under way whose name is seen and whose units are not": (
        load(3, 1, 3, 1).wins(1, 2, 2).op(3, R, shows=(4, None, "1-2")),
        """
        oversold: 1 unit was accepted, and 3 taken with no accepting answer, but there were only 3
          [1: 1-1]
          1-1 write accepted (2, 2, 1-1) 5–7 ms
        """,
    ),
    "an order under way whose name is seen": (
        Story().read(1, 1, 1).read(2, 2, 0, "1-1"),
        """

        """,
    ),
    "an order that failed and whose name is seen": (
        fails(Story(), 1).read(2, 2, 0, "1-1").ends(2, FAILED).left(2, 0, "1-1"),
        """
        winner_told_otherwise: 1 order won but was told otherwise
          [1: 1-1]
          1-2 read accepted (2, 0, 1-1) 5–7 ms
        """,
    ),
    "one that was accepted without a write and is seen to have taken": (
        Story().op(1, W, REJECTED, reason=CONFLICT).ends(1, ACCEPTED).loses(2, (2, 0, "1-1")).left(2, 0, "1-1"),
        """
        accepted_without_write: 1 order counted as accepted without an accepted write
          [1: 1-1]
        """,
    ),
    "a stranger without a name and then an order": (
        Story(4, orders=3)
        .wins(1, 2, 3)
        .read(2, 3, 3, "1-1")
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .op(3, W, FAILED)
        .ends(3, FAILED)
        .read(2, 4, 2, "1-3")
        .left(4, 2, "1-3"),
        """
        version_miscounted: the version rose by 3 for 2 accepted writes
          [1: 1-1]
          1-1 write accepted (2, 3, 1-1) 2–4 ms
        winner_told_otherwise: 1 order won but was told otherwise
          [1: 1-3]
          1-2 read accepted (4, 2, 1-3) 14–16 ms
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: 1-1]
          1-2 read accepted (3, 3, 1-1) 5–7 ms
        """,
    ),
    "two orders were told to have lost": (
        Story(2, orders=3)
        .op(1, W, REJECTED, reason=CONFLICT)
        .ends(1, REJECTED, CONFLICT)
        .op(2, W, REJECTED, reason=CONFLICT)
        .ends(2, REJECTED, CONFLICT)
        .read(3, 2, 1, "1-1")
        .loses(3, (3, 0, "1-2"))
        .left(3, 0, "1-2"),
        """
        phantom_reject: 2 orders won but were told to have lost
          [2: 1-1, 1-2]
          1-3 read accepted (2, 1, 1-1) 8–10 ms
          1-3 write rejected (3, 0, 1-2) 11–13 ms
        """,
    ),
    "the record of a rejected order of three units": (
        load(9, 1, 3)
        .op(2, T, REJECTED, reason=CONFLICT, units=3)
        .ends(2, REJECTED, CONFLICT, units=3)
        .takes(1)
        .record(2, units=3)
        .left(3, 6, None),
        """
        oversold: 1 unit was accepted, and at least 3 taken with no accepting answer, but the stock fell by 3
          [1: 1-1]
          1-1 transaction accepted () 7–9 ms
        phantom_reject: 1 order won but was told to have lost
          [1: 1-2]
        """,
    ),
    "a record before the second of two attempts, and one after it": (
        Story(3)
        .op(1, T, UNKNOWN)
        .record(1)
        .op(1, T, attempt=2)
        .ends(1, ACCEPTED)
        .record(1)
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .left(3, 1, None),
        """
        order_applied_twice: 1 order took stock more than once
          [1: 1-1]
          1-1 transaction unknown () 2–4 ms
        recorded_twice: 1 order left two records
          [1: 1-1]
        """,
    ),
    # --- orders
    "ended with other units": (
        Story(3)
        .op(1, W, shows=(2, 2, "1-1"))
        .ends(1, ACCEPTED, units=2)
        .loses(2, (2, 2, "1-1"), rests_on=1)
        .left(2, 2, "1-1"),
        """
        order_changed: 1 order changed between being placed and ended
          [1: 1-1]
        """,
    ),
    "more ends than orders that were placed without their names": (
        unnamed("p#4").ends(1, REJECTED, CONFLICT).ends(2, REJECTED, CONFLICT).left(1, 1),
        """
        order_invented: 1 order was never placed and yet took part
          [1: ]
        """,
    ),
    "one unnamed order of each of two products": (
        unnamed("p#4", "p#5")
        .wins(1, 2, 0)
        .wins(2, 2, 0, product_id="p#5")
        .left(2, 0, "1-1")
        .left(2, 0, "1-2", product_id="p#5"),
        """

        """,
    ),
    # --- counts of units
    "as many writes are shown as take too much": (
        transactions(9, 1, 1, 1, 1).left(5, 7, None),
        """
        oversold: 4 units were accepted, but the stock fell by 2
          [4: 1-1, 1-2, 1-3, 1-4]
          1-1 transaction accepted () 6–8 ms
          1-2 transaction accepted () 9–11 ms
          1-3 transaction accepted () 12–14 ms
        """,
    ),
    "as many as take too much though a restock is in doubt": (
        transactions(9, 1, 1, 1, 1).restock(1, UNKNOWN).left(6, 8, None),
        """
        oversold: 4 units were accepted, but the stock, with 1 perhaps added, fell by at most 2
          [4: 1-1, 1-2, 1-3, 1-4]
          1-1 transaction accepted () 6–8 ms
          1-2 transaction accepted () 9–11 ms
          1-3 transaction accepted () 12–14 ms
        """,
    ),
    "units that were added are told of": (
        transactions(2, 1, 1).restock(3).left(4, 4, None),
        """
        oversold: 2 units were accepted, but the stock, with 3 added, fell by 1
          [2: 1-1, 1-2]
          1-1 transaction accepted () 4–6 ms
          1-2 transaction accepted () 7–9 ms
        """,
    ),
    "one version is left for two lost writes that took more than either": (
        two_lost_ones(5),
        """
        stock_lost: the stock fell by 4, but only 0 units were accepted, and at most 3 taken with no accepting answer
          [0: ]
        """,
    ),
    "one version is left for two lost writes and nothing was taken": (
        two_lost_ones(9),
        """
        oversold: 0 units were accepted, and at least 1 taken with no accepting answer, but the stock fell by 0
          [0: ]
        """,
    ),
    "one version is left for two lost writes and either may have taken its units": (
        two_lost_ones(7),
        """

        """,
    ),
    "no version is left for a lost write and yet its unit is gone": (
        Story(2).is_lost(1).takes(2).left(2, 0, None),
        """
        stock_lost: the stock fell by 2, but only 1 unit was accepted
          [1: 1-2]
          1-2 transaction accepted () 5–7 ms
        """,
    ),
    "two writes were told what others had left": (
        Story(9, orders=4)
        .op(1, W, shows=(None, 8, None))
        .ends(1, ACCEPTED)
        .op(2, W, shows=(None, 8, None))
        .ends(2, ACCEPTED)
        .op(3, W, shows=(None, 8, None))
        .ends(3, ACCEPTED)
        .op(4, W, shows=(None, 7, None))
        .ends(4, ACCEPTED)
        .left(5, 5, None),
        """
        quantity_handed_out_twice: 2 accepted writes were told a quantity that another had left
          [2: 1-2, 1-3]
          1-1 write accepted (8) 2–4 ms
          1-2 write accepted (8) 5–7 ms
        """,
    ),
    "between two looks more went than what is known of their makers leaves": (
        fails(
            load(9, 1, 3, 1).op(1, W, shows=(2, None, "1-1")).ends(1, ACCEPTED).is_lost(2, units=3).read(3, 3, 4, None),
            3,
        ).unread(),
        """
        wrong_quantity: 2 writes took 5 units, which no such orders wanted
          [1: 1-3]
          the tool read accepted (1, 9, restock) 1–1 ms
          1-3 read accepted (3, 4) 11–13 ms
        """,
    ),
    "the last look is the tool's own": (
        transactions(12, 3, 3, 3, 1).op(4, R, shows=(3, 9, None), at=5, took=90, consistent=False).left(5, 2, None),
        """
        wrong_quantity: 2 writes took 7 units, which no such orders wanted
          [1: ]
          1-4 read accepted (3, 9) 5–95 ms
          the tool read accepted (5, 2) 96–97 ms
        """,
    ),
    # --- versions and time
    "two writes that made another version than the next": (
        Story(9)
        .op(1, W, shows=(3, 8, "1-1"), rests_on=1)
        .ends(1, ACCEPTED)
        .op(2, W, shows=(5, 7, "1-2"), rests_on=3)
        .ends(2, ACCEPTED)
        .left(5, 7, "1-2"),
        """
        version_miscounted: a write that rested on version 1 made another than the next
          [2: 1-1, 1-2]
          1-1 write on 1 accepted (3, 8, 1-1) 2–4 ms
        version_miscounted: the version rose by 4 for 2 accepted writes
          [2: 1-1, 1-2]
          1-1 write on 1 accepted (3, 8, 1-1) 2–4 ms
          1-2 write on 3 accepted (5, 7, 1-2) 5–7 ms
        """,
    ),
    "refused at the moment at which its version is first seen": (
        Story(3).wins(1, 2, 2, at=2).loses(2, (), rests_on=2, at=4).left(2, 2, "1-1"),
        """

        """,
    ),
    "refused just after its version was seen": (
        Story(3).wins(1, 2, 2, at=2).loses(2, (), rests_on=2, at=5).left(2, 2, "1-1"),
        """
        stale_read: 1 answer showed a version older than one that had been seen before it was asked
          [1: ]
          the tool read accepted (2, 2, 1-1) 8–9 ms
          1-2 write on 2 rejected () 5–7 ms
        refused_without_cause: 1 write refused though version 2 was still the one read
          [1: 1-2]
          1-2 write on 2 rejected () 5–7 ms
        """,
    ),
    "refused as sold out by as many units as it wants": (
        Story().loses(1, (1, 1, RESTOCK)).op(2, W, FAILED).ends(2, FAILED).left(1, 1),
        """
        refused_without_cause: 1 write refused by a state that met the condition
          [1: 1-1]
          1-1 write rejected (1, 1, restock) 2–4 ms
        refused_without_cause: 1 order told sold out with 1 left
          [1: 1-1]
        """,
    ),
    "told sold out, one for one unit and one for three": (
        load(3, 1, 3).ends(1, REJECTED, SOLD_OUT).ends(2, REJECTED, SOLD_OUT, units=3).left(1, 3),
        """
        refused_without_cause: 2 orders told sold out with 3 left
          [2: 1-1, 1-2]
        """,
    ),
    "a conflict with a transaction though there are units": (
        Story()
        .op(1, W, REJECTED, reason=CONFLICT, shows=(1, 1, RESTOCK))
        .ends(1, REJECTED, CONFLICT)
        .op(2, W, FAILED)
        .ends(2, FAILED)
        .left(1, 1),
        """

        """,
    ),
    "a lost write that is applied while the tool reads for the last time": (
        fails(Story(3, name=None).is_lost(1).read(2, 2, 2, None, at=6, took=9), 2).left(1, 3, None, at=7),
        """

        """,
    ),
    "a lost write that cannot have been applied explains no version": (
        fails(Story(3, orders=3, name=None).is_lost(1, at=2).read(2, 2, 2, None, at=5), 2)
        .takes(3, at=10)
        .left(2, 2, None),
        """
        version_from_nowhere: version 2 was seen before any write that could have made it was sent
          [1: 1-2]
          1-2 read accepted (2, 2) 5–7 ms
        """,
    ),
    "an order that claims a version too far": (
        fails(Story(3, name=None).op(1, W, UNKNOWN, rests_on=5).ends(1, ACCEPTED), 2).unread(),
        """
        version_from_nowhere: version 2 was seen before any write that could have made it was sent
          [0: ]
        """,
    ),
    "two lost writes that rest on the same version, one sent too late for it": (
        fails(
            Story(3, orders=3, name=None)
            .is_lost(1, rests_on=1, at=2)
            .read(3, 2, 2, None, at=5)
            .is_lost(2, rests_on=1, at=10),
            3,
        ).unread(),
        """

        """,
    ),
    "a lost write sent at the moment at which its version is seen": (
        fails(Story(3, name=None).read(2, 2, 2, None, at=2).is_lost(1, rests_on=1, at=4), 2).unread(),
        """

        """,
    ),
    "one restock explains one version": (
        fails(Story(3, orders=1, name=None).restock(1).read(1, 3, 4, None), 1).unread(),
        """
        version_from_nowhere: version 3 was seen before any write that could have made it was sent
          [1: 1-1]
          1-1 read accepted (3, 4) 3–5 ms
        """,
    ),
    "a write whose version a transaction before it must have passed": (
        Story(3).takes(1).wins(2, 2, 1).left(3, 1, "1-2"),
        """
        wrong_quantity: a write took another number of units than its order wanted
          [1: 1-2]
          1-2 write accepted (2, 1, 1-2) 5–7 ms
          the tool read accepted (1, 3, restock) 1–1 ms
        write_out_of_order: 1 write made a version older than one that had been seen before it was sent
          [1: 1-2]
          1-2 write accepted (2, 1, 1-2) 5–7 ms
          1-1 transaction accepted () 2–4 ms
        foreign_write: 1 order that was not placed here, or left no name, wrote the product
          [1: 1-2]
          the tool read accepted (3, 1, 1-2) 8–9 ms
        """,
    ),
    "a transaction that was answered before its version can have been made": (
        fails(Story(3).read(2, 1, 3, at=10).takes(1, at=2), 2).left(2, 2, None),
        """
        write_out_of_order: an accepted write was answered before any version was made that it can have made
          [1: 1-1]
          1-1 transaction accepted () 2–4 ms
        """,
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_shows_what_is_wrong(story: Story, expected: str) -> None:
    verdict = judge(story.events)
    assert said(verdict) == dedent(expected).strip()
    for violation in verdict.violations:
        assert all(violation.orders)
        for op in violation.operations:
            assert (op.round, op.product_id) == (violation.round, violation.product_id)


# Orders settled as accepted, as rejected and not at all, and whose writes may yet be applied.
SETTLED: dict[str, tuple[Story, tuple[int, int, int], tuple[str, ...]]] = {
    "seen, so nothing is open": (
        Story().is_lost(1).loses(2, (2, 0, "1-1")).left(2, 0, "1-1"),
        (1, 0, 0),
        (),
    ),
    "the one whose version is sure tells the units of the one before": (
        load(9, 2, 1, 3)
        .is_lost(1, units=2, rests_on=1)
        .is_lost(2, rests_on=1)
        .is_lost(3, units=3, rests_on=2)
        .left(3, 4, None),
        (2, 1, 0),
        (),
    ),
    "the only one that can have made its version bars who rests on the same": (
        fails(Story(9, orders=5).is_lost(1, rests_on=1).read(5, 2, 8, None), 5)
        .is_lost(2, rests_on=1)
        .is_lost(3)
        .is_lost(4)
        .left(3, 7, None),
        (1, 1, 2),
        ("1-3", "1-4"),
    ),
    "one of two was applied in a round that is over": (
        Story(3)
        .is_lost(1)
        .is_lost(2)
        .left(2, 2, None)
        .start(2, 2, orders=1)
        .wins(1, 3, 1)
        .left(3, 1, "2-1", waited=True),
        (0, 0, 2),
        ("1-1", "1-2"),
    ),
    "one of two was, and the next round, which nobody read, bars the first": (
        Story(3).is_lost(1, rests_on=1).is_lost(2).left(2, 2, None).start(2, 2, orders=1).wins(1, 3, 1).unread(),
        (0, 0, 2),
        ("1-2",),
    ),
    "one of three was, and the next round's winner bars the first": (
        Story(3, orders=3)
        .is_lost(1, rests_on=3)
        .is_lost(2)
        .is_lost(3)
        .left(2, 2, None)
        .start(2, 3, orders=1)
        .wins(1, 4, 1, rests_on=3)
        .left(4, 1, "2-1"),
        (0, 0, 3),
        ("1-2", "1-3"),
    ),
    "barred by what nobody saw between two rounds": (
        fails(Story(3).is_lost(1, rests_on=1), 2).left(1, 3).start(3, 3, orders=1).wins(1, 4, 2).left(4, 2, "2-1"),
        (0, 0, 1),
        (),
    ),
    "the same, but it had had its time": (
        fails(Story(3).is_lost(1, rests_on=1), 2)
        .left(1, 3, waited=True)
        .start(3, 3, orders=1)
        .wins(1, 4, 2)
        .left(4, 2, "2-1"),
        (0, 1, 0),
        (),
    ),
    "a write of the next round that claims the version it began with bars nobody": (
        fails(Story(3).is_lost(1, rests_on=1), 2).left(1, 3).start(3, 2, orders=1).wins(1, 2, 2).left(2, 2, "2-1"),
        (0, 0, 1),
        (),
    ),
    "read a moment before two seconds were over": (
        fails(Story(3, orders=2), 2).is_lost(1, at=1500).left(1, 3, at=3500),
        (0, 0, 1),
        ("1-1",),
    ),
    "read when two seconds were over": (
        fails(Story(3, orders=2), 2).is_lost(1, at=1500).left(1, 3, at=3501),
        (0, 1, 0),
        ("1-1",),
    ),
    "one that rests on no version, then one that others bar": (
        Story(3, orders=3).is_lost(1).is_lost(2, rests_on=1).wins(3, 2, 2).unread(),
        (0, 1, 1),
        ("1-1",),
    ),
    "two that were told nothing and wrote nothing": (
        Story().ends(1, UNKNOWN).ends(2, UNKNOWN).left(1, 1),
        (0, 0, 2),
        (),
    ),
    "one that was told nothing and then failed to take": (
        Story(orders=2).ends(1, UNKNOWN).op(1, W, FAILED).ends(2, UNKNOWN).op(2, W, UNKNOWN).left(1, 1),
        (0, 0, 2),
        ("1-2",),
    ),
    "one told nothing, then a read without an answer": (
        Story(orders=1).ends(1, UNKNOWN).op(1, R, UNKNOWN).left(1, 1),
        (0, 0, 1),
        (),
    ),
    "one told nothing, then a write without an answer": (
        Story(orders=1).ends(1, UNKNOWN).op(1, W, UNKNOWN).left(1, 1),
        (0, 0, 1),
        ("1-1",),
    ),
    "one told nothing, then a write that was refused": (
        Story(orders=1).ends(1, UNKNOWN).op(1, W, REJECTED, reason=CONFLICT).left(1, 1),
        (0, 0, 1),
        (),
    ),
}


@pytest.mark.parametrize(("story", "settled", "still"), SETTLED.values(), ids=SETTLED)
def test_what_is_settled_and_what_stays_open(
    story: Story, settled: tuple[int, int, int], still: tuple[str, ...]
) -> None:
    checker = Checker()
    for event in story.events:
        checker(event)
    found = checker.verdict().settled
    assert (found.accepted, found.rejected, found.unsettled) == settled
    assert tuple(op.order_id for op in still_open(checker.lost)) == still


def many_versions(count: int, winners: int) -> Story:
    """So many versions one after the other, each of them won by so many orders."""
    story = load(10_000)
    for version in range(2, count + 2):
        for n in range(winners):
            order = winners * version + n
            story.place(order).op(order, W, shows=(version, 10_000 - version, f"1-{order}"), at=10 * version, took=9)
            story.ends(order, ACCEPTED)
    return story


def won_twice(story: Story) -> list[str]:
    return [
        f"{one.message} {one.orders_count} {len(one.operations)}"
        for one in judge(story.events).violations
        if one.kind == "version_won_twice"
    ]


def test_of_many_versions_that_were_won_twice_a_hundred_are_told_apart() -> None:
    found = won_twice(many_versions(120, 2))
    assert found[:100] == [f"2 orders won from version {version} 2 2" for version in range(1, 101)]
    assert found[100:] == ["20 orders more won from a version that another had won 20 1"]


def test_names_that_are_only_seen_are_counted_of_those_hundred_only() -> None:
    story = many_versions(100, 2)
    story.place(1).read(1, 50, 9_950, "somebody", at=500)
    story.place(900).wins(900, 102, 9_898, at=1_020, took=9).place(901).read(901, 102, 9_898, "somebody", at=1_040)
    found = won_twice(story)
    assert len(found) == 100
    assert found[48] == "3 orders won from version 49 3 2"


def test_the_second_makers_of_further_versions_are_named() -> None:
    violations = judge(many_versions(103, 2).events).violations
    (more,) = [one for one in violations if one.message.startswith("3 orders more won")]
    assert (more.round, more.product_id, more.orders) == (1, "p#4", ("1-205", "1-207", "1-209"))
    assert [op.order_id for op in more.operations] == ["1-205"]


def test_what_an_earlier_round_showed_is_not_forgotten() -> None:
    first = load(1, 1, 1, 1).op(1, W, REJECTED, reason=CONFLICT).ends(1, REJECTED, CONFLICT).read(2, 2, 0, "1-1")
    first.read(2, 1, 1, consistent=False).restock(1).wins(2, 4, 0).loses(3, (4, 0, "1-2")).left(4, 0, "1-2")
    verdict = judge(fails(first.start(1, 5), 2).wins(1, 6, 0).left(6, 0, "2-1").events)
    assert (verdict.phantom_rejects, verdict.stale_reads) == (1, 1)
    assert ", restocked" in verdict.sentence


def test_winners_that_were_settled_are_counted_in_each_round() -> None:
    story = Story().is_lost(1).loses(2, (2, 0, "1-1")).left(2, 0, "1-1")
    story.start(1, 3).wins(1, 4, 0).loses(2, (4, 0, "2-1")).left(4, 0, "2-1")
    said = "in each of 2 rounds 1 of 2 orders won the last item; in all 2 were rejected, 1 is unknown"
    assert judge(story.events).sentence == f"{said} (1 settled as accepted): safe"


def test_two_products_are_told_apart_from_one() -> None:
    story = unnamed("p#4", "p#5").wins(1, 2, 0).wins(2, 2, 0, product_id="p#5")
    story.left(2, 0, "1-1").left(2, 0, "1-2", product_id="p#5")
    assert (
        judge(story.events).sentence == "2 of 2 orders won from a stock of 1 each of 2 products; 0 were rejected: safe"
    )
    unread = [replace(event, product=None) if isinstance(event, RoundEnded) else event for event in story.events]
    assert judge(unread).doubts == ("the stock of 2 products after round 1 could not be read",)
