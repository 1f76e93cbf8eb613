"""A history that is cut tells of every write that had been sent by then: with its answer, or as one in flight."""

import os
import signal
import time
from pathlib import Path

import pytest

from loadtest.events import Event, InFlight, Kind, Operation, OrderEnded, OrderPlaced, RoundStarted
from loadtest.records.history import read_history
from tests.conftest import Cli
from tests.helpers.processes import children, wait_for
from tests.integration.watched import Watched, watched

LOAD = ("load", "--concurrency", "40", "--duration", "10m")
LOADS = {
    "one process": (*LOAD, "--strategy", "conditional"),
    "one process, by version": (*LOAD, "--attempts", "3"),
    "transactions": (*LOAD, "--strategy", "transaction"),
    "two processes": (*LOAD, "--strategy", "conditional", "--processes", "2"),
}
RUNS = {"a race": ("race", "-n", "100", "--rounds", "100000", "--strategy", "conditional"), **LOADS}


def write_of(event: Event) -> tuple[str, int] | None:
    """Which write the event tells of: its order and its attempt."""
    written = isinstance(event, InFlight) or (isinstance(event, Operation) and event.kind is not Kind.READ)
    return (event.order_id, event.attempt) if written and isinstance(event, InFlight | Operation) else None


def history_of(folder: Path) -> Path:
    (path,) = folder.glob("runs/*/history.jsonl")
    return path


def has_begun(folder: Path, size: int = 100_000) -> bool:
    return any(path.stat().st_size > size for path in folder.glob("runs/*/history.jsonl"))


def sizes_of(path: Path, within_s: float) -> list[int]:
    """What the file had between two batches, as far as a look now and then tells."""
    sizes: set[int] = set()
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        size = path.stat().st_size
        time.sleep(0.05)
        if path.stat().st_size == size:  # nothing is being written, nor is the writer kept from going on
            sizes.add(size)
    return sorted(sizes)


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS)
def test_a_history_tells_of_every_write_whenever_it_is_cut(command: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    """Whose answer is in it was sent before; so was what was sent earlier than that answer came."""
    with watched(*command, folder=tmp_path) as run:
        wait_for(lambda: has_begun(tmp_path), "a run under way")
        sizes = sizes_of(history_of(tmp_path), 3)
        run.process.terminate()
        run.end()
    path = history_of(tmp_path)
    sent_ns = {(op.order_id, op.attempt): op.sent_ns for op in read_history(path)
               if isinstance(op, Operation) and op.kind is not Kind.READ}  # fmt: skip
    in_flight = 0
    for size in sizes:
        (tmp_path / "cut.jsonl").write_bytes(path.read_bytes()[:size])
        events = list(read_history(tmp_path / "cut.jsonl"))
        known = {write_of(event) for event in events}
        answered_ns = max(event.received_ns for event in events if isinstance(event, Operation))
        assert {write for write, at_ns in sent_ns.items() if at_ns < answered_ns} - known == set()
        in_flight += len(known) - sum(isinstance(e, Operation) and e.kind is not Kind.READ for e in events)
    assert in_flight > len(sizes) > 0
    assert_said_once_and_before(list(read_history(path)))
    assert cli("check", str(path)).returncode in (0, 4)


def assert_said_once_and_before(events: list[Event]) -> None:
    """A write is told of as one in flight once at most, in its round before its Operation, and as the same write."""
    told: dict[tuple[str, int], InFlight] = {}
    number = 0
    for event in events:
        if isinstance(event, RoundStarted):
            number = event.round
        elif isinstance(event, InFlight):
            assert event.round == number
            assert (event.order_id, event.attempt) not in told
            told[event.order_id, event.attempt] = event
        elif isinstance(event, Operation) and event.kind is not Kind.READ:
            said = told.get((event.order_id, event.attempt))
            if said is not None:
                assert (said.kind, said.units, said.product_id) == (event.kind, event.units, event.product_id)
                assert said.read_version == event.read_version
                assert said.sent_ns <= event.sent_ns
    answered = {write_of(event) for event in events if isinstance(event, Operation)}
    assert set(told) <= answered
    assert len(told) > 20


def stop_the_server(run: Watched) -> list[int]:
    """The embedded server answers no more; what there is of it, to be killed."""
    server = children(run.process.pid, "moto_host")
    for pid in server:
        os.kill(pid, signal.SIGSTOP)
    return server


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_a_killed_run_whose_server_had_stalled_tells_of_all_that_waited(
    load: tuple[str, ...], cli: Cli, tmp_path: Path
) -> None:
    server: list[int] = []
    try:
        with watched(*load, folder=tmp_path) as run:
            wait_for(lambda: has_begun(tmp_path), "a run under way")
            server = stop_the_server(run)
            path = history_of(tmp_path)
            wait_for(lambda: len(set(sizes_of(path, 0.6))) == 1, "a run that waits")
            run.kill()
    finally:
        for pid in server:
            os.kill(pid, signal.SIGKILL)
    events = list(read_history(path))
    placed = {event.order_id for event in events if isinstance(event, OrderPlaced)}
    waiting = placed - {event.order_id for event in events if isinstance(event, OrderEnded)}
    answered = {write_of(event) for event in events if isinstance(event, Operation)}
    in_flight = [e for e in events if isinstance(e, InFlight) and (e.order_id, e.attempt) not in answered]
    assert {event.order_id for event in in_flight} <= waiting
    if load != LOADS["one process, by version"]:  # where some wait for what they read
        assert len(in_flight) == len(waiting) == 40
    assert in_flight
    (started,) = [event for event in events if isinstance(event, RoundStarted)]
    assert all(event.sent_ns > started.started_ns for event in in_flight)
    checked = cli("check", str(path.parent))
    assert checked.stdout.startswith("partial: the history ends at 20")
    assert cli("report", str(path.parent), "-o", "report.html").returncode == 0
    assert cli("export", str(path.parent), "--edn", "history.edn").returncode == 0
