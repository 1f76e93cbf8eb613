"""One probe from the preparation of the target to the document."""

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import anyio

from loadtest.dynamo import setup
from loadtest.dynamo.client import Connection, DynamoDBClient, connect
from loadtest.errors import LoadTestError, TargetError
from loadtest.probe import atomicity, connections, features, reads
from loadtest.probe import questions as q
from loadtest.probe.bill import bill
from loadtest.probe.document import SCHEMA, Finding, Probe, Shown
from loadtest.probe.subject import Subject
from loadtest.summary import environment
from loadtest.targets import Target, TargetKind, opened

Ask = Callable[[Subject], Awaitable[Finding]]
_QUESTIONS: tuple[tuple[q.Question, Ask], ...] = (
    (q.CONDITIONAL, atomicity.conditional_update),
    (q.CONSISTENT_READS, reads.consistent),
    (q.ALL_OLD, features.all_old),
    (q.TRANSACTIONS, features.exists),
    (q.TRANSACTION_ATOMIC, atomicity.transactions),
    (q.TOKEN, features.token),
    (q.READ_CAPACITY, features.read_capacity),
    (q.WRITE_CAPACITY, features.write_capacity),
    (q.LATENCY, reads.latency_floor),
    (q.CLOCK, connections.clock),
    (q.KEEP_ALIVE, connections.keep_alive),
)


async def probe(
    target: Target,
    bursts: Sequence[int],
    say: Callable[[str], None],
    asking: Callable[[str], None],
    interrupt: Callable[[], Awaitable[str]],
) -> Probe:
    """Ask all questions, the ones about so many connections at once last.

    `say` hears what it is about to cost, `asking` each question before it is asked. `interrupt` returns, with the
    signal's name, when the probe shall stop: what was found until then is in the document. Raises LoadTestError if the
    target cannot be asked at all. Whatever was put into the table is deleted in every case.
    """
    probing = _Probing(target, bursts, say, asking)
    started_at, started_s = datetime.now(UTC), time.monotonic()
    await probing.until(interrupt)
    if probing.error is not None:
        raise probing.error
    fit, sentence = judge(probing.findings, probing.signal)
    return Probe(
        schema=SCHEMA,
        started_at=started_at.isoformat(timespec="seconds"),
        completed=probing.signal is None,
        stopped_by=probing.signal,
        fit=fit,
        sentence=sentence,
        findings=probing.findings,
        requests=dict(sorted(probing.requests.items())),
        left_behind=probing.left_behind,
        duration_s=round(time.monotonic() - started_s, 3),
        environment=environment(target.kind, probing.endpoint_url),
    )


class _Probing:
    """A probe under way."""

    def __init__(
        self, target: Target, bursts: Sequence[int], say: Callable[[str], None], asking: Callable[[str], None]
    ) -> None:
        self.findings: list[Finding] = []
        self.requests: dict[str, int] = {}
        self.left_behind: list[str] = []
        self.endpoint_url = ""
        self.signal: str | None = None
        self.error: LoadTestError | None = None
        self._target, self._bursts, self._say, self._asking = target, bursts, say, asking
        self._scope = anyio.CancelScope()

    async def until(self, interrupt: Callable[[], Awaitable[str]]) -> None:
        """Ask until all is asked, a signal comes, or an error, which is then in `error`."""

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
        async with opened(self._target, 1) as connection, connect(connection.patient()) as clerk:
            self.endpoint_url = clerk.meta.endpoint_url
            await _prepare(self._target, clerk, connection)
            if self._target.kind is TargetKind.AWS:
                self._say(bill(self._bursts))
            subject = Subject(connection, clerk)
            try:
                await self._ask_all(subject)
            finally:
                await subject.clean()
                self.requests, self.left_behind = dict(subject.requests), subject.left_behind

    async def _ask_all(self, subject: Subject) -> None:
        asked = list(_QUESTIONS)
        asked += [(q.burst(size), partial(connections.at_once, connections=size)) for size in self._bursts]
        for question, ask in asked:
            self._asking(question.name)
            self.findings.append(await ask(subject))


async def _prepare(target: Target, clerk: DynamoDBClient, connection: Connection) -> None:
    """Make the embedded server's table; refuse one that is not fit, not ours, or no DynamoDB's."""
    try:
        if target.kind is TargetKind.EMBEDDED:
            await setup.create_table(clerk, connection)
        table = setup.require_usable(await setup.describe_table(clerk, connection), connection)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise TargetError(
            f"the server {connection.where} answers as no DynamoDB does ({type(error).__name__}: {error})"
        ) from error
    setup.require_ours(table, connection, allow_untagged=target.allow_untagged_table)


def judge(findings: Sequence[Finding], signal: str | None) -> tuple[bool | None, str]:
    """Whether the target is fit, None if that was not shown, and the sentence that says so."""
    by_name = {finding.question: finding for finding in findings}
    broken = [by_name[name] for name in q.DECISIVE if name in by_name and by_name[name].answer is Shown.NO]
    if broken:
        return False, "not fit to judge: " + "; ".join(f"{one.question}: no ({one.basis})" for one in broken)
    if signal is not None:
        return None, f"not known: stopped by {signal} after {len(findings)} questions"
    open_ = [by_name[name] for name in q.REQUIRED if by_name[name].answer is Shown.NOT_SHOWN]
    if open_:
        return None, "not known: " + "; ".join(f"{one.question}: not shown ({one.seen})" for one in open_)
    races, reads_ = by_name[q.CONDITIONAL.name].figures, by_name[q.CONSISTENT_READS.name].figures
    return True, (
        f"fit to judge, as far as shown: no two winners in {races['contested']:,.0f} races, "
        f"no stale read in {reads_['reads']:,.0f}"
    )
