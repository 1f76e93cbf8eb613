"""Without the packages of an extra each command that needs them says how to get them, and does nothing else."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from loadtest import document
from tests.conftest import ROOT, clean_environment
from tests.unit.exports import configured

# The command line as it is where these packages are not installed.
WITHOUT = "import sys; sys.modules.update(dict.fromkeys({packages})); from loadtest.cli import main; main()"


@pytest.mark.parametrize(
    ("arguments", "extra", "package"),
    [
        ("race --cluster tcp://127.0.0.1:8786", "cluster", "distributed"),
        ("cluster local", "cluster", "distributed"),
        ("export --otlp http://127.0.0.1:9 report.json", "otel", "opentelemetry-exporter-otlp-proto-http"),
    ],
)
def test_the_command_that_installs_it_is_named(arguments: str, extra: str, package: str, tmp_path: Path) -> None:
    document.write(tmp_path / "report.json", document.encode(configured("version", 10, 1)))
    code = WITHOUT.format(packages=["distributed", "opentelemetry.exporter.otlp.proto.http.metric_exporter"])
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments.split()],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = (one for one in project["optional-dependencies"][extra] if one.startswith(package))
    assert line.endswith(f"needs a package that is not installed: {sys.executable} -m pip install '{wanted}'")
