"""Wins of writes that rest on no version: which of them took what another order, in flight with them, did not get.

Such a write asks only whether enough is left. Its condition was put to the test if a refused write overlapped it that
wanted more than the win left: with the win it had to be refused. Where the answer to a win does not show what was left,
a refusal tells that shows the win's name; or, as long as nothing was restocked, the stock before, of which all
accepted before it is gone.
"""

import math
from bisect import bisect_right
from operator import attrgetter, itemgetter
from typing import NamedTuple

from loadtest.checker.enum_members import ACCEPTED, REJECTED, UNKNOWN
from loadtest.events import Operation, Outcome

_SECOND_NS = 10**9
_LAST_SECOND = 62 * 24 * 3600  # one bit each: a longer run counts what comes later as one second


class ContestedWins:
    """Contested wins, the seconds in which they were answered as bits, and lost writes that would be such wins."""

    __slots__ = ("_start_ns", "contested", "perhaps", "seconds")

    def __init__(self, start_ns: int) -> None:
        """Seconds count from `start_ns`."""
        self._start_ns = start_ns
        self.contested = self.perhaps = self.seconds = 0

    def add(self, received_ns: int, *, accepted: bool) -> None:
        """One win, or one lost write."""
        if not accepted:
            self.perhaps += 1
            return
        self.contested += 1
        bit = 1 << min(max(0, received_ns - self._start_ns) // _SECOND_NS, _LAST_SECOND)
        if not self.seconds & bit:
            self.seconds |= bit


class Unversioned(NamedTuple):
    """What matters of a write that rests on no version.

    Of an accepted one `left` is what it left. `name` is its order, if it does not show that; of a refused write it is
    the winner that left too little for it, if it shows one.
    """

    outcome: Outcome
    units: int
    left: int | None
    name: str
    attempt: int

    @classmethod
    def of(cls, op: Operation) -> "Unversioned":
        """Of that write."""
        left, name = None, op.order_id
        if op.outcome is REJECTED:
            name = op.last_order or "" if op.quantity is not None and op.quantity < op.units else ""
        elif op.outcome is ACCEPTED and op.quantity is not None:
            left, name = op.quantity, ""
        return cls(op.outcome, op.units, left, name, op.attempt)


class _Win:
    """`left` is how much it left, or the most that it can have left (`bounded`)."""

    __slots__ = ("accepted", "bounded", "counted_in", "left", "received")

    def __init__(self, received: int, left: float, *, bounded: bool, accepted: bool) -> None:
        self.received = received
        self.left = left
        self.bounded = bounded
        self.accepted = accepted
        self.counted_in: ContestedWins | None = None


_received = attrgetter("received")
_when = itemgetter(0)


class UnversionedWins:
    """Takes writes in the order of their answers; each lasted some time. Counts in `sure` and `bounded`.

    Those in `bounded` rest on the stock at the start, so they are good only if nothing was restocked.
    Orders may want different amounts, but an order that wants more than any before it looks back at no win.
    """

    def __init__(self, stock: int | None, sure: ContestedWins, bounded: ContestedWins, most_lost: int) -> None:
        self._sure, self._bounded = sure, bounded
        self._stock = stock
        self._most_lost = most_lost
        self._largest = 0  # units that an order wanted
        # When answered, units: falling, as a later and larger one hides others.
        self._refused: list[tuple[int, int]] = []
        self._waiting: list[_Win] = []  # for a refusal
        self._named: dict[str, _Win] = {}  # wins that a refusal may name
        self._refuser: dict[str, int] = {}  # winners that refusals named before they were answered
        # Lost writes by order: a later attempt may be told that they were accepted.
        self._lost: dict[str, _Win] = {}
        self._times: list[int] = []  # of accepted writes
        self._taken: list[int] = []  # and what they and all before them took

    def take(self, received: int, sent: int, write: Unversioned) -> None:
        """Count one more."""
        self._largest = max(self._largest, write.units)
        if write.outcome is REJECTED:
            self._refuse(received, sent, write)
        elif write.outcome is UNKNOWN:
            self._win(received, sent, write)
        else:
            if write.left is not None or not self._again(write):
                self._win(received, sent, write)
            self._accept(received, write.units)

    def forget(self, horizon: float) -> None:
        """Give up what was answered by then."""
        del self._waiting[: bisect_right(self._waiting, horizon, key=_received)]
        del self._refused[: bisect_right(self._refused, horizon, key=_when)]
        passed = bisect_right(self._times, horizon)
        del self._times[:passed], self._taken[:passed]
        for name in [name for name, win in self._named.items() if win.received <= horizon]:
            del self._named[name]
        for name in [name for name, received in self._refuser.items() if received <= horizon]:
            del self._refuser[name]

    def _refuse(self, received: int, sent: int, write: Unversioned) -> None:
        waiting, units = self._waiting, write.units
        first = len(waiting)
        while first and waiting[first - 1].received > sent:
            first -= 1
        if first < len(waiting):
            passed = waiting[first:]
            del waiting[first:]
            for win in passed:
                if win.counted_in is not None:
                    continue
                if win.left < units:
                    self._contest(win)
                else:
                    waiting.append(win)
        if write.name:
            self._blame(write.name, received, sent)
        refused = self._refused
        while refused and refused[-1][1] <= units:
            refused.pop()
        refused.append((received, units))

    def _blame(self, winner: str, received: int, sent: int) -> None:
        """A refusal showed what that order had left."""
        win = self._named.get(winner)
        if win is None:
            self._refuser[winner] = received
        elif win.received > sent and win.counted_in is None:
            self._contest(win, sure=True)

    def _win(self, received: int, sent: int, write: Unversioned) -> None:
        accepted = write.outcome is ACCEPTED
        left: float = math.inf if write.left is None else write.left
        bounded = write.left is None
        if bounded and self._stock is not None:
            left = self._stock - self._before(sent) - write.units
        win = _Win(received, left, bounded=bounded, accepted=accepted)
        if bounded:
            if not accepted and len(self._lost) < self._most_lost:
                self._lost[write.name] = win
            if self._refuser.get(write.name, sent) > sent:
                self._contest(win, sure=True)
                return
            self._named[write.name] = win
        if self._most_refused(sent) > left:
            self._contest(win)
        elif left < self._largest:
            self._waiting.append(win)

    def _again(self, write: Unversioned) -> bool:
        """Whether this may be the answer to an earlier attempt of the order, whose own was lost: that was the win."""
        win = self._lost.pop(write.name, None)
        if win is None:
            return write.attempt > 1 and len(self._lost) >= self._most_lost
        win.accepted = True
        if win.counted_in is not None:
            win.counted_in.perhaps -= 1
            win.counted_in.add(win.received, accepted=True)
        return True

    def _contest(self, win: _Win, *, sure: bool = False) -> None:
        win.counted_in = self._bounded if win.bounded and not sure else self._sure
        win.counted_in.add(win.received, accepted=win.accepted)

    def _most_refused(self, sent: int) -> float:
        """The most units that one wanted which was refused after that moment."""
        index = bisect_right(self._refused, sent, key=_when)
        return self._refused[index][1] if index < len(self._refused) else -math.inf

    def _accept(self, received: int, units: int) -> None:
        if self._stock is not None:
            self._times.append(received)
            self._taken.append(units + (self._taken[-1] if self._taken else 0))

    def _before(self, sent: int) -> int:
        """At least so many units were surely gone when it was sent."""
        index = bisect_right(self._times, sent)
        return self._taken[index - 1] if index else 0
