"""How far a command is that takes long: one live line on a terminal, a line every ten seconds elsewhere."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.live import Live

from loadtest.checker.verdict import plural
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
        self.hide()

    def hide(self) -> None:
        """Take the live line away, as something else is to be printed; the next one is drawn below that."""
        if self._view is not None:
            self._view.stop()
            self._view = None

    def ahead(self, what: str, expected_s: float, *, at_most: bool = False) -> None:
        """Say what will be done, and about how long it takes, or takes `at_most`, unless that is short."""
        if not self._quiet and expected_s > LONG_S:
            self.hide()
            most = "at most " if at_most else ""
            self._console.print(f"{what}: {most}{about(expected_s)}", soft_wrap=True)

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
        said = line(self._sentence)
        said.truncate(max(1, self._console.width - len(left)), overflow="ellipsis")  # what is left must be seen
        shown = line(said, left)
        shown.no_wrap, shown.overflow = True, "ellipsis"
        self._view.update(shown, refresh=True)

    def _left(self, now: float) -> str:
        if not self._left_s:  # not known, or nothing
            return ""
        left = about(max(0.0, self._left_s - (now - self._said_at)))
        return f"; {'at most ' if self._at_most else ''}{left} left"


class _Pace:
    """Tells what the pace so far makes of the rest, and once of the whole."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun_s = time.monotonic()
        self._told = False

    def __call__(self, share: float, whole: str, said: str) -> None:
        """So much is done, above 0 and at most 1."""
        gone_s = time.monotonic() - self._begun_s
        left_s = gone_s * (1 - share) / share
        if not self._told and gone_s > _PACE_AFTER_S:
            self._told = True
            self._progress.ahead(whole, gone_s + left_s)
        self._progress.say(said, left_s)


def paced(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Hears how many of how many are done, and tells what the pace so far makes of the rest."""
    pace = _Pace(progress)

    def done(count: int, of: int) -> None:
        pace(min(1.0, count / of), f"about {of:,} {what}", f"{count:,} of about {of:,} {what}")

    return done


class Reading:
    """Listens to the events of a history while it is read, and tells how far that is; of a pipe nothing."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._done = paced(progress, f"events of {path.parent.name or path.name}")
        self._count, self._of = 0, _events_in(path)

    def __call__(self, event: object) -> None:
        """One more was read."""
        self._count += 1
        if self._of and self._count % _LOOK_EVERY == 0:
            self._done(self._count, max(self._of, self._count))


class ReadingRuns:
    """Tells how far it is with runs that are read one after another, by the size of their files."""

    def __init__(self, files: Sequence[Path], progress: Progress) -> None:
        self.hide = progress.hide
        self._pace = _Pace(progress)
        self._runs = plural(len(files), "run")
        self._whole = sum(map(_size, files))
        self._read = self._size = 0  # before the one that is read now, and of it

    def next(self, file: Path) -> Callable[[object], None]:
        """The next one begins. What is returned is to hear each event of a history."""
        self._read += self._size
        self._size = _size(file)
        self._tell(0.0)
        count, of = 0, _events_in(file)

        def heard(event: object) -> None:
            nonlocal count
            count += 1
            if of and count % _LOOK_EVERY == 0:
                self._tell(min(1.0, count / of))

        return heard

    def _tell(self, share: float) -> None:
        if read := self._read + share * self._size:
            done = min(1.0, read / self._whole)
            self._pace(done, f"reading {self._runs}", f"read {done:.0%} of {self._runs}")


def _size(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _events_in(history: Path) -> int:
    """About how many events a history has; 0 of what is none, or no file."""
    if history.suffix != ".jsonl" or not history.is_file():
        return 0
    with history.open("rb") as file:
        start = file.read(_SAMPLE)
    return round(_size(history) * start.count(b"\n") / len(start)) if start else 0


def about(duration_s: float) -> str:
    """A time as a person would say it: `about 40 s`, `about 4 min`, `about 1.5 h`."""
    if duration_s < 90:
        return f"about {max(1, round(duration_s)):.0f} s"
    if duration_s < 5400:
        return f"about {duration_s / 60:.0f} min"
    return f"about {duration_s / 3600:.1f} h"
