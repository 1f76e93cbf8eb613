"""What a verdict shows of several rounds and products, and of orders that were placed without their names."""

from textwrap import dedent

import pytest
from msgspec.structs import replace

from loadtest.events import Kind, RoundEnded, RoundStarted
from tests.helpers.shop_events import judge
from tests.histories.story import CONFLICT, REJECTED, Story
from tests.unit.checker.judged_loads import fails, load, said

W = Kind.WRITE


def unnamed(*product_ids: str) -> Story:
    """One order of each product, and nobody says which."""
    story = Story(orders=0)
    for product_id in product_ids:
        story.start(1, 1, orders=1, number=1, product_id=product_id)
    story.events = [replace(event, prefix="") if isinstance(event, RoundStarted) else event for event in story.events]
    return story


STORIES: dict[str, tuple[Story, str]] = {
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
        "",
    ),
}


@pytest.mark.parametrize(("story", "expected"), STORIES.values(), ids=STORIES)
def test_a_verdict_counts_orders_without_names(story: Story, expected: str) -> None:
    assert said(story) == dedent(expected).strip()


def test_what_an_earlier_round_showed_is_not_forgotten() -> None:
    first = load(1, 1, 1, 1).op(1, W, REJECTED, reason=CONFLICT).ends(1, REJECTED, CONFLICT).read(2, 2, 0, "1-1")
    first.read(2, 1, 1, consistent=False).restock(1).wins(2, 4, 0).loses(3, (4, 0, "1-2")).left(4, 0, "1-2")
    verdict = judge(fails(first.start(1, 5), 2).wins(1, 6, 0).left(6, 0, "2-1").events)
    assert (verdict.phantom_rejects, verdict.stale_reads) == (1, 1)
    assert ", restocked" in verdict.sentence


def test_winners_that_were_reconciled_are_counted_in_each_round() -> None:
    story = Story().is_lost(1).loses(2, (2, 0, "1-1")).left(2, 0, "1-1")
    story.start(1, 3).wins(1, 4, 0).loses(2, (4, 0, "2-1")).left(4, 0, "2-1")
    sentence = "in each of 2 rounds 1 of 2 orders won the last item; in all 2 were rejected, 1 is unknown"
    assert judge(story.events).sentence == f"{sentence} (1 reconciled as accepted): safe"


def test_two_products_are_told_apart_from_one() -> None:
    story = unnamed("p#4", "p#5").wins(1, 2, 0).wins(2, 2, 0, product_id="p#5")
    story.left(2, 0, "1-1").left(2, 0, "1-2", product_id="p#5")
    assert (
        judge(story.events).sentence == "2 of 2 orders won from a stock of 1 each of 2 products; 0 were rejected: safe"
    )
    unread = [replace(event, product=None) if isinstance(event, RoundEnded) else event for event in story.events]
    assert judge(unread).reasons == ("the stock of 2 products after round 1 could not be read",)
