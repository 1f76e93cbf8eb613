"""The highest level that still holds a threshold: doubling until one does not, then where the least is known.

One run decides nothing: each makes some places of the limit more likely and others less (`compare.limit`). The search
ends when a level below and one above the limit are certain enough and near enough to each other.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import cycle

from msgspec import Struct

from loadtest.compare.limit import Belief

CONFIDENCE = 0.95
_SURE = 0.98  # of each side: both together are then right in more than CONFIDENCE
_LOOK_AT = (0.5, 0.1, 0.9)  # certainties of the next levels, in turn: the limit, and both sides of it


class Tried(Struct, frozen=True):
    """One run at a level, and whether everything held in it."""

    level: float
    holds: bool


class Answer(Struct, frozen=True):
    """Between which levels the limit lies: `holds_at` holds in most runs and `fails_at` in most does not.

    Both were run. `holds_at` is None if the lowest level is not shown to hold; `fails_at` if the highest is not shown
    to fail. `sure` says that the two are as near to one another as was asked, or that the limit lies beyond the end
    that is left open. `certainties` has, of each level that was run, how likely it is to lie below the limit.
    """

    holds_at: float | None
    fails_at: float | None
    sure: bool
    certainties: dict[float, float]
    tried: list[Tried]


def levels_between(lowest: float, highest: float, precision: float, *, whole: bool) -> list[float]:
    """The levels that a search knows, both ends among them: each octave in equal steps of at most `precision`."""
    steps = math.ceil(1 / precision - 1e-9)
    found, base = [lowest], lowest
    while found[-1] < highest:
        for step in range(1, steps + 1):
            level = min(highest, base * (1 + step / steps))
            level = float(int(level)) if whole else level
            if level > found[-1]:
                found.append(level)
        base *= 2
    return found


def usual_runs(lowest: float, highest: float, precision: float) -> int:
    """About how many runs a search takes if few of them err: to double, to halve the gap, to be sure of the ends."""
    octaves = math.log2(highest / lowest)
    return math.ceil(octaves / 2 + min(octaves, 1.0) * math.log2(1 / precision)) + 6


async def search(
    levels: Sequence[float],
    precision: float,
    run: Callable[[float], Awaitable[bool | None]],
    go_on: Callable[[int], bool],
) -> Answer:
    """Find between which of `levels` the limit lies, to `precision` (a share of the lower one).

    `run` runs a level and says whether it held, or None if it was stopped, which ends the search; `go_on` says, after
    so many runs, whether there may be another.
    """
    belief, tried = Belief(levels), list[Tried]()
    certainties = dict(zip(levels, belief.certainties(), strict=True))
    level, turns = levels[0], cycle(_LOOK_AT)
    while (held := await run(level)) is not None:
        tried.append(Tried(level, held))
        belief.learn(levels.index(level), holds=held)
        certainties = dict(zip(levels, belief.certainties(), strict=True))
        answer = _answer(levels, precision, tried, certainties)
        if answer.sure or not go_on(len(tried)):
            return answer
        if all(one.holds for one in tried):
            level = next((higher for higher in levels if higher >= 2 * level), levels[-1])
        else:
            wanted = next(turns)
            level = min(_within_reach(levels, tried), key=lambda each: abs(certainties[each] - wanted))
    return _answer(levels, precision, tried, certainties)


def _within_reach(levels: Sequence[float], tried: Sequence[Tried]) -> Sequence[float]:
    """The levels up to the double of the highest that has held: one far beyond would only hurt the target."""
    highest = max((one.level for one in tried if one.holds), default=0.0)
    return [level for level in levels if level <= 2 * highest] or levels[:1]


def _answer(
    levels: Sequence[float], precision: float, tried: Sequence[Tried], certainties: Mapping[float, float]
) -> Answer:
    outcomes: dict[float, list[bool]] = {}
    for one in tried:
        outcomes.setdefault(one.level, []).append(one.holds)
    mostly = {level: 2 * sum(held) - len(held) for level, held in outcomes.items()}  # above 0: most runs held
    holding = (level for level, balance in mostly.items() if balance > 0 and certainties[level] >= _SURE)
    failing = (level for level, balance in mostly.items() if balance < 0 and certainties[level] <= 1 - _SURE)
    holds_at, fails_at = max(holding, default=None), min(failing, default=None)
    if holds_at is not None and fails_at is not None:
        near = fails_at - holds_at <= precision * holds_at or not any(holds_at < one < fails_at for one in levels)
    else:
        near = holds_at == levels[-1] or fails_at == levels[0]
    return Answer(holds_at, fails_at, near, {level: certainties[level] for level in sorted(outcomes)}, list(tried))
