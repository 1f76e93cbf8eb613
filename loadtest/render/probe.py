"""The table of `loadtest probe`."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest.checker.verdict import plural
from loadtest.render.console import a_console, line, put
from loadtest.studies.probe.findings import Finding, Probe, Shown

_STYLES = {Shown.YES: "green", Shown.NO: "bold red", Shown.NOT_SHOWN: "yellow"}
_NAMED = 3
_ROOM = 130  # columns in which the table can be read
_FIT = {True: "bold green", False: "bold red", None: "bold yellow"}


def print_probe(probe: Probe, *, to_stdout: bool, quiet: bool) -> None:
    """Print the table and, last, whether the target is fit; if `quiet` only that, and what could not be cleaned up."""
    console = a_console(to_stdout=to_stdout)
    with console.capture() as drawn:
        if not quiet:
            if console.width >= _ROOM:
                console.print(_table(probe), soft_wrap=False)
            else:
                _print_list(console, probe)
            requests = ", ".join(f"{count:,} {operation}" for operation, count in probe.requests.items())
            console.print()
            console.print(f"{requests} in {probe.duration_s:.1f} s")
        if probe.left_behind:
            console.print(_left_behind(probe), style="bold yellow")
        if not quiet:
            console.print()
        console.print(probe.sentence, style=_FIT[probe.fit])
    put(console, drawn.get())


def _table(probe: Probe) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("question", no_wrap=True)
    table.add_column("answer", no_wrap=True)
    table.add_column("seen", ratio=1)
    table.add_column("for a verdict", ratio=1)
    for finding in probe.findings:
        table.add_row(finding.question, _answer(finding), finding.seen, finding.meaning)
    return table


def _print_list(console: Console, probe: Probe) -> None:
    for finding in probe.findings:
        console.print(line(line(finding.question, style="bold"), ": ", _answer(finding)))
        console.print(f"  seen: {finding.seen}")
        console.print(f"  for a verdict: {finding.meaning}")


def _answer(finding: Finding) -> Text:
    basis = f" ({finding.basis})" if finding.basis else ""
    return line(f"{finding.answer.value}{basis}", style=_STYLES[finding.answer])


def _left_behind(probe: Probe) -> str:
    named = ", ".join(probe.left_behind[:_NAMED]) + (", …" if len(probe.left_behind) > _NAMED else "")
    return (
        f"{plural(len(probe.left_behind), 'item')} could not be deleted ({named}); "
        "the table's time to live removes what is there in a day or so"
    )
