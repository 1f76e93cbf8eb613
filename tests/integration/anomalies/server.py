"""A server that speaks DynamoDB's JSON protocol, keeps a log of all it did, and may have one anomaly."""

import asyncio
import json
import time
from binascii import crc32
from collections.abc import Awaitable, Callable
from random import Random

from msgspec import Struct

from tests.helpers.scripted_server import Peer, answer
from tests.integration.anomalies.expressions import Item
from tests.integration.anomalies.store import Answer, Call, Prepared, Store, product

PRODUCT = "p#4"
LOST: Answer = (0, {})  # in the place of an answer: the connection ends without one
_STATUS = {200: "200 OK", 400: "400 Bad Request", 500: "500 Internal Server Error"}

Anomaly = Callable[["Server", Call], Awaitable[Answer]]


class Entry(Struct, frozen=True):
    """What was done at one moment: whether the call was applied, what it was answered, all items after it.

    Without a call something changed that nobody had asked for. A call that is applied later has two entries.
    """

    at_ns: int
    call: Call | None
    applied: bool
    answer: Answer
    items: dict[str, Item]


class Fired(Struct, frozen=True):
    """The anomaly had an effect: when, on whose writes, and which item somebody was shown, if that was it."""

    at_ns: int
    names: tuple[str, ...] = ()
    shown: Item | None = None


class Server:
    """Serves each request after a short random pause, answers it after another; `anomaly` decides what happens between.

    All that is random comes from the seed. `log` has everything in the order in which it took effect, with all items
    each time: a server that is to last goes without (`logs`).
    """

    def __init__(
        self,
        anomaly: Anomaly | None = None,
        *,
        seed: int = 0,
        quantity: int = 5,
        pause_s: float = 0.002,
        logs: bool = True,
    ) -> None:
        self.random = Random(seed)
        self.store = Store({PRODUCT: product(quantity, version=self.random.randint(1, 9))})
        self.begun = self.store.copy()
        self.log: list[Entry] = []
        self.fired: list[Fired] = []
        self._anomaly = anomaly
        self._logs = logs
        self._pause_s = pause_s
        self._turn: int | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def serve(self, peer: Peer) -> None:
        """The script of every connection."""
        while request := await peer.request():
            call = Call(request.headers["x-amz-target"].rpartition(".")[2], json.loads(request.body))
            await self.pause()
            status, content = await self._anomaly(self, call) if self._anomaly else self.serve_now(call)
            await self.pause()
            if not status:
                peer.close()
                return
            sent = json.dumps(content).encode()
            peer.send(answer(sent, _STATUS[status], {"x-amz-crc32": str(crc32(sent))}))

    async def pause(self, factor: float = 1.0) -> None:
        """A random short time, in which others are served."""
        await asyncio.sleep(self.random.uniform(0, self._pause_s * factor))

    def turn(self, of: int) -> bool:
        """True once: at a random one of the first `of` moments that ask."""
        if self._turn is None:
            self._turn = self.random.randrange(of)
        self._turn -= 1
        return self._turn == -1

    def turn_again(self) -> None:
        """What was begun at the turn came to nothing: the next moment that asks is it."""
        self._turn = 0

    def serve_now(self, call: Call, store: Store | None = None) -> Answer:
        """Do what is right."""
        return self.act((store or self.store).prepare(call), store=store)

    def act(
        self, prepared: Prepared, answer: Answer | None = None, *, apply: bool = True, store: Store | None = None
    ) -> Answer:
        """Do what was prepared, or, without `apply`, not; the answer, its own or another. The log knows."""
        store = store or self.store
        if apply:
            store.commit(prepared)
        given = answer or prepared.answer
        self._note(prepared.call, given, store, applied=apply)
        return given

    def tamper(self, items: dict[str, Item], *names: str) -> None:
        """Put other items in the place of all there are; that is the anomaly, of the writes of these names."""
        self.store.items = items
        self._note(None, LOST, self.store, applied=True)
        self.fire(*names)

    def fire(self, *names: str, shown: Item | None = None) -> None:
        """Note that the anomaly had its effect just now."""
        self.fired.append(Fired(time.perf_counter_ns(), names, shown))

    def later(self, act: Callable[[], None], least_s: float, most_s: float) -> None:
        """Do something after a random time."""

        async def wait() -> None:
            await asyncio.sleep(self.random.uniform(least_s, most_s))
            act()

        task = asyncio.get_running_loop().create_task(wait())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def close(self) -> None:
        """Forget what is still to be done later."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def _note(self, call: Call | None, given: Answer, store: Store, *, applied: bool) -> None:
        if self._logs:
            self.log.append(Entry(time.perf_counter_ns(), call, applied, given, dict(store.items)))
