"""Both kinds of client on answers that a test makes up, without a server."""

# ruff: noqa: SLF001 - the answers are put in where the wire reads them from its connections
import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from aiobotocore.awsrequest import AioAWSResponse

from loadtest.dynamodb.wire import codec
from loadtest.dynamodb.wire.connection import Reply
from tests.helpers.wire_clients import STAMPS, Outcome, a_client, outcome

URL = "http://127.0.0.1:8000"
SENT_NS, RECEIVED_NS = 1, 2


class _Body:
    def __init__(self, data: bytes) -> None:
        self._data = data

    async def read(self) -> bytes:
        return self._data


class _Pool:
    """Stands for the connections: the next answer comes whatever is asked."""

    def __init__(self) -> None:
        self.reply: Reply | None = None

    async def request(self, _data: bytes) -> Reply:
        assert self.reply is not None
        return self.reply

    def close(self) -> None:
        """Nothing is open."""


class Canned:
    """A wire client and a stock client; both get the same answer."""

    def __init__(self) -> None:
        self._loop = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._pool = _Pool()
        self._response: AioAWSResponse | None = None

    def open(self) -> None:
        """Make both clients."""
        self._loop.run(self._open())

    async def _open(self) -> None:
        self._wire = await self._stack.enter_async_context(_unlimited(wired=True))
        self._sdk = await self._stack.enter_async_context(_unlimited(wired=False))
        for place in self._wire.wire.pools:
            self._wire.wire.pools[place] = self._pool
        self._sdk.meta.events.register_first("before-send.dynamodb", self._instead_of_sending)

    def close(self) -> None:
        """Close both."""
        self._loop.run(self._stack.aclose())
        self._loop.close()

    async def _instead_of_sending(self, **_: Any) -> AioAWSResponse | None:
        return self._response

    def both(
        self, operation: str, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[Outcome, Outcome]:
        """What the wire's and the SDK's client make of an answer. The wire's `Stamps` have been looked at."""
        given = {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "1", **(headers or {})}
        self._pool.reply = Reply(status, dict(given), body, SENT_NS, RECEIVED_NS)
        self._response = AioAWSResponse(URL, status, dict(given), _Body(body))
        return self._loop.run(self._by_wire(operation)), self._loop.run(self._by_sdk(operation))

    async def _by_wire(self, operation: str) -> Outcome:
        stamped: list[Any] = []

        async def call() -> Any:
            try:
                answer = await self._wire.call(operation, codec.EXAMPLES[operation])
            except self._wire.exceptions.ClientError as error:
                stamped.append(error.response["ResponseMetadata"][STAMPS])
                raise
            stamped.append(answer["ResponseMetadata"][STAMPS])
            return answer

        made = await _whatever(call())
        assert not self._wire.wire.served.sdk
        assert stamped in ([(SENT_NS, RECEIVED_NS)], []) or made.kind == "crash"
        return made

    async def _by_sdk(self, operation: str) -> Outcome:
        return await _whatever(self._sdk._make_api_call(operation, codec.EXAMPLES[operation]))


def _unlimited(*, wired: bool) -> Any:
    return a_client(URL, wired=wired, within_s=None)


async def _whatever(call: Any) -> Outcome:
    """An outcome also of what the SDK's parser does not expect: its exception."""
    try:
        return await outcome(call)
    except Exception as error:  # noqa: BLE001 - what it is is compared
        return Outcome("crash", type(error).__name__, None)


@contextmanager
def canned() -> Iterator[Canned]:
    """Both clients, open."""
    made = Canned()
    made.open()
    try:
        yield made
    finally:
        made.close()
