"""The stored histories: what each must be judged as."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.records.history import read_history
from tests.histories.make import VERDICTS, judge_all
from tests.histories.stories import STORIES, Expected
from tests.unit.builders import judge

FOLDER = Path(__file__).parent.parent / "histories"


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, (_, expected) in STORIES.items()])
def test_a_stored_history_is_judged_as_what_it_is(name: str, expected: Expected) -> None:
    verdict = judge(read_history(FOLDER / f"{name}.jsonl"))
    assert verdict.status == name.partition("/")[0]
    assert tuple(sorted({violation.kind for violation in verdict.violations})) == expected.kinds
    settled = verdict.settled
    assert (settled.accepted, settled.rejected, settled.unsettled) == expected.settled
    assert (verdict.phantom_rejects, verdict.stale_reads) == (expected.phantom_rejects, expected.stale_reads)


def test_the_verdicts_read_as_stored() -> None:
    assert judge_all() == VERDICTS.read_text()


def test_every_file_has_its_story() -> None:
    files = {f"{path.parent.name}/{path.stem}" for path in FOLDER.glob("*/*.jsonl")}
    assert files == set(STORIES)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("safe/conditional-in-any-order-of-answers", 0),
        ("violated/two-winners-clean-final-state", 1),
        ("inconclusive/cut", 4),
    ],
)
def test_the_command_ends_with_the_code_of_the_verdict(name: str, code: int) -> None:
    command = [sys.executable, "-m", "loadtest", "check", str(FOLDER / f"{name}.jsonl")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert name.partition("/")[0] in done.stdout.splitlines()[-1]
