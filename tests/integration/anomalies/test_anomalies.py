"""The verdict of runs against a server with one anomaly at a time, held against the server's own log."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.anomalies.kinds import CORRECT, KINDS, Kind, Shows
from tests.integration.anomalies.running import Case, observe

_TRIES = 8  # runs, until the anomaly has happened in one of them


def cells() -> list[Any]:
    """Each kind with each strategy and workload that it can have; by default another one of them for each kind."""
    found = []
    for n, kind in enumerate((*KINDS, *CORRECT)):
        of_kind = [(strategy, workload) for strategy in kind.strategies for workload in kind.workloads]
        for at, (strategy, workload) in enumerate(of_kind):
            short = at == n % len(of_kind) and not kind.waits
            marks: list[pytest.MarkDecorator] = [] if short else [pytest.mark.slow]
            found.append(pytest.param(kind, strategy, workload, id=f"{kind.name}, {strategy}, {workload}", marks=marks))
    return found


@pytest.mark.parametrize(("kind", "strategy", "workload"), cells())
def test_the_verdict_is_what_the_log_of_the_server_says(
    kind: Kind, strategy: str, workload: str, tmp_path: Path
) -> None:
    for seed in range(_TRIES):
        seen = observe(Case(kind, strategy, workload, seed), tmp_path)
        assert not seen.faults, str(seen)
        if seen.happened or kind.shows is Shows.NEVER:
            return
    pytest.fail(f"it did not happen in {_TRIES} runs")
