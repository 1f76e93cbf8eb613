"""What the kernel's receive time is made of, whatever the clocks do, and what takes its place where there is none."""

import errno
import json
import socket
import struct
import sys
import time
from pathlib import Path

import anyio
import pytest

from loadtest.dynamodb import wire
from loadtest.dynamodb.wire import connection, stamps
from tests.conftest import ROOT, Cli
from tests.helpers.certificates import Authority
from tests.helpers.scripted_server import Scripted, answering
from tests.helpers.wire_clients import STAMPS, a_client, found

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


def arrival(clocks: Clocks, monkeypatch: pytest.MonkeyPatch, *, ago_ns: int, sent_ns: int) -> int | None:
    monkeypatch.setattr(stamps, "time", clocks)
    stamp = struct.pack("qq", *divmod(WALL_NS - ago_ns, 1_000_000_000))
    return stamps.arrival_ns([(socket.SOL_SOCKET, 35, stamp)], sent_ns)


def test_it_is_the_kernels_time_on_the_monotonic_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    assert arrival(Clocks(), monkeypatch, ago_ns=3_000_000, sent_ns=0) == MONOTONIC_NS - 3_000_000


def test_a_process_that_loses_the_processor_between_two_readings_reads_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(0, 8_000_000, 0, 100)
    assert arrival(clocks, monkeypatch, ago_ns=3_000_000, sent_ns=0) == MONOTONIC_NS - 3_000_000


@pytest.mark.parametrize("set_by_ns", [10**12, -(10**12), 2_000_000])
def test_a_time_before_the_request_or_after_now_is_none(set_by_ns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the wall clock had been set between the kernel's reading of it and this process's."""
    sent_ns = MONOTONIC_NS - 500_000
    assert arrival(Clocks(), monkeypatch, ago_ns=set_by_ns, sent_ns=sent_ns) is None


@pytest.mark.parametrize("ago_ns", [510_000, -10_000])
def test_clocks_that_are_read_a_little_apart_give_a_time_that_can_be(
    ago_ns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent_ns = MONOTONIC_NS - 500_000
    arrived_ns = arrival(Clocks(), monkeypatch, ago_ns=ago_ns, sent_ns=sent_ns)
    assert arrived_ns in (sent_ns, MONOTONIC_NS)


@pytest.mark.parametrize("ancillary", [[], [(socket.SOL_SOCKET, 35, bytes(8))], [(socket.SOL_SOCKET, 29, bytes(16))]])
def test_what_is_no_time_stamp_of_this_kind_is_none(ancillary: list[tuple[int, int, bytes]]) -> None:
    assert stamps.arrival_ns(ancillary, 0) is None


REFUSED, IN_VAIN = 9999, socket.SO_KEEPALIVE  # an option that no kernel knows, and one that it takes and says nothing


@pytest.mark.parametrize("option", [REFUSED, IN_VAIN])
def test_a_kernel_without_stamps_is_known(option: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "_SO_TIMESTAMPNS", option)
    assert stamps.kernel_stamps.__wrapped__() is False


@pytest.mark.skipif(sys.platform != "linux", reason="others have no stamps whatever there is room for")
def test_without_room_for_a_connection_the_kernel_is_taken_to_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert stamps.kernel_stamps.__wrapped__() is True


@pytest.mark.skipif(not wire.kernel_stamps(), reason="this kernel does not tell when it received")
async def test_no_answer_is_counted_where_the_kernel_stamps() -> None:
    async with Scripted(answering) as server, a_client(server.url) as client:
        before = -1
        while client.wire.stamped_by_reader != before:  # the kernel begins to stamp with the first, a little later
            before = client.wire.stamped_by_reader
            await found(client)
            await anyio.sleep(0.01)
        assert [await found(client, key) for key in "123"] == ["1", "2", "3"]
        assert client.wire.stamped_by_reader == before


@pytest.mark.parametrize("option", [REFUSED, IN_VAIN])
@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_without_the_kernels_the_readers_times_go_with_every_answer(
    kind: str, option: int, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "_SO_TIMESTAMPNS", option)
    tls, verify = (authority.server_context(), str(authority.certificate)) if kind == "tls" else (None, None)
    async with Scripted(answering, tls) as server, a_client(server.url, verify=verify) as client:
        for count in (1, 2, 3):
            called_ns = time.perf_counter_ns()
            answer = await client.get_item(TableName="t", Key={"id": {"S": "1"}})
            sent_ns, received_ns = answer["ResponseMetadata"][STAMPS]
            assert called_ns <= sent_ns < received_ns <= time.perf_counter_ns()
            assert client.wire.stamped_by_reader == count


async def test_an_answer_that_the_kernel_did_not_stamp_is_counted_among_those_that_it_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = [True, False, True, False]

    def arrival_ns(_ancillary: object, sent_ns: int) -> int | None:
        return None if missing.pop() else sent_ns

    monkeypatch.setattr(connection, "arrival_ns", arrival_ns)
    async with Scripted(answering) as server, a_client(server.url) as client:
        assert [await found(client, key) for key in "1234"] == ["1", "2", "3", "4"]
        assert client.wire.stamped_by_reader == 2


WITHOUT_STAMPS = """
import errno, socket
class Refusing(socket.socket):
    def setsockopt(self, level, name, *value):
        if (level, name) == (socket.SOL_SOCKET, 35):
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        super().setsockopt(level, name, *value)
socket.socket = Refusing
"""


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_a_run_on_a_system_without_stamps_says_whose_they_are(
    options: tuple[str, ...], tmp_path: Path, cli: Cli
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_STAMPS)
    there = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = cli("race", "-n", "10", "--json", "report.json", *options, **there)
    assert done.returncode in (0, 4), done.stderr  # one round of ten orders need not have a contested win
    assert done.stdout.count("receive times are this process's own") == 1
    client = json.loads((tmp_path / "report.json").read_bytes())["client"]
    assert (client["stamps"], client["reader_stamps"]) == ("reader", 20)
    (history,) = tmp_path.glob("runs/*/history.jsonl")
    assert json.loads(history.read_bytes().splitlines()[0])["conditions"]["stamps"] == "reader"
    cli("report", str(history.parent), "-o", "page.html", **there)
    assert "receive times are this process" in (tmp_path / "page.html").read_text()
