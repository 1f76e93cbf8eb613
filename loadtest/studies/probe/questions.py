"""What is asked, and what each answer means for a verdict."""

from collections.abc import Mapping

from msgspec import Struct

from loadtest.studies.probe.findings import Finding, Shown


class Question(Struct, frozen=True, kw_only=True):
    """One question and the meaning of its answers; `fault` says in a few words that it does not hold."""

    name: str
    yes: str
    no: str
    not_shown: str = "nothing is known of it: do not rely on it"
    fault: str = ""

    def answered(
        self, answer: Shown, seen: str, basis: str = "", figures: Mapping[str, float] | None = None
    ) -> Finding:
        """The finding that this was answered."""
        meanings = {Shown.YES: self.yes, Shown.NO: self.no, Shown.NOT_SHOWN: self.not_shown}
        return Finding(
            question=self.name,
            answer=answer,
            basis=basis,
            seen=seen,
            meaning=meanings[answer],
            figures=dict(figures or {}),
        )

    def decided(self, holds: bool, seen: str, basis: str = "", figures: Mapping[str, float] | None = None) -> Finding:
        """The finding that this holds or does not."""
        return self.answered(Shown.YES if holds else Shown.NO, seen, basis, figures)


CONDITIONAL = Question(
    name="conditional UpdateItem is atomic",
    yes="if a run is violated, look at the strategy",
    no="two can win with any strategy: a run judges the server",
    not_shown="no verdict of a run can be believed",
    fault="conditional UpdateItem is not atomic",
)
CONSISTENT_READS = Question(
    name="consistent reads show the last write",
    yes="the stock read after a round can be believed",
    no="the stock read after a round may be old: no verdict can be believed",
    not_shown="no verdict of a run can be believed",
    fault="consistent reads are stale",
)
ALL_OLD = Question(
    name="a refused write shows the item (ALL_OLD)",
    yes="a refusal brings its own evidence",
    no="what refused a write takes another read, perhaps too late",
)
TRANSACTIONS = Question(
    name="TransactWriteItems exists",
    yes="the strategy transaction can run",
    no="every order of the strategy transaction fails: its runs are inconclusive",
)
TRANSACTION_ATOMIC = Question(
    name="TransactWriteItems is atomic",
    yes="if a run of transaction is violated, look at the order",
    no="two can win: a run of transaction judges the server",
    fault="TransactWriteItems is not atomic",
)
TOKEN = Question(
    name="ClientRequestToken is idempotent",
    yes="a transaction whose answer was lost can be sent again",
    no="sent again, a winner may be told that he lost, or win twice",
)
READ_CAPACITY = Question(
    name="reads report ConsumedCapacity",
    yes="none; the report has the server's read units",
    no="none; the report computes read units",
)
WRITE_CAPACITY = Question(
    name="accepted writes report ConsumedCapacity",
    yes="none; the report has the server's write units",
    no="none; the report computes write units",
)
LATENCY = Question(
    name="latency floor is known",
    yes="none; latency above it is load and contention",
    no="",  # never answered: a floor there is
)
CLOCK = Question(
    name="clock agrees to the second",
    yes="none; a run uses this machine's clock alone",
    no="none; but DynamoDB refuses signatures that are 5 minutes off",
    not_shown="none; a run uses this machine's clock alone",
)
KEEP_ALIVE = Question(
    name="keeps connections open",
    yes="orders of a burst meet at the server",
    no="a connection for every request: bursts spread out, fewer orders really race",
)


def burst(connections: int) -> Question:
    """Whether so many connections, opened at once, are served."""
    return Question(
        name=f"serves {connections:,} connections at once",
        yes="so many orders can be in flight",
        no="connections open late or never: lower --concurrency",
    )


DECISIVE = (CONDITIONAL, TRANSACTION_ATOMIC, CONSISTENT_READS)
REQUIRED = (CONDITIONAL, CONSISTENT_READS)
