"""One worker as the first process sees it: its clock, what it told, and which of its orders have no result."""

import time
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from typing import Any

import anyio
import msgspec
from msgspec.structs import force_setattr, replace

from loadtest.distributed.clock import Clock, Offset
from loadtest.distributed.lost import perhaps_placed, placed, unknown, won
from loadtest.distributed.transport import LostError, Transport
from loadtest.distributed.worker import Batch
from loadtest.engine.dispatch import Part
from loadtest.errors import LoadTestError
from loadtest.events import (
    Event,
    InFlight,
    Kind,
    Operation,
    Order,
    OrderDropped,
    OrderEnded,
    OrderPlaced,
    Outcome,
)
from loadtest.measure.client_overhead import ClientOverhead, Share
from loadtest.workload.spec import Load, Race
from loadtest.workload.strategies import named

SILENT_S = 5.0  # a worker that gives no answer for so long is lost
_OPEN_S = 90.0
_PINGS = 12
_events = msgspec.json.Decoder(Event).decode_lines


class WorkerHandle:
    """A worker and what is known of it. What it is asked for ends within `SILENT_S`, or it is `lost`."""

    def __init__(self, transport: Transport, part: Part, *, own_clock: bool) -> None:
        """`own_clock`: it may run on another machine."""
        self.transport, self.part = transport, part
        self.host = ""
        self.lost: str | None = None
        self.heard_ns = time.perf_counter_ns()
        self.overhead: ClientOverhead | None = None
        self.offset = Offset()
        self.most_uncertain_ns = 0
        self.batch = Batch(0, b"", 0, 0, 0, 0)
        self.orders = 0
        self.first_late_ns: int | None = None  # since the last start: how late its first request was
        self.stopping = False
        self._stopped = False
        self._due_ns = 0
        self._since_ns = 0  # what its clock says of it may be wrong by `offset.uncertainty_ns`
        self._held = self._closed = False
        self._clock = Clock() if own_clock else None
        self._orders: Sequence[Order] = []
        self._unfinished: dict[str, Order | OrderPlaced] = {}
        self._won: dict[str, Operation] = {}  # of them, those whose write was accepted
        self._prefix = ""
        self._last = 0  # number of the last order that it surely placed, or dropped

    @property
    def name(self) -> str:
        """What it is called."""
        return self.transport.name

    async def ask(
        self, method: str, *arguments: Any, within_s: float = SILENT_S, shield: bool = True, **named: Any
    ) -> Any:
        """Call a method, with a `shield` also while all around is cancelled.

        Raises LostError, then and ever after, if the worker is lost.
        """
        if self.lost is not None:
            raise LostError(self.lost)
        try:
            with anyio.fail_after(within_s, shield=shield):
                return await self.transport.call(method, *arguments, **named)
        except TimeoutError:
            raise self.give_up(f"gave no answer for {within_s:g} s") from None
        except LostError as error:
            raise self.give_up(str(error)) from None
        except LoadTestError:
            raise
        except Exception as error:
            raise self.give_up(f"failed: {error}") from error  # whatever went wrong, it is of no use any more

    def give_up(self, why: str) -> LostError:
        """From now on it is lost, for the first reason that there was."""
        if self.lost is None:
            self.lost = why
            self.transport.end()
        return LostError(self.lost)

    @property
    def share(self) -> Share:
        """Its part of the run, for the report."""
        cpu_ns = self.overhead.cpu_ns if self.overhead else None
        return Share(self.name, self.host, self.orders, cpu_ns, self.offset.ns, self.most_uncertain_ns, self.lost)

    @property
    def in_flight(self) -> int:
        """Orders of a load that it began and that have no result."""
        return len(self._unfinished)

    async def close(self) -> None:
        """Let it end, and hear what it took."""
        self.overhead = await self.ask("close")

    async def open(self, assignment: Any) -> None:
        """Let it connect and warm up."""
        self.host = await self.ask("host", within_s=_OPEN_S, shield=False)
        may_place = await self.ask("open", assignment, within_s=_OPEN_S, shield=False)
        self.batch = replace(self.batch, may_place=may_place)

    async def compare_clocks(self, pings: int = _PINGS) -> None:
        """Find out what time it is there."""
        if self._clock is None:
            return
        for _ in range(pings):
            asked_ns = time.perf_counter_ns()
            self._clock.answered(asked_ns, await self.ask("clock"), time.perf_counter_ns())
        self.offset = self._clock.offset(time.perf_counter_ns())
        self.most_uncertain_ns = max(self.most_uncertain_ns, self.offset.uncertainty_ns)

    def expect(self, orders: Sequence[Order], at_ns: int, *, held: bool) -> None:
        """These are its orders of a round that begins at that instant; they may be `held` until the gate opens."""
        self._unfinished = {order.order_id: order for order in orders}
        self._orders = orders
        self.orders += len(orders)
        self._since_ns = at_ns
        self.first_late_ns, self._due_ns, self._held = None, at_ns, held

    async def round(self, number: int) -> None:
        """Let it place what is expected of it."""
        await self.ask("round", number, self._orders, self._due_ns - self.offset.ns, held=self._held)

    async def open_gate(self, number: int, at_ns: int) -> None:
        """Let the orders of that round write at that instant on this clock."""
        self._due_ns = at_ns
        await self.ask("open_gate", number, at_ns - self.offset.ns)

    async def arrive(self, number: int, prefix: str, started_ns: int, *, closed: bool) -> None:
        """Let it place its part of a load; in a `closed` loop the first orders are due at that instant."""
        if self.lost is None:  # or it places none
            self._prefix, self._last = prefix, self.part.index + 1 - self.part.count
        self._closed, self._since_ns = closed, started_ns
        self.first_late_ns, self._due_ns = None, started_ns
        await self.ask("arrive", number, prefix, started_ns - self.offset.ns)

    async def collect(self) -> list[Event]:
        """What happened since the last time, on this clock. A worker that is `stopping` is told so first."""
        if self.stopping and not self._stopped:
            self._stopped = True
            await self.ask("stop")
        batch: Batch = await self.ask("collect", self.batch.number)
        events = [self._here(event) for event in _events(batch.events)] if batch.events else []
        for event in events:
            self._follow(event)
        self.batch, self.heard_ns = batch, batch.now_ns + self.offset.ns
        return events

    def _here(self, event: Event) -> Event:
        if self._clock is None:
            return event
        ns = self.offset.ns
        for name in _moments(type(event)):  # nobody has seen it so far
            force_setattr(event, name, getattr(event, name) + ns)
        if isinstance(event, Operation):
            force_setattr(event, "clock_uncertainty_ns", self.offset.uncertainty_ns)
        elif isinstance(event, InFlight):
            force_setattr(event, "sent_ns", event.sent_ns - self.offset.uncertainty_ns)  # at the earliest
        return event

    def _follow(self, event: Event) -> None:
        if isinstance(event, Operation):
            if (event.kind is not Kind.READ or not self._held) and not self._prefix:
                self._started(event.sent_ns - self._due_ns)
            if event.outcome is Outcome.ACCEPTED and event.kind is not Kind.READ:
                self._won[event.order_id] = event
        elif isinstance(event, OrderEnded):
            self._unfinished.pop(event.order_id, None)
            self._won.pop(event.order_id, None)
        elif isinstance(event, OrderPlaced):
            self.orders += 1
            if self.first_late_ns is None:
                self._started(event.started_ns - (self._due_ns if self._closed else event.scheduled_ns))
            self._unfinished[event.order_id] = event
            self._last = _number(event.order_id)
        elif isinstance(event, OrderDropped):
            self._last = _number(event.order_id)

    def _started(self, late_ns: int) -> None:
        self.first_late_ns = late_ns if self.first_late_ns is None else min(late_ns, self.first_late_ns)

    def left_behind(self, plan: Race | Load) -> Iterator[Event]:
        """Of a lost worker, once: its orders without a result, and those that it may have placed without telling."""
        now_ns = time.perf_counter_ns()
        since_ns = min(self._since_ns - self.offset.uncertainty_ns, now_ns)  # the instant may be still to come
        under_way = f"{self.name} was lost while the order was under way"
        left: list[tuple[Order | OrderPlaced, str]] = [(order, under_way) for order in self._unfinished.values()]
        if isinstance(plan, Load) and self._prefix:
            # One elsewhere cannot be ended from here: it may come back, and go on until it notices that nobody asks.
            until_s = (now_ns - self._since_ns) / 1e9 if self._clock is None else inf
            for order in perhaps_placed(plan, self.part, self._prefix, self._last, self.batch.may_place, until_s):
                yield placed(order, now_ns)
                left.append((order, f"{self.name} was lost; it may have placed this order, or not"))
                self.orders += 1
        kind = Kind.TRANSACTION if named(plan.strategy).transactions else Kind.WRITE
        for one, message in left:
            if (op := self._won.get(one.order_id)) is not None:
                yield won(op)
            else:
                yield from unknown(one, message, kind, since_ns, now_ns)
        self._unfinished, self._won, self._prefix = {}, {}, ""


def _number(order_id: str) -> int:
    return int(order_id.rpartition("-")[2])


@cache
def _moments(kind: type[Event]) -> list[str]:
    """The fields of an event that are moments."""
    return [name for name in kind.__struct_fields__ if name.endswith("_ns") and name != "clock_uncertainty_ns"]
