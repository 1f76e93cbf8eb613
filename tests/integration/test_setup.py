"""scripts/environment.sh: what is there already is not set up again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# What makes an environment and what installs into it, without a network.
SCRIPT = r"""
set -euo pipefail
. scripts/environment.sh
make_environment() {
    echo made
    rm -rf "$venv"
    mkdir -p "$venv/bin"
    ln -s "$(find_python)" "$venv/bin/python"
}
install() { [ "${FAILS:-}" = "" ] && echo "installed ${*//"$root"/}" >&3; }
for wanted in "$@"; do ensure_environment $wanted; done 3>&1
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/environment.sh", tmp_path / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def ensured(checkout: Path, *wanted: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", SCRIPT, "bash", *wanted],
        cwd=checkout,
        env={**os.environ, "PYTHON": sys.executable, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("wanted", "installed"),
    [
        (["", ""], [""]),
        (["", "report", "report", ""], ["", "[report]"]),
        (["report", "", "compare"], ["[report]", "[compare]"]),
        (["dev", "report", ""], ["[dev]"]),
    ],
)
def test_each_part_is_installed_once(wanted: list[str], installed: list[str], checkout: Path) -> None:
    done = ensured(checkout, *wanted)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["made", *(f"installed --editable {extras}" for extras in installed)]


def test_a_changed_list_of_versions_sets_it_up_anew(checkout: Path) -> None:
    ensured(checkout, "report")
    with (checkout / "constraints.txt").open("a") as constraints:
        constraints.write("more==1\n")
    assert ensured(checkout, "").stdout.splitlines() == ["made", "installed --editable "]


def test_what_failed_is_tried_again(checkout: Path) -> None:
    failed = ensured(checkout, "", FAILS="1")
    assert failed.returncode == 3
    assert failed.stderr.splitlines()[-1].startswith("loadtest: the set-up failed; all of its output is in ")
    assert ensured(checkout, "").stdout.splitlines() == ["made", "installed --editable "]
