"""Terraform as the tests run it: on copies of infra/, without the AWS and Terraform settings of whoever runs them."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, missing

RUN_ACTIONS = {"BatchGetItem", "DeleteItem", "DescribeTable", "GetItem", "ListTagsOfResource", "PutItem", "UpdateItem"}


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command with made-up credentials, and without the settings of whoever runs the tests."""
    kept = {"TF_PLUGIN_DIR", "TF_CLI_CONFIG_FILE"}
    env = {name: value for name, value in os.environ.items() if name in kept or not name.startswith(("AWS_", "TF_"))}
    env |= {
        "AWS_ACCESS_KEY_ID": "loadtest",
        "AWS_SECRET_ACCESS_KEY": "loadtest",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    env |= environment
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)


def terraform(module: Path, *arguments: str, **environment: str) -> str:
    """What the command prints; it has to succeed."""
    done = run("terraform", *arguments, "-no-color", cwd=module, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def initialise(copy: Path) -> Path:
    """Make a copy of infra/ after `terraform init`, which takes seconds."""
    if shutil.which("terraform") is None:
        missing("terraform")
    done = run("scripts/terraform-validate", str(copy), cwd=ROOT)
    assert done.returncode == 0, done.stderr
    if not (copy / ".terraform.lock.hcl").exists():
        missing(f"Terraform's AWS provider ({done.stderr})")
    return copy


def granted(policy: str) -> tuple[set[str], set[str]]:
    """The actions and the resources that the policy allows."""
    actions: set[str] = set()
    resources: set[str] = set()
    for statement in json.loads(policy)["Statement"]:
        assert statement["Effect"] == "Allow"
        for values, found in ((actions, statement["Action"]), (resources, statement["Resource"])):
            values.update([found] if isinstance(found, str) else found)
    return actions, resources


def planned(module: Path) -> list[dict[str, Any]]:
    """The resources that a plan would make."""
    terraform(module, "plan", "-input=false", "-out=plan")
    document = json.loads(terraform(module, "show", "-json", "plan"))
    resources: list[dict[str, Any]] = document["planned_values"]["root_module"]["resources"]
    return resources
