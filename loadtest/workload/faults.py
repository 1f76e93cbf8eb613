"""A fault scenario: which faults meet which requests, in what share and when. Pure; `loadtest.faults.proxy` makes them.

`loadtest.faults.reading` reads them from a file; `docs/how-to/inject-faults.md` describes them. msgspec checks the
bounds that the types name, and what a `__post_init__` says, wherever faults are read.
"""

from math import exp, log
from random import Random
from typing import Annotated, Literal

from msgspec import Meta, Struct

OperationName = Literal["GetItem", "UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems"]
Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0)]
WriteUnits = Annotated[float, Meta(gt=0, le=1_000_000_000)]

WRITES: tuple[OperationName, ...] = ("UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems")
OPERATIONS: tuple[OperationName, ...] = ("GetItem", *WRITES)
_P99 = 2.3263478740408408  # standard deviations of a normal distribution


class Fixed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="fixed"):
    """Always the same."""

    time_s: Seconds  #: always this

    def draw(self, random: Random) -> float:
        """Seconds of one delay."""
        del random
        return self.time_s


class Uniform(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="uniform"):
    """Anything between two ends alike."""

    least_s: Seconds
    most_s: Seconds

    def __post_init__(self) -> None:
        if self.most_s < self.least_s:
            raise ValueError("most must not be shorter than least")

    def draw(self, random: Random) -> float:
        """Seconds of one delay."""
        return random.uniform(self.least_s, self.most_s)


class Exponential(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="exponential"):
    """Mostly short, sometimes several times the mean."""

    mean_s: Seconds

    def draw(self, random: Random) -> float:
        """Seconds of one delay."""
        return random.expovariate(1.0) * self.mean_s


class Lognormal(Struct, frozen=True, forbid_unknown_fields=True, tag_field="distribution", tag="lognormal"):
    """Half below the median, one in a hundred above `p99_s`: the long tail of a busy network."""

    median_s: Seconds
    p99_s: Seconds

    def __post_init__(self) -> None:
        if not 0 < self.median_s <= self.p99_s:
            raise ValueError("median must be longer than 0, and p99 not shorter than it")

    def draw(self, random: Random) -> float:
        """Seconds of one delay."""
        return self.median_s * exp(random.gauss(0.0, 1.0) * log(self.p99_s / self.median_s) / _P99)


Distribution = Fixed | Uniform | Exponential | Lognormal


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all have: a share of the requests, from when to when since the first request, and of which operations."""

    rate: Share = 1.0  #: share of the requests that it meets, 0 to 1
    from_s: Seconds = 0.0  #: seconds after the first request of an order
    to_s: Seconds | None = None  #: the same; null: to the end
    #: only requests of these
    operations: Annotated[tuple[OperationName, ...], Meta(min_length=1)] = WRITES

    def __post_init__(self) -> None:
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError("to must be later than from")

    @property
    def kind(self) -> str:
        """Its name in files and reports."""
        return str(self.__struct_config__.tag)


class DropAnswer(Fault, frozen=True, kw_only=True, tag="drop_answer"):
    """The request is applied; the connection is closed without an answer."""


class Error500(Fault, frozen=True, kw_only=True, tag="error_500"):
    """The request is applied; the answer is InternalServerError."""


class Reset(Fault, frozen=True, kw_only=True, tag="reset"):
    """The connection is reset before the request is forwarded, or after it was applied."""

    when: Literal["before", "after"] = "after"


class HalfAnswer(Fault, frozen=True, kw_only=True, tag="half_answer"):
    """The request is applied; half of the answer's body comes, and then the connection is closed."""


class Duplicate(Fault, frozen=True, kw_only=True, tag="duplicate"):
    """The request is delivered twice, one after the other; the client gets one of the answers."""

    answer: Literal["first", "second"] = "second"


class Delay(Fault, frozen=True, kw_only=True, tag="delay"):
    """The request or its answer is held for a time."""

    time: Distribution
    operations: Annotated[tuple[OperationName, ...], Meta(min_length=1)] = OPERATIONS
    where: Literal["request", "answer"] = "answer"


class Throttle(Fault, frozen=True, kw_only=True, tag="throttle"):
    """Each item is a partition of its own: so many write units a second, and `burst` of them after a quiet time."""

    write_units: WriteUnits = 1000.0  #: a second, for each item
    burst: WriteUnits = 1000.0  #: units that a quiet item has saved at most

    def __post_init__(self) -> None:
        Fault.__post_init__(self)
        if "GetItem" in self.operations:
            raise ValueError("operations of a throttle are writes: it counts write units, and GetItem takes none")


AnyFault = DropAnswer | Error500 | Reset | HalfAnswer | Duplicate | Delay | Throttle


class Faults(Struct, frozen=True, kw_only=True):
    """All faults of a run in the order of the file. Without a seed of their own, the run's seed is theirs."""

    faults: tuple[AnyFault, ...]  #: in the order of the file; what is not given is left out
    seed: int | None = None  #: of the draws; null: the run's
