"""The Terraform module makes a table that loadtest uses, and takes it away again: applied to the embedded server."""

import json
import os
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

pytestmark = pytest.mark.slow  # Terraform takes half a minute to apply, plan and destroy one table

ROOT = Path(__file__).parents[2]
RUN_ACTIONS = {"BatchGetItem", "DeleteItem", "DescribeTable", "GetItem", "ListTagsOfResource", "PutItem", "UpdateItem"}
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
    """A copy of infra/ after `terraform init`, which takes seconds."""
    if shutil.which("terraform") is None:
        unavailable("terraform is not installed")
    copy = tmp_path_factory.mktemp("infra")
    done = run("scripts/terraform-validate", str(copy), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    if not (copy / ".terraform.lock.hcl").exists():
        unavailable(done.stderr)
    return copy


@pytest.fixture
def module(initialised: Path, tmp_path: Path) -> Path:
    """A copy of infra/ of the test's own, with a state of its own."""
    return shutil.copytree(initialised, tmp_path / "infra", symlinks=True)


def unavailable(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command without the AWS and Terraform settings of whoever runs the tests."""
    kept = {"TF_PLUGIN_DIR", "TF_CLI_CONFIG_FILE"}
    env = {name: value for name, value in os.environ.items() if name in kept or not name.startswith(("AWS_", "TF_"))}
    env |= {
        "AWS_ACCESS_KEY_ID": "loadtest",
        "AWS_SECRET_ACCESS_KEY": "loadtest",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


def loadtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "loadtest", *arguments, cwd=ROOT)


def granted(policy: str) -> tuple[set[str], set[str]]:
    """The actions and the resources that the policy allows."""
    actions: set[str] = set()
    resources: set[str] = set()
    for statement in json.loads(policy)["Statement"]:
        assert statement["Effect"] == "Allow"
        for values, found in ((actions, statement["Action"]), (resources, statement["Resource"])):
            values.update([found] if isinstance(found, str) else found)
    return actions, resources


@pytest.mark.parametrize("billing", ["PAY_PER_REQUEST", "PROVISIONED"])
def test_the_module_makes_a_table_for_races_and_destroys_it(
    billing: str, module: Path, endpoint: str, tmp_path: Path
) -> None:
    settings = {"dynamodb_endpoint": endpoint, "billing_mode": billing, "read_capacity": 7, "write_capacity": 3}
    (module / "terraform.tfvars.json").write_text(json.dumps(settings))

    def terraform(*arguments: str) -> str:
        done = run("terraform", *arguments, "-no-color", cwd=module)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    terraform("apply", "-auto-approve", "-input=false")
    described = loadtest("table", "describe", "--endpoint-url", endpoint)
    assert described.returncode == 0, described.stderr
    assert "a run may use it" in described.stdout
    assert f"{'billing:':25}{billing}\n" in described.stdout

    outputs: dict[str, Any] = {name: o["value"] for name, o in json.loads(terraform("output", "-json")).items()}
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
    assert raced.returncode == 0, raced.stdout + raced.stderr

    terraform("plan", "-detailed-exitcode", "-input=false")  # 2 would be drift
    terraform("destroy", "-auto-approve", "-input=false")
    gone = loadtest("table", "describe", "--endpoint-url", endpoint)
    assert gone.returncode == 3, gone.stdout
    assert "there is no table" in gone.stderr
