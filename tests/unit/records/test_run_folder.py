"""Where a run lies: its id, its folder, and what is left of one that measured nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from loadtest.cli.folders import is_id
from loadtest.errors import UsageError
from loadtest.records.run_folder import FAULT_JOURNAL, HISTORY, PROXY_LOG, SERVER_LOG, discard, make_folder, new_id

WHEN = datetime(2026, 11, 30, 14, 5, 6, tzinfo=UTC)


def test_an_id_begins_with_the_moment_and_no_two_are_the_same() -> None:
    first, second = new_id(WHEN), new_id(WHEN)
    assert first.startswith("2026-11-30T14-05-06Z-")
    assert first != second
    assert is_id(first)


def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "runs", "a")
    assert folder.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match=r"cannot make the folder .*: File exists; give another --runs-dir"):
        make_folder(tmp_path / "runs", "a")


def test_of_what_measured_nothing_only_a_log_stays_that_says_something(tmp_path: Path) -> None:
    said, silent = make_folder(tmp_path, "said"), make_folder(tmp_path, "silent")
    for folder in (said, silent):
        for name in (HISTORY, FAULT_JOURNAL, PROXY_LOG, SERVER_LOG):
            (folder / name).touch()
    (said / SERVER_LOG).write_text("out of memory")
    for folder in (said, silent):
        discard(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["said"]
    assert [path.name for path in said.iterdir()] == [SERVER_LOG]
