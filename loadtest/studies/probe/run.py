"""One probe from the preparation of the target to its result."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from msgspec import Struct

from loadtest.dynamodb.client import connect
from loadtest.engine.prepare import make_ready
from loadtest.engine.stop import Interrupt, Stop
from loadtest.errors import InterruptedRunError, LoadTestError
from loadtest.measure.summary import environment
from loadtest.studies.probe import atomicity, connections, features, reads
from loadtest.studies.probe import questions as q
from loadtest.studies.probe.findings import SCHEMA, Finding, Probe
from loadtest.studies.probe.judgement import judge
from loadtest.studies.probe.subject import Subject, under_question, understood
from loadtest.targets import opened
from loadtest.workload.target import Target

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
    """A probe that has ended: its result, and the signal or the error that stopped it early."""

    probe: Probe
    signal: str | None
    error: LoadTestError | None


async def probe(
    target: Target,
    bursts: Sequence[int],
    begin: Callable[[], None],
    asking: Callable[[Step], None],
    interrupt: Interrupt,
) -> Probed:
    """Ask all questions, last those about so many connections at once.

    `begin` is called when the target is ready, `asking` hears each question before it is asked. `interrupt` returns,
    with the signal's name, when the probe shall stop. What was put into the table is deleted in every case. Raises
    LoadTestError if it ends before a question is answered.
    """
    started_at, started_s = datetime.now(UTC), time.monotonic()
    stop, probing = Stop(), _Probing(target, bursts, begin, asking)
    async with stop.until(interrupt):
        await probing.ask_all()
    signal, error = stop.signal, stop.error
    subject = probing.subject
    if subject is None or not probing.findings:
        raise error or InterruptedRunError(f"stopped by {signal} before the first question was answered")
    stopped_by = stop.reason
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
        self._target, self._bursts, self._begin, self._asking = target, bursts, begin, asking

    async def ask_all(self) -> None:
        """Ask until all is asked."""
        async with opened(self._target, 1) as connection, connect(connection.patient()) as admin_client:
            self.endpoint_url = admin_client.meta.endpoint_url
            with understood(connection):
                await make_ready(self._target, admin_client, connection)
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
