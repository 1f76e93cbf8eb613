"""Places the orders of a run from several shards: at one instant, and with one stream of events."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import checkpoint
from msgspec.structs import replace

from loadtest.distributed.merge import Merge
from loadtest.distributed.transport import LostError, Remote
from loadtest.distributed.worker import Assignment
from loadtest.distributed.worker_handle import Member
from loadtest.dynamodb.client import Connection
from loadtest.engine.dispatch import Part
from loadtest.errors import LoadTestError, TargetError
from loadtest.events import InFlight, Listener, Order
from loadtest.measure.client_overhead import Effort
from loadtest.workload.spec import Load, Race

_COLLECT_EVERY_S = {Race: 0.02, Load: 0.04}  # a round waits for it
_HUSH_NS = 5_000_000, 15_000_000  # before and after an instant nobody is asked for anything
_COMPARE_EVERY_S = 0.25
_AHEAD_NS = 20_000_000  # from the word to the instant, besides what it takes to get there
_TURN = 500  # events handled before others get a turn
_CANCELLED_S = 10.0


class Fleet:
    """Several shards as one `Placer`. What they tell goes to `emit`; a lost one stops the run through `fail`."""

    def __init__(
        self,
        plan: Race | Load,
        remotes: Sequence[Remote],
        emit: Listener,
        fail: Callable[[LoadTestError], None],
        *,
        own_clocks: bool,
    ) -> None:
        """`own_clocks`: they may run on other machines than this process."""
        used = remotes[: plan.concurrency]  # each needs one request at least that may be in flight
        count = len(used)
        self.members = [Member(remote, Part(n, count), own_clock=own_clocks) for n, remote in enumerate(used)]
        self.start_spreads_ns: list[int] = []
        self._plan = plan
        self._emit = emit
        self._fail = fail
        self._merge = Merge(count)
        self._number = 0  # of the last piece of work
        self._instant_ns = 0  # when it begins
        self._news = anyio.Event()

    @property
    def in_flight(self) -> int:
        """See `Placer`."""
        return sum(member.in_flight for member in self.members)

    async def open(self, connection: Connection) -> None:
        """Let all connect and warm up, and compare their clocks. LoadTestError if one cannot."""

        async def open_one(member: Member) -> None:
            pool = max(1, member.part.share(connection.pool))
            await member.open(Assignment(self._plan, replace(connection, pool=pool), member.part))
            await member.compare_clocks()

        await self._all(open_one)
        self._require_all()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """The block is what they are opened for; when it ends they say what it took."""
        # What is told has to be heard also while all else is cancelled.
        listening = [anyio.CancelScope(shield=True) for _ in self.members]
        error: LoadTestError | None = None
        try:
            async with anyio.create_task_group() as tasks:
                for number, scope in enumerate(listening):
                    tasks.start_soon(self._listen, number, scope)
                try:
                    yield
                except LoadTestError as raised:
                    error = raised  # the task group would wrap it
                finally:
                    for scope in listening:
                        scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._all(Member.close)
        if error is not None:
            raise error

    def in_flight_writes(self) -> Sequence[InFlight]:
        """See `Placer`."""
        return self._merge.in_flight()

    async def ready(self) -> int:
        """See `Placer`."""
        await self._all(Member.compare_clocks)
        self._require_all()
        return self._soon()

    async def round(self, orders: Sequence[Order]) -> None:
        """See `Placer`."""
        held = isinstance(self._plan, Race) and self._plan.gate
        number, at_ns = self._next(), self._soon()
        for member in self.members:
            member.expect(orders[member.part.index :: member.part.count], at_ns, held=held)
        async with self._to_the_end(number):
            await self._all(lambda one: one.round(number))
            if held:
                await self._until(lambda one: number in (one.batch.full, one.batch.done))
                open_ns = self._soon()
                await self._all(lambda one: one.open_gate(number, open_ns))

    async def arrive(self, prefix: str, started_ns: int) -> None:
        """See `Placer`."""
        number, closed = self._next(), isinstance(self._plan, Load) and self._plan.schedule is None
        async with self._to_the_end(number):
            await self._all(lambda one: one.arrive(number, prefix, started_ns, closed=closed))

    def stop(self) -> None:
        """See `Placer`."""
        for member in self.members:
            member.stopping = True

    @asynccontextmanager
    async def _to_the_end(self, number: int) -> AsyncIterator[None]:
        """After the block, and after whatever cut it short: until all shards are done and have told everything."""
        try:
            yield
            await self._until(lambda one: one.batch.done >= number)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._cancel(number)
            raise
        finally:
            for stream in range(len(self.members)):
                self._leave_behind(stream)
            self._merge.finish()
            self._tell()
            self._note_start()
        if self._lost():
            self._fail(TargetError(f"{self._lost()}; its orders without a result are unknown"))
            await checkpoint()

    async def _cancel(self, number: int) -> None:
        """End what goes on; who takes too long is lost."""
        with anyio.move_on_after(_CANCELLED_S):
            await self._all(lambda one: one.ask("cancel"))
            await self._until(lambda one: one.batch.done >= number)
        for member in self.members:
            if member.batch.done < number:
                member.give_up(f"did not stop within {_CANCELLED_S:g} s")

    def _lost(self) -> str:
        return ", ".join(f"{member.name} {member.lost}" for member in self.members if member.lost is not None)

    def _require_all(self) -> None:
        if self._lost():
            raise TargetError(self._lost())

    def _leave_behind(self, stream: int) -> None:
        """What a shard that is lost has left."""
        member = self.members[stream]
        if member.lost is not None:
            self._merge.put(stream, member.left_behind(self._plan), float("inf"))

    async def _listen(self, number: int, scope: anyio.CancelScope) -> None:
        """Collect what a shard tells, until it is lost or the scope is cancelled."""
        member = self.members[number]
        with scope:
            try:
                await self._collect(number, member)
            except LostError:
                self._leave_behind(number)
                for other in self.members:
                    other.stopping = True
                self._tell()

    async def _collect(self, number: int, member: Member) -> None:
        compared_ns = time.perf_counter_ns()
        while True:
            events = await member.collect()
            self._merge.put(number, events, member.heard_ns)
            await self._tell_in_turns()
            if time.perf_counter_ns() - compared_ns > _COMPARE_EVERY_S * 1e9:
                await member.compare_clocks(1)
                compared_ns = time.perf_counter_ns()
            await anyio.sleep(_COLLECT_EVERY_S[type(self._plan)])
            await self._hush()

    def _tell(self) -> None:
        for _ in self._turns():
            pass

    async def _tell_in_turns(self) -> None:
        for _ in self._turns():
            await checkpoint()

    def _turns(self) -> Iterator[None]:
        """Tell of all events whose turn has come, with a stop after each few."""
        for n, event in enumerate(self._merge.take(), start=1):
            self._emit(event)
            if n % _TURN == 0:
                yield
        self._news.set()
        self._news = anyio.Event()

    async def _until(self, is_so: Callable[[Member], bool]) -> None:
        """Return when it is so of every shard that is not lost."""
        while not all(member.lost is not None or is_so(member) for member in self.members):
            await self._news.wait()

    async def _all(self, act: Callable[[Member], Awaitable[None]]) -> None:
        """Do it with all that are not lost, at the same time. Raises a LoadTestError of one of them."""
        errors: list[LoadTestError] = []

        async def act_one(member: Member) -> None:
            try:
                await act(member)
            except LostError:
                pass  # `_listen` hears of it as well
            except LoadTestError as error:
                errors.append(type(error)(f"{member.name}: {error}"))

        async with anyio.create_task_group() as tasks:
            for member in self.members:
                if member.lost is None:
                    tasks.start_soon(act_one, member)
        if errors:
            raise errors[0]

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _hush(self) -> None:
        """Sleep while the shards begin: whoever answers has no time for that."""
        before_ns, after_ns = _HUSH_NS
        now_ns = time.perf_counter_ns()
        if -before_ns < now_ns - self._instant_ns < after_ns:
            await anyio.sleep((self._instant_ns + after_ns - now_ns) / 1e9)

    def _soon(self) -> int:
        """An instant that every shard has heard of before it comes."""
        slowest_ns = max(member.offset.uncertainty_ns for member in self.members)
        self._instant_ns = time.perf_counter_ns() + _AHEAD_NS + 10 * slowest_ns
        return self._instant_ns

    def _note_start(self) -> None:
        late = [member.first_late_ns for member in self.members if member.first_late_ns is not None]
        if len(late) > 1:
            self.start_spreads_ns.append(max(late) - min(late))


@asynccontextmanager
async def opened(
    plan: Race | Load,
    connection: Connection,
    emit: Listener,
    fail: Callable[[LoadTestError], None],
    effort: Effort,
) -> AsyncIterator[Fleet]:
    """The fleet that the plan asks for, connected and at work. LoadTestError if there is none to be had.

    What its shards took is added to `effort` when they have ended.
    """
    spread = plan.spread
    if spread.cluster is None:
        from loadtest.distributed.processes import processes

        shards = processes(spread.processes)
    else:
        from loadtest.distributed.dask_cluster import workers

        shards = workers(spread.cluster)
    async with shards as remotes:
        fleet = Fleet(plan, remotes, emit, fail, own_clocks=spread.cluster is not None)
        await fleet.open(connection)
        try:
            async with fleet.at_work():
                yield fleet
        finally:
            effort.start_spreads_ns = fleet.start_spreads_ns
            for member in fleet.members:
                effort.add(member.share, member.effort)
