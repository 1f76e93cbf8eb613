"""The Terraform module makes a table that loadtest uses, and takes it away again: applied to the embedded server."""

import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from loadtest.targets.embedded import embedded_server
from tests.conftest import ROOT
from tests.helpers.sound_verdicts import is_sound
from tests.integration.terraform import RUN_ACTIONS, granted, initialise, run, terraform

pytestmark = pytest.mark.slow  # Terraform takes half a minute to apply, plan and destroy one table

MANAGE_ACTIONS = {
    "CreateTable",
    "DeleteTable",
    "DescribeTable",
    "ListTagsOfResource",
    "TagResource",
    "UpdateTimeToLive",
}


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = embedded_server()
    try:
        anyio.run(server.ready)
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialise(tmp_path_factory.mktemp("infra"))


@pytest.fixture
def module(initialised: Path, tmp_path: Path) -> Path:
    """A copy of infra/ of the test's own, with a state of its own."""
    return shutil.copytree(initialised, tmp_path / "infra", symlinks=True)


def loadtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "loadtest", *arguments, cwd=ROOT)


@pytest.mark.parametrize("billing", ["PAY_PER_REQUEST", "PROVISIONED"])
def test_the_module_makes_a_table_for_races_and_destroys_it(
    billing: str, module: Path, endpoint: str, tmp_path: Path
) -> None:
    settings = {"dynamodb_endpoint": endpoint, "billing_mode": billing, "read_capacity": 7, "write_capacity": 3}
    (module / "terraform.tfvars.json").write_text(json.dumps(settings))

    terraform(module, "apply", "-auto-approve", "-input=false")
    described = loadtest("table", "describe", "--endpoint-url", endpoint)
    assert described.returncode == 0, described.stderr
    assert "a run may use it" in described.stdout
    assert f"{'billing:':25}{billing}\n" in described.stdout

    outputs: dict[str, Any] = {name: o["value"] for name, o in json.loads(terraform(module, "output", "-json")).items()}
    arn = outputs["table_arn"]
    assert (outputs["table_name"], outputs["region"]) == ("products", "us-east-1")
    assert "run_policy_arn" not in outputs  # null: nobody asked for a policy
    assert granted(outputs["run_policy"]) == ({f"dynamodb:{action}" for action in RUN_ACTIONS}, {arn})
    assert granted(outputs["manage_policy"]) == ({f"dynamodb:{action}" for action in MANAGE_ACTIONS}, {arn})

    populated = loadtest("populate", "--endpoint-url", endpoint)
    assert populated.returncode == 0, populated.stderr
    command = shlex.split(outputs["race_command"])
    assert command[:4] == ["loadtest", "race", "--endpoint-url", endpoint]
    raced = loadtest(*command[1:], "-n", "10", "--runs-dir", str(tmp_path / "runs"))
    assert is_sound(raced), raced.stdout + raced.stderr

    terraform(module, "plan", "-detailed-exitcode", "-input=false")  # 2 would be drift
    terraform(module, "destroy", "-auto-approve", "-input=false")
    gone = loadtest("table", "describe", "--endpoint-url", endpoint)
    assert gone.returncode == 3, gone.stdout
    assert "there is no table" in gone.stderr
