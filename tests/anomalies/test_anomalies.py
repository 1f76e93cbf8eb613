"""The verdict of runs against a server with one anomaly at a time, held against the server's own log."""

from pathlib import Path
from typing import Any

import pytest

from tests.anomalies.kinds import CORRECT, KINDS
from tests.anomalies.running import Case, observe


def cases() -> list[Any]:
    """Each kind with each strategy and workload that it can have; by default another one of them for each kind."""
    found = []
    for n, kind in enumerate((*KINDS, *CORRECT)):
        cells = [(strategy, workload) for strategy in kind.strategies for workload in kind.workloads]
        for at, (strategy, workload) in enumerate(cells):
            case = Case(kind, strategy, workload, seed=0)
            short = at == n % len(cells) and not kind.waits
            found.append(pytest.param(case, id=str(case), marks=[] if short else pytest.mark.slow))
    return found


@pytest.mark.parametrize("case", cases())
def test_the_verdict_is_what_the_log_of_the_server_says(case: Case, tmp_path: Path) -> None:
    seen = observe(case, tmp_path)
    assert not seen.faults, str(seen)
