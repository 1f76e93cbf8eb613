"""How often a comparison finds a difference where there is none, and one of ten percent. Prints a line of JSON.

`python -m benchmarks.differences URL OTHER_URL TIMES`: two cells of five runs each, interleaved, on the same server,
or on two of which the other is slower.
"""

import json
import sys
import tempfile
from pathlib import Path

import anyio

from loadtest.compare import compare
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.run import Ended, run
from loadtest.studies.sweep import Setting, sweep
from loadtest.workload.spec import Load, Race
from loadtest.workload.target import Target, TargetKind


class Nobody:
    """Follows a run and says nothing."""

    def show(self, recorder: Recorder, overhead: ClientOverhead) -> None:
        pass

    def announce(self, sentence: str) -> None:
        pass


async def _run(plan: Race | Load, folder: Path) -> Ended:
    return await run(plan, folder, Nobody(), anyio.sleep_forever, keep_history=False)


def _cell(name: str, url: str) -> Setting:
    target = Target(kind=TargetKind.ENDPOINT, endpoint_url=url)
    plan = Load(strategy="conditional", duration_s=1.0, warm_up_s=0.2, concurrency=20, target=target)
    return Setting({"server": name}, plan)


async def _compare(cells: list[Setting], seed: int) -> list[str]:
    """The metrics of which a real difference was found."""
    with tempfile.TemporaryDirectory() as folder:
        swept = await sweep(cells, 5, seed, Path(folder), _run, lambda _: None)
    comparison = compare(
        swept.repeats, comparison_id="", started_at="", completed=True, config={}, environment={}, seed=seed
    )
    return [one.metric for one in comparison.differences if one.real]


def main() -> None:
    url, other, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
    same = url == other
    cells = [_cell("a", url), _cell("a" if same else "b", other)]
    found = [anyio.run(_compare, cells, seed, backend_options={"use_uvloop": True}) for seed in range(times)]
    sys.stdout.write(json.dumps({"times": times, "found": sum(map(bool, found)), "metrics": found}) + "\n")


if __name__ == "__main__":
    main()
