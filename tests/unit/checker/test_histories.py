"""The stored histories: what each must be judged as."""

from pathlib import Path

import pytest

from loadtest.records.history import read_history
from tests.helpers import commands
from tests.helpers.shop_events import judge
from tests.histories.make import VERDICTS, judge_all
from tests.histories.stories import STORIES, Expected

FOLDER = Path(__file__).parents[2] / "histories"


@pytest.mark.parametrize(("name", "expected"), [(name, expected) for name, (_, expected) in STORIES.items()])
def test_a_stored_history_is_judged_as_what_it_is(name: str, expected: Expected) -> None:
    verdict = judge(read_history(FOLDER / f"{name}.jsonl"))
    assert verdict.status == name.partition("/")[0]
    assert tuple(sorted({violation.kind for violation in verdict.violations})) == expected.kinds
    reconciled = verdict.reconciled
    assert (reconciled.accepted, reconciled.rejected, reconciled.unresolved) == expected.reconciled
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
    exit_code, out, err = commands.run("check", str(FOLDER / f"{name}.jsonl"))
    assert (exit_code, err) == (code, "")
    assert name.partition("/")[0] in out.splitlines()[-1]
