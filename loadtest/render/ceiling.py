"""The table of `loadtest calibrate`, line by line as the levels end."""

from collections.abc import Sequence

from loadtest.studies.calibrate import Ceiling

_ROOM = 75  # columns of the whole table
_WHOLE = "{:>9}  {:>9}  {:>12}  {:>9}  {:>13}  {:>13}"
_TITLES = ("", "in flight", "operations/s", "CPU µs/op", "added p50, ms", "added p99, ms")
_PART = "{0:>5}  {1:>9}  {2:>7}  {5:>9}"  # of the same
_PART_TITLES = ("", "in flight", "op/s", "", "", "p99, ms")


def heading(client: str, width: int | None) -> str:
    """The first lines, for a terminal of that width, or none."""
    titles = _WHOLE.format(*_TITLES) if _whole(width) else _PART.format(*_PART_TITLES)
    return f"conditional writes that are refused, {client} client, against the minimal server\n{titles}"


def line(ceiling: Ceiling, width: int | None) -> str:
    """One level."""
    return (_WHOLE if _whole(width) else _PART).format(
        "TLS" if ceiling.tls else "plain",
        f"{ceiling.in_flight:,}",
        f"{ceiling.operations_per_s:,.0f}",
        f"{ceiling.cpu_us:,.1f}",
        _milliseconds(ceiling.added_p50_ms),
        _milliseconds(ceiling.added_p99_ms),
    )


def _whole(width: int | None) -> bool:
    return width is None or width >= _ROOM


def _milliseconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3f}"


def remark(ceilings: Sequence[Ceiling]) -> str:
    """What to make of it."""
    best = max(ceilings, key=lambda ceiling: ceiling.operations_per_s)
    return (
        f"the most was {best.operations_per_s:,.0f} operations a second, at {best.in_flight:,} in flight; a run near "
        "that measures this machine, not its target"
    )
