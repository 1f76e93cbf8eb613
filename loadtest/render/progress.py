"""How far a command is that takes long: one live line on a terminal, a line every ten seconds elsewhere."""

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.live import Live
from rich.text import Text

from loadtest.render.console import a_screen, line

PLAIN_EVERY_S = 10.0
_DRAW_EVERY_S = 0.5
_SAMPLE = 1 << 20  # bytes of a history, to tell how many lines the whole has
_LOOK_EVERY = 4096  # events
_PACE_AFTER_S = 0.5
LONG_S = 10.0  # what takes less is not announced


class Progress:
    """Tells on standard error how long a command will take, and what is left of it; nothing if `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = a_screen()
        self._last = time.monotonic()
        self._sentence = ""
        self._left_s: float | None = None
        self._at_most = False
        self._said_at = self._last
        self._view: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._view is not None:
            self._view.stop()

    def ahead(self, what: str, expected_s: float) -> None:
        """Say what will be done, and about how long it takes, unless that is short."""
        if not self._quiet and expected_s > LONG_S:
            self._console.print(f"{what}: {about(expected_s)}", soft_wrap=True)

    def say(self, sentence: str, left_s: float | None, *, at_most: bool = False) -> None:
        """What has been done last, and how long the rest will take, or take `at_most`, as far as that is known."""
        self._sentence, self._left_s, self._at_most, self._said_at = sentence, left_s, at_most, time.monotonic()
        self.tick()

    def tick(self) -> None:
        """Show it again, with less left, if it is time to."""
        now = time.monotonic()
        every_s = _DRAW_EVERY_S if self._console.is_terminal else PLAIN_EVERY_S
        if self._quiet or not self._sentence or now - self._last < every_s:
            return
        self._last = now
        left = self._left(now)
        if not self._console.is_terminal:
            self._console.print(self._sentence + left, soft_wrap=True)
            return
        if self._view is None:
            self._view = Live(console=self._console, auto_refresh=False, transient=True)
            self._view.start()
        self._view.update(_one_row(self._sentence + left), refresh=True)

    def _left(self, now: float) -> str:
        if self._left_s is None:
            return ""
        left = about(max(0.0, self._left_s - (now - self._said_at)))
        return f"; {'at most ' if self._at_most else ''}{left} left"


def _one_row(sentence: str) -> Text:
    shown = line(sentence)
    shown.no_wrap, shown.overflow = True, "ellipsis"
    return shown


def paced(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Hears how many of how many are done, and tells what the pace so far makes of the rest."""
    begun_s, told = time.monotonic(), False

    def done(count: int, of: int) -> None:
        nonlocal told
        gone_s = time.monotonic() - begun_s
        left_s = gone_s * max(0, of - count) / count
        if not told and gone_s > _PACE_AFTER_S:
            told = True
            progress.ahead(f"about {of:,} {what}", gone_s + left_s)
        progress.say(f"{count:,} of about {of:,} {what}", left_s)

    return done


class Reading:
    """Listens to the events of a history while it is read, and tells how far that is; of a pipe nothing."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._done = paced(progress, f"events of {path.parent.name or path.name}")
        self._count = self._of = 0
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(_SAMPLE)
            self._of = round(path.stat().st_size * start.count(b"\n") / len(start)) if start else 0

    def __call__(self, event: object) -> None:
        """One more was read."""
        self._count += 1
        if self._of and self._count % _LOOK_EVERY == 0:
            self._done(self._count, max(self._of, self._count))


def about(duration_s: float) -> str:
    """A time as a person would say it: `about 40 s`, `about 4 min`, `about 1.5 h`."""
    if duration_s < 90:
        return f"about {max(1, round(duration_s)):.0f} s"
    if duration_s < 5400:
        return f"about {duration_s / 60:.0f} min"
    return f"about {duration_s / 3600:.1f} h"
