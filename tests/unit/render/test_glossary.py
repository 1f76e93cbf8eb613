"""Every name that is printed before a figure is in the glossary."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from loadtest.checker import Status
from loadtest.checker.verdict import Reconciled
from loadtest.records.report import Report
from loadtest.render.terminal import print_report
from loadtest.workload.spec import Race
from tests.conftest import ROOT
from tests.helpers.shop_events import one_round
from tests.unit.render.printed_reports import a_day, rated, report_of

GLOSSARY = (ROOT / "docs/reference/glossary.md").read_text()
WORDS = {
    word.strip() for row in re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE) for word in re.split(r", (?=p)", row)
}
NO_NAMES = {"version", "conditional"}  # the first line: what was run


def names(report: Report, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """What stands before a colon, and the titles of tables."""
    print_report(report, Path("runs/a-run"), to_stdout=True, quiet=False, verbose=True)
    lines = capsys.readouterr().out.splitlines()[:-1]
    labels = {match[1] for line in lines if (match := re.match(r"([a-z][a-z -]*?): ", line))}
    titles = {re.sub(r", ms$", "", re.split(r"  +", line)[0]) for line in lines if line.endswith("max")}
    first = {line.split()[0] for line in lines if line.startswith(("placed", "warm-up", "dropped", "winners"))}
    return (labels | titles | first) - NO_NAMES


LOST = replace(
    report_of(one_round(), Race(number_of_requests=3)).verdict,
    reconciled=Reconciled(1, 1, 1),
    phantom_rejects=1,
    stale_reads=1,
    status=Status.INCONCLUSIVE,
)


@pytest.mark.parametrize(
    "report",
    [
        report_of(a_day().end(), rated()),
        report_of(one_round(), Race(number_of_requests=3)),
        replace(report_of(one_round(), Race(number_of_requests=3)), verdict=LOST),
    ],
    ids=["load", "race", "lost answers"],
)
def test_every_name_is_explained(report: Report, capsys: pytest.CaptureFixture[str]) -> None:
    found = names(report, capsys)
    assert {"contention", "client overhead", "cost", "service time"} <= found
    assert found <= WORDS
