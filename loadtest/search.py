"""The highest level that still holds a threshold: doubling until one does not, then halving the gap."""

from collections.abc import Awaitable, Callable

from msgspec import Struct

CONFIRMATIONS = 2  # of the level that was found


class Probe(Struct, frozen=True):
    """One level tried, and whether everything held; `said` is what was measured, in words.

    If `untested`, no win was contested in it.
    """

    level: float
    holds: bool
    said: str
    untested: bool = False


class Found(Struct, frozen=True):
    """The `highest` level that held, and held again; None if not even the lowest did. `all_held`: so did all tried."""

    highest: float | None
    all_held: bool
    probes: list[Probe]


async def search(
    lowest: float, highest: float, precision: float, probe: Callable[[float], Awaitable[Probe]], *, whole: bool
) -> Found:
    """Try levels between `lowest` and `highest` until the highest that holds is known to `precision` (a share of it).

    A level counts as found when it has held in most of three runs: near the limit one run says little. If it does
    not, the search goes on below it.
    """
    probes: list[Probe] = []

    async def holds(level: float) -> bool:
        probes.append(await probe(level))
        return probes[-1].holds

    good, bad = None, None
    level = lowest
    while bad is None:
        if not await holds(level):
            bad = level
        elif level >= highest:
            good = level
            break
        else:
            good, level = level, min(level * 2, highest)
    while good is not None:
        while bad is not None and (between := _between(good, bad, precision, whole=whole)) is not None:
            if await holds(between):
                good = between
            else:
                bad = between
        again = [await holds(good) for _ in range(CONFIRMATIONS)]
        if any(again):
            return Found(good, bad is None, probes)
        bad, good = good, _below(good, lowest, probes)
    return Found(None, False, probes)


def doubled(lowest: float, highest: float) -> list[float]:
    """The levels that are tried as long as each holds."""
    levels = [lowest]
    while levels[-1] < highest:
        levels.append(min(levels[-1] * 2, highest))
    return levels


def _between(good: float, bad: float, precision: float, *, whole: bool) -> float | None:
    """The level in the middle, or None if the two are near enough."""
    middle = (good + bad) / 2
    if whole:
        middle = float(int(middle))
        return None if middle <= good or (bad - good) <= precision * good else middle
    return None if bad - good <= precision * good else middle


def _below(level: float, lowest: float, probes: list[Probe]) -> float | None:
    """The highest level below this one that held whenever it was tried."""
    failed = {one.level for one in probes if not one.holds}
    held = [one.level for one in probes if one.holds and one.level < level and one.level not in failed]
    return max(held, default=None) if level > lowest else None
