"""What is shown while a run goes on."""

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from loadtest.events import Event
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.render.live import Live
from loadtest.workload.spec import Load, Race
from tests.helpers.load_events import Market
from tests.helpers.shop_events import one_round


class Clock:
    """Time goes on when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("loadtest.render.live.time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """The live view draws on a terminal of ours; what it drew so far."""
    file = io.StringIO()
    made = lambda: Console(file=file, force_terminal=True, width=100, color_system=None)  # noqa: E731
    monkeypatch.setattr("loadtest.render.live.a_screen", made)
    return file.getvalue


def recorded(events: list[Event]) -> Recorder:
    recorder = Recorder()
    for event in events:
        recorder(event)
    return recorder


def load_recorder(*, closed: bool = True) -> Recorder:
    market = Market(stock=2)
    market.measure()
    for _ in range(1234):
        market.order()
    market.drop()
    recorder = recorded(market.events)
    if closed and recorder.per_second is not None:
        recorder.per_second.close(market.now_ns + 10**10)
    return recorder


LOAD = Load(duration_s=60.0)
RACE = Race(number_of_requests=3, rounds=4)
EMPTY = Recorder()


def show(plan: Race | Load, recorder: Recorder, clock: Clock, *, quiet: bool = False, after_s: float = 10.0) -> None:
    with Live(plan, quiet=quiet) as live:
        clock.now_s += after_s
        live.show(recorder, ClientOverhead("wire", "kernel"))


def test_a_load_is_told_in_one_plain_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show(LOAD, load_recorder(), clock)
    captured = capsys.readouterr()
    assert captured.out == ""
    ahead, line = captured.err.splitlines()
    assert ahead == "placing orders: about 60 s"
    assert "2 accepted, 1,232 rejected, 1 dropped" in line
    assert "2 accepted a second, p50 0.0 ms" in line
    assert "0 in flight" in line
    assert line.endswith(" s left")


def test_how_long_a_load_takes_is_said_when_its_orders_are_placed(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before, what they cost may refuse them."""
    show(LOAD, EMPTY, clock, after_s=12.0)
    assert capsys.readouterr().err == ""


def test_what_is_done_to_each_product_is_told_in_place_of_the_orders(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Live(LOAD, quiet=False) as live:
        live.chore("products read", 0, 900)
        for count in (300, 900):
            clock.now_s += 10.0
            live.chore("products read", count, 900)
            live.show(EMPTY, ClientOverhead("wire", "kernel"))
    assert capsys.readouterr().err.splitlines()[0] == "products read: 300 of 900, about 20 s left"
    assert "products read" not in capsys.readouterr().err


def test_a_race_is_told_in_one_plain_line(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show(RACE, recorded(one_round()), clock)
    assert capsys.readouterr().err.splitlines() == [
        "4 rounds: about 40 s",
        "3 of 12 orders ended, 1 of 4 rounds, 6 requests answered, 10 s, about 30 s left",
    ]


@pytest.mark.parametrize(
    ("plan", "ahead"),
    [
        (Race(number_of_requests=3, rounds=None, exclude=0.01), "about 50 min"),  # 299 rounds
        (Race(number_of_requests=3, rounds=None, exclude=0.01, within_s=60.0), "about 60 s"),
        (Race(number_of_requests=3, rounds=20, exclude=0.01, within_s=900.0), "about 3 min"),
    ],
)
def test_a_race_that_is_to_exclude_a_rate_tells_by_its_pace_and_its_bounds(
    plan: Race, ahead: str, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    show(plan, recorded(one_round()), clock)
    assert capsys.readouterr().err.splitlines()[0] == f"rounds until double wins above 0.01 are excluded: {ahead}"


def test_the_warm_up_is_told(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    market = Market()
    for _ in range(3):
        market.order()
    market.measure()
    show(Load(warm_up_s=5.0), recorded(market.events), clock)
    assert "warming up with 3 orders" in capsys.readouterr().err


@pytest.mark.parametrize("plan", [LOAD, RACE, Load(warm_up_s=3.0)])
@pytest.mark.parametrize("terminal", [True, False])
def test_before_anything_happened_nothing_breaks(
    plan: Race | Load, terminal: bool, clock: Clock, request: pytest.FixtureRequest
) -> None:
    if terminal:
        request.getfixturevalue("screen")
    show(plan, EMPTY, clock)


def test_plain_lines_come_every_ten_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = load_recorder()
    with Live(LOAD, quiet=False) as live:
        for _ in range(80):  # twenty seconds of quarters
            clock.now_s += 0.25
            live.show(recorder, ClientOverhead("wire", "kernel"))
    assert len(capsys.readouterr().err.splitlines()) == 1 + 2  # what it takes, and then


@pytest.mark.parametrize(("quiet", "after_s"), [(True, 100.0), (False, 0.9)])
def test_a_short_or_a_quiet_run_shows_nothing(
    quiet: bool, after_s: float, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    show(Load(duration_s=10.0), load_recorder(), clock, quiet=quiet, after_s=after_s)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [True, False])
def test_what_the_run_is_about_to_do_is_said_unless_quiet(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with Live(RACE, quiet=quiet) as live:
        live.announce("estimate: 10 orders will cost $1 [at most]" + " and more" * 30)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == (0 if quiet else 1)
    assert quiet or "[at most]" in said.err


@pytest.mark.parametrize(
    ("plan", "recorder", "parts"),
    [
        (LOAD, load_recorder(), ["accepted", "dropped", "1,232", "2 accepted a second", "s left"]),
        (RACE, recorded(one_round()), ["accepted", "1 of 4 rounds", "6 requests answered"]),
        (LOAD, load_recorder(closed=False), ["1,232", "s left"]),
    ],
)
def test_the_view_on_a_terminal_has_the_counts(
    plan: Race | Load, recorder: Recorder, parts: list[str], clock: Clock, screen: Callable[[], str]
) -> None:
    show(plan, recorder, clock)
    for part in parts:
        assert part in screen()


@pytest.mark.parametrize(("lag_ms", "told"), [(99, False), (250, True)])
def test_only_a_late_event_loop_is_told(lag_ms: int, told: bool, clock: Clock, screen: Callable[[], str]) -> None:
    overhead = ClientOverhead("wire", "kernel")
    overhead.loop_lag.record(lag_ms * 1_000_000)
    with Live(RACE, quiet=False) as live:
        clock.now_s += 5.0
        live.show(recorded(one_round()), overhead)
    assert ("event loop was up to 250 ms late" in screen()) == told


def test_in_a_narrow_window_the_counts_are_a_line(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    narrow = Console(file=file, force_terminal=True, width=40, color_system=None)
    monkeypatch.setattr("loadtest.render.live.a_screen", lambda: narrow)
    show(LOAD, load_recorder(), clock)
    assert "2 accepted, 1,232 rejected, 1 dropped" in " ".join(file.getvalue().split())


def test_the_view_is_drawn_twice_a_second_and_taken_away(clock: Clock, screen: Any) -> None:
    recorder = load_recorder()
    with Live(LOAD, quiet=False) as live:
        for _ in range(12):  # three seconds of quarters
            clock.now_s += 0.25
            live.show(recorder, ClientOverhead("wire", "kernel"))
        assert screen().count(" s left") == 5  # from 1 s on
    assert screen().endswith("\x1b[1A\x1b[2K" * 4)  # four lines up, and each is cleared
