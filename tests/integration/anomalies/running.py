"""Runs of the tool against a server of this package, in this process and on one event loop, and what came of each."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import anyio
import msgspec
import pytest
from botocore.loaders import JSONFileLoader
from msgspec import Struct
from msgspec.structs import replace

from loadtest.checker import Status, Violation
from loadtest.errors import LoadTestError
from loadtest.events import Event
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.records.history import read_history
from loadtest.run import Ended, run
from loadtest.workload.backoff import Backoff
from loadtest.workload.faults import Faults
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import Target, TargetKind
from tests.helpers.scripted_server import Scripted
from tests.integration.anomalies.kinds import LOAD, RACE, Kind, Shows
from tests.integration.anomalies.server import Server
from tests.integration.anomalies.truth import (
    first_difference,
    looked_at,
    orders_hit,
    readers_of,
    seen_newer_before,
    shown_at_two_versions,
)

_ANOTHER = re.compile("(somebody|someone) else|another (writer|program|run)|(external|foreign)_write")
_NAMED_FIRST = 3  # orders: the culprit has to be among them


class Quiet:
    """A watcher that looks away."""

    def show(self, recorder: Recorder, overhead: ClientOverhead) -> None:
        """Nothing."""

    def announce(self, sentence: str) -> None:
        """Nothing."""

    def hide(self) -> None:
        """Nothing."""

    def chore(self, what: str, done: int, of: int) -> None:
        """Nothing."""


class Case(Struct, frozen=True):
    """One anomaly in one run."""

    kind: Kind
    strategy: str
    workload: str
    seed: int

    def __str__(self) -> str:
        return f"{self.kind.name}, {self.strategy}, {self.workload}, seed {self.seed}"


class Seen(Struct, frozen=True):
    """What came of a case, by the server's log and by the tool.

    `happened` is whether the server did anything wrong, `shown` whether the history must show it, `told` whether it
    must tell whose write it was, `named` whether an order that it was about is among the first that a violation names
    (None: it was about none), `blames_others` whether the verdict says that somebody else may have written. `error` is
    what stopped the run, if something did; `folder` is None if no order came.
    """

    case: Case
    happened: bool
    shown: bool
    told: bool
    verdict: Status
    named: bool | None
    blames_others: bool
    error: str = ""
    sentence: str = ""
    folder: Path | None = None

    @property
    def green(self) -> bool:
        """Whether the tool said that all was well."""
        return self.verdict is Status.SAFE and not self.error

    @property
    def faults(self) -> list[str]:
        """What the tool got wrong."""
        kind, violated = self.case.kind, self.verdict is Status.VIOLATED
        silent = not self.green and not self.blames_others
        found = {
            "false safe": self.shown and self.green,
            "false violated": violated and not self.happened,
            "culprit not named first": self.told and violated and self.named is False,
            "no word of another writer": self.shown and kind.stranger and silent,
            "stopped for nothing": bool(self.error) and kind.shows is Shows.NEVER,
        }
        return [fault for fault, is_so in found.items() if is_so]

    def __str__(self) -> str:
        return f"{self.case}: {', '.join(self.faults) or 'right'}: {self.sentence or self.error} ({self.folder})"


def observe(case: Case, runs_dir: Path) -> Seen:
    """Run it, and hold the verdict against the log."""
    random = Random(crc32(str(case).encode()))
    server = Server(case.kind.make(), seed=random.randrange(1 << 30), quantity=random.choice((0, 5, 30)))
    with models_read_once():
        return asyncio.run(_observe(case, server, random, runs_dir))


async def execute(server: Server, asked: Race | Load, runs_dir: Path, faults: Faults | None = None) -> Ended:
    """Run it against the server while that is up. Raises LoadTestError if the run ends before its first order."""
    async with Scripted(server.serve) as listening:
        target = Target(kind=TargetKind.ENDPOINT, endpoint_url=listening.url)
        try:
            return await run(replace(asked, target=target, faults=faults), runs_dir, Quiet(), _no_interrupt)
        finally:
            await server.close()


async def _observe(case: Case, server: Server, random: Random, runs_dir: Path) -> Seen:
    try:
        ended = await execute(server, plan(case, random), runs_dir)
    except LoadTestError as error:
        return Seen(
            case, first_difference(server) is not None, False, False, Status.INCONCLUSIVE, None, False, str(error)
        )
    events = events_of(ended)
    verdict = ended.report.verdict
    hit = orders_hit(server, events) if server.fired else set()
    return Seen(
        case,
        first_difference(server) is not None,
        _shows(case, server, events),
        _tells(case, server),
        Status(verdict.status),
        _named(verdict.violations, hit) if hit else None,
        _blames_others(ended),
        str(ended.error or ""),
        verdict.sentence,
        ended.folder,
    )


async def _no_interrupt() -> str:
    await anyio.sleep_forever()
    raise AssertionError("for ever is over")


def _shows(case: Case, server: Server, events: list[Event]) -> bool:
    if not looked_at(server, events):
        return False
    if case.kind.name == "stale read":
        reads = readers_of(server.fired[0], events)
        return len(reads) == 1 and seen_newer_before(events, reads[0])
    return case.kind.always_shows(case.strategy)


def _tells(case: Case, server: Server) -> bool:
    kind = case.kind
    return kind.tells_whose(case.strategy, case.workload) or (kind.twice and shown_at_two_versions(server))


@contextmanager
def models_read_once() -> Iterator[None]:
    """The SDK reads the same files again for each client, which would take as long as a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: _model(path))
        yield


_load_file = JSONFileLoader.load_file


@cache
def _model(path: str) -> Any:
    return _load_file(JSONFileLoader(), path)


def _named(violations: Sequence[Violation], hit: set[str]) -> bool:
    first: Sequence[str] = next((violation.orders for violation in violations if violation.orders), ())
    return not hit.isdisjoint(first[:_NAMED_FIRST])


def _blames_others(ended: Ended) -> bool:
    said = f"{msgspec.json.encode(ended.report.verdict).decode()} {ended.error or ''}"
    return _ANOTHER.search(said) is not None


def events_of(ended: Ended) -> list[Event]:
    """The history of a run."""
    return list(read_history(ended.folder / "history.jsonl"))


def plan(case: Case, random: Random) -> Race | Load:
    """What the tool is asked to do: some ten orders for few units again and again, or some dozens over time."""
    if case.workload == RACE:
        orders = random.randint(5, 12)
        asked: Race | Load = Race(number_of_requests=orders, concurrency=orders, rounds=4, stock=random.choice((1, 3)))
    elif case.workload == LOAD:
        asked = Load(concurrency=6, duration_s=0.15, stock=random.choice((12, 1000)))
    else:
        asked = Load(concurrency=6, duration_s=0.2, stock=10, restock=True)
    return replace(asked, strategy=case.strategy, attempts=case.kind.attempts, backoff=Backoff.NONE, seed=case.seed)
