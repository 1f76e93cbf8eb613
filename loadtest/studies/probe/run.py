"""One probe from the preparation of the target to the document."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import anyio
from msgspec import Struct

from loadtest.dynamodb import admin
from loadtest.dynamodb.client import Connection, DynamoDBClient, connect
from loadtest.errors import InterruptedRunError, LoadTestError
from loadtest.measure.summary import environment
from loadtest.studies.probe import atomicity, connections, features, reads
from loadtest.studies.probe import questions as q
from loadtest.studies.probe.document import SCHEMA, Finding, Probe
from loadtest.studies.probe.judgement import judge
from loadtest.studies.probe.subject import Subject, under_question, understood
from loadtest.targets import opened
from loadtest.workload.target import Target, TargetKind

Ask = Callable[[Subject], Awaitable[Finding]]
_A_FEW_S = 0.1  # a request or two
_QUESTIONS: tuple[tuple[q.Question, Ask, float], ...] = (  # each with its limit of time
    (q.CONDITIONAL, atomicity.conditional_update, atomicity.RACES_WITHIN_S),
    (q.CONSISTENT_READS, reads.consistent, reads.WRITES_WITHIN_S),
    (q.ALL_OLD, features.all_old, _A_FEW_S),
    (q.TRANSACTIONS, features.exists, _A_FEW_S),
    (q.TRANSACTION_ATOMIC, atomicity.transactions, atomicity.TRANSACTIONS_WITHIN_S),
    (q.TOKEN, features.token, _A_FEW_S),
    (q.READ_CAPACITY, features.read_capacity, _A_FEW_S),
    (q.WRITE_CAPACITY, features.write_capacity, _A_FEW_S),
    (q.LATENCY, reads.latency_floor, 2 * reads.TIMED_WITHIN_S),
    (q.CLOCK, connections.clock, connections.CLOCK_FOR_S),
    (q.KEEP_ALIVE, connections.keep_alive, _A_FEW_S),
)


class Step(Struct, frozen=True):
    """A question that is asked next: its number `of` how many, and how long it and the rest take at most."""

    question: str
    number: int
    of: int
    left_s: float


class Probed(Struct, frozen=True):
    """A probe that has ended: the document, and the signal or the error that stopped it early."""

    probe: Probe
    signal: str | None
    error: LoadTestError | None


async def probe(
    target: Target,
    bursts: Sequence[int],
    begin: Callable[[], None],
    asking: Callable[[Step], None],
    interrupt: Callable[[], Awaitable[str]],
) -> Probed:
    """Ask all questions, last those about so many connections at once.

    `begin` is called when the target is ready, `asking` hears each question before it is asked. `interrupt` returns,
    with the signal's name, when the probe shall stop. What was put into the table is deleted in every case. Raises
    LoadTestError if it ends before a question is answered.
    """
    started_at, started_s = datetime.now(UTC), time.monotonic()
    probing = _Probing(target, bursts, begin, asking)
    await probing.until(interrupt)
    signal, error = probing.signal, probing.error
    subject = probing.subject
    if subject is None or not probing.findings:
        raise error or InterruptedRunError(f"stopped by {signal} before the first question was answered")
    stopped_by = signal or (str(error) if error else None)
    fit, sentence = judge(probing.findings, stopped_by)
    found = Probe(
        schema=SCHEMA,
        started_at=started_at.isoformat(timespec="seconds"),
        completed=stopped_by is None,
        stopped_by=stopped_by,
        fit=fit,
        sentence=sentence,
        findings=probing.findings,
        requests=dict(sorted(subject.requests.items())),
        left_behind=subject.left_behind,
        duration_s=round(time.monotonic() - started_s, 3),
        environment=environment(target.kind, probing.endpoint_url),
    )
    return Probed(found, signal, error)


class _Probing:
    """A probe under way."""

    def __init__(
        self, target: Target, bursts: Sequence[int], begin: Callable[[], None], asking: Callable[[Step], None]
    ) -> None:
        self.findings: list[Finding] = []
        self.subject: Subject | None = None
        self.endpoint_url = ""
        self.signal: str | None = None
        self.error: LoadTestError | None = None
        self._target, self._bursts, self._begin, self._asking = target, bursts, begin, asking
        self._scope = anyio.CancelScope()

    async def until(self, interrupt: Callable[[], Awaitable[str]]) -> None:
        """Ask until all is asked, a signal comes, which is then in `signal`, or an error, which is then in `error`."""

        async def wait() -> None:
            self.signal = await interrupt()
            self._scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            with self._scope:
                try:
                    await self._on_target()
                except LoadTestError as error:
                    self.error = error
            tasks.cancel_scope.cancel()

    async def _on_target(self) -> None:
        async with opened(self._target, 1) as connection, connect(connection.patient()) as admin_client:
            self.endpoint_url = admin_client.meta.endpoint_url
            await _prepare(self._target, admin_client, connection)
            self._begin()
            async with under_question(connection, admin_client) as self.subject:
                await self._ask_all(self.subject)

    async def _ask_all(self, subject: Subject) -> None:
        asked = list(_questions(self._bursts))
        for number, (question, ask, _) in enumerate(asked, 1):
            left_s = sum(limit_s for *_, limit_s in asked[number - 1 :])
            self._asking(Step(question.name, number, len(asked), left_s))
            self.findings.append(await ask(subject))


def _questions(bursts: Sequence[int]) -> Iterator[tuple[q.Question, Ask, float]]:
    yield from _QUESTIONS
    for size in bursts:
        yield q.burst(size), partial(connections.at_once, connections=size), connections.BURST_WITHIN_S


def longest_s(bursts: Sequence[int]) -> float:
    """How long all questions take at most, if the target is not so slow that the fewest tries take longer."""
    return sum(limit_s for *_, limit_s in _questions(bursts))


async def _prepare(target: Target, admin_client: DynamoDBClient, connection: Connection) -> None:
    """Make the embedded server's table; refuse one that is not fit, not ours, or no DynamoDB's."""
    if target.kind is TargetKind.EMBEDDED:
        await admin.create_table(admin_client, connection)
    with understood(connection):
        table = admin.require_usable(await admin.describe_table(admin_client, connection), connection)
    admin.require_ours(table, connection, allow_untagged=target.allow_untagged_table)
