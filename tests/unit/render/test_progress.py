"""How a command that takes long says so ahead, and how far it is."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from loadtest.render.progress import Progress, Reading, ReadingRuns, about, paced

Advance = Callable[[float], None]


@pytest.fixture
def advance(monkeypatch: pytest.MonkeyPatch) -> Advance:
    """Time goes on when a test says so."""
    now_s = [1000.0]
    monkeypatch.setattr("loadtest.render.progress.time.monotonic", lambda: now_s[0])

    def by(seconds: float) -> None:
        now_s[0] += seconds

    return by


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "about 1 s"), (12.4, "about 12 s"), (89, "about 89 s"), (90, "about 2 min"), (5400, "about 1.5 h")],
)
def test_a_time_is_said_as_a_person_would(seconds: float, said: str) -> None:
    assert about(seconds) == said


@pytest.mark.parametrize(("expected_s", "said"), [(9, ""), (240, "40 runs: about 4 min\n")])
def test_only_what_takes_long_is_said_ahead(expected_s: float, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False) as progress:
        progress.ahead("40 runs", expected_s)
    assert capsys.readouterr() == ("", said)


def test_a_pipe_gets_a_line_every_ten_seconds_with_what_is_left(
    advance: Advance, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(quiet=False) as progress:
        for second in range(25):
            advance(1.0)
            progress.say(f"{second} of 25", 24.0 - second)
        advance(5.0)
        progress.tick()
    assert capsys.readouterr().err.splitlines() == [
        "9 of 25; about 15 s left",
        "19 of 25; about 5 s left",
        "24 of 25",
    ]


def test_what_is_left_grows_less_while_nothing_ends(advance: Advance, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False) as progress:
        progress.say("1 of 9", 60.0, at_most=True)
        advance(20.0)
        progress.tick()
    assert capsys.readouterr().err == "1 of 9; at most about 40 s left\n"


def test_quiet_is_quiet(advance: Advance, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=True) as progress:
        progress.ahead("40 runs", 240)
        progress.say("1 of 40", 240)
        advance(60.0)
        progress.tick()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_one_live_line_that_is_taken_away(advance: Advance, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = StringIO()
    made = lambda: Console(file=screen, force_terminal=True, width=30, color_system=None)  # noqa: E731
    monkeypatch.setattr("loadtest.render.progress.a_screen", made)
    with Progress(quiet=False) as progress:
        for second in range(3):
            advance(1.0)
            progress.say(f"run {second}: " + "figures " * 9, 60.0)
    drawn = screen.getvalue()
    assert all(f"run {second}: figur…; about 60 s left" in drawn for second in range(3))
    assert "\n" not in drawn.removesuffix("\n").split("run 0:")[1].split("run 2:")[0]  # cut, not wrapped
    assert drawn.endswith("\x1b[1A\x1b[2K")


def test_the_pace_is_told_once_there_is_one(advance: Advance, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(quiet=False) as progress:
        done = paced(progress, "pictures")
        for count in range(1, 12):
            advance(1.0)
            done(count, 30)
    assert capsys.readouterr().err.splitlines() == [
        "about 30 pictures: about 30 s",
        "10 of about 30 pictures; about 20 s left",
    ]


def test_a_long_history_is_told_of_while_it_is_read(
    advance: Advance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history = tmp_path / "run" / "history.jsonl"
    history.parent.mkdir()
    history.write_bytes(b"{}\n" * 100_000)
    with Progress(quiet=False) as progress:
        reading = Reading(history, progress)
        for _ in range(50_000):
            advance(0.001)
            reading(None)
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "about 100,000 events of run: about 2 min"
    assert len(lines) == 4
    assert lines[-1].endswith("of about 100,000 events of run; about 51 s left")


def test_runs_are_told_of_by_the_size_of_their_files(
    advance: Advance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, history = tmp_path / "report.json", tmp_path / "history.jsonl"
    report.write_bytes(b"{}\n" * 20_000)
    history.write_bytes(b"{}\n" * 60_000)
    with Progress(quiet=False) as progress:
        reading = ReadingRuns([report, history], progress)
        reading.next(report)(None)  # no history: nothing is heard of it
        advance(11.0)
        heard = reading.next(history)
        for _ in range(33_000):
            advance(0.0005)
            heard(None)
    assert capsys.readouterr().err.splitlines() == [
        "reading 2 runs: about 44 s",
        "read 25% of 2 runs; about 33 s left",
        "read 51% of 2 runs; about 21 s left",
    ]
