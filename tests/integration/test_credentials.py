"""A user's credentials, by the command line: gone in mid-run, missing from the start, not needed at all."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtest.events import Kind, Operation
from loadtest.records.history import read_history
from tests.conftest import Cli, clean_environment
from tests.helpers.aws_settings import helper
from tests.helpers.processes import wait_for

_SOON = "$(date -u -d '+5 minutes' +%Y-%m-%dT%H:%M:%SZ)"  # so soon that they are renewed again and again
_KEYS = f'{{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "hunter2", "Expiration": "\'{_SOON}\'"}}'
SSO = (
    "[profile sso]\nregion = eu-west-1\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n"
    "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.example/start\n"
)


def operations(folder: Path) -> list[Operation]:
    (history,) = folder.glob("runs/*/history.jsonl")
    return [event for event in read_history(history) if isinstance(event, Operation)]


@pytest.mark.parametrize("client", ["wire", "sdk"])
def test_credentials_that_cannot_be_renewed_in_mid_run(
    client: str, cli: Cli, server_urls: Callable[[str], str], tmp_path: Path
) -> None:
    where = ["--endpoint-url", server_urls("embedded"), "--table", f"t-{uuid.uuid4().hex}"]
    assert cli("populate", *where).returncode == 0
    gone = tmp_path / "gone"
    body = f"if [ -e {gone} ]; then echo 'log in again' >&2; exit 1; fi; echo '{_KEYS}'"
    (tmp_path / "config").write_text(f"[profile x]\n{helper(tmp_path, body)}")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "loadtest", "race", *where, "--profile", "x", "--client", client),
            *("-n", "20", "--rounds", "100000", "--strategy", "conditional", "--no-gate"),
        ],
        cwd=tmp_path,
        env=clean_environment(AWS_CONFIG_FILE=str(tmp_path / "config")),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: list(tmp_path.glob("runs/*/history.jsonl")) and operations(tmp_path), "operations")
        gone.touch()
        output, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    hint = "credential_process of profile 'x' gives no credentials: log in again; get new ones for it"
    assert process.returncode == 3, errors
    assert hint in errors.splitlines()[-1]
    assert "Traceback" not in output + errors
    (path,) = tmp_path.glob("runs/*/report.json")
    report = json.loads(path.read_text())
    assert hint in report["stopped_by"]
    assert report["orders"]["unknown"] == 0
    assert "failed" not in report["latency_ms"]["write"]
    for write in operations(tmp_path):
        assert write.kind is Kind.WRITE
        assert write.sent == (write.outcome != "failed")


@pytest.mark.parametrize(
    "command",
    [
        ["race", "-n", "5"],
        pytest.param(["load", "--duration", "1s", "--rate", "10"], marks=pytest.mark.slow),
        pytest.param(["compare", "--strategy", "conditional", "--concurrency", "1,2"], marks=pytest.mark.slow),
        pytest.param(["find", "--p99-under", "1s"], marks=pytest.mark.slow),
        pytest.param(["race", "--populate-table", "--yes"], marks=pytest.mark.slow),
        ["probe"],
        ["populate"],
        pytest.param(["table", "create"], marks=pytest.mark.slow),
        pytest.param(["table", "describe"], marks=pytest.mark.slow),
        pytest.param(["table", "delete"], marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_every_command_says_in_one_line_how_to_log_in(command: list[str], cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(SSO)
    where = ["--target", "aws", "--profile", "sso"]
    done = cli(*command, *where, AWS_CONFIG_FILE=str(tmp_path / "config"), HOME=str(tmp_path))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].endswith("is missing or has expired: aws sso login --profile sso")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("client", ["wire", pytest.param("sdk", marks=pytest.mark.slow)])
def test_the_embedded_server_needs_nothing_of_what_is_set(client: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile")
    done = cli(
        *("race", "-n", "10", "--client", client, "--region", "local", "--processes", "2"),
        AWS_REGION="local",
        AWS_DEFAULT_REGION="localhost",
        AWS_PROFILE="nobody",
        AWS_CONFIG_FILE=str(tmp_path / "config"),
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_RETRY_MODE="garbage",
        AWS_MAX_ATTEMPTS="garbage",
        AWS_DEFAULTS_MODE="garbage",
        AWS_CA_BUNDLE="/nowhere/ca.pem",
        AWS_USE_FIPS_ENDPOINT="true",
        HTTP_PROXY="http://127.0.0.1:9",
        ALL_PROXY="http://127.0.0.1:9",
        TMPDIR="/nowhere",
        HOME="/nowhere",
    )
    assert done.returncode in (0, 4), done.stderr  # so few may not overlap
    assert "won the last item" in done.stdout


@pytest.mark.parametrize("region", ["local", "nowhere-1"])
def test_whatever_region_is_set_the_served_one_takes_it(
    region: str, cli: Cli, server_urls: Callable[[str], str]
) -> None:
    where = ["--endpoint-url", server_urls("embedded"), "--table", f"t-{uuid.uuid4().hex}"]
    assert cli("populate", *where, AWS_REGION=region).returncode == 0


@pytest.mark.parametrize("command", [["race"], ["race", "--populate-table"], ["populate"], ["table", "delete"]])
def test_an_endpoint_elsewhere_is_refused_with_the_one_option_that_helps(command: list[str], cli: Cli) -> None:
    done = cli(*command, "--endpoint-url", "http://dynamodb.invalid:8000")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line == (
        "loadtest: http://dynamodb.invalid:8000 is not on this machine: if table 'products' there is meant for load, "
        "add --allow-untagged-table"
    )
