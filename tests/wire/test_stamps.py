"""What the kernel's receive time is made of, whatever the clocks do."""

import socket
import struct
import sys

import pytest

from loadtest.dynamo.wire import connection

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these stamps")
MONOTONIC_NS, WALL_NS = 5_000_000_000, 1_700_000_000_000_000_000


class Clocks:
    """The monotonic and the wall clock; reading the monotonic one takes the next of `steps` nanoseconds."""

    def __init__(self, *steps: int) -> None:
        self._steps = list(steps)
        self._now_ns = MONOTONIC_NS

    def perf_counter_ns(self) -> int:
        self._now_ns += self._steps.pop(0) if self._steps else 0
        return self._now_ns

    def time_ns(self) -> int:
        return WALL_NS + self._now_ns - MONOTONIC_NS


def arrival(clocks: Clocks, monkeypatch: pytest.MonkeyPatch, *, ago_ns: int, sent_ns: int) -> int:
    monkeypatch.setattr(connection, "time", clocks)
    stamp = struct.pack("qq", *divmod(WALL_NS - ago_ns, 1_000_000_000))
    return connection._arrival_ns([(socket.SOL_SOCKET, 35, stamp)], sent_ns)  # noqa: SLF001 - what this is about


def test_it_is_the_kernels_time_on_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arrival(Clocks(), monkeypatch, ago_ns=3_000_000, sent_ns=0) == MONOTONIC_NS - 3_000_000


def test_a_process_that_loses_the_processor_between_two_readings_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(0, 8_000_000, 0, 100)
    assert arrival(clocks, monkeypatch, ago_ns=3_000_000, sent_ns=0) == MONOTONIC_NS - 3_000_000


@pytest.mark.parametrize("set_by_ns", [10**12, -(10**12)])
def test_a_wall_clock_that_is_set_gives_no_answer_before_its_request_or_after_now(
    set_by_ns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_ns = MONOTONIC_NS - 1_000_000
    arrived_ns = arrival(Clocks(), monkeypatch, ago_ns=set_by_ns, sent_ns=sent_ns)
    assert sent_ns <= arrived_ns <= MONOTONIC_NS
