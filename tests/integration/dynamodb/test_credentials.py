"""Every way in which credentials cannot be had is one sentence that says what to do, and never a traceback."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from botocore.credentials import RefreshableCredentials

from loadtest.dynamodb import credentials
from loadtest.dynamodb.endpoint import Connection
from loadtest.dynamodb.errors import CredentialsError
from loadtest.errors import LoadTestError, TargetError, UsageError
from tests.helpers import aws_settings as aws
from tests.helpers.aws_settings import KEYS, ROLE, SSO, SSO_SESSION, answering, helper
from tests.helpers.processes import is_gone, wait_for
from tests.helpers.wire_clients import connected

EXPIRED = '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "hunter2", "SessionToken": "t", "Expiration": "%s"}'
NOT_AWS = "https://db.example"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home, where nothing is set."""
    for name in os.environ:
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").touch()
    for of in ("tokens.SSOTokenProvider", "credentials.SSOProvider"):  # which looked for the home when imported
        monkeypatch.setattr(f"botocore.{of}._SSO_TOKEN_CACHE_DIR", str(tmp_path / ".aws/sso/cache"))
    return tmp_path


async def sentence(profile: str | None = "x", region: str | None = "eu-west-1") -> str:
    with pytest.raises(LoadTestError) as raised:
        async with connected(Connection(table="t", profile=profile, region=region)):
            pass
    assert isinstance(raised.value, TargetError)
    said = str(raised.value)
    assert "\n" not in said
    assert "hunter2" not in said
    return said


def sso_cache(home: Path, content: str) -> None:
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True)
    (cache / f"{hashlib.sha1(b's', usedforsecurity=False).hexdigest()}.json").write_text(content)


LOGIN = "the SSO session of profile 'x' is missing or has expired: aws sso login --profile x"
TOKEN = {"startUrl": "https://x.awsapps.example/start", "region": "eu-west-1", "accessToken": "t"}


@pytest.mark.parametrize(
    "cache",
    [
        None,
        json.dumps({**TOKEN, "expiresAt": "2020-01-01T00:00:00Z"}),
        json.dumps({**TOKEN, "expiresAt": "tomorrow"}),
        json.dumps({**TOKEN, "expiresAt": 17}),
        json.dumps({"startUrl": "x"}),
        "[]",
        "{",
        "",
    ],
)
async def test_an_sso_login_that_is_missing_expired_or_malformed(cache: str | None, folder: Path) -> None:
    (folder / "config").write_text(f"[profile x]\n{SSO}{SSO_SESSION}")
    if cache is not None:
        sso_cache(folder, cache)
    assert await sentence() == LOGIN


async def test_the_login_that_is_asked_for_is_that_of_the_source_profile(folder: Path) -> None:
    (folder / "config").write_text(f"[profile x]\n{ROLE}source_profile = base\n[profile base]\n{SSO}{SSO_SESSION}")
    assert "aws sso login --profile base" in await sentence()


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        (aws.LOGGED_OUT, [LOGIN]),
        (aws.NO_ROLE, ["GetRoleCredentials was refused: ForbiddenException: No access", "sso_role_name"]),
        (aws.GARBAGE, ["profile 'x'"]),
    ],
)
async def test_sso_itself_refuses(
    answer: aws.Answer, parts: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config").write_text(f"[profile x]\n{SSO}{SSO_SESSION}")
    sso_cache(folder, json.dumps({**TOKEN, "expiresAt": "2099-01-01T00:00:00Z"}))
    with answering(answer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", url)
        said = await sentence()
    assert all(part in said for part in parts), said


@pytest.mark.parametrize("asked", ["", "mfa_serial = arn:aws:iam::123456789012:mfa/x\n"])
async def test_nobody_is_asked_for_a_code(asked: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "config").write_text(f"[profile x]\n{ROLE}source_profile = base\n{asked}[profile base]\n{KEYS}")
    with answering(aws.DENIED) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        said = await sentence()
    if asked:
        assert "MFA code" in said
        assert "aws configure export-credentials --profile x --format env" in said
        assert "leave out --profile" in said
    else:
        assert "the role arn:aws:iam::123456789012:role/r cannot be assumed" in said
        assert "AssumeRole was refused: AccessDenied: not for you" in said


PROCESS = "credential_process of profile 'x' gives no credentials: "


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("echo 'The SSO session has expired; log in again' >&2; exit 1", "The SSO session has expired; log in again;"),
        ("exit 3", "it failed, and said nothing;"),
        ("printf '\\377' >&2; exit 1", "its output is not as it should be"),
        ("echo nonsense", "its output is not as it should be (JSONDecodeError"),
        ("echo '[]'", "its output is not as it should be"),
        ("echo '{}'", "Unsupported version '<Version key not provided>'"),
        ("echo '{\"Version\": 2}'", "Unsupported version '2'"),
        ("echo '{\"Version\": 1}'", "Missing required key in response: 'AccessKeyId'"),
        (f"echo '{EXPIRED % '2020-01-01T00:00:00Z'}'", "they have expired already;"),
        (f"echo '{EXPIRED % 'tomorrow'}'", "its output is not as it should be"),
        (f"echo '{EXPIRED % '2099-01-01'}'", "its output is not as it should be"),
        ("exec sleep 60", "it gave none in time;"),
    ],
)
async def test_a_credential_process_that_gives_none(
    body: str, why: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "config").write_text(f"[profile x]\n{helper(folder, body)}")
    if "sleep" in body:
        monkeypatch.setattr(credentials, "WITHIN_S", 0.5)
    said = await sentence()
    assert said.startswith(PROCESS + why)
    assert said.endswith("get new ones for it, and try it with: aws sts get-caller-identity --profile x")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("/nowhere/helper --now", "No such file or directory: /nowhere/helper"),
        (str(Path(sys.executable).parent), "Permission denied: "),
        ("'no closing quote", "its output is not as it should be (ValueError: No closing quotation)"),
    ],
)
async def test_a_credential_process_that_cannot_be_run(command: str, why: str, folder: Path) -> None:
    (folder / "config").write_text(f"[profile x]\ncredential_process = {command}\n")
    assert (await sentence()).startswith(PROCESS + why)


async def test_a_process_that_hangs_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid_file = folder / "pid"
    (folder / "config").write_text(f"[profile x]\n{helper(folder, f'echo $$ > {pid_file}; exec sleep 600')}")
    monkeypatch.setattr(credentials, "WITHIN_S", 2.0)
    await sentence()
    wait_for(lambda: is_gone(int(pid_file.read_text())), "the end of the process")


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        (f"[profile x]\n{ROLE}source_profile = gone\n", ["gone", "does not exist"]),
        (f"[profile x]\n{ROLE}source_profile = y\n[profile y]\n{ROLE}source_profile = x\n", ["Infinite loop"]),
        (f"[profile x]\n{ROLE}source_profile = y\n[profile y]\nregion = a\n", ["y", "must have credentials"]),
        (f"[profile x]\n{ROLE}credential_source = Nowhere\n", ["Nowhere"]),
        (f"[profile x]\n{ROLE}credential_source = Environment\n", ["Environment", "profile 'x'"]),
        (f"[profile x]\n{ROLE}", ["source_profile or credential_source"]),
        ("[profile x]\naws_access_key_id = AKIDEXAMPLE\n", ["Partial credentials", "aws_secret_access_key"]),
        (f"[profile x]\n{SSO}", ["sso", "s"]),
        ("[profile x]\nsso_start_url = https://x\nsso_role_name = r\n", ["sso_region"]),
        (f"[profile x]\n{ROLE}web_identity_token_file = /nowhere/token\n", ["web_identity_token_file of profile 'x'"]),
        ("[profile x]\nregion = eu-west-1\n", ["no AWS credentials in profile 'x'"]),
        ("[profile x]\nvault_session = v\n", ["profile 'x' has no credentials that this SDK knows (vault_session)"]),
        ("[profile x]\nlogin_session = arn:aws:iam::1:user/x\n", ["`aws login`", "aws configure export-credentials"]),
        ("[profile x", ["Unable to parse config file", "config (AWS_CONFIG_FILE)"]),
        ("\udcff", ["Unable to parse config file", "AWS_CONFIG_FILE"]),
    ],
)
async def test_a_profile_that_leads_nowhere(config: str, parts: list[str], folder: Path) -> None:
    (folder / "config").write_text(config, errors="surrogateescape")
    said = await sentence()
    assert all(part in said for part in parts), said


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({}, ["no AWS credentials: set them in the environment, or give --profile"]),
        ({"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"}, ["Partial credentials", "AWS_SECRET_ACCESS_KEY"]),
        ({"AWS_PROFILE": "gone"}, ["there is no AWS profile 'gone' (AWS_PROFILE)"]),
        ({"AWS_DEFAULT_PROFILE": "gone"}, ["there is no AWS profile 'gone' (AWS_DEFAULT_PROFILE)"]),
        (
            {"AWS_PROFILE": "gone", "AWS_CONFIG_FILE": "/nowhere/config"},
            ["AWS_PROFILE", "AWS_CONFIG_FILE names /nowhere/config, which cannot be read"],
        ),
        (
            {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials"},
            ["no AWS credentials", "AWS_SHARED_CREDENTIALS_FILE names /nowhere/credentials, which cannot be read"],
        ),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/r"},
            ["AWS_WEB_IDENTITY_TOKEN_FILE names /nowhere/token, which cannot be read: No such file or directory"],
        ),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token"}, ["AWS_ROLE_ARN"]),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/"}, ["cannot be had", "container-role"]),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://db.example/"}, ["Unsupported host 'db.example'"]),
        (
            {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9/"},
            ["no AWS credentials"],
        ),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "nowhere"}, ["nowhere", "AWS_EC2_METADATA_SERVICE_ENDPOINT"]),
        ({"AWS_METADATA_SERVICE_TIMEOUT": "soon"}, ["soon", "AWS_METADATA_SERVICE_TIMEOUT"]),
        (
            {
                "AWS_ACCESS_KEY_ID": "a",
                "AWS_SECRET_ACCESS_KEY": "hunter2",
                "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z",
            },
            ["the credentials in the environment have expired (AWS_CREDENTIAL_EXPIRATION): get new credentials"],
        ),
    ],
)
async def test_an_environment_that_leads_nowhere(
    variables: Mapping[str, str], parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiobotocore.utils.AioContainerMetadataFetcher.SLEEP_TIME", 0)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = await sentence(profile=None)
    assert all(part in said for part in parts), said


async def test_a_profile_that_an_option_names_and_that_is_not_there_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="there is no AWS profile 'nobody': give --profile"):
        async with connected(Connection(table="t", profile="nobody", region="eu-west-1")):
            pass


async def test_sts_is_asked_in_the_region_that_an_option_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "config").write_text(f"[profile x]\n{ROLE}source_profile = base\n[profile base]\n{KEYS}")
    with answering(aws.DENIED) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        assert "You must specify a region" not in await sentence(region="eu-north-1")


@pytest.mark.parametrize("profile", [None, "staging"])
async def test_a_server_elsewhere_gets_made_up_credentials_only_if_there_are_none(
    profile: str | None, folder: Path
) -> None:
    if profile:
        (folder / "config").write_text(f"[profile staging]\n{KEYS}")
    connection = Connection(table="t", endpoint_url=NOT_AWS, placeholders=True, profile=profile)
    async with connected(connection) as client:
        keys = await client._request_signer._credentials.get_frozen_credentials()  # noqa: SLF001
    assert keys.access_key == ("AKIDEXAMPLE" if profile else "loadtest")


async def test_what_fails_when_they_are_renewed_is_explained_and_not_tried_again_at_once(folder: Path) -> None:
    count, gone = folder / "count", folder / "gone"
    line = EXPIRED % "'$(date -u -d '+5 minutes' +%Y-%m-%dT%H:%M:%SZ)'"
    body = f"echo >> {count}; if [ -e {gone} ]; then echo 'log in again' >&2; exit 1; fi; echo '{line}'"
    (folder / "config").write_text(f"[profile x]\n{helper(folder, body)}")
    async with connected(Connection(table="t", profile="x", endpoint_url=NOT_AWS)) as client:
        found = client._request_signer._credentials  # noqa: SLF001
        assert isinstance(found, RefreshableCredentials)
        gone.touch()

        async def ask() -> None:
            while True:  # what was renewed a moment ago still counts
                await found.get_frozen_credentials()

        with pytest.raises(CredentialsError, match=f"{PROCESS}log in again;"):
            await ask()
        begun = count.read_text()
        with pytest.raises(CredentialsError, match="log in again"):
            await found.get_frozen_credentials()
        assert count.read_text() == begun
