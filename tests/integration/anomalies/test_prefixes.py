"""Wherever the history of a run on a correct server is cut, event by event: what is left is never called violated."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from loadtest.checker import Checker, Status
from loadtest.errors import LoadTestError
from loadtest.events import Event
from loadtest.run import Ended
from loadtest.workload.backoff import Backoff
from loadtest.workload.faults import Delay, DropAnswer, Error500, Faults, Reset, Uniform
from loadtest.workload.spec import Load, Race, Spread
from tests.integration.anomalies.kinds import CORRECT, STRATEGIES, Kind
from tests.integration.anomalies.running import events_of, execute, models_read_once
from tests.integration.anomalies.server import Server
from tests.integration.anomalies.truth import first_difference

_RUNS = 50
_SHORT = 10
_FAULTS = Faults(
    faults=(
        DropAnswer(rate=0.1),
        Error500(rate=0.1),
        Reset(rate=0.1),
        Delay(time=Uniform(0.0, 0.004), where="request"),
        Delay(time=Uniform(0.0, 0.004)),
    )
)


def begun(run: Callable[[], Ended]) -> Ended:
    """A run that placed an order, tried anew where a busy machine had let all of its time pass before the first."""
    for _ in range(4):
        try:
            return run()
        except LoadTestError as error:
            if not str(error).startswith("no order came"):
                raise
    return run()


def recorded(seed: int, kind: Kind, strategy: str, runs_dir: Path) -> list[Event]:
    """The history of a small run; one of ten has the tool's own faults, another of ten several processes."""
    random = Random(seed)
    faults = _FAULTS if seed % 10 == 3 else None
    spread = Spread(processes=2 if seed % 10 == 7 else 1)
    server = Server(kind.make(), seed=seed, quantity=random.choice((0, 5, 20)))
    if seed % 2:
        orders = random.randint(5, 12)
        asked: Race | Load = Race(
            number_of_requests=orders, concurrency=orders, rounds=random.randint(1, 4), stock=random.randint(1, 4)
        )
    else:
        asked = Load(concurrency=4, duration_s=0.06, stock=random.choice((4, 1000)), restock=random.random() < 0.6)
    more = {"strategy": strategy, "units": random.choice((1, 1, 2)), "attempts": random.choice((1, 3))}
    asked = replace(asked, **more, backoff=Backoff.NONE, seed=seed, spread=spread)
    with models_read_once():
        ended = begun(lambda: asyncio.run(execute(server, asked, runs_dir, faults)))
    assert first_difference(server) is None
    assert ended.error is None, ended.error
    return events_of(ended)


def violated_after(events: list[Event]) -> list[tuple[int, str]]:
    """At which lengths the beginning of the history is called violated, and why."""
    found = []
    for length in range(1, len(events) + 1):
        checker = Checker()
        for event in events[:length]:
            checker(event)
        verdict = checker.verdict()
        if verdict.status is Status.VIOLATED:
            found.append((length, verdict.sentence))
    return found


@pytest.mark.parametrize("seed", [pytest.param(n, marks=[] if n < _SHORT else pytest.mark.slow) for n in range(_RUNS)])
def test_no_beginning_of_a_history_of_a_correct_server_is_violated(seed: int, tmp_path: Path) -> None:
    strategy = STRATEGIES[seed % len(STRATEGIES)]
    kinds = [kind for kind in CORRECT if strategy in kind.strategies]
    events = recorded(seed, kinds[seed // len(STRATEGIES) % len(kinds)], strategy, tmp_path)
    assert violated_after(events) == [], tmp_path
