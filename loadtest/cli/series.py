"""Several runs on one table, one after another."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from loadtest.cli.execute import undisturbed
from loadtest.cli.streams import say
from loadtest.engine.stop import Interrupt
from loadtest.errors import LoadTestError, UsageError
from loadtest.measure.client_overhead import ClientOverhead
from loadtest.measure.recorder import Recorder
from loadtest.measure.thresholds import Threshold
from loadtest.records.invocation import Invocation
from loadtest.render.progress import Progress
from loadtest.run import Ended, run
from loadtest.workload.spec import Load, Race

if TYPE_CHECKING:
    from loadtest.dynamodb.put_back import Kept
    from loadtest.events import Operation


AROUND_S = 1.5
"""What a run of a series takes beside its orders: a server that starts, a table that is made."""


class Quietly:
    """Follows runs of which only the end is told: while one goes on, the progress of all is shown."""

    def __init__(self, progress: Progress, begun: Callable[[], None], *, quiet: bool) -> None:
        self._progress = progress
        self._begun = begun
        self._is_begun = False
        self._quiet = quiet
        self._said: set[str] = set()

    def show(self, recorder: Recorder, overhead: ClientOverhead) -> None:
        """Show how far all of them are."""
        if recorder.begun and not self._is_begun:
            self._is_begun = True
            self._begun()
        self._progress.tick()

    def announce(self, sentence: str) -> None:
        """Pass on what a run may cost, once."""
        if not self._quiet and sentence not in self._said:
            self._said.add(sentence)
            self.hide()
            say(sentence, err=True)

    def hide(self) -> None:
        """The next line is drawn below what is printed now."""
        self._progress.hide()

    def chore(self, what: str, done: int, of: int) -> None:
        """Tell it of the first run; later how far all runs are is told instead."""
        if not self._is_begun:
            self._progress.say(f"{what}: {done:,} of {of:,}", None)


class Series:
    """Runs that share a limit of spending (None: none), and writes without an answer, which a later run may meet.

    `begun` is called when the first has placed an order; `kept` is what is put back after the last of them.
    """

    def __init__(
        self,
        interrupt: Interrupt,
        thresholds: Sequence[Threshold],
        limit_usd: float | None,
        progress: Progress,
        begun: Callable[[], None],
        *,
        keep_history: bool,
        quiet: bool,
        invocation: Invocation | None,
        kept: "Kept | None",
    ) -> None:
        self._interrupt = interrupt
        self._thresholds = thresholds
        self._limit_usd = limit_usd
        self._keep_history = keep_history
        self._invocation = invocation
        self._kept = kept
        self._watcher = Quietly(progress, begun, quiet=quiet)
        self._spent_usd = 0.0
        self._lost: list[Operation] = []

    async def run(self, plan: Race | Load, folder: Path) -> Ended:
        """Run it with what is left. Raises LoadTestError if nothing is; it is stopped before it spends more."""
        if self._limit_usd is not None:
            left_usd = self._limit_usd - self._spent_usd
            if left_usd <= 0:
                spent = f"${self._spent_usd:,.6f} is spent"
                raise LoadTestError(f"{spent}: another run would pass --max-spend {self._limit_usd:g}")
            plan = replace(plan, max_spend_usd=left_usd)
        try:
            ended = await run(
                plan,
                folder,
                self._watcher,
                self._interrupt,
                self._thresholds,
                keep_history=self._keep_history,
                lost=self._lost,
                invocation=self._invocation,
                kept=self._kept,
                undisturbed=undisturbed,
            )
        except UsageError as error:  # the first run's is the user's, a later one's a lack of money
            raise (LoadTestError(str(error)) if self._spent_usd else error) from error
        self._spent_usd += ended.spent_usd
        return ended
