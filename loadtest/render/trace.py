"""The operations around a violation in words, and as bars on a time line of text."""

from collections.abc import Iterator, Sequence

from loadtest.checker import Violation
from loadtest.events import Kind, Operation, Outcome
from loadtest.records.timeline import Timeline
from loadtest.system.foreign_text import visible

_MOST_NAME = 16
_MOST_WORDS = 48
_LEAST_BAR, _NARROW_BAR = 20, 10  # where there is room, and where there is little
_MOST_WIDTH = 140
MARK, _OTHER = "* ", "  "


def text(violation: Violation, timeline: Timeline, width: int) -> Iterator[str]:
    """Lines of at most `width` characters: a title, the axis, and a line for each operation, `*` before the evidence.

    A bar begins where the request was sent and ends where its answer came, or with `?` where the tool gave it up.
    """
    ops, axis, width = timeline.operations, Axis(timeline), min(width, _MOST_WIDTH)
    prefix, names = short([op.order_id for op in ops])
    texts = [did(op, prefix) for op in ops]
    name_width = min(max(5, *map(len, names)), _MOST_NAME)
    least = max(_NARROW_BAR, min(_LEAST_BAR, width // 4))
    words = max(10, min(max(map(len, texts)), _MOST_WORDS, width - name_width - least - 4))
    bar = max(least, width - len(_OTHER) - name_width - words - 2)
    yield f"trace of {violation.kind}, round {violation.round}, {violation.product_id}:{_of(ops, violation)}"
    begin = clipped(f"{prefix}…" if prefix else "", words)
    yield f"{_OTHER}{'order':{name_width}} {begin:{words}} {axis.labels(bar)}".rstrip()
    for op, name, what in zip(ops, names, texts, strict=True):
        mark = MARK if op in violation.operations else _OTHER
        yield f"{mark}{clipped(name, name_width):{name_width}} {clipped(what, words):{words}} {axis.bar(op, bar)}"


def _of(ops: Sequence[Operation], violation: Violation) -> str:
    evidence = "" if not violation.operations else ", * is the evidence"
    unanswered = ", ? never answered" if any(op.outcome is Outcome.UNKNOWN for op in ops) else ""
    return f" {len(ops)} operations{evidence}{unanswered}"


def short(names: Sequence[str]) -> tuple[str, list[str]]:
    """What all names begin with, up to the last `-` in it, and the rest of each."""
    first, last = min(names), max(names)  # what these two share all share
    shared = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    prefix = first[: first.rfind("-", 0, shared) + 1]
    return prefix, [name[len(prefix) :] or name for name in names]


def clipped(string: str, width: int) -> str:
    """One line, with an ellipsis at its end if it is too long."""
    string = visible(string)
    return string if len(string) <= width else string[: width - 1] + "…"


class Axis:
    """Milliseconds since the first request of a time line was sent."""

    def __init__(self, timeline: Timeline) -> None:
        self._from_ns = min(op.sent_ns for op in timeline.operations)
        self.end_ms = self.ms(max(max(op.sent_ns, op.received_ns) for op in timeline.operations))

    def ms(self, ns: int) -> float:
        """Where a moment is on it."""
        return (ns - self._from_ns) / 1e6

    def labels(self, width: int) -> str:
        """The first moment at the left, the last at the right and, where there is room, what lies between them."""
        line = [" "] * width
        for part in (0.0, 1.0, 0.5, 0.25, 0.75):
            label = "0 ms" if not part else f"{self.end_ms * part:.3g}" + (" ms" if part == 1 else "")
            at = round(part * (width - 1))
            start = min(max(0, at), width - len(label)) if part != 1 else width - len(label)
            if "".join(line[max(0, start - 2) : start + len(label) + 2]).isspace():
                line[start : start + len(label)] = label
        return "".join(line)

    def bar(self, op: Operation, width: int) -> str:
        """`|---|` from sent to received."""
        sent, received = (self._column(ns, width) for ns in (op.sent_ns, op.received_ns))
        end = "?" if op.outcome is Outcome.UNKNOWN else "|"
        body = end if received <= sent else "|" + "-" * (received - sent - 1) + end
        return " " * min(sent, received) + body  # a clock that ran backwards leaves a point

    def _column(self, ns: int, width: int) -> int:
        return round(self.ms(ns) / self.end_ms * (width - 1)) if self.end_ms else 0


def did(op: Operation, prefix: str = "") -> str:
    """What a request was and what came of it, such as `write v1→v2 accepted, 0 left`.

    `prefix` is left out of the other order that it names.
    """
    if op.outcome is Outcome.ACCEPTED:
        return _read(op) if op.kind is Kind.READ else _write(op)
    what = op.kind.value if op.read_version is None else f"{op.kind.value} on v{op.read_version}"
    if op.outcome is not Outcome.REJECTED:
        return f"{what} {op.outcome.value}{f', {op.reason}' if op.reason else ''}"
    return f"{what} refused{_seen(op, prefix) or (f', {op.reason}' if op.reason else '')}"


def _read(op: Operation) -> str:
    how = "read" if op.consistent else "read (eventual)"
    return how + ("" if op.version is None else f" v{op.version}") + _left(op)


def _write(op: Operation) -> str:
    before = "" if op.read_version is None else f"v{op.read_version}"
    after = "" if op.version is None else f"→v{op.version}"
    return " ".join(filter(None, (op.kind.value, before + after, "accepted"))) + _left(op)


def _left(op: Operation) -> str:
    return "" if op.quantity is None else f", {op.quantity:,} left"


def _seen(op: Operation, prefix: str) -> str:
    if op.version is None:
        return ""
    whose = f" by {op.last_order.removeprefix(prefix)}" if op.last_order is not None else ""
    return f", saw v{op.version}{whose}{_left(op)}"
