"""A correct server with one product, in virtual time: whoever uses it takes turns by the clock."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any

from msgspec.structs import replace

from loadtest.events import RESTOCK, Event, Product

Process = Generator[float, None, Any]  # it yields when it goes on
LONG_NS = 3_000_000_000  # after which a lost write is taken as not applied


@dataclass(frozen=True)
class Range:
    """What may be in a history."""

    kinds: tuple[str, ...] = ("version", "conditional", "transaction")
    fates: tuple[str, ...] = ("answered",) * 5 + (
        "lost",
        "lost",
        "blind",
        "blind",
        "resent",
        "met",
        "failed",
        "throttled",
    )
    units: tuple[int, ...] = (1, 1, 2)
    rounds: tuple[int, ...] = (1, 1, 2, 2, 3)
    most: int = 5  # orders in all
    stale: float = 0.15  # of the runs: their reads are not consistent
    loads: float = 0.4  # of the runs: orders are placed one by one
    restocks: float = 0.7  # of the loads
    silent: float = 0.3  # of the runs: no event tells of the tool's sets, nor when its restocks were sent
    nameless: float = 0.1  # of the runs: orders leave no names
    unread: float = 0.05  # of the rounds
    cut: float = 0.3  # of the runs


@dataclass
class Buyer:
    """One order and what it is made of."""

    order_id: str
    units: int
    round: int
    kind: str


class World:
    """The product, all that became of it, the events so far, and what goes on."""

    def __init__(self, random: Random, range_: Range) -> None:
        self.random, self.range = random, range_
        name = random.choice([None, RESTOCK, "restock-0", "earlier-1"])
        self.product = Product("p#4", "Last samovar", random.randint(0, 4), random.randint(1, 3), name)
        self.states = [self.product]
        self.log: list[Event] = []
        self.records: set[str] = set()
        self.fenced: set[str] = set()
        self.silent = random.random() < range_.silent
        self.nameless = random.random() < range_.nameless
        self.stale = random.random() < range_.stale
        self.load = random.random() < range_.loads
        self.units = random.choice(range_.units)
        self.open = 0
        self.now: float = 0
        self._turns: list[tuple[float, int, Process]] = []
        self._count = 0

    def run(self) -> list[Event]:
        """Let everything happen, and return the events."""
        while self._turns:
            self.now, _, process = heappop(self._turns)
            then = next(process, None)
            if then is not None:
                self.spawn(then, process)
        return self.log

    def spawn(self, at: float, process: Process) -> None:
        """Something goes on at that time."""
        self._count += 1
        heappush(self._turns, (at, self._count, process))

    def chance(self, probability: float) -> bool:
        """Whether it is so this time."""
        return self.random.random() < probability

    def answer_at(self) -> int:
        """When a request that is sent now has its answer."""
        return int(self.now) + self.random.choice([1, 2, 4, 9])

    def within(self, until: int) -> float:
        """Some moment from now on."""
        return self.random.uniform(self.now, until)

    def some_time(self, until: int, applies: Callable[[], bool]) -> None:
        """A request without an answer: applied before it was given up, later, much later, or never."""
        when = self.random.random()
        if when < 0.4:
            self.spawn(self.within(until), self._effect(applies))
        elif when < 0.7:
            late = LONG_NS if self.chance(0.2) else 0
            self.spawn(self.random.uniform(until, until + 60) + late, self._effect(applies))

    def _effect(self, applies: Callable[[], bool]) -> Process:
        applies()
        yield from ()

    def apply(self, *, name: str, takes: int = 0, sets: int | None = None, own: bool = True) -> None:
        """A write makes the next version."""
        now = self.product
        quantity = now.quantity - takes if sets is None else sets
        left = name if own or not self.nameless else now.last_order
        self.product = replace(now, quantity=quantity, version=now.version + 1, last_order=left)
        self.states.append(self.product)

    def would_take(self, order: Buyer, read_version: int | None) -> bool:
        """Whether the condition of the order holds."""
        now = self.product
        return now.quantity >= order.units if read_version is None else now.version == read_version

    def take(self, order: Buyer, read_version: int | None) -> bool:
        """Check and write at one moment."""
        recorded = order.kind == "transaction"
        if not self.would_take(order, read_version) or (recorded and order.order_id in self.fenced):
            return False
        self.apply(takes=order.units, name=order.order_id, own=False)
        if recorded:
            self.records.add(order.order_id)
        return True
