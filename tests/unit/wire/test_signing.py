"""The wire's signature is botocore's own, whoever signs what, where and when."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from loadtest.dynamodb.wire import codec, signing
from tests.helpers.examples import examples
from tests.helpers.wire_clients import a_client, template

PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
REGIONS = ("us-east-1", "eu-central-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1", "local")
ENDPOINTS = (
    "https://dynamodb.eu-central-1.amazonaws.com",
    "https://123456789012.ddb.us-east-1.amazonaws.com",
    "https://dynamodb.example.org:443",
    "https://dynamodb.example.org:8443",
    "http://dynamodb.example.org:80",
    "http://dynamodb.example.org:443",
    "http://localhost:8000",
    "http://LOCALHOST:8000",
    "https://localhost",
    "http://127.0.0.1:18000",
    "https://127.0.0.1",
    "http://[::1]:8000",
    "https://[2001:db8::1]",
)
AGENTS = ("loadtest/2.0.0", "aiobotocore/2.25 md/100%  os/linux  %(date)s", "a\tb")

access_keys = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=20) | st.text(
    sorted(set(PRINTABLE) - set("%,=")), min_size=1, max_size=30
)
secrets = st.text(BASE64, min_size=40, max_size=40) | st.text(st.characters(codec="utf-8"), min_size=1)
tokens = st.none() | st.just("") | st.text(BASE64, min_size=1, max_size=400) | st.text(PRINTABLE, min_size=1)
credentials = st.builds(ReadOnlyCredentials, access_keys, secrets, tokens)
bodies = st.binary(max_size=300) | st.just(b"")
MIDNIGHT = 1_767_225_600  # 2026-01-01
moments = st.integers(0, 32_000_000_000).map(lambda eighths: eighths / 8) | st.sampled_from(
    [MIDNIGHT + shift for shift in (-1, -0.125, 0, 0.875, 1, 86_399.875, 86_400)]
)


class Clock:
    """One time for the wire and for botocore."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(auth, "get_current_datetime", self.as_datetime)

    def __call__(self) -> float:
        return self.now

    def as_datetime(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.now, dt.UTC).replace(tzinfo=None)


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Clock(monkeypatch)


def signed_by_botocore(
    url: str, body: bytes, keys: ReadOnlyCredentials, region: str, headers: dict[str, str]
) -> AWSRequest:
    request = AWSRequest("POST", url, headers=headers, data=body)
    SigV4Auth(keys, "dynamodb", region).add_auth(request)
    return request


def prepared(url: str, body: bytes, keys: ReadOnlyCredentials, region: str, agent: str = AGENTS[0]) -> Any:
    """A request as the SDK has it ready to be sent, with all the headers that it knows."""
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
        "Content-Type": "application/x-amz-json-1.0",
        "User-Agent": agent,
    }
    request = signed_by_botocore(url, body, keys, region, headers)
    request.headers["amz-sdk-invocation-id"] = "a5a8d7f5-7f3e-4e8f-8e36-4c6b9d9b2a10"
    request.headers["amz-sdk-request"] = "attempt=1"
    return request.prepare()


def fields(head: bytes) -> dict[str, str]:
    """The headers of a request by name. None comes twice, and the request line is what it is."""
    line, *lines, empty, end = head.decode("latin-1").split("\r\n")
    assert (line, empty, end) == ("POST / HTTP/1.1", "", "")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert len(found) == len(lines)
    return found


def text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def same_as_botocore(head: bytes, expected: Any, body: bytes) -> None:
    """All that botocore says is said, and in the same words."""
    sent = fields(head)
    assert sent.pop("content-length") == str(len(body))
    assert sent.pop("accept-encoding") == "identity"
    assert len(sent.pop("amz-sdk-invocation-id")) == 36
    wanted = {name.lower(): text(value) for name, value in expected.headers.items()}
    wanted.setdefault("host", auth._host_from_url(expected.url))  # noqa: SLF001 - what botocore signs
    for name in ("content-length", "amz-sdk-invocation-id"):
        wanted.pop(name, None)
    assert sent == wanted


@examples(100, 1500)
@given(st.sampled_from(ENDPOINTS), st.sampled_from(REGIONS), credentials, bodies, moments, st.sampled_from(AGENTS))
def test_whoever_signs_what_where_and_when(
    clock: Clock, url: str, region: str, keys: ReadOnlyCredentials, body: bytes, now: float, agent: str
) -> None:
    clock.now = now
    expected = prepared(url, body, keys, region, agent)
    same_as_botocore(signing.Signer(clock).head(signing.learn(expected), keys, body), expected, body)


steps = st.tuples(
    st.sampled_from(ENDPOINTS[:3]), st.sampled_from(REGIONS[:2]), st.integers(0, 2), bodies, st.integers(0, 2), moments
)


@examples(20, 300)
@given(st.lists(credentials, min_size=3, max_size=3), st.lists(steps, min_size=2, max_size=12))
def test_one_signer_through_all_changes(clock: Clock, people: list[ReadOnlyCredentials], walk: list[Any]) -> None:
    signer = signing.Signer(clock)
    clock.now = float(MIDNIGHT - 2)
    for url, region, who, body, pace, elsewhen in walk:
        clock.now = clock.now + pace / 2 if pace else elsewhen
        keys = people[who]
        expected = prepared(url, body, keys, region)
        learned = signing.learn(prepared(url, b"learned from another body", keys, region))
        same_as_botocore(signer.head(learned, keys, body), expected, body)


@examples(20, 200)
@given(credentials, credentials, bodies, moments)
def test_what_was_learned_with_one_key_serves_the_next(
    clock: Clock, first: ReadOnlyCredentials, then: ReadOnlyCredentials, body: bytes, now: float
) -> None:
    then = then._replace(token=None if not first.token else then.token or "t")
    clock.now = now
    learned = signing.learn(prepared(ENDPOINTS[0], b"", first, "eu-central-1"))
    expected = prepared(ENDPOINTS[0], body, then, "eu-central-1")
    same_as_botocore(signing.Signer(clock).head(learned, then, body), expected, body)


def test_no_two_requests_have_the_same_invocation_id(clock: Clock) -> None:
    keys = ReadOnlyCredentials("a", "b", None)
    learned = signing.learn(prepared(ENDPOINTS[0], b"", keys, "eu-central-1"))
    signers = signing.Signer(clock), signing.Signer(clock)
    heads = [signer.head(learned, keys, b"{}") for signer in signers for _ in range(100)]
    assert len({fields(head)["amz-sdk-invocation-id"] for head in heads}) == 200


class Learned(list[tuple[str, signing.Template]]):
    """Templates by operation; too many to be printed for each example that fails."""

    def __repr__(self) -> str:
        return f"<{len(self)} templates>"


@pytest.fixture(scope="module", params=[None, "IQoJb3JpZ2luX2VjE%2F+/=="], ids=["no token", "token"])
def learned_by_dry_runs(request: pytest.FixtureRequest) -> Learned:
    """Templates of all operations by the SDK's own dry run, at endpoints given and resolved."""

    async def learn() -> Learned:
        found = Learned()
        for url, region in ((None, "eu-west-1"), ("http://[::1]:8000", "us-east-1"), ("https://localhost", "x")):
            keys = ("AKIDEXAMPLE", "secret", request.param)
            async with a_client(url, region=region, keys=keys, user_agent="agent/1 100% %s") as client:
                for operation, params in codec.EXAMPLES.items():
                    found.append((operation, await template(client, operation, params)))
        return found

    return asyncio.run(learn())


@examples(60, 600)
@given(st.integers(0, 14), access_keys, secrets, st.text(BASE64, min_size=1), bodies, moments)
def test_what_the_sdks_own_dry_run_teaches_is_signed_like_the_sdk(
    clock: Clock,
    learned_by_dry_runs: Learned,
    which: int,
    access_key: str,
    secret: str,
    token: str,
    body: bytes,
    now: float,
) -> None:
    clock.now = now
    operation, learned = learned_by_dry_runs[which]
    keys = ReadOnlyCredentials(access_key, secret, token if "security-token" in learned.head.lower() else None)
    head = fields(signing.Signer(clock).head(learned, keys, body))
    assert head["x-amz-target"] == f"DynamoDB_20120810.{operation}"
    assert head["user-agent"].startswith("agent/1 100% %s")
    names = ("x-amz-target", "content-type", "user-agent")
    expected = signed_by_botocore(learned.url, body, keys, learned.region, {name: head[name] for name in names})
    for name in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
        assert head.get(name.lower()) == (text(expected.headers[name]) if name in expected.headers else None)


def test_an_access_key_may_hold_a_percent_sign(clock: Clock) -> None:
    keys = ReadOnlyCredentials("50%", "secret", None)
    expected = prepared(ENDPOINTS[0], b"{}", keys, "eu-central-1")
    same_as_botocore(signing.Signer(clock).head(signing.learn(expected), keys, b"{}"), expected, b"{}")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method": "GET"}, "unexpected request GET"),
        ({"url": "http://localhost:8000/path"}, "its endpoint's URL has a path"),
        ({"url": "http://localhost:8000/?a=b"}, "unexpected request POST http://localhost:8000/?a=b"),
        ({"X-Trace": "1"}, "unknown header x-trace"),
        ({"Authorization": "AWS4-ECDSA-P256-SHA256 Credential=a"}, "not signed with signature version 4"),
        ({"Authorization": None}, "not signed with signature version 4"),
    ],
)
def test_a_request_of_an_unknown_kind_is_not_learned(clock: Clock, change: dict[str, Any], reason: str) -> None:
    request = prepared("http://localhost:8000/", b"{}", ReadOnlyCredentials("a", "b", None), "us-east-1")
    for name, value in change.items():
        if name in ("method", "url"):
            setattr(request, name, value)
        else:
            headers = {key: given for key, given in request.headers.items() if key != name}
            request.headers = HeadersDict(headers if value is None else {**headers, name: value})
    with pytest.raises(codec.NotUnderstood, match=reason.replace("?", r"\?")):
        signing.learn(request)
