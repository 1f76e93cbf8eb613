"""A verdict as text: what `verdicts.txt` has of each stored history, to be read and compared."""

from loadtest.checker import Verdict
from loadtest.events import Operation


def in_words(name: str, verdict: Verdict) -> str:
    """The sentence, and each violation and reason with its evidence."""
    lines = [f"{name}", f"  {verdict.sentence}"]
    for one in verdict.violations:
        orders = ", ".join(one.orders)
        lines.append(f"  {one.kind}, round {one.round}, {one.product_id}: {one.message} [{one.orders_count}: {orders}]")
        lines += [f"    {_operation(op)}" for op in one.operations]
    lines += [f"  reason: {reason}" for reason in verdict.reasons]
    had = verdict.power
    counts = f"{had.writes} writes, {had.overlapping} overlapping, {had.accepted} accepted, {had.contested} contested"
    return "\n".join([*lines, f"  {counts}"])


def _operation(op: Operation) -> str:
    shows = ", ".join(str(one) for one in (op.version, op.quantity, op.last_order) if one is not None)
    rests_on = "" if op.read_version is None else f" on {op.read_version}"
    who = op.order_id or "the tool"
    return f"{who} {op.kind}{rests_on} {op.outcome} ({shows}) {op.sent_ns // 10**6}–{op.received_ns // 10**6} ms"
