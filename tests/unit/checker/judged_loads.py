"""Short stories of loads, and what their verdicts show of each violation."""

from msgspec.structs import replace

from loadtest.events import Kind, RoundStarted
from tests.helpers.shop_events import judge
from tests.histories.story import FAILED, Story
from tests.histories.words import in_words


def said(story: Story) -> str:
    """The violations of round 1 that its verdict has: each with how many orders there are and their names, and its
    operations, which are of that round and product.
    """
    verdict = judge(story.events)
    for violation in verdict.violations:
        assert all(violation.orders)
        for op in violation.operations:
            assert (op.round, op.product_id) == (violation.round, violation.product_id)
    lines = [line[2:] for line in in_words("", verdict).splitlines()[2:-1] if not line.startswith("  reason")]
    return "\n".join(lines).replace(", round 1, p#4: ", ": ").replace(" [", "\n  [")


def load(stock: int, *units: int) -> Story:
    """Orders `1-1`, `1-2` … for so many units, placed one by one."""
    story = Story(orders=0).start(stock, 1, orders=0)
    for n, wanted in enumerate(units, 1):
        story.place(n, units=wanted)
    return story


def unnamed(stock: int, *, orders: int = 3) -> Story:
    """A race in which so many orders are placed, and nobody says which or for how much."""
    story = Story(stock, orders=orders)
    story.events = [
        replace(event, prefix="", units=0) if isinstance(event, RoundStarted) else event for event in story.events
    ]
    return story


def fails(story: Story, *orders: int, units: int = 1) -> Story:
    """These orders are told an error and write nothing."""
    for n in orders:
        story.op(n, Kind.WRITE, FAILED, units=units).ends(n, FAILED, units=units)
    return story
