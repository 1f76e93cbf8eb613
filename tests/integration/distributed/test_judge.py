"""The checker in a process of its own finds what it finds here, however the history grows, and if it is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from loadtest.checker import Checker, Status
from loadtest.distributed.checker_process import Judge, Judgement, judge, judged
from loadtest.errors import LoadTestError
from loadtest.events import Event, Outcome
from loadtest.records.history import Conditions, HistoryWriter, read_history
from tests.helpers.memory_table import full_disk
from tests.helpers.processes import children, is_gone, wait_for
from tests.helpers.shop_events import operation
from tests.histories.stories import STORIES

HISTORIES = Path(__file__).parents[2] / "histories"
LOST = operation(order_id="earlier-1-1", product_id="p", outcome=Outcome.UNKNOWN, version=None, quantity=None)


def judged_here(events: Iterator[Event]) -> Judgement:
    checker = Checker()
    for event in events:
        checker(event)
    return Judgement.of(checker)


def same(one: Judgement, other: Judgement) -> bool:
    return (one.verdict, one.lost) == (other.verdict, other.lost)


@pytest.mark.parametrize("name", STORIES)
def test_a_history_that_grows_by_pieces_is_judged_as_a_whole(name: str, tmp_path: Path) -> None:
    source, path, random = HISTORIES / f"{name}.jsonl", tmp_path / "history.jsonl", Random(name)
    header, *rest = source.read_bytes().splitlines(keepends=True)
    path.write_bytes(header)
    events = b"".join(rest)
    cuts = sorted(random.randrange(len(events) + 1) for _ in range(5))
    pieces = [events[a:b] for a, b in zip([0, *cuts], [*cuts, len(events)], strict=True)]

    def ended() -> bool:
        with path.open("ab") as file:
            file.write(pieces.pop(0))
        return not pieces

    assert same(judge(path, ended), judged_here(read_history(source)))


@pytest.mark.parametrize("sent", [None, signal.SIGKILL, signal.SIGSTOP, signal.SIGINT])
@pytest.mark.parametrize("name", ["safe/one-winner", "violated/two-winners-clean-final-state", "inconclusive/cut"])
async def test_another_process_judges_as_this_one_does_whatever_happens_to_it(name: str, sent: int | None) -> None:
    path = HISTORIES / f"{name}.jsonl"
    with closing(Judge(path)) as another:
        if sent is not None:
            os.kill(its_pid(os.getpid()), sent)
        found = another.judgement()
    if found is None:
        assert sent in (signal.SIGKILL, signal.SIGINT)
        found = await judged(path, b"")
    assert same(found, judged_here(read_history(path)))
    assert not judges(os.getpid())


@pytest.mark.parametrize("room", [0, 1, 500, 1_000, 100_000])
async def test_what_the_disk_refused_is_judged_too(room: int, tmp_path: Path) -> None:
    events = list(read_history(HISTORIES / "violated" / "two-winners-clean-final-state.jsonl"))
    with HistoryWriter(tmp_path / "history.jsonl", "a-run") as writer, closing(Judge(writer.path)) as another:
        with full_disk(writer.path.stat().st_size + room):
            for event in events:
                with suppress(LoadTestError):
                    writer(event)
            with suppress(LoadTestError):
                writer.flush()
        found, here = another.judgement(writer.unwritten()), await judged(writer.path, writer.unwritten())
    assert here.verdict.status is Status.VIOLATED
    assert here == judged_here(iter(events))
    assert found is not None
    assert same(found, here)
    assert found.cpu_ns


def test_what_was_lost_before_goes_in_and_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    conditions = Conditions(
        command="race",
        started_at="2026-01-01T00:00:00+00:00",
        plan={},
        orders=None,
        environment={},
        stamps="kernel",
        thresholds=[],
        lost=[LOST],
    )
    with HistoryWriter(path, "a-run", conditions):
        pass
    with closing(Judge(path)) as another:
        found = another.judgement()
    assert found is not None
    assert found.lost == [LOST]


def test_who_needs_no_judgement_leaves_no_process(tmp_path: Path) -> None:
    path = HISTORIES / "safe" / "one-winner.jsonl"
    with closing(Judge(path)):
        pid = its_pid(os.getpid())
    assert is_gone(pid)


def test_it_ends_when_the_process_that_began_it_is_killed() -> None:
    begin = "import sys, time; from pathlib import Path; from loadtest.distributed.checker_process import Judge; "
    begin += "a = Judge(Path(sys.argv[1])); print(flush=True); time.sleep(60)"
    path = HISTORIES / "safe" / "one-winner.jsonl"
    with subprocess.Popen([sys.executable, "-c", begin, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pid = its_pid(process.pid)
        process.kill()
    wait_for(lambda: is_gone(pid), "its end")


def judges(pid: int) -> list[int]:
    return children(pid, called="checker_process")


def its_pid(pid: int) -> int:
    """Of the one that this process began, which may not have its name yet."""
    wait_for(lambda: judges(pid), "its beginning")
    (found,) = judges(pid)
    return found
