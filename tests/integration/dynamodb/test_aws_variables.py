"""What is set for AWS never disturbs the embedded server; elsewhere it counts, and a wrong value names its variable."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from loadtest.dynamodb.endpoint import Connection
from loadtest.errors import TargetError, UsageError
from loadtest.targets import opened
from loadtest.workload.target import ClientKind, Target
from tests.helpers.scripted_server import Scripted, answering
from tests.helpers.wire_clients import connected, found

ENDPOINT = "https://db.example"
OUR_OWN = Connection(
    table="t", endpoint_url="http://127.0.0.1:9", region="us-east-1", anonymous=True, isolated=True, read_timeout_s=1
)
WRONG = {  # by variable: a value that the SDK stumbles over
    "AWS_REGION": "bad region!",
    "AWS_DEFAULT_REGION": "bad region!",
    "AWS_PROFILE": "nobody",
    "AWS_CONFIG_FILE": __file__,
    "AWS_CA_BUNDLE": "/nowhere/ca.pem",
    "REQUESTS_CA_BUNDLE": "/nowhere/ca.pem",
    "AWS_DEFAULTS_MODE": "garbage",
    "AWS_REQUEST_CHECKSUM_CALCULATION": "garbage",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "garbage",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "garbage",
    "AWS_STS_REGIONAL_ENDPOINTS": "garbage",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES": "garbage",
}
HARMLESS = {
    "AWS_MAX_ATTEMPTS": "garbage",
    "AWS_RETRY_MODE": "garbage",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "garbage",
    "AWS_ENDPOINT_URL": "garbage",
    "AWS_ENDPOINT_URL_DYNAMODB": "garbage",
    "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
    "AWS_METADATA_SERVICE_TIMEOUT": "garbage",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "garbage",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token",
    "AWS_ACCESS_KEY_ID": "mine",
    "SSL_CERT_FILE": "/nowhere/ca.pem",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
    "NO_PROXY": "example.org",
}

ALL = WRONG | HARMLESS


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def put(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("client", ClientKind)
@pytest.mark.parametrize("variables", [*({name: value} for name, value in ALL.items()), ALL])
async def test_nothing_disturbs_the_embedded_server(
    client: ClientKind, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(variables, monkeypatch)
    async with connected(replace(OUR_OWN, client=client)) as opened:
        assert opened.meta.endpoint_url == OUR_OWN.endpoint_url
        assert opened.meta.region_name == "us-east-1"
        proxies = opened._endpoint.http_session._proxy_config  # noqa: SLF001
        assert proxies.proxy_url_for(opened.meta.endpoint_url) is None


@pytest.mark.parametrize("name", WRONG)
async def test_elsewhere_a_wrong_value_names_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put({name: WRONG[name]}, monkeypatch)
    with pytest.raises(TargetError, match=rf"\b{name}\b") as raised:
        async with connected(Connection(table="t", endpoint_url=ENDPOINT, placeholders=True)):
            pass
    assert "\n" not in str(raised.value)


async def test_a_wrong_endpoint_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    put({"AWS_ENDPOINT_URL_DYNAMODB": "garbage"}, monkeypatch)
    with pytest.raises(TargetError, match=r"Invalid endpoint: garbage \(AWS_ENDPOINT_URL_DYNAMODB\)"):
        async with connected(Connection(table="t", region="eu-west-1", anonymous=True)):
            pass


async def test_the_region_that_others_read_counts_at_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    put({"AWS_REGION": "local", "AWS_DEFAULT_REGION": "eu-west-1"}, monkeypatch)
    async with connected(Connection(table="t", endpoint_url=ENDPOINT, placeholders=True)) as client:
        assert client.meta.region_name == "local"


async def test_the_sdk_reaches_elsewhere_by_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Scripted(answering) as proxy:
        put({"HTTP_PROXY": proxy.url}, monkeypatch)
        there = Connection(table="t", endpoint_url="http://db.example:8000", placeholders=True, client=ClientKind.SDK)
        async with connected(there) as client:
            assert await found(client) == "1"
    assert proxy.requests


@pytest.mark.parametrize(
    ("url", "variable"), [(ENDPOINT, "HTTPS_PROXY"), ("http://db.example:8000", "HTTP_PROXY")], ids=str
)
async def test_a_proxy_to_elsewhere_is_for_the_sdk_alone(
    url: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put({variable: "http://127.0.0.1:9"}, monkeypatch)
    there = Connection(table="t", endpoint_url=url, placeholders=True)
    said = rf"through the proxy that {variable} names \(if it need not be: NO_PROXY=db.example\); add --client sdk"
    with pytest.raises(UsageError, match=said):
        async with connected(there):
            pass
    async with connected(there.patient()):
        pass
    put({"NO_PROXY": "db.example"}, monkeypatch)
    async with connected(there):
        pass


async def test_nothing_that_the_user_has_set_counts_for_the_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    async with opened(Target(region="local", profile="nobody"), pool=1) as connection:
        assert (connection.isolated, connection.profile, connection.region) == (True, None, "us-east-1")
