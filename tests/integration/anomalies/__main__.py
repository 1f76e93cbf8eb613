"""Runs the whole catalogue and prints what was right: `python -m tests.integration.anomalies [SEEDS [KIND …]]`.

The folders of runs that were judged wrongly are kept, and named.
"""

import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from loadtest.checker import Status
from tests.integration.anomalies.kinds import CORRECT, KINDS, Kind
from tests.integration.anomalies.running import Case, Seen, observe


def main(seeds: int, names: list[str]) -> int:
    """The number of runs that were judged wrongly, at most 100."""
    folder = Path(tempfile.mkdtemp(prefix="loadtest-anomalies-"))
    wrong: list[Seen] = []
    print(f"{'':42} runs happened shown violated inconclusive safe named faults")
    for kind in (*KINDS, *CORRECT):
        if not names or kind.name in names:
            seen = [observe(case, folder) for case in _cases(kind, seeds)]
            wrong += [one for one in seen if one.faults]
            for one in seen:
                if one.folder is not None and not one.faults:
                    shutil.rmtree(one.folder)
            _print(kind, seen)
    for one in wrong:
        print(one)
    return min(100, len(wrong))


def _cases(kind: Kind, seeds: int) -> list[Case]:
    return [
        Case(kind, strategy, workload, seed)
        for strategy in kind.strategies
        for workload in kind.workloads
        for seed in range(seeds)
    ]


def _print(kind: Kind, seen: list[Seen]) -> None:
    happened = [one for one in seen if one.happened]
    verdicts = Counter(one.verdict for one in happened)
    named = [one.named for one in happened if one.named is not None and one.verdict is Status.VIOLATED]
    faults = Counter(fault for one in seen for fault in one.faults)
    print(
        f"{kind.name:42} {len(seen):4} {len(happened):8} {sum(one.shown for one in seen):5} "
        f"{verdicts[Status.VIOLATED]:8} {verdicts[Status.INCONCLUSIVE]:12} {verdicts[Status.SAFE]:4} "
        f"{sum(named):2}/{len(named):2} {', '.join(f'{count} {fault}' for fault, count in faults.items())}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, sys.argv[2:]))
