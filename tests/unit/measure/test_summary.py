from datetime import UTC, datetime

import pytest

from loadtest.checker import Checker
from loadtest.events import Kind, RoundEnded, RoundStarted
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.summary import summarize
from loadtest.records.report import Report
from loadtest.workload.spec import Race
from tests.helpers.shop_events import one_round, operation

SECOND_NS = 1_000_000_000


def report_of(overhead: ClientOverhead, *, service_ns: int, response_ns: int) -> Report:
    """A round of one second in which each operation took these times."""
    recorder, checker = Recorder(), Checker()
    for event in one_round():
        checker(event)
        if isinstance(event, RoundStarted):
            recorder(RoundStarted(event.round, event.product, event.orders, 0))
        elif isinstance(event, RoundEnded):
            recorder(RoundEnded(event.round, event.product_id, event.product, SECOND_NS))
    for _ in range(10):
        recorder(operation(scheduled_ns=0, sent_ns=0, received_ns=service_ns, ended_ns=response_ns))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    return summarize(
        recorder, checker.verdict(), overhead, Race(), run_id="r", started_at=now, stopped_by=None, environment={}
    )


def overhead(client: str, cores: float) -> ClientOverhead:
    made = ClientOverhead(client, "kernel")
    made.cpu_ns = int(cores * SECOND_NS)
    return made


@pytest.mark.parametrize(
    ("client", "cores", "own", "says"),
    [
        ("wire", 0.95, 0.6, "client-bound: this process used 95% of a core, and 60% of the response time was its own"),
        ("wire", 0.95, 0.6, "let fewer orders be under way, or more processes place them"),
        ("wire", 0.95, 0.1, None),  # busy, but nobody waited for it
        ("wire", 0.5, 0.6, None),  # a wait for a slot, with time to spare
        ("sdk", 0.95, 0.0, "use --client wire"),
        ("sdk", 0.5, 0.0, None),
    ],
)
def test_a_run_whose_bottleneck_was_the_tool_says_so(client: str, cores: float, own: float, says: str | None) -> None:
    report = report_of(overhead(client, cores), service_ns=int(1e6 * (1 - own)), response_ns=1_000_000)
    assert report.client.own_share == pytest.approx(own, abs=0.001)
    assert report.client.cpu_cores == pytest.approx(cores, abs=0.001)
    if says is None:
        assert report.client.bound is None
    else:
        assert says in str(report.client.bound)


def test_service_and_response_times_stand_side_by_side() -> None:
    report = report_of(overhead("wire", 0.1), service_ns=2_000_000, response_ns=5_000_000)
    assert report.latency_ms["write"]["accepted"].max == 2
    assert report.response_ms["write"]["accepted"].max == 5


def test_the_burst_is_from_the_first_to_the_last_first_write_of_a_round() -> None:
    recorder = Recorder()
    events = one_round()
    recorder(events[0])
    for sent_ns, kind, attempt in ((7, Kind.WRITE, 1), (30, Kind.WRITE, 1), (1, Kind.READ, 1), (90, Kind.WRITE, 2)):
        recorder(operation(kind=kind, attempt=attempt, scheduled_ns=0, sent_ns=sent_ns, received_ns=95, ended_ns=99))
    recorder(events[-1])
    assert recorder.send_spreads_ns == [23]
