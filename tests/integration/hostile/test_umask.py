"""Who else on the machine may read what the tool writes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.records import json_file
from tests.helpers.commands import run


@pytest.fixture(params=[0o077, 0o022, 0], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_umask_decides(tmp_path: Path, umask: int) -> None:
    json_file.write(tmp_path / "report.json", b"{}")
    assert mode(tmp_path / "report.json") == 0o666 & ~umask
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("given", [0o600, 0o640, 0o666])
def test_a_file_that_is_replaced_stays_as_it_was(tmp_path: Path, given: int) -> None:
    path = tmp_path / "report.html"
    path.touch()
    path.chmod(given)
    json_file.write(path, b"page")
    assert (mode(path), path.read_bytes()) == (given, b"page")


@pytest.mark.parametrize("umask", [0o022], indirect=True, ids=oct)
def test_a_run_is_its_owners(tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("race", "-n", "5", "--junit", "junit.xml", "--quiet")
    assert code in {0, 4}, err
    (folder,) = (tmp_path / "runs").iterdir()
    assert mode(folder) == 0o700
    for file in (*folder.iterdir(), tmp_path / "junit.xml"):
        assert mode(file) == 0o666 & ~umask
