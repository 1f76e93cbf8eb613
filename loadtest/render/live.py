"""What is shown before a run, and while it goes on: a view on a terminal, a line every ten seconds elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live as RichLive
from rich.progress_bar import ProgressBar
from rich.table import Table

from loadtest.checker.power import needed
from loadtest.checker.verdict import plural
from loadtest.events import Outcome
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.render.console import a_screen, line
from loadtest.render.progress import LONG_S, PLAIN_EVERY_S, about
from loadtest.workload.spec import Load, Race

_SHOW_AFTER_S = 1.0
_DRAW_EVERY_S = 0.5  # a drawing takes 3 ms, in which no order starts
_ROOM = 72  # columns that the table of outcomes takes
_LATE_MS = 100.0  # a lag that is worth a line
_OUTCOMES = tuple(Outcome)


class Live:
    """Follows one run on standard error, from one second on."""

    def __init__(self, plan: Race | Load, *, quiet: bool) -> None:
        self._plan = plan
        self._quiet = quiet
        self._console = a_screen()
        self._opened = self._started = self._last = time.monotonic()
        self._view: RichLive | None = None
        self._told = False  # how long it will take
        self._chore: tuple[str, int, int, float] | None = None  # what, done, of how many, since when

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hide()

    def hide(self) -> None:
        """Take the view away; the next one is drawn below what is printed now."""
        if self._view is not None:
            self._view.stop()
            self._view = None

    def announce(self, sentence: str) -> None:
        """Say something before the run."""
        if not self._quiet:
            self._console.print(sentence, soft_wrap=True)

    def chore(self, what: str, done: int, of: int) -> None:
        """What is done to each product before and after the orders is told in their place while it lasts."""
        since_s = self._chore[3] if self._chore is not None and self._chore[0] == what else time.monotonic()
        self._chore = (what, done, of, since_s) if done < of else None

    def show(self, recorder: Recorder, overhead: ClientOverhead) -> None:
        """Show how far the run is."""
        now = time.monotonic()
        every_s = _DRAW_EVERY_S if self._console.is_terminal else PLAIN_EVERY_S
        if not recorder.begun:
            self._started = now  # the pace is that of the orders
        gone_s = now - self._started
        if self._quiet or now - self._opened < _SHOW_AFTER_S:
            return
        if not self._told and recorder.begun:  # before, what the orders cost may refuse them
            self._tell_ahead(recorder, gone_s)
        if now - self._last < every_s:
            return
        self._last = now
        around = self._around_orders(recorder, now)
        if not self._console.is_terminal:
            if recorder.begun or self._chore is not None:  # a log need not be told that nothing happens yet
                self._console.print(around or _line(self._plan, recorder, gone_s), soft_wrap=True)
            return
        if self._view is None:
            self._view = RichLive(console=self._console, auto_refresh=False, transient=True)
            self._view.start()
        view = line(around) if around else _view(self._plan, recorder, overhead, gone_s, self._console.width)
        self._view.update(view, refresh=True)

    def _around_orders(self, recorder: Recorder, now: float) -> str:
        """What goes on while no order does; empty while they do."""
        if self._chore is not None:
            what, done, of, since_s = self._chore
            return f"{what}: {done:,} of {of:,}, {about((now - since_s) * (of - done) / max(1, done))} left"
        return "" if recorder.begun else f"target and clients are made ready, {now - self._opened:.0f} s"

    def _tell_ahead(self, recorder: Recorder, gone_s: float) -> None:
        """Say how long the run takes: of a load it is known, of a race with rounds once there is a pace."""
        plan = self._plan
        if isinstance(plan, Load):
            what, expected_s = "placing orders", plan.warm_up_s + plan.duration_s
        else:
            left_s = None if plan.rounds == 1 else _race_left_s(plan, recorder, gone_s)
            if left_s is None:
                return
            what, expected_s = _rounds(plan), gone_s + left_s
        self._told = True
        if expected_s > LONG_S:
            self.announce(f"{what}: {about(expected_s)}")


def _rounds(plan: Race) -> str:
    if plan.exclude is None:
        return plural(plan.rounds or 0, "round")
    return f"rounds until double wins above {plan.exclude:g} are excluded"


def _race_left_s(plan: Race, recorder: Recorder, gone_s: float) -> float | None:
    """How long the rounds that are left will take at the pace so far; None if it has none yet."""
    done = recorder.ended / plan.number_of_requests
    rounds = needed(plan.exclude) if plan.exclude is not None else plan.rounds or 1
    if not done:
        return None
    left_s = max(0.0, min(rounds, plan.rounds or rounds) - done) * gone_s / done
    return left_s if plan.within_s is None else min(left_s, max(0.0, plan.within_s - gone_s))


def _line(plan: Race | Load, recorder: Recorder, gone_s: float) -> str:
    if isinstance(plan, Race):
        of = "" if plan.orders is None else f" of {plan.orders:,}"
        orders = f"{recorder.ended:,}{of} orders ended"
        return f"{orders}, {_race_so_far(plan, recorder, gone_s)}"
    parts = [*_phase(plan, recorder), *_counts(recorder), *_lately(recorder), _left(plan, recorder)]
    return ", ".join(parts)


def _race_so_far(plan: Race, recorder: Recorder, gone_s: float) -> str:
    rounds = (
        plural(recorder.rounds, "round")
        if plan.rounds is None
        else f"{recorder.rounds:,} of {plural(plan.rounds, 'round')}"
    )
    left_s = _race_left_s(plan, recorder, gone_s)
    left = "" if left_s is None else f", {about(left_s)} left"
    return f"{rounds}, {recorder.operations:,} requests answered, {gone_s:.0f} s{left}"


def _phase(plan: Load, recorder: Recorder) -> list[str]:
    return [f"warming up with {recorder.warm_up:,} orders"] if plan.warm_up_s and not recorder.placed else []


def _counts(recorder: Recorder) -> list[str]:
    counts = [f"{recorder.orders[outcome]:,} {outcome}" for outcome in _OUTCOMES if recorder.orders[outcome]]
    return [*counts, f"{recorder.dropped:,} dropped"] if recorder.dropped else counts


def _lately(recorder: Recorder) -> list[str]:
    if recorder.per_second is None or not recorder.per_second.closed:
        return []
    second = recorder.per_second.closed[-1]
    figures = second.response_ms.get("accepted")
    latency = [f"p50 {figures.p50:,.1f} ms, p99 {figures.p99:,.1f} ms"] if figures else []
    return [f"{second.accepted:,} accepted a second", *latency, f"{second.in_flight:,} in flight"]


def _left(plan: Load, recorder: Recorder) -> str:
    return f"{max(0.0, plan.duration_s - recorder.elapsed_s):,.0f} s left"


def _rounds_done(plan: Race, recorder: Recorder, gone_s: float) -> tuple[int, int]:
    """How far it is, of how much: of the orders, or of the time if their number is open."""
    if plan.rounds is not None:
        return recorder.ended, plan.number_of_requests * plan.rounds
    return int(gone_s * 1000), int((plan.within_s or 0.0) * 1000)


def _view(plan: Race | Load, recorder: Recorder, overhead: ClientOverhead, gone_s: float, columns: int) -> Group:
    if isinstance(plan, Race):
        done, whole = _rounds_done(plan, recorder, gone_s)
        last = _race_so_far(plan, recorder, gone_s)
    else:
        done, whole = int(recorder.elapsed_s * 1000), int(plan.duration_s * 1000)
        last = ", ".join([*_phase(plan, recorder), *_lately(recorder), _left(plan, recorder)])
    bar = ProgressBar(total=max(1, whole), completed=min(done, whole), width=60)
    lag_ms = overhead.loop_lag.max_ns / 1e6
    late = [line(f"this process was busy: its event loop was up to {lag_ms:,.0f} ms late", style="dim")]
    counts = _table(plan, recorder) if columns >= _ROOM else line(", ".join(_counts(recorder)))
    return Group(counts, line(last), *(late if lag_ms >= _LATE_MS else []), bar)


def _table(plan: Race | Load, recorder: Recorder) -> Table:
    counts = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    row = []
    for outcome in _OUTCOMES:
        counts.add_column(outcome.value, justify="right")
        row.append(f"{recorder.orders[outcome]:,}")
    if isinstance(plan, Load):
        counts.add_column("dropped", justify="right")
        row.append(f"{recorder.dropped:,}")
    counts.add_row(*row)
    return counts
