"""`--target aws` through the ordinary credential chain, against a moto server that the SDK is led to."""

import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.conftest import Cli, clean_environment
from tests.helpers.sound_verdicts import is_sound


@pytest.fixture
def aws(server_urls: Callable[[str], str]) -> dict[str, str]:
    """The environment of a user with credentials, whose AWS is a server on this machine."""
    return {
        "AWS_ACCESS_KEY_ID": "loadtest",
        "AWS_SECRET_ACCESS_KEY": "loadtest",
        "AWS_ENDPOINT_URL_DYNAMODB": server_urls("embedded"),
    }


@pytest.fixture
def on_aws(cli: Cli, aws: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    return partial(cli, **aws)


@pytest.fixture
def where() -> list[str]:
    return ["--target", "aws", "--region", "eu-west-1", "--table", f"t-{uuid.uuid4().hex}"]


@pytest.fixture
def client(aws: dict[str, str]) -> Any:
    keys = {"aws_access_key_id": "loadtest", "aws_secret_access_key": "loadtest"}
    return boto3.client("dynamodb", endpoint_url=aws["AWS_ENDPOINT_URL_DYNAMODB"], region_name="eu-west-1", **keys)


def test_nobody_to_ask_means_no_table_without_yes(on_aws: Any, where: list[str]) -> None:
    for command in (["populate"], ["race", "--populate-table"], ["table", "create"]):
        done = on_aws(*command, *where)
        assert done.returncode == 2
        assert "--yes" in done.stderr
    assert on_aws("table", "describe", *where).returncode == 3


def test_a_table_of_its_own_is_made_used_and_deleted(on_aws: Any, where: list[str]) -> None:
    done = on_aws("race", "--populate-table", "--yes", *where, "-n", "20")
    assert is_sound(done), done.stderr
    assert "1 of 20 orders won the last item; 19 were rejected: " in done.stdout
    described = on_aws("table", "describe", *where)
    assert "tagged loadtest=allowed: yes" in described.stdout
    assert on_aws("table", "delete", *where).returncode == 2  # nobody to ask
    assert on_aws("table", "delete", "--yes", *where).returncode == 0
    assert on_aws("table", "describe", *where).returncode == 3


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 3)])
def test_on_a_terminal_it_asks(
    answer: bytes, code: int, aws: dict[str, str], where: list[str], on_aws: Any, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", "populate", *where],
        cwd=tmp_path,
        env=clean_environment(**aws),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.write(ours, answer)
    _, errors = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == code
    assert f"Make the on-demand table '{where[-1]}' in eu-west-1? [y/N]" in errors
    assert on_aws("table", "describe", *where).returncode == (0 if code == 0 else 3)


def test_an_untagged_table_is_left_alone_until_it_is_tagged(on_aws: Any, where: list[str], client: Any) -> None:
    table = client.create_table(
        TableName=where[-1],
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )["TableDescription"]
    for command in (["race"], ["populate"], ["table", "delete", "--yes"]):
        done = on_aws(*command, *where)
        assert done.returncode == 3
        assert f"--resource-arn {table['TableArn']} --tags Key=loadtest,Value=allowed --region eu-west-1" in done.stderr
    assert client.scan(TableName=where[-1])["Count"] == 0
    assert on_aws("populate", "--allow-untagged-table", *where).returncode == 0
    assert on_aws("race", "--allow-untagged-table", "-n", "5", *where).returncode in (0, 4)  # so few may not overlap
    client.tag_resource(ResourceArn=table["TableArn"], Tags=[{"Key": "loadtest", "Value": "allowed"}])
    assert on_aws("race", "-n", "5", *where).returncode in (0, 4)


def test_a_profile_brings_its_region_and_credentials(cli: Cli, aws: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile staging]\nregion = eu-central-1\n")
    (tmp_path / "credentials").write_text("[staging]\naws_access_key_id = a\naws_secret_access_key = hunter2\n")
    environment = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ENDPOINT_URL_DYNAMODB": aws["AWS_ENDPOINT_URL_DYNAMODB"],
    }
    arguments = ["--target", "aws", "--profile", "staging", "--table", f"t-{uuid.uuid4().hex}"]
    done = cli("race", "--populate-table", "--yes", "-n", "5", *arguments, **environment)
    assert done.returncode in (0, 4), done.stderr
    everything = done.stdout + done.stderr + "".join(path.read_text() for path in tmp_path.glob("runs/*/*"))
    assert "hunter2" not in everything
