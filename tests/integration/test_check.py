"""`loadtest check`: the verdict of a history on disk is that of the run, whole or cut."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Cli
from tests.helpers.one_line import assert_one_line

Stored = tuple[int, Path, dict[str, object]]


@pytest.fixture
def stored(cli: Cli, tmp_path: Path) -> Callable[..., Stored]:
    """Runs a command and returns its exit code, its folder and its report's verdict."""

    def run(*arguments: str) -> Stored:
        done = cli(*arguments, "--quiet")
        (folder,) = (tmp_path / "runs").iterdir()
        return done.returncode, folder, json.loads((folder / "report.json").read_text())["verdict"]

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["race", "-n", "30", "--rounds", "2"], id="safe"),
        pytest.param(["race", "-n", "30", "--strategy", "unconditional"], id="violated"),
        pytest.param(["load", "--duration", "500ms", "--products", "3", "--warmup", "200ms"], id="several products"),
    ],
)
def test_a_stored_history_gives_the_verdict_of_its_run(
    stored: Callable[..., Stored], cli: Cli, arguments: list[str]
) -> None:
    code, folder, verdict = stored(*arguments)
    for place in (folder, folder / "history.jsonl"):
        done = cli("check", str(place))
        assert done.returncode == code
        assert done.stdout.splitlines()[-1] == verdict["sentence"]


def test_a_history_that_was_cut_is_inconclusive_wherever_it_was_cut(stored: Callable[..., Stored], cli: Cli) -> None:
    _, folder, _ = stored("race", "-n", "10")
    history = folder / "history.jsonl"
    whole = history.read_bytes()
    for end in (whole.index(b"order_ended"), len(whole) // 2, len(whole) - 5):
        history.write_bytes(whole[:end])
        done = cli("check", str(folder))
        assert done.returncode == 4, done.stderr
        assert "inconclusive (round 1 was cut short" in done.stdout


@pytest.mark.parametrize(
    ("content", "part"),
    [
        pytest.param(b"", "does not begin with the header", id="empty"),
        pytest.param(b"\x00\xff\xfe rubbish\n", "line 1", id="rubbish"),
        pytest.param(b'{"type":"history","schema":"loadtest.history/9","run_id":"x","unix_ns":1,"monotonic_ns":1}\n',
                     "loadtest.history/9", id="another schema"),
        pytest.param(
            b'{"type":"history","schema":"loadtest.history/1","run_id":"x","unix_ns":1,"monotonic_ns":1}\n'
            b'{"type":"round_ended","round":1,"product_id":"p#4","product":null,"ended_ns":1}\n',
            "line 2: an event of round 1", id="out of order",
        ),
    ],
)  # fmt: skip
def test_what_is_no_history_is_one_line(cli: Cli, tmp_path: Path, content: bytes, part: str) -> None:
    (tmp_path / "history.jsonl").write_bytes(content)
    assert_one_line(cli("check", "history.jsonl"), 2, part)


def test_a_run_without_a_history_cannot_be_checked(stored: Callable[..., Stored], cli: Cli) -> None:
    _, folder, _ = stored("load", "--duration", "300ms", "--no-history")
    assert_one_line(cli("check", str(folder)), 2, "cannot read", "history.jsonl")


def test_a_history_written_by_hand_is_judged_as_the_docs_say(cli: Cli, tmp_path: Path) -> None:
    section = (ROOT / "docs/reference/history.md").read_text().partition("## A history of your own")[2]
    by_hand = section.partition("```json\n")[2].partition("```")[0]
    (tmp_path / "by-hand.jsonl").write_text(by_hand)
    done = cli("check", "by-hand.jsonl")
    shown = f"$ loadtest check by-hand.jsonl\n{done.stdout}$ loadtest report"  # the next command follows at once
    assert (done.returncode, shown in section) == (0, True)
    (tmp_path / "by-hand.jsonl").write_text(by_hand.replace('"rejected","reason":"conflict"', '"accepted","reason":""'))
    assert cli("check", "by-hand.jsonl").returncode == 1


def test_a_pipe_is_no_history(cli: Cli) -> None:
    assert_one_line(cli("check", os.devnull), 2, "it must be a file")
