"""Probing the target and showing what was found."""

from pathlib import Path

import anyio

from loadtest import document
from loadtest.cli import INTERRUPTED, SAFE, VIOLATED
from loadtest.cli.execute import interrupts, populate_first
from loadtest.cli.groups import RunTarget, require_writable
from loadtest.cli.streams import STDOUT, deliver, say
from loadtest.errors import LoadTestError
from loadtest.open_files import connections_that_fit
from loadtest.probe.connections import BURSTS
from loadtest.probe.run import Probed, probe
from loadtest.render.console import a_screen
from loadtest.render.probe import print_probe
from loadtest.render.progress import Progress


def run_probe(run_target: RunTarget, json: Path | None, *, quiet: bool) -> int:
    """Ask, print and write what was found, and return the exit code."""
    to_stdout = str(json) == STDOUT
    if json is not None and not to_stdout:
        require_writable(json)
    target = run_target.chosen()
    populate_first(run_target, quiet=quiet)
    fits = connections_that_fit(max(BURSTS))
    bursts = sorted({min(size, fits) for size in BURSTS})

    def tell(sentence: str) -> None:
        if not quiet:
            say(sentence, err=True)

    if fits < max(BURSTS):
        tell(f"the limit of open files lets {fits:,} connections be open: no more are tried (ulimit -Hn shows it)")
    console, progress = a_screen(), Progress(quiet=quiet)

    async def main() -> Probed:
        with interrupts() as interrupt, console.status("", refresh_per_second=2) as status:

            def asking(question: str) -> None:
                status.update(f"{question} …")
                if not console.is_terminal:  # which has the status
                    progress.say(f"{question} …", None)

            return await probe(target, bursts, tell, asking, interrupt)

    ended = anyio.run(main, backend_options={"use_uvloop": True})
    found = ended.probe
    print_probe(found, to_stdout=not to_stdout, quiet=quiet)
    if json is not None:
        deliver(json, document.encode(found))
    return _exit_code(ended)


def _exit_code(ended: Probed) -> int:
    """How the probe ended. Raises the error that stopped it, unless a fault had been seen before."""
    if ended.signal is not None:
        return INTERRUPTED
    if ended.probe.fit is False:
        return VIOLATED
    if ended.error is not None:
        raise ended.error
    return SAFE if ended.probe.fit else LoadTestError.exit_code
