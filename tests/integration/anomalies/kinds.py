"""Which anomalies there are, where each can happen, and what a history has to show of it."""

from collections.abc import Callable, Sequence
from enum import Enum

from msgspec import Struct

from tests.integration.anomalies import answers, events, writes
from tests.integration.anomalies.server import LOST, Anomaly
from tests.integration.anomalies.store import THROTTLED, error

STRATEGIES = ("version", "conditional", "transaction")
NUMBERED = ("version", "conditional")  # whose answers show version, quantity and name
COUNTED = ("conditional", "transaction")  # that take units from whatever there is
TRANSACTION = ("transaction",)
RACE, LOAD, RESTOCKED = "race", "load", "restocked"
BOTH = (RACE, LOAD)
EACH = (RACE, LOAD, RESTOCKED)


class Shows(Enum):
    """What a history has of an anomaly that happened and was looked at afterwards."""

    ALWAYS = "always"
    OFTEN = "often"  # it depends on what others saw and did: the tests count it
    NEVER = "never"  # it is none: a correct server does it, too


class Kind(Struct, frozen=True):
    """An anomaly, the strategies and workloads that it is tried with, and for which of them it always shows.

    `tells` are the strategies with which the history also tells whose write it was, where nothing is restocked. `waits`
    says that the tool looks for lost writes for seconds; `twice` that one write makes two versions, so that the history
    tells whose it was if both were shown to anybody; `stranger` that the verdict has to say that somebody else may have
    written. An order makes at most so many `attempts`.
    """

    name: str
    make: Callable[[], Anomaly]
    strategies: Sequence[str] = STRATEGIES
    workloads: Sequence[str] = BOTH
    shows: Shows = Shows.ALWAYS
    often: Sequence[str] = ()  # strategies with which it shows only often, though else always
    tells: Sequence[str] = ()
    waits: bool = False
    twice: bool = False
    stranger: bool = False
    attempts: int = 3

    def always_shows(self, strategy: str) -> bool:
        """Whether no run of that strategy in which it happened may be called safe."""
        return self.shows is Shows.ALWAYS and strategy not in self.often

    def tells_whose(self, strategy: str, workload: str) -> bool:
        """Whether the history of every such run tells whose write it was."""
        return strategy in self.tells and workload != RESTOCKED


def _plain(anomaly: Anomaly) -> Callable[[], Anomaly]:
    return lambda: anomaly


_ROUNDS = 6  # of how many of the tool's own reads one is chosen
OWN_SHARE = 0.25
CONFLICT = "TransactionConflictException"
_500 = error("InternalServerError", 500)

KINDS = (
    # The versions that were made are fewer than the writes that were confirmed: the last read tells.
    Kind("accepted and not applied", _plain(answers.accepted_not_applied), workloads=EACH, tells=STRATEGIES),
    Kind("rollback", events.RolledBack, workloads=EACH, tells=NUMBERED),
    Kind("rollback between rounds", lambda: events.between_rounds(events.RolledBack(_ROUNDS)), workloads=(RACE,)),
    # Which of two copies lasts is seen only afterwards.
    Kind("split brain", events.SplitBrain),
    Kind(
        "record without take",
        _plain(writes.half_of_transaction(lambda key: key.startswith("order#"))),
        TRANSACTION,
        EACH,
    ),
    # More versions than writes that were confirmed, and none whose answer was lost.
    Kind("failed and applied", _plain(answers.applied_and_told(error("ValidationException"))), workloads=EACH),
    Kind("throttled and applied", _plain(answers.applied_and_told(error(THROTTLED[0]))), attempts=1),
    Kind("conflict and applied", _plain(answers.applied_and_told(error(CONFLICT))), workloads=EACH, attempts=1),
    # A transaction finds its own record when it is tried again, and is rightly accepted then.
    Kind(
        "conflict and applied, tried again",
        _plain(answers.applied_and_told(error(CONFLICT))),
        workloads=EACH,
        often=TRANSACTION,
    ),
    Kind("applied twice", _plain(writes.applied_twice), COUNTED, EACH, twice=True),
    # With `version` the write puts back what it had put before, and what was written since is gone.
    Kind("applied again later", writes.AppliedAgainLater, twice=True),
    Kind("token replayed", writes.TokenReplayed, TRANSACTION, EACH, twice=True),
    Kind(
        "somebody else writes",
        _plain(events.written_by_somebody_else(quantity=-1, version=1, last_order="them")),
        stranger=True,
    ),
    Kind("somebody else writes without a name", _plain(events.written_by_somebody_else(quantity=-1, version=1))),
    Kind(
        "somebody else writes between rounds",
        lambda: events.between_rounds(events.written_by_somebody_else(_ROUNDS, quantity=1, version=1)),
        workloads=(RACE,),
    ),
    Kind("version skipped", _plain(writes.altered(writes.version_skipped)), workloads=EACH, tells=NUMBERED),
    Kind("version kept", _plain(writes.altered(writes.version_kept)), workloads=EACH, tells=NUMBERED),
    Kind("created again", _plain(events.created_again), stranger=True),
    # The order's name, or its record, contradicts what it was told. Answers of transactions show no name.
    Kind("answers swapped", answers.AnswersSwapped, tells=STRATEGIES),
    Kind("refused by itself", _plain(answers.refused_by_itself), workloads=EACH, tells=STRATEGIES),
    Kind(
        "take without record",
        _plain(writes.half_of_transaction(lambda key: not key.startswith("order#"))),
        TRANSACTION,
        EACH,
        tells=TRANSACTION,
    ),
    Kind("name kept", _plain(writes.altered(writes.name_kept)), often=TRANSACTION, tells=NUMBERED),
    # What a refusal shows meets the condition that it says was not met.
    Kind("refused and applied", _plain(answers.refused_and_applied), tells=STRATEGIES),
    Kind("spurious refusal", _plain(answers.spurious_refusal), tells=STRATEGIES),
    Kind("refusal shows an old item", _plain(answers.refusal_shows_old_item), tells=STRATEGIES),
    # The order's own read after it shows stock, if nobody has taken it meanwhile; `version` does not look.
    Kind("refusal that shows nothing", _plain(answers.blind_refusal), shows=Shows.OFTEN, tells=COUNTED),
    # Two writes of one version, or a quantity below zero.
    Kind("condition ignored", _plain(writes.condition_ignored), tells=NUMBERED),
    Kind("checked before", _plain(writes.checked_before), tells=NUMBERED),
    Kind("computed before", _plain(writes.computed_before), tells=NUMBERED),
    Kind("below zero", _plain(writes.altered(writes.below_zero)), tells=NUMBERED),
    # The stock is less than what was taken; with `version` everybody sees by whose write.
    Kind("units doubled", _plain(writes.altered(writes.units_doubled)), workloads=EACH, tells=NUMBERED),
    # Somebody saw a version, or its quantity, that does not go with this.
    Kind("torn read", _plain(answers.torn_read), ("version",), tells=("version",)),
    Kind("torn refusal", _plain(answers.refusal_shows_torn_item)),
    Kind("stale read", _plain(answers.stale_read), ("version",), EACH, Shows.OFTEN),
    Kind("acknowledged early", _plain(answers.acknowledged_early), shows=Shows.OFTEN),
    # With `version` it may put back the very version that somebody else has made, unseen before the next.
    Kind("ghost write", _plain(writes.ghost_write), often=("version",), waits=True),
    # The tool's own writes have versions like all others.
    Kind("own write lost", _plain(writes.own_write_lost), workloads=(RACE, RESTOCKED)),
    Kind("own write applied twice", _plain(writes.own_write_applied_twice), workloads=(RESTOCKED,)),
    Kind("own write again later", lambda: writes.AppliedAgainLater(own=True), workloads=(RACE, RESTOCKED)),
)

CORRECT = (
    Kind("nothing", _plain(answers.answered_otherwise(_500, 0.0)), workloads=EACH, shows=Shows.NEVER),
    Kind(
        "500 and applied", _plain(answers.answered_otherwise(_500, 0.1)), workloads=EACH, shows=Shows.NEVER, waits=True
    ),
    Kind(
        "lost and applied", _plain(answers.answered_otherwise(LOST, 0.1)), workloads=EACH, shows=Shows.NEVER, waits=True
    ),
    Kind(
        "500 and not applied",
        _plain(answers.answered_otherwise(_500, 0.1, applied=False)),
        shows=Shows.NEVER,
        waits=True,
    ),
    Kind("applied late", _plain(answers.applied_late), workloads=EACH, shows=Shows.NEVER, waits=True),
    Kind("resent", _plain(answers.resent), TRANSACTION, EACH, shows=Shows.NEVER),
    Kind(
        "throttled",
        _plain(answers.answered_otherwise(error("ThrottlingException"), 0.2, applied=False)),
        workloads=EACH,
        shows=Shows.NEVER,
    ),
    Kind(
        "own write answered 500 and applied",
        _plain(answers.answered_otherwise(_500, OWN_SHARE, own=True)),
        workloads=EACH,
        shows=Shows.NEVER,
    ),
    Kind(
        "own write answered 500 and not applied",
        _plain(answers.answered_otherwise(_500, OWN_SHARE, own=True, applied=False)),
        workloads=EACH,
        shows=Shows.NEVER,
    ),
    Kind(
        "own write lost and applied",
        _plain(answers.answered_otherwise(LOST, OWN_SHARE, own=True)),
        workloads=EACH,
        shows=Shows.NEVER,
    ),
)
