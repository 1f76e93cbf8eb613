"""Orders by a schedule on a server of known behaviour. Prints a line of JSON.

`python -m benchmarks.sustained rate|stall|memory URL SECONDS RATE`.
"""

import json
import sys
import tempfile
from pathlib import Path

import anyio

from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.run import run
from loadtest.system.file_limits import connections_that_fit
from loadtest.workload.spec import Load
from loadtest.workload.target import Target, TargetKind


class Follower:
    """Notes this process's memory while the run goes on."""

    def __init__(self) -> None:
        self.resident: list[tuple[float, int]] = []

    def show(self, recorder: Recorder, overhead: ClientOverhead) -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.resident.append((recorder.elapsed_s, pages * 4096))

    def announce(self, sentence: str) -> None:
        pass


def main() -> None:
    kind, url, seconds, rate = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    plan = Load(
        strategy="conditional",
        duration_s=seconds,
        warm_up_s=2.0,
        rate_per_s=rate,
        concurrency=connections_that_fit(10_000),
        target=Target(kind=TargetKind.ENDPOINT, endpoint_url=url),
    )
    follower = Follower()
    with tempfile.TemporaryDirectory() as folder:

        async def measure() -> str:
            ended = await run(plan, Path(folder), follower, anyio.sleep_forever, keep_history=kind != "memory")
            report = ended.report
            accepted, service = report.order_ms["accepted"], report.latency_ms["write"]["accepted"]
            fifth = [resident for elapsed_s, resident in follower.resident if elapsed_s >= seconds / 5]
            return json.dumps({
                "verdict": report.verdict.status,
                "due_per_s": report.arrivals.due_per_s,
                "achieved_per_s": report.arrivals.achieved_per_s,
                "dropped": report.orders.dropped,
                "late_p50_ms": report.arrivals.late_ms.p50,
                "late_p99_ms": report.arrivals.late_ms.p99,
                "p50_ms": accepted.p50,
                "p90_ms": accepted.p90,
                "p99_ms": accepted.p99,
                "p999_ms": accepted.p999,
                "max_ms": accepted.max,
                "service_max_ms": service.max,
                "cores": report.client.cpu_cores,
                "resident_at_fifth": fifth[0] if fifth else 0,
                "resident_at_end": follower.resident[-1][1],
            })  # fmt: skip

        sys.stdout.write(anyio.run(measure, backend_options={"use_uvloop": True}) + "\n")


if __name__ == "__main__":
    main()
