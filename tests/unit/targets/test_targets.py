import re

import pytest
from msgspec.structs import replace

from loadtest.dynamodb.endpoint import Connection
from loadtest.errors import TargetError, UsageError
from loadtest.targets import opened
from loadtest.workload.target import ClientKind, Target, TargetKind


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://localhost",
        "https://dynamodb.eu-north-1.amazonaws.com",
        "http://[::1]:8000",
        "http://db.test:8000/path",
        "http://db.test.:8000",
        "HTTP://DB.TEST:8000",
        "http://bücher.test",
        "http://0.0.0.0:8000",
        "http://127.0.0.1:",
    ],
)
def test_an_endpoint_is_a_url(url: str) -> None:
    assert Target(kind=TargetKind.ENDPOINT, endpoint_url=url).endpoint_url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "localhost:8000",
        "ftp://127.0.0.1",
        "http://",
        "http://:8000",
        "http:///path",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:x",
        "http://[::1",
        "http://[localhost]:8000",
        "http://[::1]8000",
        "http://[::1]x:8000",
        "http://::1:8000",
        " http://127.0.0.1:8000",
        "http://127.0.0.1:8000\n",
        "http://127.0.0.1\t:8000",
    ],
)
def test_what_is_no_url_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(UsageError, match=r"--endpoint-url '.*' is no URL like http://127\.0\.0\.1:8000$") as refused:
        Target(kind=TargetKind.ENDPOINT, endpoint_url=url)
    assert repr(url) in str(refused.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://db_1:8000", "no name with an underscore"),
        ("http://a..b:8000", "no name or address"),
        (f"http://{64 * 'a'}.test", "no name or address"),
        (f"http://{'a.' * 128}test", "no name or address"),
        ("http://-x.test", "no name or address"),
        ("http://db.test:8000?x=1", "must end before ?"),
        ("http://db.test:8000/#x", "must end before #"),
    ],
)
def test_a_url_that_the_sdk_takes_no_notice_of_or_no_client_for_is_refused(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)) as refused:
        Target(kind=TargetKind.ENDPOINT, endpoint_url=url)
    assert repr(url) in str(refused.value)


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("http://bücher.test", "http://xn--bcher-kva.test"),
        ("https://Bücher.test:8000/ü", "https://xn--bcher-kva.test:8000/ü"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
async def test_a_name_in_other_letters_is_given_as_resolvers_know_it(url: str, given: str) -> None:
    async with opened(Target(kind=TargetKind.ENDPOINT, endpoint_url=url, allow_untagged_table=True), 1) as connection:
        assert connection.endpoint_url == given


def test_an_endpoint_needs_its_url() -> None:
    with pytest.raises(UsageError, match="--target endpoint needs --endpoint-url"):
        Target(kind=TargetKind.ENDPOINT)


@pytest.mark.parametrize("url", ["http://me:secret@127.0.0.1:8000", "http://secret@127.0.0.1"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="must not hold a user name or password") as refused:
        Target(kind=TargetKind.ENDPOINT, endpoint_url=url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("kind", [TargetKind.EMBEDDED, TargetKind.AWS])
def test_a_url_goes_with_no_other_target(kind: TargetKind) -> None:
    with pytest.raises(UsageError, match=f"--endpoint-url does not go with --target {kind}$"):
        Target(kind=kind, endpoint_url="http://127.0.0.1:8000")
    assert Target(kind=kind).kind is kind


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.8.8", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("https://LOCALHOST", True),
        ("http://localhost.:8000", True),
        ("http://192.168.0.1:8000", False),
        ("http://[2001:db8::1]:8000", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://example.com/127.0.0.1", False),
        ("https://dynamodb.us-east-1.amazonaws.com", False),
        (None, False),
    ],
)
def test_only_an_endpoint_on_this_machine_is_loopback(url: str | None, loopback: bool) -> None:
    assert Connection(table="products", endpoint_url=url).loopback is loopback


AWS_SETTINGS = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION")


@pytest.fixture(autouse=True)
def _no_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AWS_SETTINGS:
        monkeypatch.delenv(name, raising=False)


def endpoint(url: str = "http://127.0.0.1:8000", profile: str | None = None) -> Target:
    return Target(kind=TargetKind.ENDPOINT, endpoint_url=url, table="shop", profile=profile)


async def test_an_endpoint_on_this_machine_takes_made_up_credentials() -> None:
    async with opened(endpoint(), pool=7) as connection:
        assert connection.anonymous
        assert (connection.table, connection.endpoint_url, connection.pool) == ("shop", "http://127.0.0.1:8000", 7)
        assert connection.options == "--endpoint-url http://127.0.0.1:8000 --table shop"


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_ACCESS_KEY_ID"])
async def test_credentials_that_the_user_has_set_are_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "mine")
    async with opened(endpoint(), pool=1) as connection:
        assert not connection.anonymous


@pytest.mark.parametrize(
    ("target", "placeholders"),
    [
        (endpoint("http://192.168.0.1:8000"), True),
        (endpoint("http://dynamodb:8000"), True),
        (endpoint("http://dynamodb:8000", profile="staging"), False),
        (endpoint("https://dynamodb.eu-north-1.amazonaws.com"), False),
        (endpoint("https://vpce-1.dynamodb.eu-north-1.vpce.amazonaws.com"), False),
        (endpoint(profile="staging"), False),
    ],
)
async def test_credentials_are_made_up_for_another_machine_only_if_nobody_chose_any(
    target: Target, placeholders: bool
) -> None:
    async with opened(replace(target, allow_untagged_table=True), pool=1) as connection:
        assert (connection.anonymous, connection.placeholders) == (False, placeholders)


async def test_a_server_elsewhere_is_refused_before_anything_is_sent_to_it() -> None:
    there = endpoint("http://dynamodb:8000")
    with pytest.raises(TargetError, match=r"dynamodb:8000 is not on this machine.* add --allow-untagged-table"):
        async with opened(there, pool=1):
            pass
    async with opened(there, pool=1, changes=False):
        pass
    async with opened(replace(there, allow_untagged_table=True), pool=1) as connection:
        assert connection.options.endswith("--table shop --allow-untagged-table")


@pytest.mark.parametrize(
    ("region", "environment", "expected"),
    [
        ("eu-north-1", {"AWS_REGION": "us-west-2"}, "eu-north-1"),
        (None, {"AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "sa-east-1"}, "us-west-2"),
        (None, {"AWS_DEFAULT_REGION": "sa-east-1"}, "sa-east-1"),
        (None, {}, None),
    ],
)
async def test_the_region_on_aws_is_the_nearest_that_was_named(
    region: str | None, environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with opened(Target(kind=TargetKind.AWS, region=region), pool=1) as connection:
        assert (connection.region, connection.endpoint_url, connection.anonymous) == (expected, None, False)


async def test_the_options_of_a_connection_lead_to_the_same_table() -> None:
    target = Target(kind=TargetKind.AWS, region="eu-north-1", profile="staging", table="shop")
    async with opened(target, pool=1) as connection:
        assert connection.options == "--target aws --region eu-north-1 --profile staging --table shop"


async def test_timeouts_and_retries_reach_the_connection() -> None:
    target = Target(
        kind=TargetKind.AWS, connect_timeout_s=1.5, read_timeout_s=2.5, sdk_retries=3, client=ClientKind.SDK
    )
    async with opened(target, pool=1) as connection:
        assert (connection.connect_timeout_s, connection.read_timeout_s, connection.sdk_retries) == (1.5, 2.5, 3)
        assert connection.client is ClientKind.SDK


def test_the_wire_has_no_retries_of_the_sdk() -> None:
    with pytest.raises(UsageError, match="--client sdk"):
        Target(sdk_retries=1)
