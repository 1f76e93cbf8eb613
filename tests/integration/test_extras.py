"""Without the packages of an extra each command that needs them says how to get them, and does nothing else."""

import importlib
import sys
import tomllib
from pathlib import Path

import pytest

from loadtest.records import json_file
from loadtest.system import extras
from tests.conftest import ROOT, Cli
from tests.helpers.exported_reports import configured

# Any Python finds it as it would be where these packages are not installed.
WITHOUT = f"""
import sys
for modules in {extras.MODULES!r}.values():
    sys.modules.update(dict.fromkeys(modules))
"""
NEEDY = [
    ("race --cluster tcp://127.0.0.1:8786", "cluster"),
    ("cluster local", "cluster"),
    ("export --otlp http://127.0.0.1:9 --csv tables report.json", "otel"),
    ("report report.json -o page.html", "report"),
    ("report report.json --svg pictures", "report"),
    ("compare --concurrency 1,2", "compare"),
    ("compare report.json report.json", "compare"),
]


@pytest.fixture
def without(tmp_path: Path) -> dict[str, str]:
    """The environment of a command for which no extra is installed; there is a report in its folder."""
    json_file.write(tmp_path / "report.json", json_file.encode(configured("version", 10, 1)))
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(("arguments", "extra"), NEEDY)
def test_the_command_that_installs_it_is_named(
    arguments: str, extra: str, cli: Cli, without: dict[str, str], tmp_path: Path
) -> None:
    there = set(tmp_path.iterdir())
    done = cli(*arguments.split(), **without)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    wanted = f"{sys.executable} -m pip install 'dynamodb-loadtest[{extra}]'"
    assert line.endswith(f"needs the extra '{extra}', which is not installed: {wanted}")
    assert set(tmp_path.iterdir()) == there


def test_a_race_and_its_exports_need_none(cli: Cli, without: dict[str, str], tmp_path: Path) -> None:
    done = cli("race", "-n", "5", "-q", "--threshold", "p95(order.accepted) < 3000s", **without)
    assert done.returncode in (0, 4), done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    done = cli("export", str(run), "--csv", "tables", "--hlog", "a.hlog", "--prometheus", "a.prom", **without)
    assert (done.returncode, (tmp_path / "a.hlog").exists()) == (0, True), done.stderr


def test_from_a_checkout_its_script_is_given_the_extra_and_the_command(
    cli: Cli, without: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
    script.chmod(0o755)
    done = cli("report", "report.json", "-o", "a page.html", **without, LOADTEST_EXTRA_SCRIPT=str(script))
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout.splitlines() == ["--with-extra", "report", "report", "report.json", "-o", "a page.html"]


def test_each_extra_of_the_package_is_known_by_modules_that_it_brings() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == extras.DISTRIBUTION
    assert set(project["optional-dependencies"]) - {"all", "dev"} == set(extras.MODULES)
    for modules in extras.MODULES.values():
        assert all(importlib.import_module(module) for module in modules)
