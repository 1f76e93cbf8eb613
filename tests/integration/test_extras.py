"""Without the packages of an extra each command that needs them says how to get them, and does nothing else."""

import sys
import tomllib
from pathlib import Path

import pytest

from loadtest import document
from tests.conftest import ROOT, Cli
from tests.unit.exports import configured

# Any Python finds it as it would be where these packages are not installed.
WITHOUT = """
import sys
sys.modules["distributed"] = sys.modules["opentelemetry.exporter.otlp.proto.http.metric_exporter"] = None
"""


@pytest.mark.parametrize(
    ("arguments", "extra", "package"),
    [
        ("race --cluster tcp://127.0.0.1:8786", "cluster", "distributed"),
        ("cluster local", "cluster", "distributed"),
        ("export --otlp http://127.0.0.1:9 report.json", "otel", "opentelemetry-exporter-otlp-proto-http"),
    ],
)
def test_the_command_that_installs_it_is_named(
    arguments: str, extra: str, package: str, cli: Cli, tmp_path: Path
) -> None:
    document.write(tmp_path / "report.json", document.encode(configured("version", 10, 1)))
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    done = cli(*arguments.split(), PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = (one for one in project["optional-dependencies"][extra] if one.startswith(package))
    assert line.endswith(f"needs a package that is not installed: {sys.executable} -m pip install '{wanted}'")
